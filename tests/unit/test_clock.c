/* SPDX-License-Identifier: Apache-2.0
 * test_clock: the clocks run, and stand still when a test holds them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "base/clock.h"

static void clocks_run_when_nobody_holds_them(void **state) {
  (void)state;
  uint64_t before = clock_mono_us();
  assert_true(clock_mono_us() >= before);
  assert_true(clock_mono_ms() >= before / 1000);
  assert_true(clock_wall_s() >= time(NULL) - 1);
  assert_false(clock_is_held());
}

static void held_clocks_move_only_by_hand(void **state) {
  (void)state;
  clock_hold(2000000000, 500);
  assert_true(clock_is_held());
  assert_int_equal(clock_wall_s(), 2000000000);
  assert_int_equal(clock_mono_ms(), 500);
  clock_advance_ms(1500);
  assert_int_equal(clock_wall_us(), 2000000001500000);
  assert_int_equal(clock_mono_us(), 2000000);
  clock_release();
  assert_false(clock_is_held());
}

static void wall_clock_may_step_back(void **state) {
  (void)state;
  clock_hold(100, 10000);
  clock_advance_ms(-1);
  assert_int_equal(clock_wall_s(), 99);
  assert_int_equal(clock_mono_ms(), 9999);
  clock_hold(0, 10000);
  clock_advance_ms(-1);
  assert_int_equal(clock_wall_s(), -1); /* rounded down on both sides of 1970 */
  clock_release();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(clocks_run_when_nobody_holds_them),
      cmocka_unit_test(held_clocks_move_only_by_hand),
      cmocka_unit_test(wall_clock_may_step_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
