/* SPDX-License-Identifier: Apache-2.0
 * test_text_time: points in time come back to the microsecond, and what is no time is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text_time.h"

static int64_t parsed(const char *text) {
  int64_t at_us = -7;
  assert_int_equal(text_time_parse(str_of(text), &at_us), 0);
  return at_us;
}

static void a_time_comes_back_to_the_microsecond(void **state) {
  static const int64_t times[] = {0, 1, 999999, 1000000, 1795253580123456, 951782400000000 /* a leap day */, 4102444800000001};
  char text[TEXT_TIME_BYTES];
  (void)state;
  for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
    text_time_format(text, times[i]);
    assert_true(parsed(text) == times[i]);
  }
}

static void other_spellings_of_one_moment_are_read(void **state) {
  (void)state;
  assert_true(parsed("2026-11-22T09:33:00Z") == INT64_C(1795339980000000));
  assert_true(parsed("2026-11-22T17:33:00+08:00") == INT64_C(1795339980000000));
  assert_true(parsed("2026-11-22 09:33:00.5z") == INT64_C(1795339980500000));
  assert_true(parsed("2026-11-22") == INT64_C(1795305600000000));
  assert_true(parsed("1795339980") == INT64_C(1795339980000000));
}

static void what_is_no_time_is_refused(void **state) {
  static const char *const texts[] = {"",
                                      "now",
                                      "2026-13-01",
                                      "2026-02-29",
                                      "2026-00-10",
                                      "2026-11-22T",
                                      "2026-11-22T09:33:00",
                                      "2026-11-22T24:00:00Z",
                                      "2026-11-22T09:33:60Z",
                                      "2026-11-22T09:33:00.Z",
                                      "2026-11-22T09:33:00.1234567Z",
                                      "2026-11-22T09:33:00+8:00",
                                      "2026-11-22T09:33:00Zx",
                                      "26-11-22",
                                      "-5",
                                      "999999999999999"};
  int64_t at_us = 77;
  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) assert_int_equal(text_time_parse(str_of(texts[i]), &at_us), -1);
  assert_true(at_us == 77);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_time_comes_back_to_the_microsecond),
      cmocka_unit_test(other_spellings_of_one_moment_are_read),
      cmocka_unit_test(what_is_no_time_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
