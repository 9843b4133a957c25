/* SPDX-License-Identifier: Apache-2.0
 * test_record: what a sign-in leaves in the store says no more than WeChat did, and tokens only to who has the key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/random.h"
#include "signin/record.h"
#include "site.h"

static struct site here;
static struct record record;

static int open_site(void **state) {
  (void)state;
  clock_hold(NOW_S, 1000);
  site_open(&here, &(struct site_options){0});
  return 0;
}

static int close_site(void **state) {
  (void)state;
  random_fail_next(0);
  clock_release();
  site_close(&here);
  return 0;
}

static struct wechat_token make_token(void) {
  struct wechat_token token = {.expires_in_s = 7200};
  str_copy(STR("ACCESS-of-this-person"), token.access_token, sizeof(token.access_token));
  str_copy(STR("REFRESH-of-this-person"), token.refresh_token, sizeof(token.refresh_token));
  str_copy(STR("oABC"), token.openid, sizeof(token.openid));
  str_copy(STR("snsapi_userinfo"), token.scope, sizeof(token.scope));
  return token;
}

static void fill(const struct wechat_token *token) {
  assert_int_equal(record_begin(&record), 0);
  record_person(&record, here.settings.appid, token);
  assert_int_equal(record_token(&record, &here.account, token), 0);
}

static bool is_text(struct weigate_text text, const char *expected) {
  return str_eq(str_make(text.bytes, text.size), str_of(expected));
}

static void a_silent_sign_in_says_who_and_nothing_else(void **unused) {
  (void)unused;
  struct wechat_token token = make_token();
  str_copy(STR("snsapi_base"), token.scope, sizeof(token.scope));
  assert_int_equal(record_begin(&record), 0);
  record_person(&record, here.settings.appid, &token);
  assert_int_equal(record.person.has, WEIGATE_PERSON_SCOPE); /* no profile group: nothing known is erased */
  assert_true(is_text(record.person.appid, "wx0123456789abcdef"));
  assert_true(is_text(record.person.openid, "oABC"));
  assert_true(is_text(record.person.scope, "snsapi_base"));
  assert_int_equal(record.person.first_seen_us, NOW_S * 1000000);
  assert_int_equal(record.person.last_seen_us, NOW_S * 1000000);
}

static void empty_fields_of_a_profile_do_not_speak(void **unused) { /* Z07 Z11 */
  (void)unused;
  struct wechat_token token = make_token();
  struct wechat_profile profile = {.nickname = STR("微信用户"), .privilege = STR("[]")};
  fill(&token);
  record_profile(&record, &profile);
  assert_int_equal(record.person.has, WEIGATE_PERSON_SCOPE | WEIGATE_PERSON_TOKEN | WEIGATE_PERSON_PROFILE);
}

static void a_full_profile_speaks_for_every_group(void **unused) {
  (void)unused;
  struct wechat_token token = make_token();
  struct wechat_profile profile = {
      .sex = 2, .nickname = STR("李平"), .city = STR("杭州"), .privilege = STR("[]"), .unionid = "uXYZ"};
  fill(&token);
  record_profile(&record, &profile);
  assert_int_equal(record.person.has, WEIGATE_PERSON_SCOPE | WEIGATE_PERSON_TOKEN | WEIGATE_PERSON_PROFILE | WEIGATE_PERSON_SEX |
                                          WEIGATE_PERSON_REGION | WEIGATE_PERSON_UNIONID);
  assert_int_equal(record.person.sex, 2);
  assert_true(is_text(record.person.unionid, "uXYZ"));
  const struct weigate_stamp *stamps[] = {&record.person.profile_stamp, &record.person.sex_stamp, &record.person.region_stamp,
                                          &record.person.scope_stamp, &record.person.token_stamp};
  for (size_t i = 0; i < sizeof(stamps) / sizeof(stamps[0]); i++)
    assert_memory_equal(stamps[i], &record.stamp, sizeof(record.stamp));
}

static void tokens_come_back_to_who_has_the_key(void **unused) {
  (void)unused;
  struct wechat_token token = make_token(), opened;
  fill(&token);
  assert_int_equal(record_token_open(&here.account, &record.person, &opened), 0);
  assert_string_equal(opened.access_token, token.access_token);
  assert_string_equal(opened.refresh_token, token.refresh_token);
  assert_string_equal(opened.openid, "oABC");
  assert_string_equal(opened.scope, "snsapi_userinfo");
  assert_int_equal(record.person.token_access_expires_us, (NOW_S + 7200) * 1000000);
}

static void the_longest_tokens_fit(void **unused) { /* J26 */
  (void)unused;
  struct wechat_token token = make_token(), opened;
  memset(token.access_token, 'A', WECHAT_TOKEN_MAX_BYTES);
  memset(token.refresh_token, 'R', WECHAT_TOKEN_MAX_BYTES);
  fill(&token);
  assert_true(record.person.token_sealed.size <= WEIGATE_SEALED_MAX);
  assert_int_equal(record_token_open(&here.account, &record.person, &opened), 0);
  assert_string_equal(opened.refresh_token, token.refresh_token);
}

static void no_token_stands_in_the_record_in_the_clear(void **unused) { /* Z16 */
  (void)unused;
  struct wechat_token token = make_token();
  fill(&token);
  assert_null(memmem(&record, sizeof(record), "ACCESS-of", 9));
  assert_null(memmem(&record, sizeof(record), "REFRESH-of", 10));
}

static void the_tokens_of_one_person_do_not_open_for_another(void **unused) {
  (void)unused;
  struct wechat_token token = make_token(), opened;
  fill(&token);
  struct weigate_person other = record.person;
  other.openid = (struct weigate_text){"oABD", 4};
  assert_int_equal(record_token_open(&here.account, &other, &opened), -1);
  other = record.person;
  other.appid = (struct weigate_text){"wxfedcba9876543210", 18};
  assert_int_equal(record_token_open(&here.account, &other, &opened), -1);
  char longest[1024];
  memset(longest, 'o', sizeof(longest));
  other.openid = (struct weigate_text){longest, sizeof(longest)};
  assert_int_equal(record_token_open(&here.account, &other, &opened), -1);
}

static void tokens_outlive_a_change_of_the_sites_address(void **unused) {
  (void)unused;
  struct site moved;
  struct wechat_token token = make_token(), opened;
  fill(&token);
  site_open(&moved, &(struct site_options){.public_url = "https://new.example.org", .prefix = "/login", .id = "second"});
  assert_int_equal(record_token_open(&moved.account, &record.person, &opened), 0);
  site_close(&moved);
}

static void damaged_tokens_and_tokens_under_a_removed_key_do_not_open(void **unused) {
  (void)unused;
  struct wechat_token token = make_token(), opened;
  fill(&token);
  for (size_t i = 0; i < record.person.token_sealed.size; i++) {
    record.token_sealed[i] ^= 1;
    assert_int_equal(record_token_open(&here.account, &record.person, &opened), -1);
    record.token_sealed[i] ^= 1;
  }
  site_rotate(&here, KEY_B "\n" KEY_A);
  assert_int_equal(record_token_open(&here.account, &record.person, &opened), 0);
  site_rotate(&here, KEY_B);
  assert_int_equal(record_token_open(&here.account, &record.person, &opened), -1);
}

static void without_random_bytes_nothing_is_written(void **unused) { /* S22 */
  (void)unused;
  struct wechat_token token = make_token();
  assert_int_equal(record_begin(&record), 0);
  record_person(&record, here.settings.appid, &token);
  random_fail_next(-1);
  assert_int_equal(record_token(&record, &here.account, &token), -1);
  assert_false(record.person.has & WEIGATE_PERSON_TOKEN);
  assert_int_equal(record_begin(&record), -1);
}

static void an_address_is_kept_as_its_network(void **unused) {
  (void)unused;
  const char *const pairs[][2] = {
      {"203.0.113.77", "203.0.113.0/24"},
      {"::ffff:203.0.113.77", "203.0.113.0/24"},
      {"2001:db8:1234:5678::9", "2001:db8:1234::/48"},
      {"::1", "::/48"},
      {"unix:", ""},
      {"", ""},
      {"203.0.113.77, 198.51.100.1", ""},
      {"203.0.113.77.203.0.113.77.203.0.113.77.203.0.113.77.203.0.113.77.203.0.113.77", ""},
  };
  for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
    char network[WEIGATE_NETWORK_MAX];
    record_network(str_of(pairs[i][0]), network);
    assert_string_equal(network, pairs[i][1]);
  }
}

static void a_day_begins_at_midnight_of_the_accounts_zone(void **unused) {
  (void)unused;
  const int64_t noon_us = INT64_C(86400) * 20000 * 1000000;
  assert_int_equal(record_day(0, noon_us), 20000);
  assert_int_equal(record_day(0, noon_us - 1000000), 19999);
  assert_int_equal(record_day(480, noon_us - INT64_C(8) * 3600 * 1000000), 20000);
  assert_int_equal(record_day(480, noon_us - (INT64_C(8) * 3600 + 1) * 1000000), 19999);
  assert_int_equal(record_day(-300, noon_us), 19999);
  assert_int_equal(record_day(-300, 0), -1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_site, close_site)
  const struct CMUnitTest tests[] = {
      TEST(a_silent_sign_in_says_who_and_nothing_else),
      TEST(empty_fields_of_a_profile_do_not_speak),
      TEST(a_full_profile_speaks_for_every_group),
      TEST(tokens_come_back_to_who_has_the_key),
      TEST(the_longest_tokens_fit),
      TEST(no_token_stands_in_the_record_in_the_clear),
      TEST(the_tokens_of_one_person_do_not_open_for_another),
      TEST(tokens_outlive_a_change_of_the_sites_address),
      TEST(damaged_tokens_and_tokens_under_a_removed_key_do_not_open),
      TEST(without_random_bytes_nothing_is_written),
      TEST(an_address_is_kept_as_its_network),
      TEST(a_day_begins_at_midnight_of_the_accounts_zone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
