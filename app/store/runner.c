/* SPDX-License-Identifier: Apache-2.0
 * runner: connects, takes what waits, calls, decides what a failure means, and in between asks for health. Each its own thread.
 */
#include "store/runner.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "store/batch.h"
#include "store/meter.h"

/* SQLite and libpq stay far below; ASan's frames are the largest. */
#define STACK_BYTES (512 * 1024)
/* Between two attempts to connect: full jitter up to a limit that doubles from the first to the last. A promoted standby is found
 * half the last after it takes writes, on the average; 32 workers with 4 threads then knock 256 times a second, which a server
 * that refuses them does not feel. */
#define BACKOFF_FIRST_MS 50
#define BACKOFF_LAST_MS  1000
/* A batch that met a lock or a conflict goes again this often. */
#define BUSY_RETRIES      3
#define BUSY_PAUSE_MS     20
#define HEALTH_UP_MS      5000
#define HEALTH_TIMEOUT_MS 1000
/* Tickets live for minutes; what is past its time is dropped about once a minute, the log is emptied about once an hour. */
#define EXPIRE_EVERY_MS     60000
#define COMPACT_EVERY_MS    3600000
#define MAINTAIN_TIMEOUT_MS 1000
/* How long a store that let others wait may take for a call that costs it nothing, and the pause before it is asked again. */
#define PROBE_TIMEOUT_MS 1000
#define PROBE_PAUSE_MS   250

struct runner {
  struct runner_shared *shared;
  enum queue_lane lane;
  bool does_health, does_maintenance;
  pthread_t thread;
  struct weigate_handle *handle;
  bool is_down; /* the queue was told so */
  unsigned connect_failures;
  struct batch *batch;
  struct op **ops;
  uint64_t health_at_ms, expire_at_ms, compact_at_ms;
};

/* --- what is reported --- */

static void note_class(struct runner_shared *shared, int class, const char *message) {
  pthread_mutex_lock(&shared->lock);
  shared->last_class = class;
  snprintf(shared->last_message, sizeof(shared->last_message), "%.199s", message);
  pthread_mutex_unlock(&shared->lock);
}

static void note_health(struct runner_shared *shared, const struct weigate_health *health) {
  pthread_mutex_lock(&shared->lock);
  shared->health = *health;
  pthread_mutex_unlock(&shared->lock);
  resend_server(shared->resend, health->server);
}

static void note_down(struct runner *runner, int class, const char *message) {
  struct weigate_health health = {.struct_size = sizeof(health), .state = WEIGATE_DOWN};
  snprintf(health.text, sizeof(health.text), "%.250s", message[0] ? message : plugin_class_name(class));
  note_class(runner->shared, class, message);
  if (runner->does_health) note_health(runner->shared, &health);
}

/* --- the handle --- */

static void drop_handle(struct runner *runner) {
  plugin_disconnect(&runner->shared->plugin, runner->handle);
  runner->handle = NULL;
}

/* One attempt. The first failure in a row is logged, and the first success after it. */
static int connect_once(struct runner *runner, uint64_t timeout_ms, struct weigate_call *call) {
  struct runner_shared *shared = runner->shared;
  *call = plugin_call((uint32_t)timeout_ms);
  int class = plugin_connect(&shared->plugin, call, &runner->handle);
  if (class != WEIGATE_OK) {
    if (runner->connect_failures++ == 0)
      log_error("storage: plugin %s: cannot connect: %s: %s", shared->plugin.desc->name, plugin_class_name(class), call->message);
    return class;
  }
  if (runner->connect_failures) log_info("storage: plugin %s: connected again", shared->plugin.desc->name);
  runner->connect_failures = 0;
  runner->health_at_ms = clock_mono_ms();
  if (runner->is_down) queue_lane_up(shared->queue, runner->lane);
  runner->is_down = false;
  return WEIGATE_OK;
}

static void tell_down(struct runner *runner, int class, const char *message) {
  note_down(runner, class, message);
  if (!runner->is_down) queue_lane_down(runner->shared->queue, runner->lane, class, message);
  runner->is_down = true;
}

static uint64_t backoff_ms(unsigned failures) {
  unsigned doublings = failures < 5 ? failures : 5;
  uint64_t most = (uint64_t)BACKOFF_FIRST_MS << doublings;
  return random_below((uint32_t)(most < BACKOFF_LAST_MS ? most : BACKOFF_LAST_MS)) + 1;
}

/* Until there is a handle; -1: the store stops. */
static int connect_at_last(struct runner *runner) {
  struct weigate_call call;
  while (!runner->handle) {
    if (queue_is_stopping(runner->shared->queue)) return -1;
    int class = connect_once(runner, runner->shared->deadline_ms, &call);
    if (class == WEIGATE_OK) break;
    tell_down(runner, class, call.message);
    if (queue_pause(runner->shared->queue, backoff_ms(runner->connect_failures))) return -1;
  }
  return 0;
}

/* --- one batch --- */

/* Classes after which the handle is worth nothing. */
static bool loses_handle(int class) {
  return class == WEIGATE_UNAVAILABLE || class == WEIGATE_OUTCOME_UNKNOWN || class == WEIGATE_AUTH || class == WEIGATE_CONFIG ||
         class == WEIGATE_CORRUPT || class == WEIGATE_SCHEMA_NEWER;
}

/* How a batch goes on after a call. */
struct trial {
  uint64_t until_ms; /* the latest deadline in it: those whose own is earlier have their loop to answer them */
  unsigned busy;     /* times it was told to wait */
  bool was_reconnected;
  bool is_again; /* it was sent, and nobody knows */
};

static uint64_t ms_left(const struct trial *trial) {
  uint64_t now_ms = clock_mono_ms();
  return trial->until_ms > now_ms ? trial->until_ms - now_ms : 0;
}

static uint64_t latest_deadline(struct op *const *ops, size_t count) {
  uint64_t latest_ms = 0;
  for (size_t i = 0; i < count; i++)
    if (ops[i]->deadline_ms > latest_ms) latest_ms = ops[i]->deadline_ms;
  return latest_ms;
}

static bool pause_and_go_on(struct runner *runner, const struct trial *trial, uint64_t ms) {
  uint64_t left = ms_left(trial);
  if (ms >= left) return false;
  queue_pause(runner->shared->queue, ms);
  return true;
}

/* A new handle while the batch's time lasts: at once where nothing was sent, again and again where it is not known. */
static bool reconnect_for(struct runner *runner, struct trial *trial, bool is_patient) {
  struct weigate_call call;
  drop_handle(runner);
  for (unsigned attempt = 0; ms_left(trial) > 0; attempt++) {
    if (connect_once(runner, ms_left(trial), &call) == WEIGATE_OK) return true;
    if (!is_patient || !pause_and_go_on(runner, trial, backoff_ms(attempt))) break;
  }
  return false;
}

/* True if the same batch is to be sent once more. */
static bool goes_again(struct runner *runner, enum op_kind kind, int class, const struct weigate_call *call,
                       struct trial *trial) {
  switch (class) {
  case WEIGATE_BUSY:
    if (trial->busy++ >= BUSY_RETRIES) return false;
    uint64_t least_ms = call->retry_after_ms;
    return pause_and_go_on(runner, trial, least_ms + random_below(BUSY_PAUSE_MS << trial->busy) + 1);
  case WEIGATE_UNAVAILABLE:
    if (trial->was_reconnected) return false;
    trial->was_reconnected = true;
    return reconnect_for(runner, trial, false);
  case WEIGATE_OUTCOME_UNKNOWN:
    if (kind == OP_TAKE) return false; /* what was taken cannot be taken twice */
    trial->is_again = true;
    return reconnect_for(runner, trial, !runner->shared->has_spool);
  default:
    return false;
  }
}

static int call_until_decided(struct runner *runner, struct op *const *ops, size_t count, struct weigate_call *call) {
  struct trial trial = {.until_ms = latest_deadline(ops, count)};
  int class;
  do {
    *call = plugin_call((uint32_t)ms_left(&trial));
    if (call->timeout_ms == 0) {
      snprintf(call->message, sizeof(call->message), "out of time before the call");
      return trial.is_again ? WEIGATE_OUTCOME_UNKNOWN : WEIGATE_TIMEOUT;
    }
    uint64_t began_us = clock_mono_us();
    class = batch_call(runner->batch, &runner->shared->plugin, runner->handle, ops, count, trial.is_again, call);
    meter_call(ops[0]->kind, class, clock_mono_us() - began_us);
  } while (class != WEIGATE_OK && goes_again(runner, ops[0]->kind, class, call, &trial));
  /* What was sent once stays unknown, whatever the last attempt says. */
  return class != WEIGATE_OK && trial.is_again ? WEIGATE_OUTCOME_UNKNOWN : class;
}

/* A batch that the plugin refuses as a whole may hold one item that is to blame: the others go on their own. */
static bool may_be_one_item(int class) {
  return class == WEIGATE_FAILED || class == WEIGATE_INVALID;
}

static void answer_failure(struct op *const *ops, size_t count, int class, const char *message) {
  for (size_t i = 0; i < count; i++) {
    ops[i]->answer = (struct store_answer){.class = class};
    snprintf(ops[i]->answer.message, sizeof(ops[i]->answer.message), "%.199s", message);
  }
}

static void run_ops(struct runner *runner, struct op **ops, size_t count) {
  struct weigate_call call;
  if (!runner->handle && connect_once(runner, runner->shared->deadline_ms, &call) != WEIGATE_OK) {
    answer_failure(ops, count, WEIGATE_UNAVAILABLE, call.message);
    queue_finish(runner->shared->queue, ops, count);
    return;
  }
  int class = call_until_decided(runner, ops, count, &call);
  if (may_be_one_item(class) && count > 1) {
    for (size_t i = 0; i < count; i++) run_ops(runner, &ops[i], 1);
    return;
  }
  note_class(runner->shared, class, call.message);
  if (class == WEIGATE_OK) queue_trust(runner->shared->queue, runner->lane);
  if (class != WEIGATE_OK) {
    answer_failure(ops, count, class, call.message);
    log_warn("storage: %s of %zu failed: %s: %s", op_kind_name(ops[0]->kind), count, plugin_class_name(class), call.message);
  }
  queue_finish(runner->shared->queue, ops, count);
  if (loses_handle(class)) {
    drop_handle(runner);
    tell_down(runner, class, call.message);
  }
}

/* --- what is done between batches --- */

static void ask_health(struct runner *runner) {
  struct weigate_health health = {.struct_size = sizeof(health)};
  struct weigate_call call = plugin_call(HEALTH_TIMEOUT_MS);
  const struct plugin *plugin = &runner->shared->plugin;
  int class = plugin_answer(plugin->desc->health(runner->handle, &call, &health), &call);
  runner->health_at_ms = clock_mono_ms() + HEALTH_UP_MS;
  health.text[sizeof(health.text) - 1] = '\0';
  if (class == WEIGATE_OK) {
    note_health(runner->shared, &health);
    return;
  }
  note_down(runner, class, call.message);
  if (!loses_handle(class)) return;
  drop_handle(runner);
  tell_down(runner, class, call.message);
}

/* Once in the beginning, then now and then: until somebody finishes the copy. */
static void look_for_half(struct runner *runner) {
  struct runner_shared *shared = runner->shared;
  char text[HALF_TEXT_BYTES];
  half_look(&shared->plugin, runner->handle, text);
  pthread_mutex_lock(&shared->lock);
  bool is_news = text[0] && !shared->half[0];
  memcpy(shared->half, text, sizeof(shared->half));
  pthread_mutex_unlock(&shared->lock);
  if (is_news) log_warn("storage: plugin %s: the store %s", shared->plugin.desc->name, text);
}

static int ignore_ticket(void *context, size_t index, const struct weigate_ticket *found) {
  (void)context, (void)index, (void)found;
  return 0;
}

/* A write that changes nothing: a ticket that nobody has is taken. */
static int probe_writes(struct runner *runner, struct weigate_call *call) {
  const struct plugin *plugin = &runner->shared->plugin;
  const struct weigate_ticket nobodys = {.struct_size = sizeof(nobodys), .kind = {"probe", 5}, .key = {"probe", 5}};
  const struct weigate_tickets batch = {.struct_size = sizeof(batch), .stride = sizeof(nobodys), .count = 1, .items = &nobodys};
  return plugin->tickets->take(runner->handle, call, &batch, ignore_ticket, NULL);
}

static int probe_reads(struct runner *runner, struct weigate_call *call) {
  struct weigate_health health = {.struct_size = sizeof(health)};
  return runner->shared->plugin.desc->health(runner->handle, call, &health);
}

/* Whether a store that let others wait answers again. One that refuses does answer: at once, which is all that matters here. */
static void probe(struct runner *runner) {
  struct weigate_call call = plugin_call(PROBE_TIMEOUT_MS);
  bool is_writer = runner->lane == QUEUE_WRITES && runner->shared->plugin.tickets;
  int class = plugin_answer(is_writer ? probe_writes(runner, &call) : probe_reads(runner, &call), &call);
  if (loses_handle(class)) {
    drop_handle(runner);
    tell_down(runner, class, call.message);
  }
  if (loses_handle(class) || class == WEIGATE_TIMEOUT || class == WEIGATE_BUSY)
    queue_pause(runner->shared->queue, PROBE_PAUSE_MS);
  else
    queue_trust(runner->shared->queue, runner->lane);
}

/* Every worker does it; a share of chance keeps them from doing it at once. */
static uint64_t some_time_after(uint64_t ms) {
  return clock_mono_ms() + ms / 2 + random_below((uint32_t)ms);
}

static void maintain(struct runner *runner) {
  uint64_t now_ms = clock_mono_ms();
  uint32_t work = (now_ms >= runner->expire_at_ms ? WEIGATE_MAINTAIN_EXPIRE : 0) |
                  (now_ms >= runner->compact_at_ms ? WEIGATE_MAINTAIN_COMPACT : 0);
  struct weigate_call call = plugin_call(MAINTAIN_TIMEOUT_MS);
  int class = plugin_answer(runner->shared->plugin.desc->maintain(runner->handle, &call, work), &call);
  if (class != WEIGATE_OK && class != WEIGATE_BUSY && class != WEIGATE_TIMEOUT)
    log_warn("storage: maintenance: %s: %s", plugin_class_name(class), call.message);
  if (work & WEIGATE_MAINTAIN_EXPIRE) look_for_half(runner);
  if (work & WEIGATE_MAINTAIN_EXPIRE) runner->expire_at_ms = some_time_after(EXPIRE_EVERY_MS);
  if (work & WEIGATE_MAINTAIN_COMPACT) runner->compact_at_ms = some_time_after(COMPACT_EVERY_MS);
}

static uint64_t next_chore_ms(const struct runner *runner) {
  uint64_t next_ms = UINT64_MAX;
  if (runner->does_health) next_ms = runner->health_at_ms;
  if (runner->does_maintenance && runner->expire_at_ms < next_ms) next_ms = runner->expire_at_ms;
  if (runner->does_maintenance && runner->compact_at_ms < next_ms) next_ms = runner->compact_at_ms;
  uint64_t now_ms = clock_mono_ms();
  return next_ms == UINT64_MAX ? now_ms + COMPACT_EVERY_MS : next_ms;
}

static void do_chores(struct runner *runner) {
  uint64_t now_ms = clock_mono_ms();
  if (runner->does_health && now_ms >= runner->health_at_ms) ask_health(runner);
  if (runner->handle && runner->does_maintenance && (now_ms >= runner->expire_at_ms || now_ms >= runner->compact_at_ms))
    maintain(runner);
}

static void *run(void *arg) {
  struct runner *runner = arg;
  struct runner_shared *shared = runner->shared;
  if (connect_at_last(runner) == 0 && runner->does_maintenance) look_for_half(runner);
  while (connect_at_last(runner) == 0) {
    do_chores(runner);
    if (!runner->handle) continue;
    int count = queue_take(shared->queue, runner->lane, next_chore_ms(runner), shared->batch_max, runner->ops);
    if (count == QUEUE_PROBE) probe(runner);
    if (count == -1) break;
    if (count <= 0) continue;
    meter_batch(runner->ops, (size_t)count);
    run_ops(runner, runner->ops, (size_t)count);
  }
  drop_handle(runner);
  pthread_mutex_lock(&shared->lock);
  shared->running--;
  pthread_cond_signal(&shared->ended);
  pthread_mutex_unlock(&shared->lock);
  return NULL;
}

/* --- start and end --- */

static void free_runner(struct runner *runner) {
  batch_free(runner->batch);
  free(runner->ops);
  free(runner);
}

static int start_thread(struct runner *runner) {
  pthread_attr_t how;
  sigset_t all, before;
  int error = pthread_attr_init(&how);
  if (error) return error;
  pthread_attr_setstacksize(&how, STACK_BYTES);
  sigfillset(&all);
  pthread_mutex_lock(&runner->shared->lock);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  error = pthread_create(&runner->thread, &how, run, runner);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (!error) runner->shared->running++;
  pthread_mutex_unlock(&runner->shared->lock);
  pthread_attr_destroy(&how);
  return error;
}

int runner_start(struct runner_shared *shared, enum queue_lane lane, bool does_health, bool does_maintenance,
                 struct runner **ret_runner, struct err *err) {
  struct runner *runner = calloc(1, sizeof(*runner));
  if (!runner) return err_set(err, "storage thread: out of memory");
  runner->shared = shared;
  runner->lane = lane;
  runner->does_health = does_health;
  runner->does_maintenance = does_maintenance;
  runner->expire_at_ms = some_time_after(EXPIRE_EVERY_MS);
  runner->compact_at_ms = some_time_after(COMPACT_EVERY_MS);
  runner->ops = calloc(shared->batch_max, sizeof(*runner->ops));
  if (!runner->ops || batch_new(shared->batch_max, &runner->batch) != 0 || start_thread(runner) != 0) {
    free_runner(runner);
    return err_set(err, "storage thread: cannot start; out of memory or threads (ulimit -u)?");
  }
  *ret_runner = runner;
  return 0;
}

int runner_shared_init(struct runner_shared *shared) {
  pthread_condattr_t how;
  if (pthread_condattr_init(&how) != 0) return -1;
  int error = pthread_condattr_setclock(&how, CLOCK_MONOTONIC);
  if (!error) error = pthread_cond_init(&shared->ended, &how);
  pthread_condattr_destroy(&how);
  return error || pthread_mutex_init(&shared->lock, NULL) != 0 ? -1 : 0;
}

void runner_shared_done(struct runner_shared *shared) {
  pthread_mutex_destroy(&shared->lock);
  pthread_cond_destroy(&shared->ended);
}

size_t runner_wait_all(struct runner_shared *shared, uint64_t until_ms) {
  uint64_t now_ms = clock_mono_ms(), left_ms = until_ms > now_ms ? until_ms - now_ms : 0;
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += (time_t)(left_ms / 1000);
  until.tv_nsec += (long)(left_ms % 1000) * 1000000;
  if (until.tv_nsec >= 1000000000) {
    until.tv_nsec -= 1000000000;
    until.tv_sec++;
  }
  pthread_mutex_lock(&shared->lock);
  while (shared->running)
    if (pthread_cond_timedwait(&shared->ended, &shared->lock, &until) != 0) break;
  size_t running = shared->running;
  pthread_mutex_unlock(&shared->lock);
  return running;
}

void runner_join(struct runner *runner) {
  pthread_join(runner->thread, NULL);
  free_runner(runner);
}
