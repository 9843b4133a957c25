/* SPDX-License-Identifier: Apache-2.0
 * drain: the thread that empties the spool into one store, beside the live traffic. One worker of a host does it; the others wait
 * for its lock, which the kernel frees when it dies. */
#ifndef WEIGATE_STORE_DRAIN_H
#define WEIGATE_STORE_DRAIN_H

#include "store/runner.h"
#include "store/spool.h"

struct drain_settings {
  const struct spool_settings *spool;
  struct runner_shared *shared; /* the store; the thread counts among its threads, and its queue's stop stops it */
  size_t which;                 /* 0: storage.plugin, 1: storage.mirror */
  const char *const *known;     /* both names as written */
  size_t known_count;
};

struct drain;

/* Starts the thread, signals blocked. What the settings point to must outlive it. */
int drain_start(const struct drain_settings *settings, struct drain **ret_drain, struct err *err);
/* After runner_wait_all(): joins and frees one that is at its end. */
void drain_join(struct drain *drain);

/* The thread's inside, for tests that need it one step at a time. */
enum drain_step {
  DRAIN_NOT_OURS, /* somebody else holds the lock */
  DRAIN_IDLE,     /* nothing waits */
  DRAIN_MOVED,    /* something was delivered */
  DRAIN_STUCK     /* the store does not take it now */
};
int drain_new(const struct drain_settings *settings, struct drain **ret_drain, struct err *err);
enum drain_step drain_step(struct drain *drain);
void drain_free(struct drain *drain);

#endif
