/* SPDX-License-Identifier: Apache-2.0
 * store: the calls that wait. Everything but the start and the status runs in coroutines and callbacks of the sign-in loop. */
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/coro.h"
#include "base/log.h"
#include "base/scope.h"
#include "store/meter.h"
#include "store/runner.h"

/* Handles of one worker; a store is seldom faster with more. */
#define THREADS_MAX 64
/* What a plugin's call may take beyond its time (100 ms by its promise), before a thread counts as lost. */
#define HANG_MS 1000

struct store {
  struct loop *loop;
  struct runner_shared shared;
  struct runner *runners[THREADS_MAX];
  size_t runner_count;
  bool is_shared; /* one lane for everything */
};

/* --- waiting --- */

/* On the stack of the coroutine that waits; the loop's thread only. */
struct waiter {
  struct store *store;
  struct coro *coro;
  struct op *op;
  struct loop_timer timer;
  enum { WAIT_OPEN, WAIT_DONE, WAIT_DROPPED, WAIT_LEFT } end;
};

static void op_is_done(struct loop_task *task) {
  struct op *op = container_of(task, struct op, done);
  struct waiter *waiter = op->waiter;
  waiter->end = WAIT_DONE;
  loop_timer_clear(waiter->store->loop, &waiter->timer);
  coro_resume(waiter->coro);
}

static void time_is_over(struct loop_timer *timer) {
  struct waiter *waiter = container_of(timer, struct waiter, timer);
  enum queue_end end = queue_give_up(waiter->store->shared.queue, waiter->op);
  if (end == QUEUE_END_DONE) return; /* op_is_done() is on its way */
  waiter->end = end == QUEUE_END_OURS ? WAIT_DROPPED : WAIT_LEFT;
  coro_resume(waiter->coro);
}

static void answer(struct store_answer *ret_answer, int class, const char *message) {
  *ret_answer = (struct store_answer){.class = class};
  snprintf(ret_answer->message, sizeof(ret_answer->message), "%.199s", message);
}

/* Waits until the op is answered. Returns it with its answer, to be freed; or NULL if it never got one in time. Takes over op,
 * which may be NULL. */
static struct op *wait_for(struct store *store, struct op *op, struct store_answer *ret_answer) {
  if (!op) {
    answer(ret_answer, WEIGATE_FAILED, "out of memory");
    return NULL;
  }
  enum op_kind kind = op->kind;
  struct waiter waiter = {.store = store, .coro = coro_self(), .op = op, .timer = {.fired = time_is_over}};
  op->waiter = &waiter;
  op->done.run = op_is_done;
  op->deadline_ms = clock_mono_ms() + store->shared.deadline_ms;
  if (loop_timer_set(store->loop, &waiter.timer, op->deadline_ms) != 0) {
    op_free(op);
    answer(ret_answer, WEIGATE_FAILED, "out of memory");
    return NULL;
  }
  if (queue_push(store->shared.queue, op) == WEIGATE_OK)
    coro_suspend_wait();
  else
    loop_timer_clear(store->loop, &waiter.timer);
  if (waiter.end == WAIT_OPEN || waiter.end == WAIT_DROPPED) meter_refused(kind);
  if (waiter.end == WAIT_DROPPED) {
    answer(ret_answer, WEIGATE_TIMEOUT, "no storage thread was free in time");
    op_free(op);
    return NULL;
  }
  if (waiter.end == WAIT_LEFT) {
    answer(ret_answer, op_is_write(kind) ? WEIGATE_OUTCOME_UNKNOWN : WEIGATE_TIMEOUT, "the store did not answer in time");
    return NULL;
  }
  *ret_answer = op->answer;
  return op;
}

static struct weigate_text text_of(struct str s) {
  return (struct weigate_text){s.p, s.n};
}

static void copy_ticket(const struct op *op, struct store_ticket *ret_found) {
  ret_found->is_found = op && op->tickets;
  ret_found->value_bytes = 0;
  ret_found->expires_at_us = 0;
  if (!ret_found->is_found) return;
  const struct weigate_ticket *ticket = &op->tickets->ticket;
  memcpy(ret_found->value, ticket->value.bytes, ticket->value.size);
  ret_found->value_bytes = ticket->value.size;
  ret_found->expires_at_us = ticket->expires_at_us;
}

void store_record_wait(struct store *store, const struct weigate_signin *signin, struct store_answer *ret_answer) {
  op_free(wait_for(store, op_new_record(signin), ret_answer));
}

/* Of a ticket, or of its key alone. */
static void ticket_wait(struct store *store, enum op_kind kind, const struct weigate_ticket *ticket,
                        struct store_ticket *ret_found, struct store_answer *ret_answer) {
  struct op *op = wait_for(store, op_new_ticket(kind, ticket), ret_answer);
  if (ret_found) copy_ticket(ret_answer->class == WEIGATE_OK ? op : NULL, ret_found);
  op_free(op);
}

void store_claim_wait(struct store *store, const struct weigate_ticket *ticket, struct store_ticket *ret_found,
                      struct store_answer *ret_answer) {
  ticket_wait(store, OP_CLAIM, ticket, ret_found, ret_answer);
}

void store_ticket_put_wait(struct store *store, const struct weigate_ticket *ticket, struct store_answer *ret_answer) {
  ticket_wait(store, OP_PUT, ticket, NULL, ret_answer);
}

void store_ticket_get_wait(struct store *store, struct str kind, struct str key, struct store_ticket *ret_found,
                           struct store_answer *ret_answer) {
  struct weigate_ticket wanted = {.struct_size = sizeof(wanted), .kind = text_of(kind), .key = text_of(key)};
  ticket_wait(store, OP_GET, &wanted, ret_found, ret_answer);
}

void store_ticket_take_wait(struct store *store, struct str kind, struct str key, struct store_ticket *ret_found,
                            struct store_answer *ret_answer) {
  struct weigate_ticket wanted = {.struct_size = sizeof(wanted), .kind = text_of(kind), .key = text_of(key)};
  ticket_wait(store, OP_TAKE, &wanted, ret_found, ret_answer);
}

void store_load_wait(struct store *store, struct str appid, struct str openid, uint32_t want, struct store_person *ret_person,
                     struct store_answer *ret_answer) {
  *ret_person = (struct store_person){0};
  struct op *op = wait_for(store, op_new_load(text_of(appid), text_of(openid), want), ret_answer);
  if (op && ret_answer->class == WEIGATE_OK) {
    *ret_person = op->found; /* the bytes that its slices point to move along */
    op->found = (struct store_person){0};
  }
  op_free(op);
}

void store_ticket_scan_wait(struct store *store, struct str kind, uint64_t *cursor,
                            void (*sink)(void *arg, const struct weigate_ticket *), void *arg, struct store_answer *ret_answer) {
  struct op *op = wait_for(store, op_new_scan(text_of(kind), *cursor), ret_answer);
  if (op && ret_answer->class == WEIGATE_OK) {
    *cursor = op->cursor;
    for (const struct op_ticket *found = op->tickets; found; found = found->next) sink(arg, &found->ticket);
  }
  op_free(op);
}

/* --- start, stop, status --- */

/* A plugin with few writers gets threads of their own for them, the others read; one for which it does not matter gets threads
 * that do both. */
static size_t writers_of(const struct store *store, size_t threads) {
  size_t most = store->shared.plugin.desc->writers_max;
  return most == 0 || threads <= most ? threads : most;
}

static int start_runners(struct store *store, size_t threads, struct err *err) {
  size_t writers = writers_of(store, threads);
  store->is_shared = writers == threads;
  if (queue_new(store->loop, store->is_shared, writers, threads - writers, &store->shared.queue, err) != 0) return -1;
  for (size_t i = 0; i < threads; i++) {
    enum queue_lane lane = i < writers ? QUEUE_WRITES : QUEUE_READS;
    if (runner_start(&store->shared, lane, i == threads - 1, i == 0, &store->runners[i], err) != 0) return -1;
    store->runner_count++;
  }
  return 0;
}

static size_t within(size_t value, size_t most) {
  return value == 0 ? 1 : value < most ? value : most;
}

int store_start(struct loop *loop, const struct store_settings *settings, struct store **ret_store, struct err *err) {
  struct store *store = calloc(1, sizeof(*store));
  if (!store) return err_set(err, "storage: out of memory");
  store->loop = loop;
  if (plugin_load(&settings->plugin, &store->shared.plugin, err) != 0) {
    free(store);
    return -1;
  }
  if (runner_shared_init(&store->shared) != 0) {
    plugin_unload(&store->shared.plugin);
    free(store);
    return err_set(err, "storage: cannot make its locks");
  }
  store->shared.batch_max = within(settings->batch_max, WEIGATE_BATCH_MAX);
  store->shared.deadline_ms = settings->deadline_ms;
  store->shared.health.state = WEIGATE_DOWN;
  snprintf(store->shared.health.text, sizeof(store->shared.health.text), "not asked yet");
  if (start_runners(store, within(settings->threads, THREADS_MAX), err) != 0) {
    store_stop(store);
    return -1;
  }
  const struct plugin *plugin = &store->shared.plugin;
  log_info("storage: plugin %s %s from %s (sha256 %.16s…), %zu threads", plugin->desc->name, plugin->desc->version, plugin->path,
           plugin->digest, store->runner_count);
  if (!plugin->tickets)
    log_warn("storage: plugin %s has no tickets: codes and revocations hold in one worker only", plugin->desc->name);
  *ret_store = store;
  return 0;
}

void store_stop(struct store *store) {
  if (!store) return;
  if (store->shared.queue) queue_stop(store->shared.queue);
  size_t lost = runner_wait_all(&store->shared, clock_mono_ms() + store->shared.deadline_ms + HANG_MS);
  if (lost) {
    /* What they hold must not be freed under them; the process is about to end anyway. */
    log_error("storage: %zu threads hang in plugin %s", lost, store->shared.plugin.desc->name);
    return;
  }
  for (size_t i = 0; i < store->runner_count; i++) runner_join(store->runners[i]);
  queue_free(store->shared.queue);
  plugin_unload(&store->shared.plugin);
  runner_shared_done(&store->shared);
  free(store);
}

void store_status(const struct store *store, struct store_status *ret_status) {
  struct runner_shared *shared = &((struct store *)store)->shared;
  struct queue_counts counts;
  *ret_status = (struct store_status){.has_tickets = shared->plugin.tickets != NULL};
  queue_count(shared->queue, &counts);
  ret_status->is_connected = counts.is_up;
  ret_status->reads_waiting = counts.reads_waiting;
  ret_status->writes_waiting = counts.writes_waiting;
  ret_status->in_flight = counts.running;
  snprintf(ret_status->plugin, sizeof(ret_status->plugin), "%s", shared->plugin.desc->name);
  snprintf(ret_status->version, sizeof(ret_status->version), "%s", shared->plugin.desc->version);
  snprintf(ret_status->path, sizeof(ret_status->path), "%.*s", (int)sizeof(ret_status->path) - 1, shared->plugin.path);
  snprintf(ret_status->digest, sizeof(ret_status->digest), "%s", shared->plugin.digest);
  pthread_mutex_lock(&shared->lock);
  ret_status->last_class = shared->last_class;
  snprintf(ret_status->last_message, sizeof(ret_status->last_message), "%s", shared->last_message);
  snprintf(ret_status->half, sizeof(ret_status->half), "%s", shared->half);
  ret_status->health = shared->health;
  pthread_mutex_unlock(&shared->lock);
}
