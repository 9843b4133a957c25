/* SPDX-License-Identifier: Apache-2.0
 * probe: tries a configuration's storage plugin in a child process, so that one that crashes, hangs or calls exit harms nobody.
 */
#ifndef WEIGATE_MASTER_PROBE_H
#define WEIGATE_MASTER_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "conf/conf.h"

/* Longest trial: a store that answers, answers within its call's deadline (at most a minute, 3 s by default), a plugin that
 * loads, loads in milliseconds. */
#define PROBE_MAX_MS 10000

enum probe_depth {
  PROBE_LOAD,  /* find, check and load it, judge its options */
  PROBE_HEALTH /* and connect to the store and ask for its health */
};

struct probe {
  pid_t pid;
  int fd;         /* becomes readable when the child is done or dead; -1: no trial runs */
  bool is_reaped; /* somebody who waits for any child got this one: */
  int status;     /* how it ended */
};

/* Starts the child. Loop's thread, or before threads start. */
int probe_start(const struct conf *conf, enum probe_depth depth, void (*forked)(void *arg), void *arg, struct probe *ret_probe,
                struct err *err);
/* When fd is readable, or time is over: what came of it. Kills the child if it is still there, and reaps it. */
int probe_finish(struct probe *probe, struct err *err);
/* True if the process that ended was the child. */
bool probe_reap(struct probe *probe, pid_t pid, int status);
/* Start and finish, waiting at most PROBE_MAX_MS. Before threads start. */
int probe_run(const struct conf *conf, enum probe_depth depth, struct err *err);

#endif
