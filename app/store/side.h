/* SPDX-License-Identifier: Apache-2.0
 * side: one store of a worker: its plugin, its queue, its threads. storage.plugin is one side, storage.mirror the other. */
#ifndef WEIGATE_STORE_SIDE_H
#define WEIGATE_STORE_SIDE_H

#include "store/drain.h"
#include "store/resend.h"

/* Handles of one worker; a store is seldom faster with more. */
#define SIDE_THREADS_MAX 64

struct side {
  const char *target; /* its plugin as written */
  struct runner_shared shared;
  struct runner *runners[SIDE_THREADS_MAX];
  size_t runner_count;
  struct resend resend;
  struct drain *drain; /* NULL without a spool */
};

/* Loads the plugin and starts the threads. After a failure side_stop() releases what is there. In a worker, after fork. */
int side_start(struct side *side, struct loop *loop, const struct plugin_settings *plugin, const struct store_settings *settings,
               struct err *err);
/* Ends the threads after the calls in flight. Those that hang in the plugin are left behind with all they use: then -1, and the
 * side must not be freed. */
int side_stop(struct side *side);

#endif
