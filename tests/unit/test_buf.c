/* SPDX-License-Identifier: Apache-2.0
 * test_buf: buffers grow to their limit and remember what did not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "base/scope.h"

static void appends_follow_each_other(void **state) {
  (void)state;
  SCOPE_BUF struct buf buf;
  buf_init(&buf, 1000);
  buf_add(&buf, "a", 1);
  buf_add_str(&buf, STR("bc"));
  buf_add_text(&buf, "de");
  buf_add_char(&buf, 'f');
  buf_addf(&buf, "%d", 42);
  assert_true(str_eq(buf_str(&buf), STR("abcdef42")));
  assert_string_equal(buf_text(&buf), "abcdef42");
  assert_false(buf.failed);
}

static void empty_buffer_is_an_empty_text(void **state) {
  (void)state;
  SCOPE_BUF struct buf buf;
  buf_init(&buf, 0);
  assert_string_equal(buf_text(&buf), "");
  assert_int_equal(buf_str(&buf).n, 0);
  buf_add(&buf, NULL, 0);
  assert_false(buf.failed);
}

static void limit_is_exact_and_failure_sticks(void **state) {
  (void)state;
  SCOPE_BUF struct buf buf;
  buf_init(&buf, 100);
  for (int i = 0; i < 100; i++) buf_add_char(&buf, 'x');
  assert_false(buf.failed);
  assert_int_equal(strlen(buf_text(&buf)), 100); /* the terminator does not count */
  buf_add_char(&buf, 'y');
  assert_true(buf.failed);
  assert_int_equal(buf.len, 100);
  buf_clear(&buf);
  assert_false(buf.failed);
  buf_add_text(&buf, "again");
  assert_string_equal(buf_text(&buf), "again");
}

static void append_that_does_not_fit_appends_nothing(void **state) {
  (void)state;
  SCOPE_BUF struct buf buf;
  buf_init(&buf, 10);
  buf_add_text(&buf, "12345678");
  buf_add_text(&buf, "90A");
  assert_string_equal(buf_text(&buf), "12345678");
  buf_clear(&buf);
  buf_addf(&buf, "%s", "12345678901");
  assert_true(buf.failed);
  assert_int_equal(buf.len, 0);
}

static void long_formatted_text_fits_up_to_the_limit(void **state) {
  (void)state;
  SCOPE_BUF struct buf buf;
  buf_init(&buf, 1000);
  buf_addf(&buf, "%01000d", 7);
  assert_false(buf.failed);
  assert_int_equal(strlen(buf_text(&buf)), 1000);
  assert_int_equal(buf.data[999], '7');
}

static void reserved_room_is_filled_in_place(void **state) {
  (void)state;
  SCOPE_BUF struct buf buf;
  buf_init(&buf, 8);
  char *to = buf_reserve(&buf, 8);
  memcpy(to, "12345678", 8);
  assert_int_equal(buf.len, 0);
  buf_grew(&buf, 8);
  assert_string_equal(buf_text(&buf), "12345678");
  assert_null(buf_reserve(&buf, 1));
  assert_true(buf.failed);
}

static void huge_length_does_not_wrap_round(void **state) {
  (void)state;
  SCOPE_BUF struct buf buf;
  buf_init(&buf, SIZE_MAX);
  buf_add_char(&buf, 'x');
  assert_null(buf_reserve(&buf, SIZE_MAX - 1));
  assert_true(buf.failed);
  assert_int_equal(buf.len, 1);
}

static void take_moves_the_bytes(void **state) {
  (void)state;
  SCOPE_BUF struct buf from, to;
  buf_init(&from, 100);
  buf_init(&to, 100);
  buf_add_text(&from, "moved");
  buf_take(&to, &from);
  assert_string_equal(buf_text(&to), "moved");
  assert_int_equal(from.len, 0);
  buf_add_text(&from, "usable");
  assert_string_equal(buf_text(&from), "usable");
}

static void done_may_be_called_twice(void **state) {
  (void)state;
  struct buf buf;
  buf_init(&buf, 100);
  buf_add_text(&buf, "x");
  buf_done(&buf);
  buf_done(&buf);
  assert_string_equal(buf_text(&buf), "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(appends_follow_each_other),
      cmocka_unit_test(empty_buffer_is_an_empty_text),
      cmocka_unit_test(limit_is_exact_and_failure_sticks),
      cmocka_unit_test(append_that_does_not_fit_appends_nothing),
      cmocka_unit_test(long_formatted_text_fits_up_to_the_limit),
      cmocka_unit_test(reserved_room_is_filled_in_place),
      cmocka_unit_test(huge_length_does_not_wrap_round),
      cmocka_unit_test(take_moves_the_bytes),
      cmocka_unit_test(done_may_be_called_twice),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
