/* SPDX-License-Identifier: Apache-2.0
 * ask: everything here runs on the loop's thread. */
#include "store/ask.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/coro.h"
#include "base/scope.h"
#include "store/meter.h"

/* On the stack of the coroutine that waits. */
struct asking {
  struct loop *loop;
  struct coro *coro;
  size_t open;
};

static void settle(struct asked *asked) {
  if (--asked->asking->open == 0) coro_resume(asked->asking->coro);
}

static void op_is_done(struct loop_task *task) {
  struct op *op = container_of(task, struct op, done);
  struct asked *asked = op->waiter;
  asked->end = ASKED_DONE;
  loop_timer_clear(asked->asking->loop, &asked->timer);
  settle(asked);
}

static void time_is_over(struct loop_timer *timer) {
  struct asked *asked = container_of(timer, struct asked, timer);
  enum queue_end end = queue_give_up(asked->queue, asked->op);
  if (end == QUEUE_END_DONE) return; /* op_is_done() is on its way */
  asked->end = end == QUEUE_END_OURS ? ASKED_DROPPED : ASKED_LEFT;
  asked->is_late = true;
  settle(asked);
}

static void answer(struct asked *asked, int class, const char *message) {
  asked->answer = (struct store_answer){.class = class};
  snprintf(asked->answer.message, sizeof(asked->answer.message), "%.199s", message);
}

static int lacks_memory(struct asked *asked) {
  op_free(asked->op);
  asked->op = NULL;
  answer(asked, WEIGATE_FAILED, "out of memory");
  return -1;
}

/* 0: on its way. -1: there is an answer already. */
static int begin(struct asking *asking, struct asked *asked, uint64_t deadline_ms) {
  asked->asking = asking;
  asked->is_late = false;
  asked->end = ASKED_OPEN;
  asked->timer = (struct loop_timer){.fired = time_is_over};
  if (!asked->op) return lacks_memory(asked);
  asked->op->waiter = asked;
  asked->op->done.run = op_is_done;
  asked->op->deadline_ms = deadline_ms;
  if (loop_timer_set(asking->loop, &asked->timer, deadline_ms) != 0) return lacks_memory(asked);
  if (queue_push(asked->queue, asked->op) == WEIGATE_OK) return 0;
  loop_timer_clear(asking->loop, &asked->timer);
  return -1;
}

static void end(struct asked *asked) {
  struct op *op = asked->op;
  if (!op) return;
  enum op_kind kind = op->kind;
  if (asked->end == ASKED_OPEN || asked->end == ASKED_DROPPED) meter_refused(kind);
  if (asked->end == ASKED_DROPPED) {
    answer(asked, WEIGATE_TIMEOUT, "no storage thread was free in time");
    op_free(op);
    asked->op = NULL;
  } else if (asked->end == ASKED_LEFT) {
    /* The thread that has it frees it. */
    answer(asked, op_is_write(kind) ? WEIGATE_OUTCOME_UNKNOWN : WEIGATE_TIMEOUT, "the store did not answer in time");
    asked->op = NULL;
  } else {
    asked->answer = op->answer;
  }
}

void ask_wait(struct loop *loop, uint64_t patience_ms, struct asked *asked, size_t count) {
  struct asking asking = {.loop = loop, .coro = coro_self(), .open = 0};
  uint64_t deadline_ms = clock_mono_ms() + patience_ms;
  for (size_t i = 0; i < count; i++)
    if (begin(&asking, &asked[i], deadline_ms) == 0) asking.open++;
  if (asking.open) coro_suspend_wait();
  for (size_t i = 0; i < count; i++) end(&asked[i]);
}
