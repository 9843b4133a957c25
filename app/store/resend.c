/* SPDX-License-Identifier: Apache-2.0
 * resend: a list of ops in the order in which they were acknowledged. Loop's thread. */
#include "store/resend.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/scope.h"
#include "store/meter.h"

/* How far back. A standby that may be promoted lags by less than a second, by seconds under load (16 MB of log in
 * docs/ha/patroni.yml); health notices the new server within 5 s, during which it acknowledges too. The rest is for a standby
 * that was slow. */
#define WINDOW_MS 60000
/* How much: at 2.5 KB a sign-in 3,300 of them, the window at 55 a second in each worker; at 400 a second 8 s, still more than lag
 * and notice together. */
#define BYTES_MAX (8u * 1024 * 1024)
/* On their way at once: some batches, so that live sign-ins wait for little. */
#define SENT_MAX 256
/* Looks for a new server, for what is too old, and for what failed and is to go once more. */
#define LOOK_EVERY_MS 1000
/* A call that is repeated may take so long; nobody waits for it. */
#define SEND_MS 3000

void resend_init(struct resend *resend, struct loop *loop, struct queue *queue) {
  resend->loop = loop;
  resend->queue = queue;
}

void resend_server(struct resend *resend, uint64_t server) {
  if (!server) return;
  atomic_store(&resend->server_seen, server);
  atomic_store(&resend->seen_us, clock_mono_us());
}

static void append(struct resend *resend, struct op *op) {
  op->kept_next = NULL;
  *(resend->first ? &resend->last->kept_next : &resend->first) = op;
  resend->last = op;
  resend->bytes += op->memory_bytes;
}

static void put_back(struct resend *resend, struct op *op) {
  op->kept_next = resend->first;
  resend->first = op;
  if (!resend->last) resend->last = op;
  resend->bytes += op->memory_bytes;
}

static struct op *take_first(struct resend *resend) {
  struct op *op = resend->first;
  resend->first = op->kept_next;
  if (!resend->first) resend->last = NULL;
  resend->bytes -= op->memory_bytes;
  return op;
}

/* --- again --- */

static void send_more(struct resend *resend);

static void unlink_sent(struct resend *resend, const struct op *op) {
  struct op **link = &resend->sent;
  while (*link != op) link = &(*link)->kept_next;
  *link = op->kept_next;
  resend->sent_count--;
}

/* A refusal of this one record is no reason to try for ever. */
static bool is_worth_another_try(int class) {
  return class != WEIGATE_OK && class != WEIGATE_FAILED && class != WEIGATE_INVALID && class != WEIGATE_UNSUPPORTED;
}

static void settle(struct resend *resend, struct op *op) {
  unlink_sent(resend, op);
  if (is_worth_another_try(op->answer.class)) {
    put_back(resend, op); /* the next look sends it again */
    return;
  }
  bool is_done = op->answer.class == WEIGATE_OK;
  meter_resent(is_done);
  resend->resent += is_done;
  if (!is_done) log_warn("storage: a record that was sent again is refused: %s", op->answer.message);
  op_free(op);
}

static void op_is_done(struct loop_task *task) {
  struct op *op = container_of(task, struct op, done);
  struct resend *resend = op->waiter;
  bool goes_on = !is_worth_another_try(op->answer.class);
  settle(resend, op);
  if (goes_on && resend->sent_count == 0) send_more(resend);
}

static bool send_one(struct resend *resend, struct op *op) {
  op->waiter = resend;
  op->done.run = op_is_done;
  op->deadline_ms = clock_mono_ms() + SEND_MS;
  op->kept_next = resend->sent;
  resend->sent = op;
  resend->sent_count++;
  bool is_on_its_way = queue_push(resend->queue, op) == WEIGATE_OK;
  if (!is_on_its_way) settle(resend, op);
  return is_on_its_way;
}

static bool has_more(const struct resend *resend) {
  return resend->first && resend->first->kept_us <= resend->sending_until_us;
}

/* The next ones of those that the old server acknowledged; those of the new one stay. */
static void send_more(struct resend *resend) {
  while (resend->sent_count < SENT_MAX && has_more(resend))
    if (!send_one(resend, take_first(resend))) return;
  if (resend->sent_count || !resend->is_sending) return;
  resend->is_sending = false;
  log_warn("storage: sent %zu records again", resend->resent);
}

static void look_for_a_new_server(struct resend *resend) {
  uint64_t server = atomic_load(&resend->server_seen);
  if (server == resend->server) return;
  if (resend->server && resend->first) {
    size_t count = 0;
    for (const struct op *op = resend->first; op; op = op->kept_next) count++;
    log_warn("storage: another server answers; the last %zu records are sent again, should it lack them", count);
    resend->is_sending = true;
    resend->resent = 0;
    resend->sending_until_us = clock_mono_us();
  }
  resend->server = server;
}

/* --- the window --- */

/* What was there a whole window before the server was last seen well has reached its standbys. While no server answers, nothing
 * grows old. */
static void drop_old(struct resend *resend) {
  uint64_t seen_us = atomic_load(&resend->seen_us), window_us = WINDOW_MS * UINT64_C(1000);
  while (resend->first && (resend->bytes > BYTES_MAX || resend->first->kept_us + window_us < seen_us))
    op_free(take_first(resend));
}

static void look(struct loop_timer *timer) {
  struct resend *resend = container_of(timer, struct resend, timer);
  look_for_a_new_server(resend);
  if (!resend->is_sending)
    drop_old(resend);
  else if (resend->sent_count == 0)
    send_more(resend);
  if (resend->first || resend->sent) loop_timer_set(resend->loop, timer, clock_mono_ms() + LOOK_EVERY_MS);
}

void resend_keep(struct resend *resend, struct op *op) {
  if (!op) return;
  if (!atomic_load(&resend->server_seen)) {
    op_free(op);
    return;
  }
  look_for_a_new_server(resend);
  op->kept_us = clock_mono_us();
  append(resend, op);
  if (!resend->is_sending) drop_old(resend);
  resend->timer.fired = look;
  if (!resend->timer.slot) loop_timer_set(resend->loop, &resend->timer, clock_mono_ms() + LOOK_EVERY_MS);
}

void resend_done(struct resend *resend) {
  while (resend->first) op_free(take_first(resend));
  while (resend->sent) {
    struct op *next = resend->sent->kept_next;
    op_free(resend->sent);
    resend->sent = next;
  }
}
