/* SPDX-License-Identifier: Apache-2.0
 * queue: one lock, a list per kind of op, a condition per lane. Loop's thread and storage threads. */
#include "store/queue.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/scope.h"

/* Twice the default of signins_max (4,096): a sign-in waits for one call at a time, sessions and revocations ask besides. */
#define WAITING_MAX 8192

struct list {
  struct op *first, *last;
  size_t count;
};

struct lane {
  pthread_cond_t ready;
  size_t idle_threads; /* wait for `ready` */
  size_t threads_up;   /* have a store, or have not yet failed to get one */
  size_t threads;
  bool is_suspect; /* nothing is handed out until a thread trusts the store again */
  int down_class;
  char down_message[200];
};

struct queue {
  struct loop *loop;
  bool is_shared;
  pthread_mutex_t lock; /* everything below */
  struct list lists[OP_KINDS];
  size_t waiting, running;
  struct lane lanes[QUEUE_LANES];
  pthread_cond_t stop;
  bool is_stopping;
};

static enum queue_lane lane_of(const struct queue *queue, enum op_kind kind) {
  return queue->is_shared || op_is_write(kind) ? QUEUE_WRITES : QUEUE_READS;
}

static void append(struct queue *queue, struct op *op) {
  struct list *list = &queue->lists[op->kind];
  op->next = NULL;
  op->previous = list->last;
  if (list->last)
    list->last->next = op;
  else
    list->first = op;
  list->last = op;
  list->count++;
  queue->waiting++;
}

static void take_out(struct queue *queue, struct op *op) {
  struct list *list = &queue->lists[op->kind];
  *(op->previous ? &op->previous->next : &list->first) = op->next;
  *(op->next ? &op->next->previous : &list->last) = op->previous;
  op->next = op->previous = NULL;
  list->count--;
  queue->waiting--;
}

static struct timespec until_time(uint64_t ms) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  at.tv_sec += (time_t)(ms / 1000);
  at.tv_nsec += (long)(ms % 1000) * 1000000;
  if (at.tv_nsec >= 1000000000) {
    at.tv_nsec -= 1000000000;
    at.tv_sec++;
  }
  return at;
}

static int make_condition(pthread_cond_t *condition) {
  pthread_condattr_t how;
  if (pthread_condattr_init(&how) != 0) return -1;
  int error = pthread_condattr_setclock(&how, CLOCK_MONOTONIC);
  if (!error) error = pthread_cond_init(condition, &how);
  pthread_condattr_destroy(&how);
  return error ? -1 : 0;
}

int queue_new(struct loop *loop, bool is_shared, size_t threads_of_writes, size_t threads_of_reads, struct queue **ret_queue,
              struct err *err) {
  struct queue *queue = calloc(1, sizeof(*queue));
  if (!queue) return err_set(err, "storage queue: out of memory");
  queue->loop = loop;
  queue->is_shared = is_shared;
  int failed = pthread_mutex_init(&queue->lock, NULL) | make_condition(&queue->stop);
  for (size_t i = 0; i < QUEUE_LANES; i++) failed |= make_condition(&queue->lanes[i].ready);
  if (failed) {
    free(queue);
    return err_set(err, "storage queue: cannot make its locks");
  }
  queue->lanes[QUEUE_WRITES].threads = queue->lanes[QUEUE_WRITES].threads_up = threads_of_writes;
  queue->lanes[QUEUE_READS].threads = queue->lanes[QUEUE_READS].threads_up = threads_of_reads;
  *ret_queue = queue;
  return 0;
}

void queue_free(struct queue *queue) {
  if (!queue) return;
  for (size_t i = 0; i < QUEUE_LANES; i++) pthread_cond_destroy(&queue->lanes[i].ready);
  pthread_cond_destroy(&queue->stop);
  pthread_mutex_destroy(&queue->lock);
  free(queue);
}

/* --- the loop's side --- */

static int refuse(struct op *op, int class, const char *message) {
  op->answer.class = class;
  snprintf(op->answer.message, sizeof(op->answer.message), "%.199s", message);
  return class;
}

int queue_push(struct queue *queue, struct op *op) {
  struct lane *lane = &queue->lanes[lane_of(queue, op->kind)];
  int class = WEIGATE_OK;
  op->queued_us = clock_mono_us();
  pthread_mutex_lock(&queue->lock);
  if (queue->is_stopping)
    class = refuse(op, WEIGATE_UNAVAILABLE, "the worker stops");
  else if (lane->threads_up == 0 || lane->is_suspect)
    class = refuse(op, lane->down_class, lane->down_message);
  else if (queue->waiting >= WAITING_MAX)
    class = refuse(op, WEIGATE_BUSY, "too many storage calls wait");
  if (class == WEIGATE_OK) {
    op->state = OP_QUEUED;
    append(queue, op);
    if (lane->idle_threads) pthread_cond_signal(&lane->ready);
  }
  pthread_mutex_unlock(&queue->lock);
  return class;
}

enum queue_end queue_give_up(struct queue *queue, struct op *op) {
  enum queue_end end = QUEUE_END_DONE;
  pthread_mutex_lock(&queue->lock);
  if (op->state == OP_QUEUED) {
    take_out(queue, op);
    end = QUEUE_END_OURS;
  } else if (op->state == OP_RUNNING) {
    op->is_abandoned = true;
    end = QUEUE_END_RUNNING;
  }
  pthread_mutex_unlock(&queue->lock);
  return end;
}

void queue_count(struct queue *queue, struct queue_counts *ret_counts) {
  *ret_counts = (struct queue_counts){.is_up = true};
  pthread_mutex_lock(&queue->lock);
  for (size_t i = 0; i < OP_KINDS; i++)
    *(op_is_write((enum op_kind)i) ? &ret_counts->writes_waiting : &ret_counts->reads_waiting) += queue->lists[i].count;
  ret_counts->running = queue->running;
  for (size_t i = 0; i < QUEUE_LANES; i++)
    if (queue->lanes[i].threads && (!queue->lanes[i].threads_up || queue->lanes[i].is_suspect)) ret_counts->is_up = false;
  pthread_mutex_unlock(&queue->lock);
}

/* --- the threads' side --- */

static struct list *oldest_list(struct queue *queue, enum queue_lane lane) {
  struct list *oldest = NULL;
  for (size_t i = 0; i < OP_KINDS; i++) {
    struct list *list = &queue->lists[i];
    if (!list->first || lane_of(queue, (enum op_kind)i) != lane) continue;
    if (!oldest || list->first->queued_us < oldest->first->queued_us) oldest = list;
  }
  return oldest;
}

/* Scans have a cursor each; loads that want different things are different calls. */
static bool fits_together(const struct op *first, const struct op *other) {
  return first->kind != OP_SCAN && first->want == other->want;
}

static size_t take_batch(struct queue *queue, struct list *list, size_t max, struct op **ret_ops) {
  size_t count = 0;
  while (count < max && list->first && (count == 0 || fits_together(ret_ops[0], list->first))) {
    struct op *op = list->first;
    take_out(queue, op);
    op->state = OP_RUNNING;
    ret_ops[count++] = op;
  }
  queue->running += count;
  return count;
}

int queue_take(struct queue *queue, enum queue_lane lane_number, uint64_t until_ms, size_t max, struct op **ret_ops) {
  struct lane *lane = &queue->lanes[lane_number];
  struct list *list;
  int count = 0;
  uint64_t now_ms = clock_mono_ms();
  struct timespec until = until_time(until_ms > now_ms ? until_ms - now_ms : 0);
  pthread_mutex_lock(&queue->lock);
  while (!(list = oldest_list(queue, lane_number)) && !queue->is_stopping && !lane->is_suspect) {
    lane->idle_threads++;
    int error = pthread_cond_timedwait(&lane->ready, &queue->lock, &until);
    lane->idle_threads--;
    if (error) break;
  }
  if (list || (list = oldest_list(queue, lane_number)))
    count = (int)take_batch(queue, list, max, ret_ops);
  else if (queue->is_stopping)
    count = -1;
  else if (lane->is_suspect)
    count = QUEUE_PROBE;
  pthread_mutex_unlock(&queue->lock);
  return count;
}

void queue_finish(struct queue *queue, struct op **ops, size_t count) {
  pthread_mutex_lock(&queue->lock);
  for (size_t i = 0; i < count; i++) ops[i]->state = OP_DONE;
  queue->running -= count;
  pthread_mutex_unlock(&queue->lock);
  /* From here on give_up() finds them done, and is_abandoned stands. */
  for (size_t i = 0; i < count; i++) {
    if (ops[i]->is_abandoned)
      op_free(ops[i]);
    else
      loop_post(queue->loop, &ops[i]->done);
  }
}

void queue_lane_up(struct queue *queue, enum queue_lane lane) {
  pthread_mutex_lock(&queue->lock);
  queue->lanes[lane].threads_up++;
  pthread_mutex_unlock(&queue->lock);
}

/* Answers what waits in the lane, and remembers the answer for what comes. Under the lock. */
static void refuse_lane(struct queue *queue, enum queue_lane lane_number, int class, const char *message) {
  struct lane *lane = &queue->lanes[lane_number];
  struct list *list;
  lane->down_class = class;
  snprintf(lane->down_message, sizeof(lane->down_message), "%.199s", message);
  while ((lane->threads_up == 0 || lane->is_suspect) && (list = oldest_list(queue, lane_number))) {
    struct op *op = list->first;
    take_out(queue, op);
    op->state = OP_DONE;
    refuse(op, class, message);
    loop_post(queue->loop, &op->done);
  }
}

void queue_lane_down(struct queue *queue, enum queue_lane lane, int class, const char *message) {
  pthread_mutex_lock(&queue->lock);
  queue->lanes[lane].threads_up--;
  refuse_lane(queue, lane, class, message);
  pthread_mutex_unlock(&queue->lock);
}

void queue_suspect(struct queue *queue, enum op_kind kind, int class, const char *message) {
  enum queue_lane lane = lane_of(queue, kind);
  pthread_mutex_lock(&queue->lock);
  if (!queue->lanes[lane].is_suspect) {
    queue->lanes[lane].is_suspect = true;
    refuse_lane(queue, lane, class, message);
    pthread_cond_broadcast(&queue->lanes[lane].ready);
  }
  pthread_mutex_unlock(&queue->lock);
}

void queue_trust(struct queue *queue, enum queue_lane lane) {
  pthread_mutex_lock(&queue->lock);
  queue->lanes[lane].is_suspect = false;
  pthread_mutex_unlock(&queue->lock);
}

bool queue_pause(struct queue *queue, uint64_t ms) {
  struct timespec until = until_time(ms);
  pthread_mutex_lock(&queue->lock);
  while (!queue->is_stopping)
    if (pthread_cond_timedwait(&queue->stop, &queue->lock, &until) != 0) break;
  bool is_stopping = queue->is_stopping;
  pthread_mutex_unlock(&queue->lock);
  return is_stopping;
}

void queue_stop(struct queue *queue) {
  pthread_mutex_lock(&queue->lock);
  queue->is_stopping = true;
  pthread_cond_broadcast(&queue->stop);
  for (size_t i = 0; i < QUEUE_LANES; i++) pthread_cond_broadcast(&queue->lanes[i].ready);
  pthread_mutex_unlock(&queue->lock);
}

bool queue_is_stopping(struct queue *queue) {
  return queue_pause(queue, 0);
}
