/* SPDX-License-Identifier: Apache-2.0
 * ask: puts ops into queues and waits, in a coroutine, until each is answered or out of time. */
#ifndef WEIGATE_STORE_ASK_H
#define WEIGATE_STORE_ASK_H

#include "store/queue.h"

/* One op and where it goes. */
struct asked {
  struct queue *queue;
  struct op *op; /* taken over; afterwards NULL, or with its answer and to be freed. NULL before: no memory for it */
  struct store_answer answer;
  bool is_late; /* its time was over before there was an answer */
  /* private */
  struct asking *asking;
  struct loop_timer timer;
  enum { ASKED_OPEN, ASKED_DONE, ASKED_DROPPED, ASKED_LEFT } end;
};

/* All at once; returns when the last is answered. Out of time while still in the queue: WEIGATE_TIMEOUT; while a thread has it:
 * WEIGATE_OUTCOME_UNKNOWN for writes, WEIGATE_TIMEOUT for others. Coroutine; may suspend. */
void ask_wait(struct loop *loop, uint64_t patience_ms, struct asked *asked, size_t count);

#endif
