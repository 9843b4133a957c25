/* SPDX-License-Identifier: Apache-2.0
 * test_utf8: text from outside is kept where it is text and cleaned where it is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"

#define U_FFFD "\xEF\xBF\xBD"

static struct buf out;

static int make_out(void **state) {
  (void)state;
  buf_init(&out, 10000);
  return 0;
}

static int free_out(void **state) {
  (void)state;
  buf_done(&out);
  return 0;
}

static const char *clean(struct str s) {
  buf_clear(&out);
  utf8_clean(&out, s, 10000);
  return buf_text(&out);
}

static void every_code_point_is_decoded_as_it_was_encoded(void **state) {
  (void)state;
  for (uint32_t code_point = 0; code_point <= 0x10FFFF; code_point++) {
    if (code_point >= 0xD800 && code_point <= 0xDFFF) continue;
    char bytes[4];
    uint32_t back = 0;
    size_t bad, n = utf8_encode(bytes, code_point);
    if (utf8_decode(bytes, n, &back, &bad) != n || back != code_point) fail_msg("U+%X comes back as U+%X", code_point, back);
    if (utf8_decode(bytes, n - 1 ? n - 1 : 1, &back, &bad) != (n == 1)) fail_msg("a part of U+%X was accepted", code_point);
  }
}

static void ill_formed_sequences_are_not_valid(void **state) {
  (void)state;
  static const char *const bad[] = {
      "\x80",
      "\xBF",
      "\xC0\x80",
      "\xC1\xBF",
      "\xC2",
      "\xE0\x80\x80",
      "\xE0\x9F\xBF",
      "\xED\xA0\x80",
      "\xED\xBF\xBF",
      "\xE2\x82",
      "\xE2\x28\xA1",
      "\xF0\x80\x80\x80",
      "\xF0\x8F\xBF\xBF",
      "\xF4\x90\x80\x80",
      "\xF5\x80\x80\x80",
      "\xF8\x88\x80\x80",
      "\xFE",
      "\xFF",
      "a\xF0\x9F\x98z",
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_false(utf8_is_valid(str_of(bad[i])));
  assert_true(utf8_is_valid(STR("")));
  assert_true(utf8_is_valid(STR("a\0b")));
  assert_true(utf8_is_valid(STR("\xF4\x8F\xBF\xBF\xEE\x80\x80\xED\x9F\xBF")));
}

/* The example of Unicode 15, table 3-8 and 3-11. */
static void each_maximal_subpart_becomes_one_replacement(void **state) {
  (void)state;
  assert_string_equal(clean(STR("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41")),
                      U_FFFD U_FFFD U_FFFD U_FFFD U_FFFD U_FFFD U_FFFD U_FFFD "A");
  assert_string_equal(clean(STR("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41")), U_FFFD U_FFFD U_FFFD U_FFFD "A");
  assert_string_equal(clean(STR("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41")),
                      U_FFFD U_FFFD U_FFFD U_FFFD U_FFFD U_FFFD U_FFFD U_FFFD "A");
}

static void J19_J20_rubbish_is_replaced_and_never_kept_raw(void **state) {
  (void)state;
  static const char *const rubbish[] = {"\xB1\xB1\xBE\xA9", "\xC0\x80", "\xED\xA0\xBD\xED\xB8\x80", "\xF5\x80\x80\x80", "x\xFFy"};
  for (size_t i = 0; i < sizeof rubbish / sizeof rubbish[0]; i++) {
    const char *text = clean(str_of(rubbish[i]));
    assert_true(utf8_is_valid(str_of(text)));
    assert_non_null(strstr(text, U_FFFD));
  }
}

static void Z02_emoji_families_flags_and_marks_are_kept_byte_for_byte(void **state) {
  (void)state;
  static const char *const texts[] = {"👨‍👩‍👧‍👦",
                                      "🇨🇳",
                                      "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
                                      "❤️‍🔥",
                                      "张三丰",
                                      "שָׁלוֹם",
                                      "مرحبا",
                                      "क्षि",
                                      "e\xCC\x81",
                                      "👍🏽"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) assert_string_equal(clean(str_of(texts[i])), texts[i]);
  char marks[2002] = "a";
  for (int i = 0; i < 1000; i++) memcpy(marks + 1 + 2 * i, "\xCC\x81", 2);
  marks[2001] = '\0';
  assert_string_equal(clean(str_of(marks)), marks);
}

static void Z03_cut_never_splits_a_code_point(void **state) {
  (void)state;
  static const char *const units[] = {"a", "é", "张", "😀"};
  for (size_t u = 0; u < 4; u++) {
    char ten[41] = "";
    struct str unit = str_of(units[u]), text = str_make(ten, 10 * unit.n);
    for (size_t i = 0; i < 10; i++) memcpy(ten + i * unit.n, unit.p, unit.n);
    for (size_t max = 0; max <= text.n; max++) {
      buf_clear(&out);
      utf8_clean(&out, text, max);
      assert_int_equal(out.len, max / unit.n * unit.n);
      assert_int_equal(utf8_cut(text, max), max / unit.n * unit.n);
    }
  }
}

static void replacement_counts_with_its_three_bytes(void **state) {
  (void)state;
  utf8_clean(&out, STR("a\xFF-"), 3);
  assert_string_equal(buf_text(&out), "a");
  buf_clear(&out);
  utf8_clean(&out, STR("a\xFF-"), 4);
  assert_string_equal(buf_text(&out), "a" U_FFFD);
}

static void Z04_what_is_dropped_and_what_is_kept(void **state) {
  (void)state;
  static const uint32_t dropped[] = {0x00,   0x01,   0x09,   0x0A,   0x0D,   0x1B,    0x1F,    0x7F,   0x80,
                                     0x85,   0x9B,   0x9F,   0x2028, 0x2029, 0x202A,  0x202E,  0x2066, 0x2069,
                                     0xFEFF, 0xFFFE, 0xFFFF, 0xFDD0, 0xFDEF, 0x1FFFE, 0x10FFFF};
  static const uint32_t kept[] = {0x20,   0x7E,   0xA0,   0xAD,   0x0301,  0x061C,  0x200B,  0x200C,
                                  0x200D, 0x200E, 0x200F, 0x202F, 0x2065,  0x206A,  0x3000,  0xE001,
                                  0xFE0F, 0xFFFD, 0xFDCF, 0xFDF0, 0x1F600, 0xE0067, 0xF0000, 0x10FFFD};
  for (size_t i = 0; i < sizeof dropped / sizeof dropped[0]; i++) {
    char bytes[4];
    assert_true(utf8_is_hidden(dropped[i]));
    assert_string_equal(clean(str_make(bytes, utf8_encode(bytes, dropped[i]))), "");
  }
  for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
    char bytes[4];
    size_t n = utf8_encode(bytes, kept[i]);
    assert_false(utf8_is_hidden(kept[i]));
    clean(str_make(bytes, n));
    assert_true(str_eq(buf_str(&out), str_make(bytes, n)));
  }
}

static void Z01_blanks_stay_blanks_and_nothing_stays_nothing(void **state) {
  (void)state;
  assert_string_equal(clean(STR("")), "");
  assert_string_equal(clean(STR_NONE), "");
  assert_string_equal(clean(STR("  ")), "  ");
}

#define out_test(name) cmocka_unit_test_setup_teardown(name, make_out, free_out)

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_code_point_is_decoded_as_it_was_encoded),
      cmocka_unit_test(ill_formed_sequences_are_not_valid),
      out_test(each_maximal_subpart_becomes_one_replacement),
      out_test(J19_J20_rubbish_is_replaced_and_never_kept_raw),
      out_test(Z02_emoji_families_flags_and_marks_are_kept_byte_for_byte),
      out_test(Z03_cut_never_splits_a_code_point),
      out_test(replacement_counts_with_its_three_bytes),
      out_test(Z04_what_is_dropped_and_what_is_kept),
      out_test(Z01_blanks_stay_blanks_and_nothing_stays_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
