/* SPDX-License-Identifier: Apache-2.0
 * test_stats: every answer is counted under its own name, and errcodes without a row under "other". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/metrics.h"
#include "wechat/stats.h"

static int start(void **state) {
  (void)state;
  wechat_metrics_register();
  return metrics_start(1, NULL);
}

static void assert_line(const char *line) {
  struct buf out;
  buf_init(&out, 1 << 20);
  metrics_print(&out);
  assert_false(out.failed);
  if (!strstr(buf_text(&out), line)) fail_msg("no line %s", line);
  buf_done(&out);
}

static void count(enum wechat_call call, enum wechat_action action, enum wechat_upstream upstream, int errcode) {
  struct wechat_answer answer = {.action = action, .upstream = upstream, .errcode = errcode};
  stats_count_call(call, &answer, 42000);
}

static void answers_count_by_call_and_action(void **state) {
  (void)state;
  count(WECHAT_CALL_TOKEN, WECHAT_OK, WECHAT_UPSTREAM_FINE, 0);
  count(WECHAT_CALL_TOKEN, WECHAT_OK, WECHAT_UPSTREAM_FINE, 0);
  count(WECHAT_CALL_USERINFO, WECHAT_ESCALATE, WECHAT_UPSTREAM_FINE, 48001);
  assert_line("weigate_wechat_token_calls_total{result=\"ok\"} 2\n");
  assert_line("weigate_wechat_userinfo_calls_total{result=\"escalate\"} 1\n");
  assert_line("weigate_wechat_errcodes_total{errcode=\"48001\"} 1\n");
}

static void failures_of_the_way_count_by_their_own_word(void **state) {
  (void)state;
  count(WECHAT_CALL_AUTH, WECHAT_RETRY, WECHAT_UPSTREAM_TIMEOUT, 0);
  count(WECHAT_CALL_REFRESH, WECHAT_RETRY, WECHAT_UPSTREAM_BAD_BODY, 0);
  assert_line("weigate_wechat_auth_calls_total{result=\"timeout\"} 1\n");
  assert_line("weigate_wechat_refresh_calls_total{result=\"bad_body\"} 1\n");
}

static void calls_that_were_stopped_take_no_time(void **state) {
  (void)state;
  count(WECHAT_CALL_REFRESH, WECHAT_QUOTA_MINUTE, WECHAT_UPSTREAM_BREAKER, 45011);
  assert_line("weigate_wechat_refresh_calls_total{result=\"breaker\"} 1\n");
  assert_line("weigate_wechat_errcodes_total{errcode=\"45011\"} 0\n");
  assert_line("weigate_wechat_call_seconds_count{call=\"refresh\"} 1\n");
  assert_line("weigate_wechat_call_seconds_bucket{call=\"refresh\",le=\"0.02\"} 0\n");
  assert_line("weigate_wechat_call_seconds_bucket{call=\"refresh\",le=\"0.05\"} 1\n");
}

static void every_errcode_of_the_table_has_a_counter_of_its_own(void **state) {
  (void)state;
  size_t row_count;
  const struct wechat_errcode *rows = wechat_errcodes(&row_count);
  for (size_t i = 0; i < row_count; i++) {
    char line[80];
    snprintf(line, sizeof line, "weigate_wechat_errcodes_total{errcode=\"%d\"}", rows[i].errcode);
    if (rows[i].errcode != 0) assert_line(line);
  }
  count(WECHAT_CALL_TOKEN, WECHAT_BUG, WECHAT_UPSTREAM_FINE, 12345);
  assert_line("weigate_wechat_errcodes_total{errcode=\"other\"} 1\n");
}

static void breakers_are_counted_by_state(void **state) {
  (void)state;
  stats_move_breaker(WECHAT_BREAKER_CLOSED, WECHAT_BREAKER_OPEN);
  assert_line("weigate_wechat_breakers{state=\"open\"} 1\n");
  stats_move_breaker(WECHAT_BREAKER_OPEN, WECHAT_BREAKER_PROBING);
  assert_line("weigate_wechat_breakers{state=\"open\"} 0\n");
  assert_line("weigate_wechat_breakers{state=\"probing\"} 1\n");
  stats_move_breaker(WECHAT_BREAKER_PROBING, WECHAT_BREAKER_CLOSED);
  assert_line("weigate_wechat_breakers{state=\"probing\"} 0\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(answers_count_by_call_and_action),
      cmocka_unit_test(failures_of_the_way_count_by_their_own_word),
      cmocka_unit_test(calls_that_were_stopped_take_no_time),
      cmocka_unit_test(every_errcode_of_the_table_has_a_counter_of_its_own),
      cmocka_unit_test(breakers_are_counted_by_state),
  };
  return cmocka_run_group_tests(tests, start, NULL);
}
