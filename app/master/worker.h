/* SPDX-License-Identifier: Apache-2.0
 * worker: the process that serves requests: reactor on its main thread, sign-in thread beside it. */
#ifndef WEIGATE_MASTER_WORKER_H
#define WEIGATE_MASTER_WORKER_H

#include <stddef.h>
#include <sys/types.h>

#include "conf/conf.h"

/* What a worker tells the master, each one packet: WORKER_READY; WORKER_FAILED and why it cannot start; WORKER_STATUS and members
 * of a JSON object. The master asks with WORKER_STATUS. */
#define WORKER_READY  "ready"
#define WORKER_FAILED "failed "
#define WORKER_STATUS "status "

struct worker_args {
  const struct conf *conf;
  int listen_fd;
  int channel_fd;
  size_t number; /* 1 to server.workers */
  unsigned generation;
  size_t slot; /* of the counters */
  pid_t master_pid;
};

/* Serves until told to leave, then ends the process. SIGTERM, and the master's end, finish what is in flight within server.grace;
 * SIGINT or a second SIGTERM end at once. After fork. */
_Noreturn void worker_run(const struct worker_args *args);

#endif
