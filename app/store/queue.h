/* SPDX-License-Identifier: Apache-2.0
 * queue: where ops wait for a storage thread. What waits when a thread becomes free is one batch. */
#ifndef WEIGATE_STORE_QUEUE_H
#define WEIGATE_STORE_QUEUE_H

#include "store/op.h"

struct queue;

/* Threads of one lane take the same kinds of ops. */
enum queue_lane { QUEUE_WRITES, QUEUE_READS, QUEUE_LANES };

/* is_shared: there is but one lane, QUEUE_WRITES, for everything. Before threads start. */
int queue_new(struct loop *loop, bool is_shared, size_t threads_of_writes, size_t threads_of_reads, struct queue **ret_queue,
              struct err *err);
/* Every thread must have ended. */
void queue_free(struct queue *queue);

/* Puts the op in line. WEIGATE_OK, or why not: WEIGATE_BUSY when too many wait, WEIGATE_UNAVAILABLE while no thread of its lane
 * has a store (the sentence goes to op->answer). Loop's thread. */
int queue_push(struct queue *queue, struct op *op);

/* What became of an op whose time is over. */
enum queue_end {
  QUEUE_END_OURS,    /* it was still waiting; the caller owns it again */
  QUEUE_END_RUNNING, /* a thread has it and will free it */
  QUEUE_END_DONE     /* its answer is on the way */
};
enum queue_end queue_give_up(struct queue *queue, struct op *op);

/* The store of the op's lane lets everybody wait: what waits and what comes is answered with this at once, until one of the
 * lane's threads says that it is well. Any thread. */
void queue_suspect(struct queue *queue, enum op_kind kind, int class, const char *message);
/* Storage threads. */
void queue_trust(struct queue *queue, enum queue_lane lane);

#define QUEUE_PROBE -2
/* Waits for work until until_ms (clock_mono_ms()) and takes up to max ops of one kind, the kind whose first has waited longest.
 * 0: time is over. -1: the queue stops. QUEUE_PROBE: the lane is suspected; see whether the store is well. Storage threads. */
int queue_take(struct queue *queue, enum queue_lane lane, uint64_t until_ms, size_t max, struct op **ret_ops);
/* The ops are answered: hands them to the loop, frees those that nobody waits for. Storage threads. */
void queue_finish(struct queue *queue, struct op **ops, size_t count);

/* A thread of the lane has a store, or lost it. When the last one lost it, what waits is answered with this. Storage threads. */
void queue_lane_up(struct queue *queue, enum queue_lane lane);
void queue_lane_down(struct queue *queue, enum queue_lane lane, int class, const char *message);

/* Waits for the time or the stop, whichever comes first. True: stop. Storage threads. */
bool queue_pause(struct queue *queue, uint64_t ms);
/* Makes queue_take() return -1 once nothing waits, and queue_pause() true. Any thread. */
void queue_stop(struct queue *queue);
bool queue_is_stopping(struct queue *queue);

struct queue_counts {
  size_t reads_waiting, writes_waiting, running;
  bool is_up; /* every lane has a thread with a store */
};
void queue_count(struct queue *queue, struct queue_counts *ret_counts);

#endif
