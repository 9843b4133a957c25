/* SPDX-License-Identifier: Apache-2.0
 * runner: one storage thread with its handle. */
#ifndef WEIGATE_STORE_RUNNER_H
#define WEIGATE_STORE_RUNNER_H

#include <pthread.h>

#include "store/queue.h"

/* What the threads of one store share and report. */
struct runner_shared {
  struct plugin plugin;
  struct queue *queue;
  size_t batch_max;
  uint64_t deadline_ms;
  pthread_mutex_t lock; /* the rest */
  int last_class;
  char last_message[200];
  struct weigate_health health;
};

struct runner;

/* Starts the thread; signals blocked. Which of them looks after health and after maintenance is said here. */
int runner_start(struct runner_shared *shared, enum queue_lane lane, bool does_health, bool does_maintenance,
                 struct runner **ret_runner, struct err *err);
/* Waits for its end, at most until then; -1: it hangs in the plugin and was left behind with all it uses. */
int runner_join(struct runner *runner, uint64_t until_ms);

#endif
