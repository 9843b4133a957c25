/* SPDX-License-Identifier: Apache-2.0
 * test_profile: a profile is strict about who, and a sign-in never fails because of a nickname. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/utf8.h"
#include "wechat/reply.h"

/* A profile of oA with more members. */
#define WITH(members) "{\"openid\":\"oA\"," members "}"
#define FFFD          "\xEF\xBF\xBD"

static struct wechat_profile profile;
static struct wechat_answer answer;

static bool is_text(struct str s, const char *wanted) {
  return str_eq(s, str_of(wanted));
}

static void read_good(struct str body) {
  wechat_profile_done(&profile);
  wechat_profile_parse(body, &profile, &answer);
  assert_int_equal(answer.action, WECHAT_OK);
}

static void assert_refused(struct str body) {
  wechat_profile_done(&profile);
  wechat_profile_parse(body, &profile, &answer);
  assert_int_equal(answer.action, WECHAT_RETRY);
  assert_int_equal(answer.upstream, WECHAT_UPSTREAM_BAD_BODY);
  assert_string_equal(profile.openid, "");
}

static int drop_profile(void **state) {
  (void)state;
  wechat_profile_done(&profile);
  return 0;
}

/* J21 */
static void documented_answer_is_read(void **state) {
  (void)state;
  read_good(
      STR("{\"openid\":\"o6_bmjrPTlm6_2sgVt7hMZOPfL2M\",\"nickname\":\"Band\",\"sex\":1,\"province\":\"Guangdong\","
          "\"city\":\"Guangzhou\",\"country\":\"CN\",\"headimgurl\":\"http:\\/\\/thirdwx.qlogo.cn\\/mmopen\\/g3M\\/46\","
          "\"privilege\":[\"PRIVILEGE1\",\"PRIVILEGE2\"],\"unionid\":\"o6_bmasdasdsad6_2sgVt7hMZOPfL\",\"language\":\"zh_CN\"}"));
  assert_string_equal(profile.openid, "o6_bmjrPTlm6_2sgVt7hMZOPfL2M");
  assert_string_equal(profile.unionid, "o6_bmasdasdsad6_2sgVt7hMZOPfL");
  assert_int_equal(profile.sex, 1);
  assert_true(is_text(profile.nickname, "Band"));
  assert_true(is_text(profile.province, "Guangdong"));
  assert_true(is_text(profile.city, "Guangzhou"));
  assert_true(is_text(profile.country, "CN"));
  assert_true(is_text(profile.headimgurl, "http://thirdwx.qlogo.cn/mmopen/g3M/46"));
  assert_true(is_text(profile.language, "zh_CN"));
  assert_true(is_text(profile.privilege, "[\"PRIVILEGE1\",\"PRIVILEGE2\"]"));
  assert_true(is_text(profile.raw, ""));
}

/* Z01 */
static void everything_but_the_openid_may_be_missing(void **state) {
  (void)state;
  read_good(STR("{\"openid\":\"oA\"}"));
  assert_true(is_text(profile.nickname, "") && is_text(profile.headimgurl, "") && is_text(profile.language, ""));
  assert_true(is_text(profile.privilege, "[]"));
  assert_int_equal(profile.sex, 0);
  assert_refused(STR("{\"nickname\":\"n\"}"));
}

/* J24 */
static void members_of_another_kind_are_empty(void **state) {
  (void)state;
  read_good(STR(WITH("\"nickname\":[\"x\"],\"province\":7,\"city\":null,\"country\":{},\"headimgurl\":null,\"privilege\":\"x\","
                     "\"language\":false,\"sex\":[]")));
  assert_true(is_text(profile.nickname, "") && is_text(profile.province, "") && is_text(profile.city, "") &&
              is_text(profile.country, ""));
  assert_true(is_text(profile.headimgurl, "") && is_text(profile.language, ""));
  assert_true(is_text(profile.privilege, "[]"));
  assert_int_equal(profile.sex, 0);
}

/* Z07 */
static void sex_is_one_two_or_unknown(void **state) {
  (void)state;
  static const struct {
    struct str body;
    int sex;
  } rows[] = {
      {STR(WITH("\"sex\":1")), 1},   {STR(WITH("\"sex\":\"1\"")), 1},    {STR(WITH("\"sex\":2")), 2},
      {STR(WITH("\"sex\":0")), 0},   {STR(WITH("\"sex\":9")), 0},        {STR(WITH("\"sex\":-1")), 0},
      {STR(WITH("\"sex\":1.5")), 0}, {STR(WITH("\"sex\":\"male\"")), 0}, {STR(WITH("\"sex\":true")), 0},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    read_good(rows[i].body);
    assert_int_equal(profile.sex, rows[i].sex);
  }
}

/* J17, J18, J20, Z02, Z04 */
static void hard_nicknames_are_repaired(void **state) {
  (void)state;
  static const struct {
    struct str body;
    const char *nickname;
  } rows[] = {
      {STR(WITH("\"nickname\":\"a\x14\x07"
                "b\"")),
       "ab"},
      {STR(WITH("\"nickname\":\"a\\u0014b\"")), "ab"},
      {STR(WITH("\"nickname\":\"a\\u0000b\"")), "ab"},
      {STR(WITH("\"nickname\":\"a\\ud83db\"")), "a" FFFD "b"},
      {STR(WITH("\"nickname\":\"a\\ude00b\"")), "a" FFFD "b"},
      {STR(WITH("\"nickname\":\"\\ud83d\\ude00\"")), "\xF0\x9F\x98\x80"},
      {STR(WITH("\"nickname\":\"a\xC0\x80"
                "b\"")),
       "a" FFFD FFFD "b"},
      {STR(WITH("\"nickname\":\"\xED\xA0\xBD\xED\xB8\x80\"")), FFFD FFFD FFFD FFFD FFFD FFFD},
      {STR(WITH("\"nickname\":\"\xF5\"")), FFFD},
      {STR(WITH("\"nickname\":\"a\\u202eb\"")), "ab"},
      {STR(WITH("\"nickname\":\"a\\u2028b\\u0085c\\ufeff\\uffff\"")), "abc"},
      {STR(WITH("\"nickname\":\"\\ue001\"")), "\xEE\x80\x81"},
      {STR(WITH("\"nickname\":\"\xF0\x9F\x91\xA8\xE2\x80\x8D\xF0\x9F\x91\xA9\"")),
       "\xF0\x9F\x91\xA8\xE2\x80\x8D\xF0\x9F\x91\xA9"},
      {STR(WITH("\"nickname\":\"\"")), ""},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    read_good(rows[i].body);
    if (!is_text(profile.nickname, rows[i].nickname)) fail_msg("row %zu: %.*s", i, STR_ARG(profile.nickname));
  }
}

/* J19 */
static void rubbish_in_a_region_spoils_only_that(void **state) {
  (void)state;
  read_good(STR(WITH("\"nickname\":\"n\",\"city\":\"\xB9\xE3\xD6\xDD\",\"province\":\"p\"")));
  assert_true(is_text(profile.nickname, "n") && is_text(profile.province, "p"));
  assert_true(utf8_is_valid(profile.city));
}

/* Z03 */
static void long_texts_are_cut_at_a_code_point(void **state) {
  (void)state;
  struct buf body;
  buf_init(&body, 1 << 16);
  buf_add_text(&body, WITH("\"nickname\":\"x"));
  body.len--;
  for (int i = 0; i < 2000; i++) buf_add_text(&body, "\xE5\xBE\xAE");
  buf_add_text(&body, "\"}");
  read_good(buf_str(&body));
  assert_int_equal(profile.nickname.n, 1 + 341 * 3);
  assert_true(utf8_is_valid(profile.nickname));
  buf_done(&body);
}

/* Z06 */
static void picture_is_kept_only_as_a_plain_web_address(void **state) {
  (void)state;
  static const struct {
    struct str body;
    const char *url;
  } rows[] = {
      {STR(WITH("\"headimgurl\":\"https://x.qlogo.cn/a?b=c&d\"")), "https://x.qlogo.cn/a?b=c&d"},
      {STR(WITH("\"headimgurl\":\"http://x.qlogo.cn/\"")), "http://x.qlogo.cn/"},
      {STR(WITH("\"headimgurl\":\"\"")), ""},
      {STR(WITH("\"headimgurl\":\"javascript:alert(1)\"")), ""},
      {STR(WITH("\"headimgurl\":\"data:image/png;base64,AA\"")), ""},
      {STR(WITH("\"headimgurl\":\"//x.qlogo.cn/\"")), ""},
      {STR(WITH("\"headimgurl\":\"https:///a\"")), ""},
      {STR(WITH("\"headimgurl\":\"https://x/\\r\\nSet-Cookie: a\"")), ""},
      {STR(WITH("\"headimgurl\":\"https://x/\\\"onload\"")), ""},
      {STR(WITH("\"headimgurl\":\" https://x/\"")), ""},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    read_good(rows[i].body);
    assert_true(is_text(profile.headimgurl, rows[i].url));
  }
}

static void picture_address_beyond_the_limit_is_dropped_and_not_cut(void **state) {
  (void)state;
  struct buf body;
  for (size_t n = WECHAT_URL_MAX_BYTES; n <= WECHAT_URL_MAX_BYTES + 1; n++) {
    buf_init(&body, 1 << 16);
    buf_add_text(&body, "{\"openid\":\"oA\",\"headimgurl\":\"https://x/");
    for (size_t i = strlen("https://x/"); i < n; i++) buf_add_char(&body, 'a');
    buf_add_text(&body, "\"}");
    read_good(buf_str(&body));
    assert_int_equal(profile.headimgurl.n, n == WECHAT_URL_MAX_BYTES ? n : 0);
    buf_done(&body);
  }
}

/* Z07 */
static void odd_language_is_unknown(void **state) {
  (void)state;
  read_good(STR(WITH("\"language\":\"zh_CN<b>\"")));
  assert_true(is_text(profile.language, ""));
}

static void privilege_keeps_texts_only(void **state) {
  (void)state;
  read_good(STR(WITH("\"privilege\":[\"chinaunicom\",7,null,[\"x\"],\"a\\\"b\",\"\\u0007c\"]")));
  assert_true(is_text(profile.privilege, "[\"chinaunicom\",\"a\\\"b\",\"c\"]"));
}

static void privilege_is_bounded_and_stays_whole(void **state) {
  (void)state;
  struct buf body;
  buf_init(&body, 1 << 18);
  buf_add_text(&body, "{\"openid\":\"oA\",\"privilege\":[\"0\"");
  for (int i = 0; i < 900; i++) buf_addf(&body, ",\"privilege-%d\"", i);
  buf_add_text(&body, "]}");
  read_good(buf_str(&body));
  assert_true(profile.privilege.n <= WECHAT_PRIVILEGE_MAX_BYTES);
  assert_true(str_ends(profile.privilege, STR("\"]")));
  buf_done(&body);
}

static void unknown_members_are_kept_as_raw(void **state) {
  (void)state;
  read_good(STR(
      WITH("\"subscribe\":1,\"remark\":\"x\xC0\\u0007\",\"is_vip\":true,\"score\":1.5,\"tags\":[1],\"more\":{},\"none\":null")));
  assert_true(is_text(profile.raw, "{\"subscribe\":1,\"remark\":\"x" FFFD "\",\"is_vip\":true}"));
}

static void raw_never_holds_tokens_or_odd_names(void **state) {
  (void)state;
  read_good(
      STR(WITH("\"access_token\":\"AT\",\"refreshToken\":\"RT\",\"app_secret\":\"s\",\"session_key\":\"k\",\"a b\":1,\"\":2,"
               "\"x\\u0000y\":3,\"ok\":4,\"ok\":5,\"is_snapshotuser\":1")));
  assert_true(is_text(profile.raw, "{\"ok\":4}"));
}

static void raw_is_bounded_and_stays_whole(void **state) {
  (void)state;
  struct buf body;
  buf_init(&body, 1 << 18);
  buf_add_text(&body, "{\"openid\":\"oA\"");
  for (int i = 0; i < 60; i++) {
    buf_addf(&body, ",\"m%d\":\"", i);
    for (int j = 0; j < 900; j++) buf_add_char(&body, 'x');
    buf_add_char(&body, '"');
  }
  buf_add_char(&body, '}');
  read_good(buf_str(&body));
  assert_true(profile.raw.n > 4096 && profile.raw.n <= WECHAT_RAW_MAX_BYTES);
  assert_true(str_ends(profile.raw, STR("\"}")));
  buf_done(&body);
}

static void errcode_decides_over_a_whole_profile(void **state) {
  (void)state;
  wechat_profile_parse(STR(WITH("\"nickname\":\"n\",\"errcode\":48001")), &profile, &answer);
  assert_int_equal(answer.action, WECHAT_ESCALATE);
  assert_string_equal(profile.openid, "");
}

static void unionid_that_is_odd_refuses_the_profile(void **state) {
  (void)state;
  assert_refused(STR(WITH("\"unionid\":\"a b\"")));
  assert_refused(STR(WITH("\"unionid\":7")));
  read_good(STR(WITH("\"unionid\":null")));
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define WITH_DROP(test) cmocka_unit_test_teardown(test, drop_profile)
      WITH_DROP(documented_answer_is_read),
      WITH_DROP(everything_but_the_openid_may_be_missing),
      WITH_DROP(members_of_another_kind_are_empty),
      WITH_DROP(sex_is_one_two_or_unknown),
      WITH_DROP(hard_nicknames_are_repaired),
      WITH_DROP(rubbish_in_a_region_spoils_only_that),
      WITH_DROP(long_texts_are_cut_at_a_code_point),
      WITH_DROP(picture_is_kept_only_as_a_plain_web_address),
      WITH_DROP(picture_address_beyond_the_limit_is_dropped_and_not_cut),
      WITH_DROP(odd_language_is_unknown),
      WITH_DROP(privilege_keeps_texts_only),
      WITH_DROP(privilege_is_bounded_and_stays_whole),
      WITH_DROP(unknown_members_are_kept_as_raw),
      WITH_DROP(raw_never_holds_tokens_or_odd_names),
      WITH_DROP(raw_is_bounded_and_stays_whole),
      WITH_DROP(errcode_decides_over_a_whole_profile),
      WITH_DROP(unionid_that_is_odd_refuses_the_profile),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
