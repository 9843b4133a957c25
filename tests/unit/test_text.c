/* SPDX-License-Identifier: Apache-2.0
 * test_text: slices and the small forms of options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/buf.h"
#include "base/text.h"

static void slices_compare_by_length_and_bytes(void **state) {
  (void)state;
  assert_true(str_eq(STR("abc"), str_of("abc")));
  assert_false(str_eq(STR("abc"), STR("ab")));
  assert_true(str_eq(STR_NONE, STR("")));
  assert_true(str_eq_nocase(STR("Content-Type"), STR("content-type")));
  assert_false(str_eq_nocase(STR("\xC4"), STR("\xE4"))); /* ASCII only */
}

static void starts_ends_and_contains_look_at_the_right_place(void **state) {
  (void)state;
  assert_true(str_starts(STR("/weixin/login"), STR("/weixin")));
  assert_false(str_starts(STR("/w"), STR("/weixin")));
  assert_true(str_starts_nocase(STR("HTTPS://x"), STR("https:")));
  assert_true(str_ends(STR("a.sock"), STR(".sock")));
  assert_false(str_ends(STR("k"), STR(".sock")));
  assert_true(str_has(STR("a;b"), ';'));
  assert_false(str_has(STR_NONE, ';'));
  assert_true(str_contains_nocase(STR("Mozilla MicroMessenger/8"), STR("micromessenger")));
  assert_false(str_contains_nocase(STR("Micro"), STR("MicroMessenger")));
}

static void split_yields_every_part_and_then_ends(void **state) {
  (void)state;
  struct str rest = STR("a,,b"), part;
  assert_true(str_split(&rest, ',', &part));
  assert_true(str_eq(part, STR("a")));
  assert_true(str_split(&rest, ',', &part));
  assert_int_equal(part.n, 0);
  assert_true(str_split(&rest, ',', &part));
  assert_true(str_eq(part, STR("b")));
  assert_false(str_split(&rest, ',', &part));
}

static void split_after_a_last_separator_yields_an_empty_part(void **state) {
  (void)state;
  struct str rest = STR("a,"), part;
  assert_true(str_split(&rest, ',', &part));
  assert_true(str_split(&rest, ',', &part));
  assert_int_equal(part.n, 0);
  assert_false(str_split(&rest, ',', &part));
}

static void trim_takes_blanks_and_tabs_only(void **state) {
  (void)state;
  assert_true(str_eq(str_trim(STR(" \t a b\t ")), STR("a b")));
  assert_true(str_eq(str_trim(STR("\na")), STR("\na")));
  assert_int_equal(str_trim(STR("  ")).n, 0);
}

static void copy_refuses_what_does_not_fit_or_holds_nul(void **state) {
  (void)state;
  char to[4] = "xyz";
  assert_int_equal(str_copy(STR("abc"), to, sizeof to), 0);
  assert_string_equal(to, "abc");
  assert_int_equal(str_copy(STR("abcd"), to, sizeof to), -1);
  assert_string_equal(to, "");
  assert_int_equal(str_copy(STR("a\0b"), to, sizeof to), -1);
}

static void dup_makes_a_terminated_copy(void **state) {
  (void)state;
  char *text = str_dup(str_make("abcdef", 3));
  assert_string_equal(text, "abc");
  free(text);
  text = str_dup(STR_NONE);
  assert_string_equal(text, "");
  free(text);
}

static void secrets_compare_whole(void **state) {
  (void)state;
  assert_true(str_eq_secret(STR("secret"), STR("secret")));
  assert_false(str_eq_secret(STR("secret"), STR("secreT")));
  assert_false(str_eq_secret(STR("secret"), STR("secre")));
  assert_true(str_eq_secret(STR_NONE, STR("")));
}

static void numbers_are_digits_within_the_limit(void **state) {
  (void)state;
  uint64_t value = 7;
  static const char *const odd[] = {"", " 1", "1 ", "+1", "-1", "1a", "0x10", "18446744073709551616", "101"};
  for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) assert_int_equal(text_parse_u64(str_of(odd[i]), 100, &value), -1);
  assert_int_equal(value, 7);
  assert_int_equal(text_parse_u64(STR("18446744073709551615"), UINT64_MAX, &value), 0);
  assert_true(value == UINT64_MAX);
}

static void durations_need_a_unit(void **state) {
  (void)state;
  uint64_t ms = 7;
  static const char *const odd[] = {"", "5", "s", "-1s", "1.5s", "5 s", "5S", "5sec", "300000000000d"};
  for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) assert_int_equal(text_parse_duration_ms(str_of(odd[i]), &ms), -1);
  assert_int_equal(ms, 7);
  static const struct {
    const char *text;
    uint64_t ms;
  } good[] = {{"0", 0}, {"250ms", 250}, {"5s", 5000}, {"10m", 600000}, {"2h", 7200000}, {"7d", 604800000}};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    assert_int_equal(text_parse_duration_ms(str_of(good[i].text), &ms), 0);
    assert_int_equal(ms, good[i].ms);
  }
}

static void sizes_count_in_powers_of_1024(void **state) {
  (void)state;
  uint64_t bytes = 7;
  assert_int_equal(text_parse_size_bytes(STR("64k"), &bytes), -1);
  assert_int_equal(text_parse_size_bytes(STR("64KB"), &bytes), -1);
  assert_int_equal(bytes, 7);
  assert_int_equal(text_parse_size_bytes(STR("4096"), &bytes), 0);
  assert_int_equal(bytes, 4096);
  assert_int_equal(text_parse_size_bytes(STR("256M"), &bytes), 0);
  assert_int_equal(bytes, 256 << 20);
}

static void formats_use_the_largest_unit_that_divides(void **state) {
  (void)state;
  struct buf out;
  buf_init(&out, 100);
  text_format_duration(&out, 90000);
  buf_add_char(&out, ' ');
  text_format_duration(&out, 172800000);
  buf_add_char(&out, ' ');
  text_format_duration(&out, 0);
  buf_add_char(&out, ' ');
  text_format_size(&out, 65536);
  buf_add_char(&out, ' ');
  text_format_size(&out, 1000);
  assert_string_equal(buf_text(&out), "90s 2d 0 64K 1000");
  buf_done(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(slices_compare_by_length_and_bytes),
      cmocka_unit_test(starts_ends_and_contains_look_at_the_right_place),
      cmocka_unit_test(split_yields_every_part_and_then_ends),
      cmocka_unit_test(split_after_a_last_separator_yields_an_empty_part),
      cmocka_unit_test(trim_takes_blanks_and_tabs_only),
      cmocka_unit_test(copy_refuses_what_does_not_fit_or_holds_nul),
      cmocka_unit_test(dup_makes_a_terminated_copy),
      cmocka_unit_test(secrets_compare_whole),
      cmocka_unit_test(numbers_are_digits_within_the_limit),
      cmocka_unit_test(durations_need_a_unit),
      cmocka_unit_test(sizes_count_in_powers_of_1024),
      cmocka_unit_test(formats_use_the_largest_unit_that_divides),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
