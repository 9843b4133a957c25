/* SPDX-License-Identifier: Apache-2.0
 * stats: what became of the calls, as metrics; any thread, registered before threads start. */
#include "wechat/stats.h"

#include <assert.h>
#include <stdio.h>

#include "base/metrics.h"

/* Room for the table's errcodes; checked when they are registered. */
#define ERRCODES_MAX 96

/* An answer of WeChat's counts under its action, a failure of the way under its own word. */
#define RESULT_COUNT (WECHAT_ACTION_COUNT + WECHAT_UPSTREAM_COUNT - 1)

enum {
  METRIC_TOKEN,
  METRIC_REFRESH,
  METRIC_USERINFO,
  METRIC_AUTH,
  METRIC_SECONDS,
  METRIC_ERRCODES,
  METRIC_BREAKERS,
  METRIC_COUNT
};

static struct metric wechat_metrics[];
static const char *result_names[RESULT_COUNT];
static const char *call_names[WECHAT_CALL_COUNT];
static int errcodes[ERRCODES_MAX];
static char errcode_texts[ERRCODES_MAX][12];
static const char *errcode_names[ERRCODES_MAX + 1];

static const char *const upstream_names[] = {
    [WECHAT_UPSTREAM_UNREACHABLE] = "unreachable", [WECHAT_UPSTREAM_TIMEOUT] = "timeout", [WECHAT_UPSTREAM_BAD_BODY] = "bad_body",
    [WECHAT_UPSTREAM_HTTP_STATUS] = "http_status", [WECHAT_UPSTREAM_BREAKER] = "breaker",
};
static_assert(sizeof upstream_names / sizeof *upstream_names == WECHAT_UPSTREAM_COUNT, "one name per way to fail");

static size_t find_result(const struct wechat_answer *answer) {
  if (answer->upstream == WECHAT_UPSTREAM_FINE) return answer->action;
  return WECHAT_ACTION_COUNT + (size_t)answer->upstream - 1;
}

/* One label per errcode, although some have several rows; 0 is not an error. */
static size_t name_errcodes(void) {
  size_t row_count, count = 0;
  const struct wechat_errcode *rows = wechat_errcodes(&row_count);
  for (size_t i = 0; i < row_count && count < ERRCODES_MAX; i++) {
    if (rows[i].errcode == 0 || (count > 0 && errcodes[count - 1] == rows[i].errcode)) continue;
    errcodes[count] = rows[i].errcode;
    snprintf(errcode_texts[count], sizeof errcode_texts[count], "%d", rows[i].errcode);
    errcode_names[count] = errcode_texts[count];
    count++;
  }
  errcode_names[count] = "other";
  return count + 1;
}

static size_t find_errcode(int errcode) {
  size_t other = wechat_metrics[METRIC_ERRCODES].count - 1;
  for (size_t i = 0; i < other; i++)
    if (errcodes[i] == errcode) return i;
  return other;
}

void stats_count_call(enum wechat_call call, const struct wechat_answer *answer, uint64_t us) {
  metric_add(&wechat_metrics[METRIC_TOKEN + call], find_result(answer), 1);
  if (answer->upstream == WECHAT_UPSTREAM_BREAKER) return; /* nothing was asked, and nothing took time */
  metric_observe_us(&wechat_metrics[METRIC_SECONDS], call, us);
  if (answer->errcode != 0) metric_add(&wechat_metrics[METRIC_ERRCODES], find_errcode(answer->errcode), 1);
}

void stats_move_breaker(enum wechat_breaker from, enum wechat_breaker to) {
  if (from == to) return;
  if (from != WECHAT_BREAKER_CLOSED) metric_add(&wechat_metrics[METRIC_BREAKERS], from - 1, -1);
  if (to != WECHAT_BREAKER_CLOSED) metric_add(&wechat_metrics[METRIC_BREAKERS], to - 1, 1);
}

void wechat_metrics_register(void) {
  for (int i = 0; i < WECHAT_ACTION_COUNT; i++) result_names[i] = wechat_action_name(i);
  for (int i = 1; i < WECHAT_UPSTREAM_COUNT; i++) result_names[WECHAT_ACTION_COUNT + i - 1] = upstream_names[i];
  for (int i = 0; i < WECHAT_CALL_COUNT; i++) call_names[i] = wechat_call_name(i);
  wechat_metrics[METRIC_ERRCODES].count = name_errcodes();
  metrics_register(wechat_metrics, METRIC_COUNT);
}

static const char *const breaker_names[] = {[WECHAT_BREAKER_OPEN - 1] = "open", [WECHAT_BREAKER_PROBING - 1] = "probing"};

#define CALLS_ROW(call)                                                                                                          \
  {                                                                                                                              \
    .name = "wechat_" call "_calls_total", .help = "Answers to WeChat's " call " call by what they ask for.",                    \
    .type = METRIC_COUNTER, .label = "result", .values = result_names, .count = RESULT_COUNT                                     \
  }

static struct metric wechat_metrics[] = {
    [METRIC_TOKEN] = CALLS_ROW("token"),
    [METRIC_REFRESH] = CALLS_ROW("refresh"),
    [METRIC_USERINFO] = CALLS_ROW("userinfo"),
    [METRIC_AUTH] = CALLS_ROW("auth"),
    [METRIC_SECONDS] = {.name = "wechat_call_seconds",
                        .help = "Time of WeChat's calls, repeats included.",
                        .type = METRIC_HISTOGRAM,
                        .label = "call",
                        .values = call_names,
                        .count = WECHAT_CALL_COUNT},
    [METRIC_ERRCODES] = {.name = "wechat_errcodes_total",
                         .help = "Errcodes that WeChat gave.",
                         .type = METRIC_COUNTER,
                         .label = "errcode",
                         .values = errcode_names,
                         .count = 1},
    [METRIC_BREAKERS] = {.name = "wechat_breakers",
                         .help = "Accounts whose calls are stopped, or tried one at a time.",
                         .type = METRIC_GAUGE,
                         .label = "state",
                         .values = breaker_names,
                         .count = 2},
};
