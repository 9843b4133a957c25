/* SPDX-License-Identifier: Apache-2.0
 * op: one storage call of one coroutine, copied so that it needs nothing of its caller: a thread that hangs may hold it for ever.
 */
#ifndef WEIGATE_STORE_OP_H
#define WEIGATE_STORE_OP_H

#include "base/loop.h"
#include "store/store.h"

enum op_kind { OP_RECORD, OP_CLAIM, OP_PUT, OP_TAKE, OP_GET, OP_LOAD, OP_SCAN };
#define OP_KINDS 7

/* Who owns the op. */
enum op_state {
  OP_QUEUED,  /* a list of the queue; the loop's thread may take it back */
  OP_RUNNING, /* a storage thread */
  OP_DONE,    /* the loop's inbox, then the coroutine that waits */
};

/* One ticket that a call gave back. */
struct op_ticket {
  struct op_ticket *next;
  struct weigate_ticket ticket; /* its texts point into bytes */
  char bytes[];
};

struct op {
  enum op_kind kind;
  /* These under the queue's lock. */
  enum op_state state;
  bool is_abandoned; /* RUNNING, and nobody waits any more: the thread frees it */
  struct op *next, *previous;

  const char *target; /* which store a spooled op is for; outlives it */
  uint64_t deadline_ms;
  uint64_t queued_us;
  struct loop_task done; /* posted to the loop when DONE */
  void *waiter;          /* loop's thread only */

  /* While a resend has it, the loop's thread only. */
  struct op *kept_next;
  uint64_t kept_us;
  size_t memory_bytes; /* of the op and its texts */

  /* What is asked: as the kind needs; texts point into bytes. */
  struct weigate_signin signin;
  struct weigate_person person;
  struct weigate_event event;
  struct weigate_ticket ticket;
  struct weigate_key key;
  uint32_t want;
  uint64_t cursor; /* in and out */
  bool is_known;   /* OP_CLAIM: the same claim that is there word for word is ours, won elsewhere and copied here */

  /* What is answered. */
  struct store_answer answer;
  struct op_ticket *tickets, **tickets_end;
  struct store_person found;

  char bytes[];
};

bool op_is_write(enum op_kind kind);
const char *op_kind_name(enum op_kind kind);

/* NULL without memory. */
struct op *op_new_record(const struct weigate_signin *signin);
struct op *op_new_ticket(enum op_kind kind, const struct weigate_ticket *ticket);
struct op *op_new_load(struct weigate_text appid, struct weigate_text openid, uint32_t want);
struct op *op_new_scan(struct weigate_text kind, uint64_t cursor);
void op_free(struct op *op);

/* Storage thread, from a sink: keeps a copy. -1 without memory. */
int op_keep_ticket(struct op *op, const struct weigate_ticket *ticket);
int op_keep_person(struct op *op, const struct weigate_person *person);
/* Before the same call is made again. */
void op_forget_found(struct op *op);

#endif
