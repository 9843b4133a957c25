/* SPDX-License-Identifier: Apache-2.0
 * Unit tests of app/wechat/errcode.c: the table means what WeChat's page says, call by call. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "wechat/errcode.h"

static void no_errcode_has_two_rows_for_one_call(void **state) {
  (void)state;
  size_t count;
  const struct wechat_errcode *rows = wechat_errcodes(&count);
  for (size_t i = 0; i < count; i++)
    for (size_t j = i + 1; j < count; j++)
      if (rows[i].errcode == rows[j].errcode) assert_int_equal(rows[i].calls & rows[j].calls, 0);
}

static void rows_are_ordered_by_errcode(void **state) {
  (void)state;
  size_t count;
  const struct wechat_errcode *rows = wechat_errcodes(&count);
  for (size_t i = 1; i < count; i++) assert_true(rows[i - 1].errcode <= rows[i].errcode);
}

static void only_zero_is_success(void **state) {
  (void)state;
  for (int call = 0; call < WECHAT_CALL_COUNT; call++)
    for (int errcode = -100; errcode < 100000; errcode++)
      assert_int_equal(wechat_errcode_action(errcode, call) == WECHAT_OK, errcode == 0);
}

static void wrong_credential_means_config_for_a_code_and_refresh_for_a_token(void **state) {
  (void)state;
  assert_int_equal(wechat_errcode_action(40001, WECHAT_CALL_TOKEN), WECHAT_CONFIG);
  assert_int_equal(wechat_errcode_action(40001, WECHAT_CALL_USERINFO), WECHAT_REFRESH);
  assert_int_equal(wechat_errcode_action(40001, WECHAT_CALL_AUTH), WECHAT_REFRESH);
  assert_int_equal(wechat_errcode_action(40001, WECHAT_CALL_REFRESH), WECHAT_REAUTHORIZE);
}

static void missing_permission_escalates_only_on_userinfo(void **state) {
  (void)state;
  assert_int_equal(wechat_errcode_action(48001, WECHAT_CALL_USERINFO), WECHAT_ESCALATE);
  assert_int_equal(wechat_errcode_action(48001, WECHAT_CALL_TOKEN), WECHAT_CONFIG);
}

static void each_class_is_reached_by_its_errcode(void **state) {
  (void)state;
  static const struct {
    int errcode;
    enum wechat_call call;
    enum wechat_action action;
  } rows[] = {
      {-1, WECHAT_CALL_TOKEN, WECHAT_RETRY},
      {40029, WECHAT_CALL_TOKEN, WECHAT_RESTART},
      {42003, WECHAT_CALL_TOKEN, WECHAT_RESTART},
      {40163, WECHAT_CALL_TOKEN, WECHAT_CODE_USED},
      {40125, WECHAT_CALL_TOKEN, WECHAT_CONFIG},
      {40013, WECHAT_CALL_TOKEN, WECHAT_CONFIG},
      {40226, WECHAT_CALL_TOKEN, WECHAT_DENY},
      {50002, WECHAT_CALL_USERINFO, WECHAT_DENY},
      {45011, WECHAT_CALL_TOKEN, WECHAT_QUOTA_MINUTE},
      {45009, WECHAT_CALL_USERINFO, WECHAT_QUOTA_DAY},
      {48004, WECHAT_CALL_TOKEN, WECHAT_OPERATOR},
      {42001, WECHAT_CALL_USERINFO, WECHAT_REFRESH},
      {42002, WECHAT_CALL_REFRESH, WECHAT_REAUTHORIZE},
      {40030, WECHAT_CALL_REFRESH, WECHAT_REAUTHORIZE},
      {42007, WECHAT_CALL_USERINFO, WECHAT_REAUTHORIZE},
      {50001, WECHAT_CALL_USERINFO, WECHAT_REAUTHORIZE},
      {40003, WECHAT_CALL_AUTH, WECHAT_REAUTHORIZE},
      {41008, WECHAT_CALL_TOKEN, WECHAT_BUG},
      {61004, WECHAT_CALL_TOKEN, WECHAT_CONFIG},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    assert_int_equal(wechat_errcode_action(rows[i].errcode, rows[i].call), rows[i].action);
}

static void undescribed_errcode_is_a_bug_and_is_not_found(void **state) {
  (void)state;
  assert_int_equal(wechat_errcode_action(99999, WECHAT_CALL_TOKEN), WECHAT_BUG);
  assert_null(wechat_errcode_find(99999, WECHAT_CALL_TOKEN));
  assert_non_null(wechat_errcode_find(40163, WECHAT_CALL_TOKEN));
  assert_null(wechat_errcode_find(40163, WECHAT_CALL_USERINFO));
}

static void every_action_and_call_has_a_name(void **state) {
  (void)state;
  for (int action = 0; action < WECHAT_ACTION_COUNT; action++) assert_non_null(wechat_action_name(action));
  assert_string_equal(wechat_action_name(WECHAT_CODE_USED), "code_used");
  assert_string_equal(wechat_call_name(WECHAT_CALL_USERINFO), "userinfo");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_errcode_has_two_rows_for_one_call),
      cmocka_unit_test(rows_are_ordered_by_errcode),
      cmocka_unit_test(only_zero_is_success),
      cmocka_unit_test(wrong_credential_means_config_for_a_code_and_refresh_for_a_token),
      cmocka_unit_test(missing_permission_escalates_only_on_userinfo),
      cmocka_unit_test(each_class_is_reached_by_its_errcode),
      cmocka_unit_test(undescribed_errcode_is_a_bug_and_is_not_found),
      cmocka_unit_test(every_action_and_call_has_a_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
