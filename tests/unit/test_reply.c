/* SPDX-License-Identifier: Apache-2.0
 * Unit tests of app/wechat/reply.c: answers to code, refresh and auth. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <locale.h>
#include <stdlib.h>

#include "base/buf.h"
#include "wechat/reply.h"

#define GOOD                                                                                                                     \
  "{\"access_token\":\"AT_1-x\",\"expires_in\":7200,\"refresh_token\":\"RT_1\",\"openid\":\"o6_bmjrPTlm6_2sgVt7hMZOPfL2M\","     \
  "\"scope\":\"snsapi_userinfo\",\"is_snapshotuser\":1,\"unionid\":\"o6_bmasdasdsad6_2sgVt7hMZOPfL\"}"
/* A token answer whose members are replaced by what is written here; the first of them must not repeat these two. */
#define WITH(members) "{\"access_token\":\"AT\",\"openid\":\"oA\"," members "}"

static struct wechat_token token;
static struct wechat_answer answer;

static void read_token(struct str body) {
  token = (struct wechat_token){.openid = "untouched"};
  wechat_token_parse(body, &token, &answer);
}

static void assert_good(struct str body) {
  read_token(body);
  assert_int_equal(answer.action, WECHAT_OK);
  assert_int_equal(answer.upstream, WECHAT_UPSTREAM_FINE);
}

static void assert_refused(struct str body) {
  read_token(body);
  assert_int_equal(answer.action, WECHAT_RETRY);
  assert_int_equal(answer.upstream, WECHAT_UPSTREAM_BAD_BODY);
  assert_int_equal(answer.errcode, 0);
  assert_string_equal(token.openid, "untouched");
}

static void assert_error(struct str body, int errcode, enum wechat_action action) {
  read_token(body);
  assert_int_equal(answer.errcode, errcode);
  assert_int_equal(answer.action, action);
  assert_int_equal(answer.upstream, WECHAT_UPSTREAM_FINE);
  assert_string_equal(token.openid, "untouched");
}

static void whole_answer_is_read(void **state) {
  (void)state;
  assert_good(STR(GOOD));
  assert_string_equal(token.access_token, "AT_1-x");
  assert_string_equal(token.refresh_token, "RT_1");
  assert_string_equal(token.openid, "o6_bmjrPTlm6_2sgVt7hMZOPfL2M");
  assert_string_equal(token.unionid, "o6_bmasdasdsad6_2sgVt7hMZOPfL");
  assert_string_equal(token.scope, "snsapi_userinfo");
  assert_int_equal(token.expires_in_s, 7200);
  assert_true(token.is_snapshot);
}

/* J01, J05 */
static void errcode_decides_over_everything_else(void **state) {
  (void)state;
  assert_error(STR("{\"errcode\":40029,\"errmsg\":\"invalid code\"}"), 40029, WECHAT_RESTART);
  assert_error(STR(WITH("\"errcode\":40029")), 40029, WECHAT_RESTART);
  assert_error(STR("{\"errcode\":-1}"), -1, WECHAT_RETRY);
  assert_error(STR("{\"errcode\":45011}"), 45011, WECHAT_QUOTA_MINUTE);
  assert_error(STR("{\"errcode\":50002}"), 50002, WECHAT_DENY);
  assert_error(STR("{\"errcode\":7}"), 7, WECHAT_BUG);
}

/* J02 */
static void errcode_as_text_is_an_error_too(void **state) {
  (void)state;
  assert_error(STR(WITH("\"errcode\":\"40029\"")), 40029, WECHAT_RESTART);
  assert_error(STR(WITH("\"errcode\":\"-1\"")), -1, WECHAT_RETRY);
}

/* J03 */
static void errcode_zero_with_good_fields_is_success(void **state) {
  (void)state;
  assert_good(STR(WITH("\"errcode\":0")));
  assert_good(STR(WITH("\"errcode\":\"0\",\"errmsg\":\"ok\"")));
}

/* J04 */
static void odd_errcode_makes_the_body_malformed(void **state) {
  (void)state;
  assert_refused(STR(WITH("\"errcode\":1e400")));
  assert_refused(STR(WITH("\"errcode\":4294967296")));
  assert_refused(STR(WITH("\"errcode\":40029.9")));
  assert_refused(STR(WITH("\"errcode\":true")));
  assert_refused(STR(WITH("\"errcode\":null")));
  assert_refused(STR(WITH("\"errcode\":{}")));
  assert_refused(STR(WITH("\"errcode\":\"\"")));
  assert_refused(STR(WITH("\"errcode\":\" 0\"")));
  assert_refused(STR(WITH("\"errcode\":\"0\\u0000\"")));
  assert_refused(STR(WITH("\"errcode\":\"-\"")));
  assert_refused(STR(WITH("\"errcode\":0,\"errcode\":40029")));
}

/* J06, J08, J10, J11, J12, J16 */
static void what_is_no_json_object_is_refused(void **state) {
  (void)state;
  assert_refused(STR(""));
  assert_refused(STR("<html><body>welcome to the hotel</body></html>"));
  assert_refused(STR("callback(" GOOD ")"));
  assert_refused(STR("[]"));
  assert_refused(STR("\"x\""));
  assert_refused(STR("1"));
  assert_refused(STR("null"));
  assert_refused(STR("{}"));
  assert_refused(STR(GOOD "<html>"));
  assert_refused(STR(GOOD GOOD));
  assert_refused(STR("{\"a\":\"\0\"}"));
}

/* J11, J28 */
static void byte_order_mark_and_blanks_are_accepted(void **state) {
  (void)state;
  assert_good(STR("\xEF\xBB\xBF" GOOD));
  assert_good(STR(" \t\r\n" GOOD "\n\n"));
}

/* J09 */
static void truncated_answer_is_refused_at_each_byte(void **state) {
  (void)state;
  for (size_t n = 0; n < sizeof GOOD - 1; n++) assert_refused(str_make(GOOD, n));
}

/* J13 */
static void member_names_are_told_apart_by_case(void **state) {
  (void)state;
  assert_good(STR("{\"OPENID\":\"attacker\",\"openid\":\"real\",\"access_token\":\"AT\"}"));
  assert_string_equal(token.openid, "real");
}

/* J14, J15, J24, J25, Z09 */
static void openid_must_be_there_once_and_be_plain_text(void **state) {
  (void)state;
  assert_refused(STR("{\"access_token\":\"AT\"}"));
  assert_refused(STR("{\"access_token\":\"AT\",\"openid\":\"a\",\"openid\":\"b\"}"));
  assert_refused(STR("{\"access_token\":\"AT\",\"openid\":\"oA\\u0000evil\"}"));
  assert_refused(STR("{\"access_token\":\"AT\",\"openid\":5}"));
  assert_refused(STR("{\"access_token\":\"AT\",\"openid\":[\"oA\"]}"));
  assert_refused(STR("{\"access_token\":\"AT\",\"openid\":null}"));
  assert_refused(STR("{\"access_token\":\"AT\",\"openid\":\"\"}"));
  assert_refused(STR("{\"access_token\":\"AT\",\"openid\":\" oA\"}"));
  assert_refused(STR("{\"access_token\":\"AT\",\"openid\":\"oA \"}"));
  assert_refused(STR("{\"access_token\":\"AT\",\"openid\":\"o'A\"}"));
  assert_refused(STR("{\"access_token\":\"AT\",\"openid\":\"o/A\"}"));
  assert_refused(STR("{\"access_token\":\"AT\",\"openid\":\"\xE5\xBE\xAE\"}"));
  assert_refused(STR("{\"access_token\":\"AT\",\"openid\":\"o\x01"
                     "A\"}"));
}

static void assert_text_of_length(const char *head, size_t n, bool is_good) {
  struct buf body;
  buf_init(&body, 8192);
  buf_add_text(&body, head);
  for (size_t i = 0; i < n; i++) buf_add_char(&body, 'x');
  buf_add_text(&body, "\"}");
  if (is_good)
    assert_good(buf_str(&body));
  else
    assert_refused(buf_str(&body));
  buf_done(&body);
}

/* J25, J26 */
static void lengths_of_identities_and_tokens_are_bounded(void **state) {
  (void)state;
  assert_text_of_length("{\"access_token\":\"AT\",\"openid\":\"", 1, true);
  assert_text_of_length("{\"access_token\":\"AT\",\"openid\":\"", WECHAT_ID_MAX_BYTES, true);
  assert_text_of_length("{\"access_token\":\"AT\",\"openid\":\"", WECHAT_ID_MAX_BYTES + 1, false);
  assert_text_of_length("{\"openid\":\"oA\",\"access_token\":\"", 0, false);
  assert_text_of_length("{\"openid\":\"oA\",\"access_token\":\"", WECHAT_TOKEN_MAX_BYTES, true);
  assert_text_of_length("{\"openid\":\"oA\",\"access_token\":\"", WECHAT_TOKEN_MAX_BYTES + 1, false);
  assert_text_of_length("{\"openid\":\"oA\",\"access_token\":\"AT\",\"unionid\":\"", WECHAT_ID_MAX_BYTES + 1, false);
}

/* J26 */
static void access_token_must_be_printable(void **state) {
  (void)state;
  assert_refused(STR("{\"openid\":\"oA\"}"));
  assert_refused(STR("{\"openid\":\"oA\",\"access_token\":7}"));
  assert_refused(STR("{\"openid\":\"oA\",\"access_token\":\"a b\"}"));
  assert_refused(STR("{\"openid\":\"oA\",\"access_token\":\"a\\r\\nb\"}"));
  assert_refused(STR("{\"openid\":\"oA\",\"access_token\":\"\xC3\xA9\"}"));
  assert_good(STR("{\"openid\":\"oA\",\"access_token\":\"a&b#c%\"}"));
}

static void unionid_may_be_absent_but_not_odd(void **state) {
  (void)state;
  assert_good(STR(WITH("\"unionid\":null")));
  assert_string_equal(token.unionid, "");
  assert_good(STR(WITH("\"unionid\":\"\"")));
  assert_string_equal(token.unionid, "");
  assert_refused(STR(WITH("\"unionid\":5")));
  assert_refused(STR(WITH("\"unionid\":\"a b\"")));
  assert_refused(STR(WITH("\"unionid\":\"a\",\"unionid\":\"b\"")));
  assert_refused(STR(WITH("\"unionid\":null,\"unionid\":\"b\"")));
}

/* J27 */
static void lifetime_is_clamped(void **state) {
  (void)state;
  static const struct {
    struct str body;
    int64_t seconds;
  } rows[] = {
      {STR(WITH("\"expires_in\":-1")), 0},
      {STR(WITH("\"expires_in\":0")), 0},
      {STR(WITH("\"expires_in\":10000000000")), 86400},
      {STR(WITH("\"expires_in\":1e300")), 86400},
      {STR(WITH("\"expires_in\":\"3600\"")), 3600},
      {STR(WITH("\"expires_in\":\"-5\"")), 0},
      {STR(WITH("\"expires_in\":\"soon\"")), 7200},
      {STR(WITH("\"expires_in\":null")), 7200},
      {STR(WITH("\"scope\":\"\"")), 7200},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    assert_good(rows[i].body);
    assert_int_equal(token.expires_in_s, rows[i].seconds);
  }
}

/* C09 */
static void scope_is_kept_only_as_plain_words(void **state) {
  (void)state;
  assert_good(STR(WITH("\"scope\":\"snsapi_base,snsapi_userinfo\"")));
  assert_string_equal(token.scope, "snsapi_base,snsapi_userinfo");
  assert_good(STR(WITH("\"scope\":\"<b>\"")));
  assert_string_equal(token.scope, "");
  assert_good(STR(WITH("\"scope\":[]")));
  assert_string_equal(token.scope, "");
}

static void only_a_flag_that_is_plainly_off_means_a_real_person(void **state) {
  (void)state;
  static const struct {
    struct str body;
    bool is_snapshot;
  } rows[] = {
      {STR(WITH("\"is_snapshotuser\":1")), true},
      {STR(WITH("\"is_snapshotuser\":\"1\"")), true},
      {STR(WITH("\"is_snapshotuser\":true")), true},
      {STR(WITH("\"is_snapshotuser\":2")), true},
      {STR(WITH("\"is_snapshotuser\":[]")), true},
      {STR(WITH("\"is_snapshotuser\":0,\"is_snapshotuser\":1")), true},
      {STR(WITH("\"is_snapshotuser\":0")), false},
      {STR(WITH("\"is_snapshotuser\":\"0\"")), false},
      {STR(WITH("\"is_snapshotuser\":false")), false},
      {STR(WITH("\"is_snapshotuser\":null")), false},
      {STR(WITH("\"scope\":\"\"")), false},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    assert_good(rows[i].body);
    assert_int_equal(token.is_snapshot, rows[i].is_snapshot);
  }
}

/* J28 */
static void unknown_members_and_many_blanks_change_nothing(void **state) {
  (void)state;
  struct buf body;
  buf_init(&body, 1 << 20);
  buf_add_text(&body, "{\"zzz\":[1,{\"openid\":\"inner\"}],");
  for (int i = 0; i < 100000; i++) buf_add_char(&body, ' ');
  buf_add_text(&body, "\"openid\":\"oA\",\"access_token\":\"AT\"}");
  assert_good(buf_str(&body));
  assert_string_equal(token.openid, "oA");
  buf_done(&body);
}

/* J22 */
static void nesting_beyond_the_cap_is_refused(void **state) {
  (void)state;
  struct buf body;
  buf_init(&body, 1 << 20);
  buf_add_text(&body, WITH("\"deep\":"));
  body.len--;
  for (int i = 0; i < 100000; i++) buf_add_char(&body, '[');
  assert_refused(buf_str(&body));
  buf_done(&body);
}

static void rid_is_taken_from_the_message(void **state) {
  (void)state;
  read_token(STR("{\"errcode\":40029,\"errmsg\":\"invalid code, rid: 65f0a1b2-3c4d5e-6f\"}"));
  assert_string_equal(answer.rid, "65f0a1b2-3c4d5e-6f");
  assert_string_equal(answer.errmsg, "invalid code, rid: 65f0a1b2-3c4d5e-6f");
  read_token(STR("{\"errcode\":40029,\"errmsg\":\"rid: <script>\"}"));
  assert_string_equal(answer.rid, "");
}

/* J30 */
static void message_is_cleaned_and_cut(void **state) {
  (void)state;
  struct buf body;
  buf_init(&body, 1 << 20);
  buf_add_text(&body, "{\"errcode\":40029,\"errmsg\":\"\\u001b[31m\\u0000\xC0\x80");
  for (int i = 0; i < 50000; i++) buf_add_text(&body, "\xE5\xBE\xAE");
  buf_add_text(&body, " rid: abc\"}");
  read_token(buf_str(&body));
  assert_int_equal(answer.errcode, 40029);
  assert_true(strlen(answer.errmsg) < sizeof answer.errmsg);
  assert_null(strchr(answer.errmsg, 0x1b));
  assert_string_equal(answer.rid, "abc");
  buf_done(&body);
}

static void refresh_carries_neither_unionid_nor_snapshot_flag(void **state) {
  (void)state;
  wechat_refresh_parse(STR(GOOD), &token, &answer);
  assert_int_equal(answer.action, WECHAT_OK);
  assert_string_equal(token.refresh_token, "RT_1");
  assert_string_equal(token.unionid, "");
  assert_false(token.is_snapshot);
}

static void errcodes_of_a_refresh_have_their_own_meaning(void **state) {
  (void)state;
  wechat_refresh_parse(STR("{\"errcode\":42002}"), &token, &answer);
  assert_int_equal(answer.action, WECHAT_REAUTHORIZE);
}

static void auth_needs_an_errcode(void **state) {
  (void)state;
  wechat_auth_parse(STR("{\"errcode\":0,\"errmsg\":\"ok\"}"), &answer);
  assert_int_equal(answer.action, WECHAT_OK);
  wechat_auth_parse(STR("{\"errcode\":40003,\"errmsg\":\"invalid openid\"}"), &answer);
  assert_int_equal(answer.action, WECHAT_REAUTHORIZE);
  wechat_auth_parse(STR("{\"errcode\":-1}"), &answer);
  assert_int_equal(answer.action, WECHAT_RETRY);
  assert_int_equal(answer.upstream, WECHAT_UPSTREAM_FINE);
  wechat_auth_parse(STR("{\"ok\":true}"), &answer);
  assert_int_equal(answer.upstream, WECHAT_UPSTREAM_BAD_BODY);
}

/* J29 */
static void results_do_not_depend_on_the_locale(void **state) {
  (void)state;
  static const char *const locales[] = {"de_DE.UTF-8", "tr_TR.UTF-8"};
  for (size_t i = 0; i < sizeof locales / sizeof *locales; i++) {
    if (!setlocale(LC_ALL, locales[i])) continue;
    whole_answer_is_read(NULL);
    odd_errcode_makes_the_body_malformed(NULL);
    setlocale(LC_ALL, "C");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(whole_answer_is_read),
      cmocka_unit_test(errcode_decides_over_everything_else),
      cmocka_unit_test(errcode_as_text_is_an_error_too),
      cmocka_unit_test(errcode_zero_with_good_fields_is_success),
      cmocka_unit_test(odd_errcode_makes_the_body_malformed),
      cmocka_unit_test(what_is_no_json_object_is_refused),
      cmocka_unit_test(byte_order_mark_and_blanks_are_accepted),
      cmocka_unit_test(truncated_answer_is_refused_at_each_byte),
      cmocka_unit_test(member_names_are_told_apart_by_case),
      cmocka_unit_test(openid_must_be_there_once_and_be_plain_text),
      cmocka_unit_test(lengths_of_identities_and_tokens_are_bounded),
      cmocka_unit_test(access_token_must_be_printable),
      cmocka_unit_test(unionid_may_be_absent_but_not_odd),
      cmocka_unit_test(lifetime_is_clamped),
      cmocka_unit_test(scope_is_kept_only_as_plain_words),
      cmocka_unit_test(only_a_flag_that_is_plainly_off_means_a_real_person),
      cmocka_unit_test(unknown_members_and_many_blanks_change_nothing),
      cmocka_unit_test(nesting_beyond_the_cap_is_refused),
      cmocka_unit_test(rid_is_taken_from_the_message),
      cmocka_unit_test(message_is_cleaned_and_cut),
      cmocka_unit_test(refresh_carries_neither_unionid_nor_snapshot_flag),
      cmocka_unit_test(errcodes_of_a_refresh_have_their_own_meaning),
      cmocka_unit_test(auth_needs_an_errcode),
      cmocka_unit_test(results_do_not_depend_on_the_locale),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
