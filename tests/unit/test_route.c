/* SPDX-License-Identifier: Apache-2.0
 * test_route: the row that answers, or why none does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "web/route.h"

static const struct route routes[] = {
    {WEB_GET, "/login", "login"},
    {WEB_GET, "/session", "get"},
    {WEB_POST, "/session", "post"},
    {WEB_DELETE, "/session", "delete"},
    {WEB_GET | WEB_HEAD | WEB_POST | WEB_DELETE | WEB_OTHER, "/auth", "auth"},
};

static enum route_found find(enum web_method method, const char *path, const char **ret_target) {
  const struct route *route = NULL;
  unsigned allow = 0;
  static char text[64];
  enum route_found found = route_find(routes, 5, method, str_of(path), &route, &allow);
  if (found == ROUTE_WRONG_METHOD) route_format_methods(allow, text);
  *ret_target = found == ROUTE_FOUND ? route->target : text;
  return found;
}

static void a_route_is_found_by_method_and_exact_path(void **state) {
  const char *target;
  (void)state;
  assert_int_equal(find(WEB_POST, "/session", &target), ROUTE_FOUND);
  assert_string_equal(target, "post");
  assert_int_equal(find(WEB_HEAD, "/login", &target), ROUTE_FOUND);
  assert_string_equal(target, "login");
  assert_int_equal(find(WEB_OTHER, "/auth", &target), ROUTE_FOUND);
}

static void S16_a_wrong_method_is_told_the_right_ones(void **state) {
  const char *allow;
  (void)state;
  assert_int_equal(find(WEB_POST, "/login", &allow), ROUTE_WRONG_METHOD);
  assert_string_equal(allow, "GET, HEAD");
  assert_int_equal(find(WEB_OTHER, "/session", &allow), ROUTE_WRONG_METHOD);
  assert_string_equal(allow, "GET, HEAD, POST, DELETE");
}

static void C15_other_spellings_of_a_path_are_not_found(void **state) {
  static const char *const paths[] = {"",           "/",           "/login/",  "/LOGIN", "/login%2f",
                                      "/login;x=1", "/login/..;/", "/login/x", "login"};
  const char *target;
  (void)state;
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) assert_int_equal(find(WEB_GET, paths[i], &target), ROUTE_NOT_FOUND);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_route_is_found_by_method_and_exact_path),
      cmocka_unit_test(S16_a_wrong_method_is_told_the_right_ones),
      cmocka_unit_test(C15_other_spellings_of_a_path_are_not_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
