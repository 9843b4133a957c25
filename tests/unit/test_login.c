/* SPDX-License-Identifier: Apache-2.0
 * test_login: where a sign-in begins: what is read from the question, and what the browser is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/clock.h"
#include "base/random.h"
#include "signin/login.h"
#include "site.h"

#define CALLBACK "https%3A%2F%2Fwww.example.com%2Fweixin%2Fcallback"

static struct site here;
static struct browser browser;
static char location[8192];

static int open_site(void **state) {
  (void)state;
  clock_hold(NOW_S, 1000);
  site_open(&here, &(struct site_options){0});
  browser.count = 0;
  return 0;
}

static int close_site(void **state) {
  (void)state;
  random_fail_next(0);
  clock_release();
  site_close(&here);
  return 0;
}

static bool has_status(const char *line) {
  return has_line(&here.job.response, line);
}

/* Asks and expects to be sent on; the address is in `location`, the login cookie in the browser. */
static void ask(const char *query) {
  site_ask(&here, "/login", query);
  login_run(&here.job);
  assert_true(has_status("Status: 302 Found"));
  take_header(&here.job.response, "Location", location, sizeof(location));
  browser_take(&browser, &here.job.response);
}

/* The attempt that `location` began. */
static struct attempt attempt_of_location(void) {
  struct attempt attempt;
  struct state state;
  struct request request = {.cookie = browser_send(&browser)};
  const char *text = strstr(location, "&state=");
  assert_non_null(text);
  struct str state_text = str_make(text + 7, strcspn(text + 7, "#&"));
  assert_int_equal(attempt_find(&here.account, &request, state_text, NOW_S, &attempt, &state), ATTEMPT_MATCH);
  return attempt;
}

static const char *next_of(const char *query) {
  static struct attempt attempt;
  browser.count = 0;
  ask(query);
  attempt = attempt_of_location();
  return attempt.next;
}

static void the_visitor_is_sent_to_wechat_in_its_order(void **unused) { /* S14 */
  (void)unused;
  ask("next=%2Fprivate%2F%3Fx%3D1");
  static const char start[] =
      "https://open.weixin.qq.com/connect/oauth2/authorize?appid=wx0123456789abcdef&redirect_uri=" CALLBACK
      "&response_type=code&scope=snsapi_userinfo&state=";
  assert_memory_equal(location, start, sizeof(start) - 1);
  assert_true(str_ends(str_of(location), STR("#wechat_redirect")));
  assert_string_equal(attempt_of_location().next, "/private/?x=1");
}

static void forged_host_headers_change_nothing(void **unused) { /* S15 */
  (void)unused;
  site_ask(&here, "/login", "");
  here.job.request.host = STR("evil.example");
  here.job.request.origin = STR("https://evil.example");
  login_run(&here.job);
  take_header(&here.job.response, "Location", location, sizeof(location));
  assert_non_null(strstr(location, "redirect_uri=" CALLBACK "&"));
}

static void foreign_addresses_become_the_default(void **unused) { /* R01 R02 R06 R16 */
  (void)unused;
  here.settings.default_next = "/home";
  assert_string_equal(next_of(""), "/home");
  assert_string_equal(next_of("next="), "/home");
  assert_string_equal(next_of("next=%2F%2Fevil.example"), "/home");
  assert_string_equal(next_of("next=%2F%5Cevil.example"), "/home");
  assert_string_equal(next_of("next=https%3A%2F%2Fevil.example"), "/home");
  assert_string_equal(next_of("NEXT=%2Fa&next[]=%2Fb"), "/home");
  assert_string_equal(next_of("next=%2Fweixin%2Flogin"), "/home"); /* R14 */
}

static void a_repeated_next_is_a_bad_request(void **unused) { /* R16 */
  (void)unused;
  site_ask(&here, "/login", "next=%2Fa&next=%2Fb");
  login_run(&here.job);
  assert_true(has_status("Status: 400 Bad Request"));
  assert_false(has_line(&here.job.response, "Set-Cookie:"));
}

static void an_address_that_grows_too_long_by_escaping_becomes_the_default(void **unused) { /* R13 */
  (void)unused;
  char query[2048] = "next=/";
  size_t n = strlen(query);
  memset(query + n, '"', 400); /* 401 bytes, 1,201 when written */
  query[n + 400] = '\0';
  assert_string_equal(next_of(query), "/");
  query[n + 300] = '\0'; /* 901 when written */
  assert_int_equal(strlen(next_of(query)), 901);
}

static void behind_an_unencoded_address_nothing_is_ours(void **unused) { /* R17 */
  (void)unused;
  ask("next=/a?x=1&scope=snsapi_base&popup=1");
  assert_string_equal(attempt_of_location().next, "/a?x=1&scope=snsapi_base&popup=1");
  assert_int_equal(attempt_of_location().flags, ATTEMPT_USERINFO);
  browser.count = 0;
  ask("next=/a&scope=snsapi_base&popup=1&handover=x");
  assert_string_equal(attempt_of_location().next, "/a");
  assert_int_equal(attempt_of_location().flags, ATTEMPT_USERINFO);
}

static void wishes_stand_before_the_address_or_behind_an_encoded_one(void **unused) {
  (void)unused;
  const char *const queries[] = {"scope=snsapi_base&lang=en&popup=1&next=/a/b",
                                 "next=%2Fa%2Fb&scope=snsapi_base&lang=en&popup=1"};
  for (size_t i = 0; i < 2; i++) {
    browser.count = 0;
    ask(queries[i]);
    struct attempt attempt = attempt_of_location();
    assert_string_equal(attempt.next, "/a/b");
    assert_int_equal(attempt.flags, ATTEMPT_POPUP);
    assert_int_equal(attempt.lang, ATTEMPT_LANG_EN);
  }
}

static void unknown_wishes_leave_the_accounts_settings(void **unused) {
  (void)unused;
  ask("scope=evil&lang=xx&popup=yes");
  assert_int_equal(attempt_of_location().flags, ATTEMPT_USERINFO);
  assert_int_equal(attempt_of_location().lang, ATTEMPT_LANG_ACCOUNT);
}

static void behind_error_page_the_original_address_is_taken_whole(void **unused) { /* R17 */
  (void)unused;
  site_ask(&here, "/login", "");
  here.job.request.original_uri = STR("/private/?x=1&next=//evil.example&scope=snsapi_base");
  login_run(&here.job);
  take_header(&here.job.response, "Location", location, sizeof(location));
  browser_take(&browser, &here.job.response);
  assert_string_equal(attempt_of_location().next, "/private/?x=1&next=//evil.example&scope=snsapi_base");
}

static void scope_auto_begins_silently(void **unused) {
  (void)unused;
  here.settings.scope = SIGNIN_SCOPE_AUTO;
  ask("");
  assert_non_null(strstr(location, "&scope=snsapi_base&"));
  assert_int_equal(attempt_of_location().flags, ATTEMPT_AUTO);
}

static void a_program_is_told_401(void **unused) {
  (void)unused;
  site_ask(&here, "/login", "");
  here.job.is_api = true;
  login_run(&here.job);
  assert_true(has_status("Status: 401 Unauthorized"));
  assert_true(has_text(&here.job.response, "\"error\":\"not_signed_in\""));
  assert_false(has_line(&here.job.response, "Set-Cookie:"));
}

static void head_and_prefetch_begin_nothing(void **unused) { /* S16 S17 K23 */
  (void)unused;
  site_ask(&here, "/login", "");
  here.job.request.method = WEB_HEAD;
  login_run(&here.job);
  assert_true(has_status("Status: 200 OK"));
  assert_false(has_line(&here.job.response, "Set-Cookie:"));
  here.job.request.original_uri = STR("/private/");
  login_run(&here.job);
  assert_true(has_status("Status: 401 Unauthorized")); /* no way round the gate */

  site_ask(&here, "/login", "");
  here.job.request.purpose = STR("prefetch;prerender");
  login_run(&here.job);
  assert_true(has_status("Status: 503 Service Unavailable"));
  assert_false(has_line(&here.job.response, "Set-Cookie:"));
}

static void a_dead_session_cookie_goes_away_and_a_good_one_stays(void **unused) { /* K15 S19 */
  (void)unused;
  static const enum session_state dead[] = {SESSION_AMBIGUOUS, SESSION_FORGED, SESSION_EXPIRED, SESSION_REVOKED};
  static const char deletion[] = "Set-Cookie: __Host-weigate=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure";
  for (size_t i = 0; i < sizeof(dead) / sizeof(dead[0]); i++) {
    site_ask(&here, "/login", "");
    here.job.session_state = dead[i];
    login_run(&here.job);
    assert_true(has_line(&here.job.response, deletion));
  }
  here.job.session_state = SESSION_GOOD;
  login_run(&here.job);
  assert_false(has_line(&here.job.response, deletion));
}

static void a_guest_who_is_turned_away_is_told_why_and_not_sent_in_circles(void **unused) {
  (void)unused;
  site_ask(&here, "/login", "");
  here.job.request.original_uri = STR("/members/?x=1");
  here.job.session_state = SESSION_GOOD;
  here.job.session.is_guest = true;
  login_run(&here.job);
  assert_true(has_status("Status: 403 Forbidden"));
  assert_true(has_text(&here.job.response, "snapshot_user"));
  assert_true(has_text(&here.job.response, "href=\"/weixin/login?next=%2Fmembers%2F%3Fx%3D1\""));
  here.job.is_api = true;
  login_run(&here.job);
  assert_true(has_text(&here.job.response, "\"error\":\"snapshot_user\""));

  site_ask(&here, "/login", "next=%2Fmembers%2F"); /* who asks for it may try again */
  login_run(&here.job);
  assert_true(has_status("Status: 302 Found"));
}

static void without_random_bytes_nobody_is_sent_anywhere(void **unused) { /* S22 */
  (void)unused;
  site_ask(&here, "/login", "");
  random_fail_next(-1);
  login_run(&here.job);
  assert_true(has_status("Status: 503 Service Unavailable"));
  assert_true(has_line(&here.job.response, "Retry-After:"));
  assert_false(has_line(&here.job.response, "Location:"));
  assert_false(has_line(&here.job.response, "Set-Cookie:"));
}

static void outside_wechat_a_qr_code_leads_to_the_phone(void **unused) {
  (void)unused;
  site_ask(&here, "/login", "next=%2Fprivate%2F&scope=snsapi_base");
  here.job.request.user_agent = STR("Mozilla/5.0 (X11; Linux x86_64) Chrome/126.0.0.0 Safari/537.36");
  login_run(&here.job);
  assert_true(has_status("Status: 200 OK"));
  assert_true(has_text(&here.job.response, "<svg"));
  assert_true(has_text(&here.job.response, "/weixin/handover?state="));
  browser_take(&browser, &here.job.response);
  assert_int_equal(browser.count, 1);
}

static void outside_wechat_the_website_app_has_its_own_link(void **unused) {
  (void)unused;
  here.settings.outside_wechat = SIGNIN_OUTSIDE_QRCONNECT;
  here.settings.qrconnect_appid = "wxwebsite0000001";
  site_ask(&here, "/login", "lang=en");
  here.job.request.user_agent = STR("Firefox");
  login_run(&here.job);
  take_header(&here.job.response, "Location", location, sizeof(location));
  assert_non_null(strstr(location, "https://open.weixin.qq.com/connect/qrconnect?appid=wxwebsite0000001&redirect_uri=" CALLBACK
                                   "&response_type=code&scope=snsapi_login&state="));
  assert_non_null(strstr(location, "lang=en"));
}

static void a_scanned_code_begins_the_phones_own_sign_in(void **unused) {
  (void)unused;
  char query[128], state[STATE_TEXT_BYTES];
  struct attempt computer;
  assert_int_equal(attempt_begin(&computer, NOW_S), 0);
  attempt_format_state(&here.account, &computer, state);
  snprintf(query, sizeof(query), "handover=%s", state);
  ask(query);
  assert_int_equal(attempt_of_location().flags, ATTEMPT_HANDOVER | ATTEMPT_USERINFO);
  assert_string_equal(attempt_of_location().next, state);

  clock_advance_ms((STATE_LIFETIME_S + 1) * 1000);
  site_ask(&here, "/login", query);
  login_run(&here.job);
  assert_true(has_text(&here.job.response, "qr_expired"));
  assert_false(has_line(&here.job.response, "Set-Cookie:"));
}

static void again_repeats_the_attempt(void **unused) {
  (void)unused;
  static const struct {
    struct attempt attempt;
    const char *link;
  } cases[] = {
      {{.flags = ATTEMPT_USERINFO, .next = "/a?b=1&c#d"}, "/weixin/login?next=%2Fa%3Fb%3D1%26c%23d"},
      {{.flags = ATTEMPT_POPUP, .next = "/a"}, "/weixin/login?popup=1&scope=snsapi_base&next=%2Fa"},
      {{.flags = ATTEMPT_AUTO, .lang = ATTEMPT_LANG_ZH_TW, .next = "/"}, "/weixin/login?scope=auto&lang=zh_TW&next=%2F"},
      {{.flags = ATTEMPT_USERINFO | ATTEMPT_ESCALATED, .next = "/"}, "/weixin/login?scope=auto&next=%2F"},
      {{.flags = ATTEMPT_USERINFO | ATTEMPT_HANDOVER, .next = "State123"}, "/weixin/login?handover=State123"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct buf link;
    buf_init(&link, LOGIN_AGAIN_MAX_BYTES);
    login_add_again(&here.account, &cases[i].attempt, &link);
    assert_string_equal(buf_text(&link), cases[i].link);
    buf_done(&link);
  }
}

static void what_again_says_is_read_as_it_was(void **unused) {
  (void)unused;
  struct attempt before = {.flags = ATTEMPT_POPUP | ATTEMPT_AUTO, .lang = ATTEMPT_LANG_EN, .next = "/a/?b=1&popup=0"};
  struct buf link;
  buf_init(&link, LOGIN_AGAIN_MAX_BYTES);
  login_add_again(&here.account, &before, &link);
  ask(strchr(buf_text(&link), '?') + 1);
  struct attempt after = attempt_of_location();
  assert_int_equal(after.flags, before.flags);
  assert_int_equal(after.lang, before.lang);
  assert_string_equal(after.next, before.next);
  buf_done(&link);
}

static void a_restart_counts_and_an_escalation_asks_for_the_profile(void **unused) { /* S02 */
  (void)unused;
  struct attempt first = {.flags = ATTEMPT_AUTO | ATTEMPT_POPUP, .next = "/a"};
  site_ask(&here, "/callback", "");
  login_restart(&here.job, &first, OUTCOME_RESTARTED);
  take_header(&here.job.response, "Location", location, sizeof(location));
  browser_take(&browser, &here.job.response);
  assert_int_equal(attempt_of_location().restarts, 1);
  assert_int_equal(attempt_of_location().flags, first.flags);
  assert_string_equal(attempt_of_location().next, "/a");

  browser.count = 0;
  first.flags |= ATTEMPT_ESCALATED;
  login_restart(&here.job, &first, OUTCOME_ESCALATED);
  take_header(&here.job.response, "Location", location, sizeof(location));
  browser_take(&browser, &here.job.response);
  assert_non_null(strstr(location, "&scope=snsapi_userinfo&"));
  assert_int_equal(attempt_of_location().restarts, 0);
  assert_int_equal(attempt_of_location().flags, ATTEMPT_POPUP | ATTEMPT_ESCALATED | ATTEMPT_USERINFO);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_site, close_site)
  const struct CMUnitTest tests[] = {
      TEST(the_visitor_is_sent_to_wechat_in_its_order),
      TEST(forged_host_headers_change_nothing),
      TEST(foreign_addresses_become_the_default),
      TEST(a_repeated_next_is_a_bad_request),
      TEST(an_address_that_grows_too_long_by_escaping_becomes_the_default),
      TEST(behind_an_unencoded_address_nothing_is_ours),
      TEST(wishes_stand_before_the_address_or_behind_an_encoded_one),
      TEST(unknown_wishes_leave_the_accounts_settings),
      TEST(behind_error_page_the_original_address_is_taken_whole),
      TEST(scope_auto_begins_silently),
      TEST(a_program_is_told_401),
      TEST(head_and_prefetch_begin_nothing),
      TEST(a_dead_session_cookie_goes_away_and_a_good_one_stays),
      TEST(a_guest_who_is_turned_away_is_told_why_and_not_sent_in_circles),
      TEST(without_random_bytes_nobody_is_sent_anywhere),
      TEST(outside_wechat_a_qr_code_leads_to_the_phone),
      TEST(outside_wechat_the_website_app_has_its_own_link),
      TEST(a_scanned_code_begins_the_phones_own_sign_in),
      TEST(again_repeats_the_attempt),
      TEST(what_again_says_is_read_as_it_was),
      TEST(a_restart_counts_and_an_escalation_asks_for_the_profile),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
