/* SPDX-License-Identifier: Apache-2.0
 * breaker: two kinds of gates, one for the way and one per call; the sign-in thread. */
#include "wechat/breaker.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "wechat/stats.h"

/* Failures in a row; fewer may be chance. An HTTP/2 connection that breaks can take 100 exchanges of codes with it, which then
 * costs the account the first pause, at most a second. */
#define FAILURES_MAX     5
#define BACKOFF_FIRST_MS 1000
/* With half of it as jitter a probe comes at most 8 s after the last, so that a host that is back is used again within 10 s. */
#define BACKOFF_MAX_MS 8000
/* A host may ask for patience; a minute is the window of WeChat's own quota. */
#define RETRY_AFTER_MAX_S 60
#define MINUTE_MS         60000
#define DAY_MS            86400000
/* WeChat's day begins at 00:00 in Beijing. */
#define BEIJING_MS (8 * 3600000)
/* A day's quota can be raised by buying more: look now and then. */
#define QUOTA_DAY_PROBE_MS 300000
/* Spread over the minute's first second, so that workers do not come back together. */
#define QUOTA_JITTER_MS 1000

static uint64_t read_wall_ms(void) {
  int64_t ms = clock_wall_us() / 1000;
  return ms > 0 ? (uint64_t)ms : 0;
}

static uint64_t add_jitter(uint64_t ms) {
  return ms / 2 + random_below((uint32_t)(ms / 2) + 1);
}

static bool is_config(enum wechat_action action) {
  return action == WECHAT_CONFIG || action == WECHAT_OPERATOR;
}

static bool is_quota(enum wechat_action action) {
  return action == WECHAT_QUOTA_MINUTE || action == WECHAT_QUOTA_DAY;
}

static uint32_t seconds_left(const struct breaker_gate *gate) {
  uint64_t now = clock_mono_ms();
  return gate->until_ms > now ? (uint32_t)((gate->until_ms - now + 999) / 1000) : 1;
}

/* --- what others see
 * ------------------------------------------------------------------------------------------------------------- */

static void publish(struct breaker *breaker) {
  const struct breaker_gate *shown = breaker->way.is_open ? &breaker->way : NULL;
  for (size_t i = 0; !shown && i < WECHAT_CALL_COUNT; i++)
    if (breaker->calls[i].is_open) shown = &breaker->calls[i];
  enum wechat_breaker state = WECHAT_BREAKER_CLOSED;
  if (shown) state = shown->is_probing ? WECHAT_BREAKER_PROBING : WECHAT_BREAKER_OPEN;
  stats_move_breaker(atomic_load(&breaker->state), state);
  atomic_store(&breaker->why, shown ? shown->why : "");
  atomic_store(&breaker->state, state);
}

/* --- gates
 * ----------------------------------------------------------------------------------------------------------------------- */

static void close_gate(struct breaker *breaker, struct breaker_gate *gate) {
  if (gate->is_open) log_info("account %s: calls to WeChat go on (%s is over)", breaker->name, gate->why);
  *gate = (struct breaker_gate){0};
}

static void open_gate(struct breaker *breaker, struct breaker_gate *gate, const struct wechat_answer *answer, uint64_t ms,
                      const char *why) {
  if (!gate->is_open || gate->why != why)
    log_error("account %s: calls to WeChat stop for now: %s; the last answer: %s", breaker->name, why,
              answer->errmsg[0] ? answer->errmsg : "-");
  gate->is_open = true;
  gate->until_ms = clock_mono_ms() + ms;
  gate->action = answer->action;
  gate->errcode = answer->errcode;
  gate->why = why;
}

/* Longer from one failed probe to the next. */
static uint64_t next_backoff(struct breaker_gate *gate) {
  gate->backoff_ms = gate->backoff_ms == 0 ? BACKOFF_FIRST_MS : gate->backoff_ms * 2;
  if (gate->backoff_ms > BACKOFF_MAX_MS) gate->backoff_ms = BACKOFF_MAX_MS;
  return add_jitter(gate->backoff_ms);
}

/* Whether a call may pass; *ret_is_probe if it is the one that finds out. */
static bool pass_gate(struct breaker_gate *gate, bool *ret_is_probe) {
  *ret_is_probe = false;
  if (!gate->is_open) return true;
  if (gate->is_probing || clock_mono_ms() < gate->until_ms) return false;
  *ret_is_probe = gate->is_probing = true;
  return true;
}

static void refuse(const struct breaker_gate *gate, struct wechat_answer *ret_answer) {
  *ret_answer = (struct wechat_answer){
      .action = gate->action, .upstream = WECHAT_UPSTREAM_BREAKER, .errcode = gate->errcode, .retry_after_s = seconds_left(gate)};
  (void)str_copy(str_of(gate->why), ret_answer->errmsg, sizeof ret_answer->errmsg);
}

/* --- the two kinds
 * --------------------------------------------------------------------------------------------------------------- */

static void note_way(struct breaker *breaker, bool is_probe, const struct wechat_answer *answer) {
  struct breaker_gate *gate = &breaker->way;
  if (answer->upstream == WECHAT_UPSTREAM_FINE) {
    close_gate(breaker, gate);
  } else if (answer->upstream == WECHAT_UPSTREAM_HTTP_STATUS && answer->retry_after_s > 0) {
    uint32_t seconds = answer->retry_after_s < RETRY_AFTER_MAX_S ? answer->retry_after_s : RETRY_AFTER_MAX_S;
    open_gate(breaker, gate, answer, (uint64_t)seconds * 1000, "WeChat's host asks to wait (Retry-After)");
  } else if (gate->is_open ? is_probe : ++gate->failures >= FAILURES_MAX) {
    open_gate(breaker, gate, answer, next_backoff(gate), "WeChat does not answer");
  }
}

static void note_quota(struct breaker *breaker, struct breaker_gate *gate, const struct wechat_answer *answer) {
  uint64_t wall_ms = read_wall_ms(), ms;
  if (answer->action == WECHAT_QUOTA_MINUTE) {
    ms = MINUTE_MS - wall_ms % MINUTE_MS;
  } else {
    ms = DAY_MS - (wall_ms + BEIJING_MS) % DAY_MS;
    if (ms > QUOTA_DAY_PROBE_MS) ms = QUOTA_DAY_PROBE_MS;
  }
  const char *why =
      answer->action == WECHAT_QUOTA_MINUTE ? "the quota of the minute is used up" : "the quota of the day is used up";
  open_gate(breaker, gate, answer, ms + random_below(QUOTA_JITTER_MS), why);
}

static void note_call(struct breaker *breaker, const struct breaker_pass *pass, const struct wechat_answer *answer) {
  struct breaker_gate *gate = &breaker->calls[pass->call];
  if (answer->upstream != WECHAT_UPSTREAM_FINE) return;
  if (is_quota(answer->action)) {
    note_quota(breaker, gate, answer);
  } else if (!is_config(answer->action)) {
    close_gate(breaker, gate);
  } else if (gate->is_open ? pass->probes_call : ++gate->failures >= FAILURES_MAX) {
    const struct wechat_errcode *row = wechat_errcode_find(answer->errcode, pass->call);
    open_gate(breaker, gate, answer, next_backoff(gate), row ? row->meaning : "the account is misconfigured");
  }
}

/* --- exported
 * -------------------------------------------------------------------------------------------------------------------- */

void breaker_init(struct breaker *breaker, const char *name) {
  *breaker = (struct breaker){.name = name};
  atomic_init(&breaker->state, WECHAT_BREAKER_CLOSED);
  atomic_init(&breaker->why, "");
}

void breaker_done(struct breaker *breaker) {
  stats_move_breaker(atomic_load(&breaker->state), WECHAT_BREAKER_CLOSED);
}

bool breaker_admit(struct breaker *breaker, enum wechat_call call, struct breaker_pass *ret_pass,
                   struct wechat_answer *ret_answer) {
  struct breaker_gate *gate = &breaker->calls[call];
  struct breaker_pass pass = {.call = call};
  if (!pass_gate(gate, &pass.probes_call)) {
    refuse(gate, ret_answer);
    return false;
  }
  if (!pass_gate(&breaker->way, &pass.probes_way)) {
    if (pass.probes_call) gate->is_probing = false;
    refuse(&breaker->way, ret_answer);
    return false;
  }
  if (pass.probes_call || pass.probes_way) publish(breaker);
  *ret_pass = pass;
  return true;
}

void breaker_report(struct breaker *breaker, const struct breaker_pass *pass, const struct wechat_answer *answer,
                    bool is_counted) {
  if (pass->probes_way) breaker->way.is_probing = false;
  if (pass->probes_call) breaker->calls[pass->call].is_probing = false;
  if (is_counted) {
    note_way(breaker, pass->probes_way, answer);
    note_call(breaker, pass, answer);
  }
  publish(breaker);
}

enum wechat_breaker breaker_state(const struct breaker *breaker, const char **ret_why) {
  *ret_why = atomic_load(&breaker->why);
  return atomic_load(&breaker->state);
}
