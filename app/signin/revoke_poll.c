/* SPDX-License-Identifier: Apache-2.0
 * revoke_poll: one coroutine of the sign-in thread that reads, one task on the reactor's thread that writes the table. */
#include "signin/revoke_poll.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/scope.h"

/* A sign-out counts on every host within 5 s: two polls and the time they take. */
#define POLL_MS 2000
/* Until the store has answered for the first time. */
#define FIRST_POLL_MS 100
/* Tickets handed over in one task. */
#define BATCH_MAX 64

struct delivery {
  struct loop_task task;
  struct revoke_poll *poll;
  struct delivery *next; /* in poll->deliveries */
  size_t count;
  struct revocation revocations[BATCH_MAX];
};

struct revoke_poll {
  struct loop *loop;
  struct loop_task stop;
  struct loop_timer pause;
  struct coro *sleeping; /* set while it pauses */
  bool is_running;
  struct loop *reactor_loop;
  struct revoke_table *table;
  struct store *store;
  uint64_t cursor;
  struct delivery *pending;
  bool stops;
  bool had_trouble;
  pthread_mutex_t lock; /* is_first_done, deliveries */
  pthread_cond_t done;
  bool is_first_done;
  struct delivery *deliveries; /* all that were made and not yet delivered: a reactor that stops leaves some behind */
};

static void forget_delivery(struct revoke_poll *poll, struct delivery *delivery) {
  pthread_mutex_lock(&poll->lock);
  struct delivery **at = &poll->deliveries;
  while (*at != delivery) at = &(*at)->next;
  *at = delivery->next;
  pthread_mutex_unlock(&poll->lock);
  free(delivery);
}

/* On the reactor's thread. */
static void deliver(struct loop_task *task) {
  struct delivery *delivery = container_of(task, struct delivery, task);
  int64_t now_s = clock_wall_s();
  for (size_t i = 0; i < delivery->count; i++) revoke_add(delivery->poll->table, &delivery->revocations[i], now_s);
  forget_delivery(delivery->poll, delivery);
}

static void send_pending(struct revoke_poll *poll) {
  struct delivery *delivery = poll->pending;
  poll->pending = NULL;
  if (delivery) loop_post(poll->reactor_loop, &delivery->task);
}

static struct delivery *new_delivery(struct revoke_poll *poll) {
  struct delivery *delivery = calloc(1, sizeof(*delivery));
  if (!delivery)
    abort(); /* a revocation that cannot be kept must not be forgotten: the worker starts anew and reads all of them */
  delivery->poll = poll;
  delivery->task.run = deliver;
  pthread_mutex_lock(&poll->lock);
  delivery->next = poll->deliveries;
  poll->deliveries = delivery;
  pthread_mutex_unlock(&poll->lock);
  return delivery;
}

static void collect(void *arg, const struct weigate_ticket *ticket) {
  struct revoke_poll *poll = arg;
  struct revocation revocation;
  if (revoke_from_ticket(ticket, &revocation) < 0) return;
  if (!poll->pending) poll->pending = new_delivery(poll);
  poll->pending->revocations[poll->pending->count++] = revocation;
  if (poll->pending->count == BATCH_MAX) send_pending(poll);
}

static void tell_first_done(struct revoke_poll *poll) {
  pthread_mutex_lock(&poll->lock);
  poll->is_first_done = true;
  pthread_cond_signal(&poll->done);
  pthread_mutex_unlock(&poll->lock);
}

/* Logs the first failure and the recovery, not each look between. */
static void note_trouble(struct revoke_poll *poll, const struct store_answer *answer) {
  bool has_trouble = !store_is_done(answer);
  if (has_trouble && !poll->had_trouble) log_warn("revocations cannot be read; those known stay in force: %s", answer->message);
  if (!has_trouble && poll->had_trouble) log_info("revocations are read again");
  poll->had_trouble = has_trouble;
}

/* One look: everything that was written since the last. */
static void look_wait(struct revoke_poll *poll) {
  struct store_answer answer;
  uint64_t before;
  do {
    before = poll->cursor;
    store_ticket_scan_wait(poll->store, STR(REVOKE_KIND), &poll->cursor, collect, poll, &answer);
  } while (store_is_done(&answer) && poll->cursor != before);
  send_pending(poll);
  note_trouble(poll, &answer);
  if (store_is_done(&answer) && !poll->is_first_done) tell_first_done(poll);
}

static void wake(struct revoke_poll *poll) {
  struct coro *coro = poll->sleeping;
  poll->sleeping = NULL;
  if (coro) coro_resume(coro);
}

static void end_pause(struct loop_timer *timer) {
  wake(timer->arg);
}

/* A pause that a stop cuts short. Without memory for the timer the next look comes at once. */
static void pause_wait(struct revoke_poll *poll) {
  if (loop_timer_set(poll->loop, &poll->pause, clock_mono_ms() + (poll->is_first_done ? POLL_MS : FIRST_POLL_MS)) < 0) return;
  poll->sleeping = coro_self();
  coro_suspend_wait();
}

static void run(void *arg) {
  struct revoke_poll *poll = arg;
  poll->is_running = true;
  while (!poll->stops) {
    look_wait(poll);
    if (!poll->stops) pause_wait(poll);
  }
  loop_stop(poll->loop);
}

static void stop(struct loop_task *task) {
  struct revoke_poll *poll = container_of(task, struct revoke_poll, stop);
  poll->stops = true;
  loop_timer_clear(poll->loop, &poll->pause);
  if (poll->is_running)
    wake(poll);
  else
    loop_stop(poll->loop);
}

int revoke_poll_new(struct loop *loop, struct loop *reactor_loop, struct revoke_table *table, struct store *store,
                    struct revoke_poll **ret_poll) {
  struct revoke_poll *poll = calloc(1, sizeof(*poll));
  if (!poll) return -1;
  pthread_condattr_t monotonic;
  poll->loop = loop;
  poll->pause = (struct loop_timer){.fired = end_pause, .arg = poll};
  poll->stop.run = stop;
  poll->reactor_loop = reactor_loop;
  poll->table = table;
  poll->store = store;
  pthread_mutex_init(&poll->lock, NULL);
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&poll->done, &monotonic);
  pthread_condattr_destroy(&monotonic);
  *ret_poll = poll;
  return 0;
}

int revoke_poll_start(struct revoke_poll *poll, struct coro_pool *pool) {
  return coro_start(pool, run, poll);
}

bool revoke_poll_wait_first(struct revoke_poll *poll, uint64_t timeout_ms) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += (time_t)(timeout_ms / 1000);
  until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
  if (until.tv_nsec >= 1000000000) {
    until.tv_sec++;
    until.tv_nsec -= 1000000000;
  }
  pthread_mutex_lock(&poll->lock);
  while (!poll->is_first_done)
    if (pthread_cond_timedwait(&poll->done, &poll->lock, &until) == ETIMEDOUT) break;
  bool is_done = poll->is_first_done;
  pthread_mutex_unlock(&poll->lock);
  return is_done;
}

void revoke_poll_stop(struct revoke_poll *poll) {
  loop_post(poll->loop, &poll->stop);
}

void revoke_poll_add(struct revoke_poll *poll, const struct revocation *revocation) {
  struct delivery *delivery = new_delivery(poll);
  delivery->revocations[delivery->count++] = *revocation;
  loop_post(poll->reactor_loop, &delivery->task);
}

void revoke_poll_free(struct revoke_poll *poll) {
  if (!poll) return;
  while (poll->deliveries) forget_delivery(poll, poll->deliveries);
  pthread_cond_destroy(&poll->done);
  pthread_mutex_destroy(&poll->lock);
  free(poll);
}
