/* SPDX-License-Identifier: Apache-2.0
 * timer: a binary heap of due times and the thread that empties it. */
#include "timer.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

struct timer {
  pthread_mutex_t lock; /* guards the heap and the flag; never held while an item fires */
  pthread_cond_t changed;
  pthread_t thread;
  bool stopping;
  size_t count, max;
  struct timer_item **heap; /* heap[0] is due first */
};

static void swap_items(struct timer_item **heap, size_t a, size_t b) {
  struct timer_item *kept = heap[a];
  heap[a] = heap[b];
  heap[b] = kept;
}

static void sift_up(struct timer_item **heap, size_t at) {
  for (size_t parent; at > 0; at = parent) {
    parent = (at - 1) / 2;
    if (heap[parent]->due_us <= heap[at]->due_us) return;
    swap_items(heap, parent, at);
  }
}

static void sift_down(struct timer_item **heap, size_t count) {
  for (size_t at = 0;;) {
    size_t first = at, left = 2 * at + 1;
    if (left < count && heap[left]->due_us < heap[first]->due_us) first = left;
    if (left + 1 < count && heap[left + 1]->due_us < heap[first]->due_us) first = left + 1;
    if (first == at) return;
    swap_items(heap, at, first);
    at = first;
  }
}

static struct timer_item *take_first(struct timer *timer) {
  struct timer_item *item = timer->heap[0];
  timer->heap[0] = timer->heap[--timer->count];
  sift_down(timer->heap, timer->count);
  return item;
}

static void wait_until(struct timer *timer, uint64_t due_us) {
  uint64_t now_us = clock_mono_us();
  if (due_us <= now_us) return;
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  uint64_t nanoseconds = (uint64_t)at.tv_nsec + (due_us - now_us) * 1000;
  at.tv_sec += (time_t)(nanoseconds / 1000000000u);
  at.tv_nsec = (long)(nanoseconds % 1000000000u);
  pthread_cond_timedwait(&timer->changed, &timer->lock, &at);
}

static void *run_timer(void *arg) {
  struct timer *timer = arg;
  pthread_mutex_lock(&timer->lock);
  while (!timer->stopping || timer->count > 0) {
    if (timer->count == 0) {
      pthread_cond_wait(&timer->changed, &timer->lock);
    } else if (timer->stopping || timer->heap[0]->due_us <= clock_mono_us()) {
      struct timer_item *item = take_first(timer);
      pthread_mutex_unlock(&timer->lock);
      item->fire(item);
      pthread_mutex_lock(&timer->lock);
    } else {
      wait_until(timer, timer->heap[0]->due_us);
    }
  }
  pthread_mutex_unlock(&timer->lock);
  return NULL;
}

struct timer *timer_start(size_t items_max) {
  struct timer *timer = calloc(1, sizeof *timer);
  if (!timer) return NULL;
  timer->max = items_max;
  timer->heap = calloc(items_max, sizeof(struct timer_item *));
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&timer->changed, &attributes);
  pthread_condattr_destroy(&attributes);
  pthread_mutex_init(&timer->lock, NULL);
  if (timer->heap && pthread_create(&timer->thread, NULL, run_timer, timer) == 0) return timer;
  timer_free(timer);
  return NULL;
}

void timer_stop(struct timer *timer) {
  pthread_mutex_lock(&timer->lock);
  timer->stopping = true;
  pthread_cond_signal(&timer->changed);
  pthread_mutex_unlock(&timer->lock);
  pthread_join(timer->thread, NULL);
}

void timer_free(struct timer *timer) {
  if (!timer) return;
  pthread_cond_destroy(&timer->changed);
  pthread_mutex_destroy(&timer->lock);
  free(timer->heap);
  free(timer);
}

bool timer_add(struct timer *timer, struct timer_item *item, uint64_t delay_us) {
  item->due_us = clock_mono_us() + delay_us;
  pthread_mutex_lock(&timer->lock);
  bool taken = !timer->stopping && timer->count < timer->max;
  if (taken) {
    timer->heap[timer->count] = item;
    sift_up(timer->heap, timer->count++);
    if (timer->heap[0] == item) pthread_cond_signal(&timer->changed);
  }
  pthread_mutex_unlock(&timer->lock);
  return taken;
}
