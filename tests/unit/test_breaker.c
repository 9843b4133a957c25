/* SPDX-License-Identifier: Apache-2.0
 * test_breaker: when an account's calls stop, when one may try, and when they go on; the clock is held. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "wechat/breaker.h"

/* 2023-11-15 06:13:20 in Beijing; 40 s before the next minute. */
#define WALL_S 1700000000

static struct breaker breaker;

static int start(void **state) {
  (void)state;
  clock_hold(WALL_S, 1000000);
  breaker_init(&breaker, "wx0");
  return 0;
}

static int stop(void **state) {
  (void)state;
  breaker_done(&breaker);
  clock_release();
  return 0;
}

static struct wechat_answer make_answer(enum wechat_action action, enum wechat_upstream upstream, int errcode) {
  return (struct wechat_answer){.action = action, .upstream = upstream, .errcode = errcode};
}

/* One call with this end; false if it was refused. */
static bool call(enum wechat_call which, struct wechat_answer end) {
  struct breaker_pass pass;
  struct wechat_answer refusal;
  if (!breaker_admit(&breaker, which, &pass, &refusal)) return false;
  breaker_report(&breaker, &pass, &end, true);
  return true;
}

static bool call_good(enum wechat_call which) {
  return call(which, make_answer(WECHAT_OK, WECHAT_UPSTREAM_FINE, 0));
}

static bool call_dead(void) {
  return call(WECHAT_CALL_TOKEN, make_answer(WECHAT_RETRY, WECHAT_UPSTREAM_TIMEOUT, 0));
}

static enum wechat_breaker state_now(void) {
  const char *why;
  return breaker_state(&breaker, &why);
}

static void open_the_way(void) {
  for (int i = 0; i < 5; i++) assert_true(call_dead());
  assert_false(call_dead());
}

static void failures_must_be_in_a_row(void **state) {
  (void)state;
  for (int i = 0; i < 20; i++) assert_true(i % 5 == 4 ? call_good(WECHAT_CALL_AUTH) : call_dead());
  assert_int_equal(state_now(), WECHAT_BREAKER_CLOSED);
}

static void every_kind_of_no_answer_counts(void **state) {
  (void)state;
  static const enum wechat_upstream kinds[] = {WECHAT_UPSTREAM_UNREACHABLE, WECHAT_UPSTREAM_TIMEOUT, WECHAT_UPSTREAM_BAD_BODY,
                                               WECHAT_UPSTREAM_HTTP_STATUS, WECHAT_UPSTREAM_UNREACHABLE};
  for (int i = 0; i < 5; i++) assert_true(call(WECHAT_CALL_USERINFO, make_answer(WECHAT_RETRY, kinds[i], 0)));
  assert_int_equal(state_now(), WECHAT_BREAKER_OPEN);
}

static void errcodes_are_answers_and_do_not_count(void **state) {
  (void)state;
  for (int i = 0; i < 20; i++) assert_true(call(WECHAT_CALL_TOKEN, make_answer(WECHAT_RESTART, WECHAT_UPSTREAM_FINE, 40029)));
  for (int i = 0; i < 20; i++) assert_true(call(WECHAT_CALL_TOKEN, make_answer(WECHAT_RETRY, WECHAT_UPSTREAM_FINE, -1)));
  assert_int_equal(state_now(), WECHAT_BREAKER_CLOSED);
}

static void refused_call_is_told_when_to_come_back(void **state) {
  (void)state;
  struct breaker_pass pass;
  struct wechat_answer refusal;
  open_the_way();
  assert_false(breaker_admit(&breaker, WECHAT_CALL_USERINFO, &pass, &refusal));
  assert_int_equal(refusal.action, WECHAT_RETRY);
  assert_int_equal(refusal.upstream, WECHAT_UPSTREAM_BREAKER);
  assert_true(refusal.retry_after_s >= 1 && refusal.retry_after_s <= 8);
}

/* T23 */
static void one_probe_at_a_time(void **state) {
  (void)state;
  struct breaker_pass probe, other;
  struct wechat_answer refusal, bad = make_answer(WECHAT_RETRY, WECHAT_UPSTREAM_TIMEOUT, 0);
  open_the_way();
  clock_advance_ms(8000);
  assert_true(breaker_admit(&breaker, WECHAT_CALL_TOKEN, &probe, &refusal));
  assert_int_equal(state_now(), WECHAT_BREAKER_PROBING);
  for (int i = 0; i < 100; i++) assert_false(breaker_admit(&breaker, WECHAT_CALL_TOKEN, &other, &refusal));
  breaker_report(&breaker, &probe, &bad, true);
  assert_int_equal(state_now(), WECHAT_BREAKER_OPEN);
  assert_false(breaker_admit(&breaker, WECHAT_CALL_TOKEN, &other, &refusal));
}

/* T23 */
static void dead_for_long_is_probed_within_eight_seconds_and_then_closes(void **state) {
  (void)state;
  open_the_way();
  int probes = 0;
  for (int second = 0; second < 600; second++) {
    clock_advance_ms(1000);
    if (call_dead()) probes++;
  }
  assert_true(probes >= 600 / 9 && probes <= 600 / 4 + 4);
  int waited_ms = 0;
  while (!call_good(WECHAT_CALL_TOKEN)) {
    clock_advance_ms(100);
    waited_ms += 100;
  }
  assert_true(waited_ms <= 8000);
  assert_int_equal(state_now(), WECHAT_BREAKER_CLOSED);
  for (int i = 0; i < 50; i++) assert_true(call_good(WECHAT_CALL_TOKEN));
}

static void late_failures_do_not_prolong_the_pause(void **state) {
  (void)state;
  struct breaker_pass passes[20];
  struct wechat_answer refusal, bad = make_answer(WECHAT_RETRY, WECHAT_UPSTREAM_TIMEOUT, 0);
  for (int i = 0; i < 20; i++) assert_true(breaker_admit(&breaker, WECHAT_CALL_TOKEN, &passes[i], &refusal));
  for (int i = 0; i < 20; i++) breaker_report(&breaker, &passes[i], &bad, true);
  clock_advance_ms(1000);
  assert_true(call_good(WECHAT_CALL_TOKEN));
}

static void probe_that_says_nothing_leaves_room_for_the_next(void **state) {
  (void)state;
  struct breaker_pass probe;
  struct wechat_answer refusal, none = make_answer(WECHAT_RETRY, WECHAT_UPSTREAM_UNREACHABLE, 0);
  open_the_way();
  clock_advance_ms(1000);
  assert_true(breaker_admit(&breaker, WECHAT_CALL_TOKEN, &probe, &refusal));
  breaker_report(&breaker, &probe, &none, false);
  assert_true(call_good(WECHAT_CALL_TOKEN));
  assert_int_equal(state_now(), WECHAT_BREAKER_CLOSED);
}

static void retry_after_is_honoured_at_once_for_a_minute_at_most(void **state) {
  (void)state;
  struct wechat_answer unavailable = make_answer(WECHAT_RETRY, WECHAT_UPSTREAM_HTTP_STATUS, 0);
  unavailable.retry_after_s = 30;
  assert_true(call(WECHAT_CALL_TOKEN, unavailable));
  clock_advance_ms(29900);
  assert_false(call_good(WECHAT_CALL_TOKEN));
  clock_advance_ms(100);
  unavailable.retry_after_s = 3600;
  assert_true(call(WECHAT_CALL_TOKEN, unavailable));
  clock_advance_ms(60000);
  assert_true(call_good(WECHAT_CALL_TOKEN));
}

/* X18 */
static void a_wall_clock_that_steps_opens_and_closes_nothing(void **state) {
  (void)state;
  struct wechat_answer unavailable = make_answer(WECHAT_RETRY, WECHAT_UPSTREAM_HTTP_STATUS, 0);
  unavailable.retry_after_s = 30;
  assert_true(call(WECHAT_CALL_TOKEN, unavailable));
  clock_hold(WALL_S + 86400, 1000000);
  assert_false(call_good(WECHAT_CALL_TOKEN));
  clock_hold(WALL_S - 3600, 1000000);
  assert_false(call_good(WECHAT_CALL_TOKEN));
  clock_advance_ms(30000);
  assert_true(call_good(WECHAT_CALL_TOKEN));
}

static void minute_quota_ends_with_the_minute_and_stops_one_call_only(void **state) {
  (void)state;
  struct breaker_pass pass;
  struct wechat_answer refusal;
  assert_true(call(WECHAT_CALL_USERINFO, make_answer(WECHAT_QUOTA_MINUTE, WECHAT_UPSTREAM_FINE, 45011)));
  assert_int_equal(state_now(), WECHAT_BREAKER_OPEN);
  assert_true(call_good(WECHAT_CALL_TOKEN));
  assert_false(breaker_admit(&breaker, WECHAT_CALL_USERINFO, &pass, &refusal));
  assert_int_equal(refusal.action, WECHAT_QUOTA_MINUTE);
  assert_int_equal(refusal.errcode, 45011);
  clock_advance_ms(39999);
  assert_false(call_good(WECHAT_CALL_USERINFO));
  clock_advance_ms(1001);
  assert_true(call_good(WECHAT_CALL_USERINFO));
  assert_int_equal(state_now(), WECHAT_BREAKER_CLOSED);
}

static void day_quota_is_probed_every_five_minutes(void **state) {
  (void)state;
  struct wechat_answer quota = make_answer(WECHAT_QUOTA_DAY, WECHAT_UPSTREAM_FINE, 45009);
  assert_true(call(WECHAT_CALL_TOKEN, quota));
  clock_advance_ms(299999);
  assert_false(call_good(WECHAT_CALL_TOKEN));
  clock_advance_ms(1001);
  assert_true(call(WECHAT_CALL_TOKEN, quota));
  assert_false(call_good(WECHAT_CALL_TOKEN));
  clock_advance_ms(301000);
  assert_true(call_good(WECHAT_CALL_TOKEN));
}

static void day_quota_ends_at_midnight_in_beijing(void **state) {
  (void)state;
  clock_hold(1700063999 - 60, 1000000); /* 23:58:59 */
  assert_true(call(WECHAT_CALL_TOKEN, make_answer(WECHAT_QUOTA_DAY, WECHAT_UPSTREAM_FINE, 45009)));
  clock_advance_ms(60000);
  assert_false(call_good(WECHAT_CALL_TOKEN));
  clock_advance_ms(2000);
  assert_true(call_good(WECHAT_CALL_TOKEN));
}

/* T25 */
static void wrong_secret_makes_no_storm(void **state) {
  (void)state;
  struct wechat_answer wrong = make_answer(WECHAT_CONFIG, WECHAT_UPSTREAM_FINE, 40125);
  struct breaker_pass pass;
  struct wechat_answer refusal;
  int asked = 0;
  for (int i = 0; i < 10000; i++) {
    clock_advance_ms(10);
    if (call(WECHAT_CALL_TOKEN, wrong)) asked++;
  }
  assert_true(asked >= 10 && asked <= 5 + 100 / 4 + 4); /* five, then one in 4 to 8 s */
  assert_true(call_good(WECHAT_CALL_AUTH));
  assert_false(breaker_admit(&breaker, WECHAT_CALL_TOKEN, &pass, &refusal));
  assert_int_equal(refusal.action, WECHAT_CONFIG);
  assert_int_equal(refusal.errcode, 40125);
  clock_advance_ms(8000);
  assert_true(call_good(WECHAT_CALL_TOKEN));
  assert_true(call_good(WECHAT_CALL_TOKEN));
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define HELD(test) cmocka_unit_test_setup_teardown(test, start, stop)
      HELD(failures_must_be_in_a_row),
      HELD(every_kind_of_no_answer_counts),
      HELD(errcodes_are_answers_and_do_not_count),
      HELD(refused_call_is_told_when_to_come_back),
      HELD(one_probe_at_a_time),
      HELD(dead_for_long_is_probed_within_eight_seconds_and_then_closes),
      HELD(late_failures_do_not_prolong_the_pause),
      HELD(probe_that_says_nothing_leaves_room_for_the_next),
      HELD(retry_after_is_honoured_at_once_for_a_minute_at_most),
      HELD(a_wall_clock_that_steps_opens_and_closes_nothing),
      HELD(minute_quota_ends_with_the_minute_and_stops_one_call_only),
      HELD(day_quota_is_probed_every_five_minutes),
      HELD(day_quota_ends_at_midnight_in_beijing),
      HELD(wrong_secret_makes_no_storm),
  };
  struct log_settings quiet = {.level = LOG_LEVEL_ERROR, .format = LOG_FORMAT_TEXT, .destination = "/dev/null"};
  (void)log_open(&quiet, NULL);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
