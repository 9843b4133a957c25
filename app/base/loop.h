/* SPDX-License-Identifier: Apache-2.0
 * loop: one thread's epoll set, timers and inbox. The reactor and the sign-in thread each run one. */
#ifndef WEIGATE_BASE_LOOP_H
#define WEIGATE_BASE_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct loop;

/* A descriptor in the epoll set; embedded in its owner, found again by container_of or arg. */
struct loop_watch {
  int fd;
  void (*ready)(struct loop_watch *watch, uint32_t epoll_events);
  void *arg;
};

/* A one-shot timer; embedded in its owner. slot is 0 while it is not set. */
struct loop_timer {
  uint64_t at_ms; /* clock_mono_ms() */
  size_t slot;    /* place in the loop's heap plus one */
  void (*fired)(struct loop_timer *timer);
  void *arg;
};

/* Work handed to the loop's thread by another; embedded in its owner, may be posted again once run() was entered. */
struct loop_task {
  struct loop_task *next;
  void (*run)(struct loop_task *task);
  void *arg;
};

int loop_new(struct loop **ret_loop, struct err *err);
void loop_free(struct loop *loop);

/* Registers the watch for the epoll events; -1 with errno. A watch removed inside a callback is not called again. Loop's thread.
 */
int loop_watch_add(struct loop *loop, struct loop_watch *watch, uint32_t epoll_events);
int loop_watch_change(struct loop *loop, struct loop_watch *watch, uint32_t epoll_events);
void loop_watch_remove(struct loop *loop, struct loop_watch *watch);

/* Sets (or moves) the timer; -1 without memory. Clearing an unset one is allowed. Loop's thread. */
int loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t at_ms);
void loop_timer_clear(struct loop *loop, struct loop_timer *timer);

/* Queues the task and wakes the loop; tasks of one thread run in their order. Never fails, takes no lock. Any thread. */
void loop_post(struct loop *loop, struct loop_task *task);

/* Runs until loop_stop(); handles at most 64 events a round between looks at timers and inbox, so that neither starves. */
void loop_run(struct loop *loop);
/* One round that waits at most wait_ms (-1: until something happens). For tests. */
void loop_turn(struct loop *loop, int wait_ms);
/* Makes loop_run() return after the current round. Any thread, and signal handlers. */
void loop_stop(struct loop *loop);

#endif
