/* SPDX-License-Identifier: Apache-2.0
 * test_random: bytes come or an error comes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/random.h"

static void bytes_differ_between_calls(void **state) {
  (void)state;
  uint8_t first[32], second[32];
  assert_int_equal(random_bytes(first, sizeof first), 0);
  assert_int_equal(random_bytes(second, sizeof second), 0);
  assert_memory_not_equal(first, second, sizeof first);
}

static void large_requests_are_filled_to_the_end(void **state) {
  (void)state;
  static uint8_t bytes[1 << 20];
  memset(bytes, 0, sizeof bytes);
  assert_int_equal(random_bytes(bytes, sizeof bytes), 0);
  size_t zeros = 0;
  for (size_t i = sizeof bytes - 65536; i < sizeof bytes; i++) zeros += bytes[i] == 0;
  assert_true(zeros < 600); /* 256 are expected; 600 is more than 20 deviations away */
}

static void S22_failing_source_is_an_error_each_time(void **state) {
  (void)state;
  uint8_t bytes[8] = {0};
  random_fail_next(2);
  assert_int_equal(random_bytes(bytes, sizeof bytes), -1);
  assert_int_equal(random_bytes(bytes, sizeof bytes), -1);
  assert_int_equal(random_bytes(bytes, sizeof bytes), 0);
  random_fail_next(-1);
  for (int i = 0; i < 10; i++) assert_int_equal(random_bytes(bytes, sizeof bytes), -1);
  random_fail_next(0);
  assert_int_equal(random_bytes(bytes, sizeof bytes), 0);
}

static void below_stays_below_and_reaches_everything(void **state) {
  (void)state;
  unsigned seen[6] = {0};
  for (int i = 0; i < 6000; i++) {
    uint32_t value = random_below(6);
    assert_true(value < 6);
    seen[value]++;
  }
  for (int i = 0; i < 6; i++) assert_true(seen[i] > 700); /* 1,000 expected, 10 deviations away */
  assert_int_equal(random_below(1), 0);
  assert_int_equal(random_below(0), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bytes_differ_between_calls),
      cmocka_unit_test(large_requests_are_filled_to_the_end),
      cmocka_unit_test(S22_failing_source_is_an_error_each_time),
      cmocka_unit_test(below_stays_below_and_reaches_everything),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
