/* SPDX-License-Identifier: Apache-2.0
 * runner: one storage thread with its handle. */
#ifndef WEIGATE_STORE_RUNNER_H
#define WEIGATE_STORE_RUNNER_H

#include <pthread.h>

#include "store/half.h"
#include "store/queue.h"
#include "store/resend.h"

/* What the threads of one store share and report. */
struct runner_shared {
  struct plugin plugin;
  struct queue *queue;
  size_t batch_max;
  uint64_t deadline_ms;
  struct resend *resend; /* told which server answers */
  bool has_spool;        /* what came of a write may stay unknown: it is sent again from there */
  pthread_mutex_t lock;  /* the rest */
  pthread_cond_t ended;
  size_t running;
  int last_class;
  char last_message[200];
  struct weigate_health health;
  char half[HALF_TEXT_BYTES];
};

struct runner;

/* Makes and unmakes the lock and the condition. */
int runner_shared_init(struct runner_shared *shared);
void runner_shared_done(struct runner_shared *shared);

/* Starts the thread; signals blocked. Which of them looks after health and after maintenance is said here. */
int runner_start(struct runner_shared *shared, enum queue_lane lane, bool does_health, bool does_maintenance,
                 struct runner **ret_runner, struct err *err);
/* Waits until all threads are at their end, at most until then; returns how many hang in the plugin. These are left behind with
 * all that they use. */
size_t runner_wait_all(struct runner_shared *shared, uint64_t until_ms);
/* Joins and frees one that is at its end. */
void runner_join(struct runner *runner);

#endif
