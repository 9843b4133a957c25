/* SPDX-License-Identifier: Apache-2.0
 * test_state: a state has one spelling, one account, one secret and ten minutes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/random.h"
#include "signin/attempt.h"
#include "signin/state.h"
#include "site.h"

#define STATES_COUNT 100000

static struct site here;
static const uint8_t secret[STATE_SECRET_BYTES] = "sixteen bytes..";

static int open_site(void **state) {
  (void)state;
  site_open(&here, &(struct site_options){0});
  return 0;
}

static int close_site(void **state) {
  (void)state;
  site_close(&here);
  return 0;
}

static struct state sign(void) {
  struct state state = {.made_at_s = (uint32_t)NOW_S, .restarts = 1, .nonce = {1, 2, 3, 4, 5, 6, 7, 8}};
  state_sign(&state, here.session.keys, account_context(&here.account), secret);
  return state;
}

static bool is_signed(const struct state *state, const struct site *site, const uint8_t *with) {
  return state_is_signed(state, site->session.keys, account_context(&site->account), with);
}

/* True if the text is read as a state whose MAC holds. */
static bool is_accepted(struct str text) {
  struct state read;
  return state_parse(text, &read) == 0 && is_signed(&read, &here, secret);
}

static void what_was_written_is_read(void **unused) {
  (void)unused;
  char text[STATE_TEXT_BYTES], again[STATE_TEXT_BYTES];
  struct state made = sign(), read;
  state_format(&made, text);
  assert_int_equal(state_parse(str_of(text), &read), 0);
  state_format(&read, again);
  assert_string_equal(again, text);
  assert_int_equal(read.made_at_s, NOW_S);
  assert_int_equal(read.restarts, 1);
  assert_true(is_signed(&read, &here, secret));
}

static void every_flipped_bit_is_refused(void **unused) { /* S05 */
  (void)unused;
  char text[STATE_TEXT_BYTES], flipped[STATE_TEXT_BYTES];
  struct state made = sign();
  state_format(&made, text);
  for (size_t bit = 0; bit < 8 * strlen(text); bit++) {
    memcpy(flipped, text, sizeof(text));
    flipped[bit / 8] = (char)(flipped[bit / 8] ^ 1 << bit % 8);
    assert_false(is_accepted(str_make(flipped, strlen(text))));
  }
}

static void every_flipped_bit_of_what_it_holds_is_refused(void **unused) { /* S05 */
  (void)unused;
  for (size_t bit = 0; bit < 8 * STATE_NONCE_BYTES; bit++) {
    struct state made = sign();
    made.nonce[bit / 8] = (uint8_t)(made.nonce[bit / 8] ^ 1 << bit % 8);
    assert_false(is_signed(&made, &here, secret));
  }
  for (size_t bit = 0; bit < 32; bit++) {
    struct state made = sign();
    made.made_at_s ^= UINT32_C(1) << bit;
    assert_false(is_signed(&made, &here, secret));
  }
  struct state made = sign();
  made.restarts = 0; /* whoever counts restarts is not talked out of it */
  assert_false(is_signed(&made, &here, secret));
}

static void every_cut_and_every_added_character_is_refused(void **unused) { /* S05 */
  (void)unused;
  char text[2 * STATE_TEXT_BYTES] = "";
  struct state made = sign();
  state_format(&made, text);
  size_t n = strlen(text);
  for (size_t cut = 0; cut < n; cut++) {
    assert_false(is_accepted(str_make(text, cut)));
    assert_false(is_accepted(str_make(text + n - cut, cut)));
  }
  for (int c = 0; c < 256; c++) {
    text[n] = (char)c;
    assert_false(is_accepted(str_make(text, n + 1)));
  }
}

static void a_minute_of_skew_is_fine_and_no_more(void **unused) { /* S07 */
  (void)unused;
  struct state made = sign();
  assert_true(state_is_timely(&made, NOW_S));
  assert_true(state_is_timely(&made, NOW_S + STATE_LIFETIME_S));
  assert_false(state_is_timely(&made, NOW_S + STATE_LIFETIME_S + 1));
  assert_true(state_is_timely(&made, NOW_S - STATE_SKEW_S));
  assert_false(state_is_timely(&made, NOW_S - STATE_SKEW_S - 1));
  assert_false(state_is_timely(&made, NOW_S - 600));
}

static void the_years_2038_and_2100_are_years_like_others(void **unused) { /* K14 */
  (void)unused;
  const int64_t years[] = {INT64_C(2147483647), INT64_C(2147483648), INT64_C(4102444800)};
  for (size_t i = 0; i < sizeof(years) / sizeof(years[0]); i++) {
    struct state made = {.made_at_s = (uint32_t)years[i]};
    assert_true(state_is_timely(&made, years[i] + 1));
    assert_false(state_is_timely(&made, years[i] + STATE_LIFETIME_S + 1));
    assert_false(state_is_timely(&made, NOW_S));
  }
}

static void another_secret_does_not_fit(void **unused) { /* S03 */
  (void)unused;
  uint8_t other[STATE_SECRET_BYTES];
  struct state made = sign();
  for (size_t bit = 0; bit < 8 * sizeof(other); bit++) {
    memcpy(other, secret, sizeof(other));
    other[bit / 8] = (uint8_t)(other[bit / 8] ^ 1 << bit % 8);
    assert_false(is_signed(&made, &here, other));
  }
}

static void an_older_key_holds_while_it_is_listed(void **unused) { /* S09 */
  (void)unused;
  struct state made = sign();
  site_rotate(&here, KEY_B "\n" KEY_A);
  assert_true(is_signed(&made, &here, secret));
  site_rotate(&here, KEY_B);
  assert_false(is_signed(&made, &here, secret));
}

static void another_account_or_site_with_the_same_key_refuses_it(void **unused) { /* S20 S23 */
  (void)unused;
  const struct site_options others[] = {{.appid = "wxfedcba9876543210"},
                                        {.prefix = "/shop"},
                                        {.public_url = "https://shop.example.com"},
                                        {.public_url = "https://www.example.com:8443"}};
  struct state made = sign();
  for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
    struct site there;
    site_open(&there, &others[i]);
    assert_false(is_signed(&made, &there, secret));
    site_close(&there);
  }
}

static int compare_texts(const void *a, const void *b) {
  return memcmp(a, b, STATE_TEXT_BYTES);
}

static void a_hundred_thousand_states_are_letters_and_digits_and_all_differ(void **unused) { /* S13 */
  (void)unused;
  char(*texts)[STATE_TEXT_BYTES] = calloc(STATES_COUNT, STATE_TEXT_BYTES);
  assert_non_null(texts);
  for (size_t i = 0; i < STATES_COUNT; i++) {
    struct attempt attempt;
    assert_int_equal(attempt_begin(&attempt, NOW_S), 0);
    attempt_format_state(&here.account, &attempt, texts[i]);
    size_t n = strspn(texts[i], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
    assert_true(n >= 1 && n <= 128 && texts[i][n] == '\0');
  }
  qsort(texts, STATES_COUNT, STATE_TEXT_BYTES, compare_texts);
  for (size_t i = 1; i < STATES_COUNT; i++) assert_int_not_equal(compare_texts(texts[i - 1], texts[i]), 0);
  free(texts);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(what_was_written_is_read, open_site, close_site),
      cmocka_unit_test_setup_teardown(every_flipped_bit_is_refused, open_site, close_site),
      cmocka_unit_test_setup_teardown(every_flipped_bit_of_what_it_holds_is_refused, open_site, close_site),
      cmocka_unit_test_setup_teardown(every_cut_and_every_added_character_is_refused, open_site, close_site),
      cmocka_unit_test_setup_teardown(a_minute_of_skew_is_fine_and_no_more, open_site, close_site),
      cmocka_unit_test_setup_teardown(the_years_2038_and_2100_are_years_like_others, open_site, close_site),
      cmocka_unit_test_setup_teardown(another_secret_does_not_fit, open_site, close_site),
      cmocka_unit_test_setup_teardown(an_older_key_holds_while_it_is_listed, open_site, close_site),
      cmocka_unit_test_setup_teardown(another_account_or_site_with_the_same_key_refuses_it, open_site, close_site),
      cmocka_unit_test_setup_teardown(a_hundred_thousand_states_are_letters_and_digits_and_all_differ, open_site, close_site),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
