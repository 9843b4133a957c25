/* SPDX-License-Identifier: Apache-2.0
 * test_attempt: only the browser that began a sign-in finds it again, and it keeps few of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/random.h"
#include "signin/attempt.h"
#include "site.h"

static struct site here;
static struct browser browser;

static int open_site(void **state) {
  (void)state;
  site_open(&here, &(struct site_options){0});
  browser.count = 0;
  return 0;
}

static int close_site(void **state) {
  (void)state;
  random_fail_next(0);
  site_close(&here);
  return 0;
}

/* Begins a sign-in for `next` in the browser; its state goes to ret_state. */
static struct attempt begin(struct site *site, const char *next, int64_t now_s, char ret_state[STATE_TEXT_BYTES]) {
  struct attempt attempt;
  struct request request = {.cookie = browser_send(&browser)};
  assert_int_equal(attempt_begin(&attempt, now_s), 0);
  assert_int_equal(str_copy(str_of(next), attempt.next, sizeof(attempt.next)), 0);
  response_status(&site->response, 302);
  assert_int_equal(attempt_set_cookie(&site->account, &request, &attempt, now_s, &site->response), 0);
  browser_take(&browser, &site->response);
  attempt_format_state(&site->account, &attempt, ret_state);
  return attempt;
}

static enum attempt_match find(const struct site *site, struct str state_text, int64_t now_s, struct attempt *ret_attempt) {
  struct state state;
  struct request request = {.cookie = browser_send(&browser)};
  return attempt_find(&site->account, &request, state_text, now_s, ret_attempt, &state);
}

static void the_browser_that_began_finds_its_attempt(void **unused) {
  (void)unused;
  char state[STATE_TEXT_BYTES];
  struct attempt made = begin(&here, "/private/?x=1#y", NOW_S, state), found;
  assert_int_equal(find(&here, str_of(state), NOW_S + 30, &found), ATTEMPT_MATCH);
  assert_memory_equal(found.secret, made.secret, sizeof(made.secret));
  assert_string_equal(found.next, "/private/?x=1#y");
}

static void flags_restarts_and_language_come_back(void **unused) {
  (void)unused;
  char state[STATE_TEXT_BYTES];
  struct attempt made, found;
  struct request request = {0};
  assert_int_equal(attempt_begin(&made, NOW_S), 0);
  made.flags = ATTEMPT_POPUP | ATTEMPT_AUTO;
  made.restarts = 1;
  made.lang = ATTEMPT_LANG_EN;
  made.next[0] = '\0';
  assert_int_equal(attempt_set_cookie(&here.account, &request, &made, NOW_S, &here.response), 0);
  browser_take(&browser, &here.response);
  attempt_format_state(&here.account, &made, state);
  assert_int_equal(find(&here, str_of(state), NOW_S, &found), ATTEMPT_MATCH);
  assert_int_equal(found.flags, made.flags);
  assert_int_equal(found.restarts, 1);
  assert_int_equal(found.lang, ATTEMPT_LANG_EN);
  assert_string_equal(found.next, "");
}

static void no_state_is_no_state(void **unused) { /* S01 */
  (void)unused;
  char state[STATE_TEXT_BYTES];
  struct attempt found;
  begin(&here, "/", NOW_S, state);
  assert_int_equal(find(&here, STR_NONE, NOW_S, &found), ATTEMPT_NO_STATE);
}

static void another_browser_does_not_find_it(void **unused) { /* S02 */
  (void)unused;
  char state[STATE_TEXT_BYTES];
  struct attempt found;
  begin(&here, "/", NOW_S, state);
  browser.count = 0;
  assert_int_equal(find(&here, str_of(state), NOW_S, &found), ATTEMPT_NO_COOKIE);
}

static void the_state_of_one_with_the_cookie_of_another_is_a_mismatch(void **unused) { /* S03 */
  (void)unused;
  char theirs[STATE_TEXT_BYTES], mine[STATE_TEXT_BYTES], name[160];
  struct attempt found;
  begin(&here, "/", NOW_S, theirs);
  memcpy(name, browser.cookies[0].name, sizeof(name));
  browser.count = 0;
  begin(&here, "/", NOW_S, mine);
  memcpy(browser.cookies[0].name, name, sizeof(name)); /* as if it were the one that their state names */
  assert_int_equal(find(&here, str_of(theirs), NOW_S, &found), ATTEMPT_MISMATCH);
}

static void every_flipped_bit_of_the_state_is_refused(void **unused) { /* S05 */
  (void)unused;
  char state[STATE_TEXT_BYTES];
  struct attempt found;
  begin(&here, "/", NOW_S, state);
  for (size_t bit = 0; bit < 8 * strlen(state); bit++) {
    char flipped[STATE_TEXT_BYTES];
    memcpy(flipped, state, sizeof(state));
    flipped[bit / 8] = (char)(flipped[bit / 8] ^ 1 << bit % 8);
    assert_int_not_equal(find(&here, str_make(flipped, strlen(state)), NOW_S, &found), ATTEMPT_MATCH);
  }
  for (size_t n = 0; n < strlen(state); n++) assert_int_not_equal(find(&here, str_make(state, n), NOW_S, &found), ATTEMPT_MATCH);
}

static void every_flipped_bit_of_the_cookie_is_refused(void **unused) { /* S05 */
  (void)unused;
  char state[STATE_TEXT_BYTES];
  struct attempt found;
  begin(&here, "/", NOW_S, state);
  char *value = browser.cookies[0].value;
  for (size_t bit = 0; bit < 8 * strlen(value); bit++) {
    value[bit / 8] = (char)(value[bit / 8] ^ 1 << bit % 8);
    assert_int_not_equal(find(&here, str_of(state), NOW_S, &found), ATTEMPT_MATCH);
    value[bit / 8] = (char)(value[bit / 8] ^ 1 << bit % 8);
  }
  assert_int_equal(find(&here, str_of(state), NOW_S, &found), ATTEMPT_MATCH);
}

static void it_expires_and_is_not_from_the_future(void **unused) { /* S07 */
  (void)unused;
  char state[STATE_TEXT_BYTES];
  struct attempt found;
  begin(&here, "/", NOW_S, state);
  assert_int_equal(find(&here, str_of(state), NOW_S + STATE_LIFETIME_S, &found), ATTEMPT_MATCH);
  assert_int_equal(find(&here, str_of(state), NOW_S + STATE_LIFETIME_S + 1, &found), ATTEMPT_EXPIRED);
  assert_int_equal(find(&here, str_of(state), NOW_S - STATE_SKEW_S, &found), ATTEMPT_MATCH);
  assert_int_equal(find(&here, str_of(state), NOW_S - 600, &found), ATTEMPT_EXPIRED);
}

static void a_rotated_key_opens_while_it_is_listed(void **unused) { /* S09 */
  (void)unused;
  char state[STATE_TEXT_BYTES];
  struct attempt found;
  begin(&here, "/", NOW_S, state);
  site_rotate(&here, KEY_B "\n" KEY_A);
  assert_int_equal(find(&here, str_of(state), NOW_S, &found), ATTEMPT_MATCH);
  site_rotate(&here, KEY_B);
  assert_int_equal(find(&here, str_of(state), NOW_S, &found), ATTEMPT_MISMATCH);
}

static void two_tabs_each_find_their_own(void **unused) { /* S10 */
  (void)unused;
  char first[STATE_TEXT_BYTES], second[STATE_TEXT_BYTES];
  struct attempt found;
  begin(&here, "/one", NOW_S, first);
  begin(&here, "/two", NOW_S + 1, second);
  assert_int_equal(find(&here, str_of(second), NOW_S + 2, &found), ATTEMPT_MATCH);
  assert_string_equal(found.next, "/two");
  assert_int_equal(find(&here, str_of(first), NOW_S + 3, &found), ATTEMPT_MATCH);
  assert_string_equal(found.next, "/one");
}

static void fifty_unfinished_ones_leave_few_cookies_and_the_newest_works(void **unused) { /* S11 */
  (void)unused;
  char state[STATE_TEXT_BYTES], next[URL_NEXT_MAX_BYTES + 1];
  struct attempt found;
  for (int i = 0; i < 50; i++) {
    snprintf(next, sizeof(next), "/%d/%0*d", i, i * 20, 0);
    begin(&here, next, NOW_S + i, state);
    assert_true(browser.count <= ATTEMPTS_MAX);
    assert_true(browser_send(&browser).n <= ATTEMPTS_MAX_BYTES);
    assert_true(here.response.head.len < 3584);
  }
  assert_int_equal(find(&here, str_of(state), NOW_S + 50, &found), ATTEMPT_MATCH);
  assert_string_equal(found.next, next);
}

static void cookies_that_are_broken_or_too_old_go_first(void **unused) {
  (void)unused;
  char old[STATE_TEXT_BYTES], young[STATE_TEXT_BYTES], newest[STATE_TEXT_BYTES];
  struct attempt found;
  begin(&here, "/old", NOW_S - 2 * STATE_LIFETIME_S, old);
  begin(&here, "/young", NOW_S - 10, young);
  browser.cookies[browser.count++] = (struct browser_cookie){"__Host-weigate-login-brokenbroke", "rubbish"};
  begin(&here, "/newest", NOW_S, newest);
  assert_int_equal(browser.count, 2);
  assert_int_equal(find(&here, str_of(young), NOW_S, &found), ATTEMPT_MATCH);
  assert_int_equal(find(&here, str_of(newest), NOW_S, &found), ATTEMPT_MATCH);
}

static void names_that_are_not_ours_are_left_alone(void **unused) {
  (void)unused;
  char state[STATE_TEXT_BYTES];
  browser.cookies[browser.count++] = (struct browser_cookie){"__Host-weigate-login-of-a-shop-with-a-long-name", "theirs"};
  browser.cookies[browser.count++] = (struct browser_cookie){"__Host-weigate-login-", "theirs"};
  begin(&here, "/", NOW_S, state);
  assert_int_equal(browser.count, 3);
}

static void a_row_of_planted_cookies_does_not_break_the_header(void **unused) { /* S11 F30 */
  (void)unused;
  char state[STATE_TEXT_BYTES], next[URL_NEXT_MAX_BYTES + 1];
  struct attempt found;
  for (int i = 0; i < 40; i++) {
    struct browser_cookie *cookie = &browser.cookies[browser.count++];
    snprintf(cookie->name, sizeof(cookie->name), "__Host-weigate-login-%011d", i);
    snprintf(cookie->value, sizeof(cookie->value), "planted");
  }
  memset(next, 'x', URL_NEXT_MAX_BYTES);
  next[0] = '/';
  next[URL_NEXT_MAX_BYTES] = '\0';
  begin(&here, next, NOW_S, state);
  assert_true(here.response.head.len < 2600); /* the authorize link has room beside it */
  for (int i = 0; i < 10; i++) begin(&here, next, NOW_S + i, state);
  assert_true(browser.count <= ATTEMPTS_MAX);
  assert_int_equal(find(&here, str_of(state), NOW_S + 10, &found), ATTEMPT_MATCH);
}

static void a_finished_attempt_takes_its_cookie_away(void **unused) {
  (void)unused;
  char state[STATE_TEXT_BYTES];
  struct attempt made = begin(&here, "/", NOW_S, state);
  response_status(&here.response, 303);
  attempt_clear_cookie(&here.account, &made, &here.response);
  browser_take(&browser, &here.response);
  assert_int_equal(browser.count, 0);
}

static void the_state_of_one_account_is_not_found_by_another(void **unused) { /* S20 S23 */
  (void)unused;
  const struct site_options others[] = {
      {.id = "shop", .prefix = "/shop"}, {.appid = "wxfedcba9876543210"}, {.public_url = "https://www.example.org"}};
  char state[STATE_TEXT_BYTES];
  struct attempt found;
  begin(&here, "/", NOW_S, state);
  for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
    struct site there;
    site_open(&there, &others[i]);
    assert_int_not_equal(find(&there, str_of(state), NOW_S, &found), ATTEMPT_MATCH);
    site_close(&there);
  }
}

static void without_random_bytes_there_is_no_attempt(void **unused) { /* S22 */
  (void)unused;
  struct attempt attempt;
  random_fail_next(1);
  assert_int_equal(attempt_begin(&attempt, NOW_S), -1);
  struct request request = {0};
  random_fail_next(0);
  assert_int_equal(attempt_begin(&attempt, NOW_S), 0);
  random_fail_next(-1);
  assert_int_equal(attempt_set_cookie(&here.account, &request, &attempt, NOW_S, &here.response), -1);
  assert_false(has_line(&here.response, "Set-Cookie:"));
}

static void at_an_https_site_the_cookie_does_not_travel_over_http(void **unused) { /* C18 K12 */
  (void)unused;
  char state[STATE_TEXT_BYTES], line[4096];
  begin(&here, "/", NOW_S, state);
  take_header(&here.response, "Set-Cookie", line, sizeof(line));
  assert_true(str_starts(str_of(line), STR("__Host-weigate-login-")));
  assert_true(str_ends(str_of(line), STR("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure")));
}

static void the_same_cookie_twice_with_different_values_is_refused(void **unused) { /* K07 */
  (void)unused;
  char state[STATE_TEXT_BYTES], twice[8192];
  struct attempt found;
  struct state read;
  begin(&here, "/", NOW_S, state);
  snprintf(twice, sizeof(twice), "%.*s; %s=other", STR_ARG(browser_send(&browser)), browser.cookies[0].name);
  struct request request = {.cookie = str_of(twice)};
  assert_int_equal(attempt_find(&here.account, &request, str_of(state), NOW_S, &found, &read), ATTEMPT_MISMATCH);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_site, close_site)
  const struct CMUnitTest tests[] = {
      TEST(the_browser_that_began_finds_its_attempt),
      TEST(flags_restarts_and_language_come_back),
      TEST(no_state_is_no_state),
      TEST(another_browser_does_not_find_it),
      TEST(the_state_of_one_with_the_cookie_of_another_is_a_mismatch),
      TEST(every_flipped_bit_of_the_state_is_refused),
      TEST(every_flipped_bit_of_the_cookie_is_refused),
      TEST(it_expires_and_is_not_from_the_future),
      TEST(a_rotated_key_opens_while_it_is_listed),
      TEST(two_tabs_each_find_their_own),
      TEST(fifty_unfinished_ones_leave_few_cookies_and_the_newest_works),
      TEST(cookies_that_are_broken_or_too_old_go_first),
      TEST(names_that_are_not_ours_are_left_alone),
      TEST(a_row_of_planted_cookies_does_not_break_the_header),
      TEST(a_finished_attempt_takes_its_cookie_away),
      TEST(the_state_of_one_account_is_not_found_by_another),
      TEST(without_random_bytes_there_is_no_attempt),
      TEST(at_an_https_site_the_cookie_does_not_travel_over_http),
      TEST(the_same_cookie_twice_with_different_values_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
