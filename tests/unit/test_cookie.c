/* SPDX-License-Identifier: Apache-2.0
 * test_cookie: whose cookie is taken, and what is never taken for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "web/cookie.h"

#define NAME "__Host-weigate"

static struct request request;
static struct response response;
static struct str value;

static int start(void **state) {
  (void)state;
  request = (struct request){0};
  value = STR("untouched");
  response_init(&response);
  response_status(&response, 200);
  return 0;
}

static int finish(void **state) {
  (void)state;
  response_done(&response);
  return 0;
}

static enum web_value find(const char *header) {
  request.cookie = str_of(header);
  return cookie_value(&request, STR(NAME), &value);
}

static void assert_value(const char *expected) {
  assert_true(str_eq(value, str_of(expected)));
}

static void a_cookie_is_found_among_others(void **state) {
  (void)state;
  assert_int_equal(find("a=b; " NAME "=v1.abc-_~; c=d"), WEB_VALUE_ONE);
  assert_value("v1.abc-_~");
  assert_int_equal(find(NAME "=x=y="), WEB_VALUE_ONE);
  assert_value("x=y=");
  assert_int_equal(find(NAME "="), WEB_VALUE_ONE);
  assert_value("");
  assert_int_equal(find("a=b;" NAME "=x"), WEB_VALUE_ONE);
}

static void an_absent_cookie_is_none(void **state) {
  (void)state;
  assert_int_equal(find(""), WEB_VALUE_NONE);
  assert_int_equal(find("a=b"), WEB_VALUE_NONE);
  assert_int_equal(find(NAME), WEB_VALUE_NONE);
  assert_int_equal(find("x" NAME "=1; " NAME "x=1"), WEB_VALUE_NONE);
  assert_value("untouched");
}

static void K07_two_values_are_ambiguous_in_any_order(void **state) {
  (void)state;
  assert_int_equal(find(NAME "=good; " NAME "=other"), WEB_VALUE_MANY);
  assert_int_equal(find(NAME "=\"junk\"; " NAME "=good"), WEB_VALUE_MANY);
  assert_int_equal(find(NAME "=good; " NAME "="), WEB_VALUE_MANY);
  assert_int_equal(find(NAME "=good; a=b; " NAME "=good"), WEB_VALUE_ONE);
}

static void F20_both_headers_are_considered(void **state) {
  (void)state;
  request.cookie_second = STR(NAME "=second");
  assert_int_equal(find("a=b"), WEB_VALUE_ONE);
  assert_value("second");
  assert_int_equal(find(NAME "=first"), WEB_VALUE_MANY);
}

static void K09_other_spellings_of_the_name_are_other_cookies(void **state) {
  (void)state;
  assert_int_equal(find("=" NAME "=x"), WEB_VALUE_NONE);
  assert_int_equal(find("__host-weigate=x"), WEB_VALUE_NONE);
  assert_int_equal(find(NAME " =x"), WEB_VALUE_NONE);
  assert_int_equal(find("\"" NAME "\"=x"), WEB_VALUE_NONE);
}

static void K09_values_that_no_browser_sends_are_bad(void **state) {
  static const char *const bad[] = {NAME "=\"x\"", NAME "=x y",   NAME "=x,y",  NAME "=x\\y",
                                    NAME "=x\x7f", NAME "=x\xe4", NAME "=x\ty", NAME "=x "};
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_int_equal(find(bad[i]), WEB_VALUE_BAD);
  assert_value("untouched");
}

static void K10_headers_of_separators_hold_nothing(void **state) {
  static char pairs[2001];
  (void)state;
  assert_int_equal(find(";"), WEB_VALUE_NONE);
  assert_int_equal(find(",,,,"), WEB_VALUE_NONE);
  assert_int_equal(find("    "), WEB_VALUE_NONE);
  assert_int_equal(find("=;=;=;"), WEB_VALUE_NONE);
  for (size_t i = 0; i < 2000; i += 4) memcpy(pairs + i, "=; ;", 4);
  assert_int_equal(find(pairs), WEB_VALUE_NONE);
}

static void count_visit(struct str name, struct str seen, void *arg) {
  assert_true(str_starts(name, STR("login-")));
  assert_true(seen.n > 0);
  ++*(int *)arg;
}

static void cookies_of_a_prefix_are_visited_within_bounds(void **state) {
  static char many[20 * 200];
  int visits = 0;
  (void)state;
  request.cookie = STR("login-1=a; other=b; login-2=c; login-=d; login- =e; login-3=\"f\"; Login-4=g");
  cookie_each(&request, STR("login-"), count_visit, &visits);
  assert_int_equal(visits, 3);
  for (size_t i = 0; i < sizeof many; i += 20) memcpy(many + i, "login-012345678=abc;", 20);
  request.cookie = str_make(many, sizeof many);
  request.cookie_second = request.cookie;
  visits = 0;
  cookie_each(&request, STR("login-"), count_visit, &visits);
  assert_int_equal(visits, 64);
}

static void K12_a_cookie_is_set_with_every_attribute(void **state) {
  (void)state;
  cookie_set(&response, STR(NAME), STR("v.1"), 600, true);
  assert_false(response.refused);
  assert_non_null(
      strstr(buf_text(&response.head), "Set-Cookie: " NAME "=v.1; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure\r\n"));
  cookie_set(&response, STR("weigate"), STR(""), 0, false);
  assert_non_null(strstr(buf_text(&response.head), "Set-Cookie: weigate=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax\r\n"));
  assert_null(strstr(buf_text(&response.head), "Domain"));
}

static void values_that_would_end_early_are_never_set(void **state) {
  static const char *const bad[] = {"a;b", "a b", "a\r\nb", "a,b", "\"a\"", "a\\", "\xe4"};
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    response_status(&response, 200);
    cookie_set(&response, STR(NAME), str_of(bad[i]), 1, true);
    assert_true(response.refused);
  }
  response_status(&response, 200);
  cookie_set(&response, STR("a=b"), STR("x"), 1, true);
  assert_true(response.refused);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_cookie_is_found_among_others),
      TEST(an_absent_cookie_is_none),
      TEST(K07_two_values_are_ambiguous_in_any_order),
      TEST(F20_both_headers_are_considered),
      TEST(K09_other_spellings_of_the_name_are_other_cookies),
      TEST(K09_values_that_no_browser_sends_are_bad),
      TEST(K10_headers_of_separators_hold_nothing),
      TEST(cookies_of_a_prefix_are_visited_within_bounds),
      TEST(K12_a_cookie_is_set_with_every_attribute),
      TEST(values_that_would_end_early_are_never_set),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
