/* SPDX-License-Identifier: Apache-2.0
 * test_text_code: encodings have one spelling, and what goes to a page or a log cannot leave its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "base/random.h"
#include "base/text.h"

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

static const char *percent(struct str s) {
  buf_clear(&out);
  text_percent_encode(&out, s);
  return buf_text(&out);
}

static const char *printable(struct str s) {
  buf_clear(&out);
  text_printable(&out, s, 200);
  return buf_text(&out);
}

static void percent_encoding_keeps_only_unreserved_bytes(void **state) {
  (void)state;
  assert_string_equal(percent(STR("aZ09-._~")), "aZ09-._~");
  assert_string_equal(percent(STR("https://a/b?c=d&e#f+g h%")), "https%3A%2F%2Fa%2Fb%3Fc%3Dd%26e%23f%2Bg%20h%25");
  assert_string_equal(percent(STR("\xE5\xBC\xA0\0")), "%E5%BC%A0%00");
}

static void percent_decoding_gives_back_every_byte(void **state) {
  (void)state;
  char all[256], encoded[1024];
  for (int i = 0; i < 256; i++) all[i] = (char)i;
  struct str text = str_make(all, sizeof all);
  assert_int_equal(str_copy(str_of(percent(text)), encoded, sizeof encoded), 0);
  buf_clear(&out);
  assert_int_equal(text_percent_decode(&out, str_of(encoded), true), 0);
  assert_true(str_eq(buf_str(&out), text));
}

static void plus_is_a_blank_only_where_asked(void **state) {
  (void)state;
  assert_int_equal(text_percent_decode(&out, STR("a+b%2b"), true), 0);
  assert_int_equal(text_percent_decode(&out, STR("a+b%2B"), false), 0);
  assert_string_equal(buf_text(&out), "a b+a+b+");
}

static void broken_percent_escapes_are_refused(void **state) {
  (void)state;
  static const char *const broken[] = {"%", "%4", "a%", "%zz", "%4g", "%%41", "% 41", "%u0041"};
  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
    assert_int_equal(text_percent_decode(&out, str_of(broken[i]), false), -1);
}

static void html_is_escaped_for_text_and_attributes(void **state) {
  (void)state;
  text_html_escape(&out, STR("<script>alert('x' + \"y\") && 1</script>"));
  assert_string_equal(buf_text(&out), "&lt;script&gt;alert(&#39;x&#39; + &quot;y&quot;) &amp;&amp; 1&lt;/script&gt;");
}

static void Z13_line_breaks_and_terminal_bytes_become_visible(void **state) {
  (void)state;
  assert_string_equal(printable(STR("a\r\nb\tc")), "a\\x0d\\x0ab\\x09c");
  assert_string_equal(printable(STR("\x1b[2J\x7f\0")), "\\x1b[2J\\x7f\\x00");
  assert_string_equal(printable(STR("\xC2\x9B"
                                    "31m\xC2\x85")),
                      "\\u{9B}31m\\u{85}");
  assert_string_equal(printable(STR("\xE2\x80\xA8\xE2\x80\xAE\xE2\x81\xA6\xEF\xBB\xBF")), "\\u{2028}\\u{202E}\\u{2066}\\u{FEFF}");
}

static void ill_formed_bytes_become_visible_one_by_one(void **state) {
  (void)state;
  assert_string_equal(printable(STR("\xC0\x80\xED\xA0\x80\xFF")), "\\xc0\\x80\\xed\\xa0\\x80\\xff");
  assert_string_equal(printable(STR("\xF0\x9F\x98")), "\\xf0\\x9f\\x98");
}

static void names_of_people_stay_readable(void **state) {
  (void)state;
  assert_string_equal(printable(STR("张三 👨‍👩‍👧 é")), "张三 👨‍👩‍👧 é");
}

static void printable_text_is_cut_between_units(void **state) {
  (void)state;
  text_printable(&out, STR("ab\ncd"), 5);
  assert_string_equal(buf_text(&out), "ab");
  buf_clear(&out);
  text_printable(&out, STR("ab\ncd"), 6);
  assert_string_equal(buf_text(&out), "ab\\x0a");
  buf_clear(&out);
  text_printable(&out, STR("张三"), 5);
  assert_string_equal(buf_text(&out), "张");
}

static void hex_takes_exactly_its_digits(void **state) {
  (void)state;
  uint8_t bytes[3] = {0, 0xab, 0xff}, back[3];
  char text[7];
  text_hex_encode(text, bytes, sizeof bytes);
  assert_string_equal(text, "00abff");
  assert_int_equal(text_hex_decode(back, 3, STR("00ABff")), 0);
  assert_memory_equal(back, bytes, 3);
  static const char *const odd[] = {"00abf", "00abff0", "00abfg", " 0abff", ""};
  for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) assert_int_equal(text_hex_decode(back, 3, str_of(odd[i])), -1);
}

static void base62_gives_back_every_length(void **state) {
  (void)state;
  for (size_t n = 0; n <= 95; n++) { /* 95 bytes are the most that fit into a state of 128 characters */
    uint8_t bytes[95], back[95];
    char text[130];
    assert_true(text_base62_length(n) <= 128);
    for (int round = 0; round < 3; round++) {
      assert_int_equal(random_bytes(bytes, sizeof bytes), 0);
      if (round == 0) memset(bytes, 0xff, sizeof bytes);
      if (round == 1) memset(bytes, 0, sizeof bytes);
      text_base62_encode(text, bytes, n);
      assert_int_equal(strlen(text), text_base62_length(n));
      assert_int_equal(text_base62_decode(back, n, str_of(text)), 0);
      assert_memory_equal(back, bytes, n);
    }
  }
}

static int compare_texts(const void *a, const void *b) {
  return memcmp(a, b, 64);
}

static void S13_many_states_are_letters_and_digits_without_repeats(void **state) {
  (void)state;
  enum { COUNT = 100000, BYTES = 40 };
  char(*texts)[64] = calloc(COUNT, sizeof *texts);
  for (int i = 0; i < COUNT; i++) {
    uint8_t bytes[BYTES];
    assert_int_equal(random_bytes(bytes, sizeof bytes), 0);
    text_base62_encode(texts[i], bytes, sizeof bytes);
    size_t letters = strspn(texts[i], "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
    assert_int_equal(letters, text_base62_length(BYTES));
  }
  qsort(texts, COUNT, sizeof *texts, compare_texts);
  for (int i = 1; i < COUNT; i++) assert_true(compare_texts(texts[i - 1], texts[i]) != 0);
  free(texts);
}

static void base62_has_one_spelling(void **state) {
  (void)state;
  uint8_t bytes[16], back[16];
  char text[32], again[32];
  assert_int_equal(random_bytes(bytes, sizeof bytes), 0);
  text_base62_encode(text, bytes, sizeof bytes);
  size_t n = strlen(text);
  for (size_t i = 0; i < n; i++) {
    char right = text[i];
    for (int c = 0; c < 256; c++) {
      text[i] = (char)c;
      if (text_base62_decode(back, sizeof back, str_make(text, n)) != 0) continue;
      text_base62_encode(again, back, sizeof back);
      assert_memory_equal(again, text, n);
      assert_true(c == (unsigned char)right || memcmp(back, bytes, sizeof back) != 0);
    }
    text[i] = right;
  }
  assert_int_equal(text_base62_decode(back, sizeof back, str_make(text, n - 1)), -1);
  assert_int_equal(text_base62_decode(back, sizeof back, STR("zzzzzzzzzzzzzzzzzzzzzz")), -1); /* 62^22 is more than 2^128 */
}

static void base64url_gives_back_every_length(void **state) {
  (void)state;
  for (size_t n = 0; n <= 100; n++) {
    uint8_t bytes[100], back[100];
    char text[140];
    size_t got = 0;
    assert_int_equal(random_bytes(bytes, sizeof bytes), 0);
    text_base64url_encode(text, bytes, n);
    assert_int_equal(strlen(text), text_base64url_length(n));
    assert_int_equal(text_base64url_decode(back, n, str_of(text), &got), 0);
    assert_int_equal(got, n);
    assert_memory_equal(back, bytes, n);
    if (n > 0) assert_int_equal(text_base64url_decode(back, n - 1, str_of(text), &got), -1);
  }
}

static void base64url_has_one_spelling(void **state) {
  (void)state;
  uint8_t back[8];
  size_t got = 77;
  static const char *const odd[] = {"A", "AA=", "AA==", "AB", "A A", "A+", "A/", "AAB", "AAAAA", "\nAA"};
  for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
    assert_int_equal(text_base64url_decode(back, sizeof back, str_of(odd[i]), &got), -1);
  assert_int_equal(got, 77);
  assert_int_equal(text_base64url_decode(back, sizeof back, STR("_-8"), &got), 0);
  assert_int_equal(got, 2);
  assert_memory_equal(back, "\xff\xef", 2);
}

static void dates_are_those_of_the_calendar(void **state) {
  (void)state;
  static const struct {
    int64_t s;
    const char *text;
  } dates[] = {{0, "1970-01-01T00:00:00Z"},
               {-1, "1969-12-31T23:59:59Z"},
               {1795340000, "2026-11-22T09:33:20Z"},
               {951782400, "2000-02-29T00:00:00Z"},
               {4107542400, "2100-03-01T00:00:00Z"},
               {2147483648, "2038-01-19T03:14:08Z"},
               {-62167219200, "0000-01-01T00:00:00Z"},
               {253402300799, "9999-12-31T23:59:59Z"},
               {INT64_MAX, "9999-12-31T23:59:59Z"},
               {INT64_MIN, "0000-01-01T00:00:00Z"}};
  for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
    char text[32];
    text_rfc3339(text, dates[i].s);
    assert_string_equal(text, dates[i].text);
  }
}

static void every_day_of_1887_to_2298_agrees_with_the_c_library(void **state) {
  (void)state;
  for (int64_t day = -30000; day < 120000; day += 1) {
    char ours[32], theirs[32];
    struct tm tm;
    time_t s = day * 86400 + day % 86400;
    gmtime_r(&s, &tm);
    strftime(theirs, sizeof theirs, "%Y-%m-%dT%H:%M:%SZ", &tm);
    text_rfc3339(ours, s);
    assert_string_equal(ours, theirs);
  }
}

#define out_test(name) cmocka_unit_test_setup_teardown(name, make_out, free_out)

int main(void) {
  const struct CMUnitTest tests[] = {
      out_test(percent_encoding_keeps_only_unreserved_bytes),
      out_test(percent_decoding_gives_back_every_byte),
      out_test(plus_is_a_blank_only_where_asked),
      out_test(broken_percent_escapes_are_refused),
      out_test(html_is_escaped_for_text_and_attributes),
      out_test(Z13_line_breaks_and_terminal_bytes_become_visible),
      out_test(ill_formed_bytes_become_visible_one_by_one),
      out_test(names_of_people_stay_readable),
      out_test(printable_text_is_cut_between_units),
      cmocka_unit_test(hex_takes_exactly_its_digits),
      cmocka_unit_test(base62_gives_back_every_length),
      cmocka_unit_test(S13_many_states_are_letters_and_digits_without_repeats),
      cmocka_unit_test(base62_has_one_spelling),
      cmocka_unit_test(base64url_gives_back_every_length),
      cmocka_unit_test(base64url_has_one_spelling),
      cmocka_unit_test(dates_are_those_of_the_calendar),
      cmocka_unit_test(every_day_of_1887_to_2298_agrees_with_the_c_library),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
