/* SPDX-License-Identifier: Apache-2.0
 * timer: one thread that wakes exchanges when their delay is over; no request ever sleeps in a server thread. */
#ifndef WEIGATE_SANDBOX_TIMER_H
#define WEIGATE_SANDBOX_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer;

/* Embedded in whoever waits. fire() runs in the timer thread, once per timer_add(), and must not block. */
struct timer_item {
  uint64_t due_us; /* by clock_mono_us() */
  void (*fire)(struct timer_item *item);
};

/* Starts the thread; room for at most items_max waiting items. NULL on lack of memory or threads. Before threads start. */
struct timer *timer_start(size_t items_max);
/* Fires everything that still waits at once, and ends the thread. */
void timer_stop(struct timer *timer);
void timer_free(struct timer *timer);

/* Fires the item after delay_us; false (never to be fired) when the timer stops or is full. An item is in the timer once at most.
 * Any thread. */
bool timer_add(struct timer *timer, struct timer_item *item, uint64_t delay_us);

#endif
