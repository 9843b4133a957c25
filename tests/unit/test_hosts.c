/* SPDX-License-Identifier: Apache-2.0
 * test_hosts: which of WeChat's addresses a call goes to; the clock is held. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "wechat/hosts.h"

static const char *const urls[] = {"https://api.weixin.qq.com", "https://api2.weixin.qq.com/", "https://sh.api.weixin.qq.com"};
static struct hosts hosts;
static struct err err;

static int start(void **state) {
  (void)state;
  clock_hold(1700000000, 1000000);
  return hosts_init(&hosts, urls, 3, &err);
}

static int stop(void **state) {
  (void)state;
  clock_release();
  return 0;
}

static size_t choose(unsigned tried) {
  return (size_t)(hosts_choose(&hosts, tried) - hosts.all);
}

static void first_host_is_preferred(void **state) {
  (void)state;
  assert_int_equal(choose(0), 0);
  assert_int_equal(choose(1), 1);
  assert_int_equal(choose(3), 2);
  assert_null(hosts_choose(&hosts, 7));
  assert_true(str_eq(hosts.all[1].origin, STR("https://api2.weixin.qq.com")));
}

static void host_that_cannot_be_connected_to_is_skipped_for_half_a_minute(void **state) {
  (void)state;
  hosts_note_bad(&hosts, &hosts.all[0], true, "refused");
  assert_int_equal(choose(0), 1);
  clock_advance_ms(29999);
  assert_int_equal(choose(0), 1);
  clock_advance_ms(1);
  assert_int_equal(choose(0), 0);
}

static void one_call_finds_out_whether_it_is_back(void **state) {
  (void)state;
  hosts_note_bad(&hosts, &hosts.all[0], true, "refused");
  clock_advance_ms(30000);
  assert_int_equal(choose(0), 0);
  assert_int_equal(choose(0), 1);
  hosts_note_good(&hosts, &hosts.all[0]);
  assert_int_equal(choose(0), 0);
  assert_int_equal(choose(0), 0);
}

static void lost_answers_must_come_three_in_a_row(void **state) {
  (void)state;
  hosts_note_bad(&hosts, &hosts.all[0], false, "cut");
  hosts_note_bad(&hosts, &hosts.all[0], false, "cut");
  hosts_note_good(&hosts, &hosts.all[0]);
  hosts_note_bad(&hosts, &hosts.all[0], false, "cut");
  hosts_note_bad(&hosts, &hosts.all[0], false, "cut");
  assert_int_equal(choose(0), 0);
  hosts_note_bad(&hosts, &hosts.all[0], false, "cut");
  assert_int_equal(choose(0), 1);
}

static void when_all_failed_the_one_that_is_due_first_is_taken(void **state) {
  (void)state;
  hosts_note_bad(&hosts, &hosts.all[2], true, "refused");
  clock_advance_ms(10);
  hosts_note_bad(&hosts, &hosts.all[0], true, "refused");
  clock_advance_ms(10);
  hosts_note_bad(&hosts, &hosts.all[1], true, "refused");
  assert_int_equal(choose(0), 2);
  assert_int_equal(choose(4), 0);
}

static void number_of_hosts_is_bounded(void **state) {
  (void)state;
  const char *many[WECHAT_HOSTS_MAX + 1];
  for (size_t i = 0; i <= WECHAT_HOSTS_MAX; i++) many[i] = urls[0];
  assert_int_equal(hosts_init(&hosts, many, WECHAT_HOSTS_MAX, &err), 0);
  assert_int_equal(hosts_init(&hosts, many, WECHAT_HOSTS_MAX + 1, &err), -1);
  assert_int_equal(hosts_init(&hosts, many, 0, &err), -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define HELD(test) cmocka_unit_test_setup_teardown(test, start, stop)
      HELD(first_host_is_preferred),
      HELD(host_that_cannot_be_connected_to_is_skipped_for_half_a_minute),
      HELD(one_call_finds_out_whether_it_is_back),
      HELD(lost_answers_must_come_three_in_a_row),
      HELD(when_all_failed_the_one_that_is_due_first_is_taken),
      HELD(number_of_hosts_is_bounded),
  };
  struct log_settings quiet = {.level = LOG_LEVEL_ERROR, .format = LOG_FORMAT_TEXT, .destination = "/dev/null"};
  (void)log_open(&quiet, NULL);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
