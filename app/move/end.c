/* SPDX-License-Identifier: Apache-2.0
 * end: what each class of failure means to a long job that an admin watches. The program's only thread. */
#include "move/end.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"

/* A page of 256 records takes milliseconds; a store under load, or a server that vacuums, some seconds. */
#define CALL_MAX_MS 30000
/* A database that restarts or fails over is back within it. */
#define PATIENCE_MS 60000
#define PAUSE_MS    500
#define LOOK_MS     50

static bool is_stopped(const struct end *end) {
  return end->is_stopped && end->is_stopped();
}

bool end_pause(const struct end *end, uint64_t ms) {
  uint64_t until_ms = clock_mono_ms() + ms;
  for (uint64_t now_ms; !is_stopped(end) && (now_ms = clock_mono_ms()) < until_ms;) {
    uint64_t left_ms = until_ms - now_ms < LOOK_MS ? until_ms - now_ms : LOOK_MS;
    nanosleep(&(struct timespec){.tv_nsec = (long)left_ms * 1000000}, NULL);
  }
  return !is_stopped(end);
}

/* What becomes of a call that failed. */
static const struct {
  bool passes;  /* may succeed a little later */
  bool is_lost; /* the handle is worth nothing */
  const char *advice;
} meanings[WEIGATE_FAILED + 1] = {
    [WEIGATE_BUSY] = {.passes = true},
    [WEIGATE_UNAVAILABLE] = {.passes = true, .is_lost = true, .advice = "start it, or see to the way there"},
    [WEIGATE_TIMEOUT] = {.passes = true, .advice = "it is overloaded or hangs; look at its own log"},
    [WEIGATE_OUTCOME_UNKNOWN] = {.passes = true, .is_lost = true, .advice = "see to the way there"},
    [WEIGATE_FULL] = {.advice = "make room there"},
    [WEIGATE_READ_ONLY] = {.advice = "make it writable, or name the primary"},
    [WEIGATE_CORRUPT] = {.advice = "it is damaged: nothing more is read from or written to it; restore it from a backup"},
    [WEIGATE_SCHEMA_NEWER] = {.advice = "use the weigate that made it"},
};

static int reconnect(const struct end *end) {
  struct weigate_call call = plugin_call(CALL_MAX_MS);
  plugin_disconnect(end->plugin, *end->handle);
  *end->handle = NULL;
  return plugin_connect(end->plugin, &call, end->handle);
}

static int refuse(const struct end *end, const char *doing, int class, const struct weigate_call *call, struct err *err) {
  const char *advice = meanings[class].advice;
  if (strstr(call->message, "storage init")) /* what plugins say of missing tables is about the configured store */
    return err_set(err, "%s: cannot %s: %s (for this store: weigatectl storage init --plugin %s)", end->name, doing,
                   call->message, end->name);
  return err_set(err, "%s: cannot %s: %s (%s)%s%s", end->name, doing, call->message[0] ? call->message : "no reason given",
                 plugin_class_name(class), advice ? "; " : "", advice ? advice : "");
}

int end_call(const struct end *end, const char *doing, end_work work, void *context, struct err *err) {
  uint64_t until_ms = clock_mono_ms() + PATIENCE_MS;
  for (;;) {
    struct weigate_call call = plugin_call(CALL_MAX_MS);
    int class = *end->handle ? plugin_answer(work(end, &call, context), &call) : WEIGATE_UNAVAILABLE;
    if (class == WEIGATE_OK) return 0;
    if (!meanings[class].passes || clock_mono_ms() >= until_ms) return refuse(end, doing, class, &call, err);
    if (!end_pause(end, call.retry_after_ms > PAUSE_MS ? call.retry_after_ms : PAUSE_MS))
      return refuse(end, doing, class, &call, err);
    if (meanings[class].is_lost) reconnect(end);
  }
}
