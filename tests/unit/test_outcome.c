/* SPDX-License-Identifier: Apache-2.0
 * test_outcome: each way to end has a word of its own, a status that fits, and sentences in both languages where a person sees
 * it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <weigate/storage.h>

#include "base/utf8.h"
#include "signin/complete.h"
#include "signin/outcome.h"

/* The stable words; the document for application developers has the same list, and a guard compares. */
static const char *const error_words[] = {
    "not_signed_in",      "state_missing",  "state_mismatch",        "state_expired",
    "code_rejected",      "denied",         "snapshot_user",         "upstream_unavailable",
    "upstream_timeout",   "upstream_quota", "account_misconfigured", "storage_unavailable",
    "overloaded",         "bad_request",    "payload_too_large",     "unsupported_media_type",
    "method_not_allowed", "not_found",
};
#define ERROR_WORDS_COUNT (sizeof(error_words) / sizeof(error_words[0]))

static bool is_redirect(const struct outcome_row *row) {
  return row->status == 302;
}

static void every_word_is_there_once_and_plain(void **unused) {
  (void)unused;
  for (size_t i = 0; i < OUTCOME_COUNT; i++) {
    const char *word = outcome_row((enum outcome)i)->word;
    assert_non_null(word);
    assert_int_equal(strspn(word, "abcdefghijklmnopqrstuvwxyz_"), strlen(word));
    assert_in_range(strlen(word), 1, WEIGATE_WORD_MAX);
    for (size_t other = 0; other < i; other++) assert_string_not_equal(word, outcome_row((enum outcome)other)->word);
    enum outcome found;
    assert_true(outcome_find(str_of(word), &found));
    assert_int_equal(found, i);
  }
}

static void a_word_that_is_not_there_is_not_found(void **unused) {
  (void)unused;
  enum outcome found = OUTCOME_DENIED;
  assert_false(outcome_find(STR_NONE, &found));
  assert_false(outcome_find(STR("signed_in_by_magic"), &found));
  assert_false(outcome_find(STR("SIGNED_IN"), &found));
  assert_int_equal(found, OUTCOME_DENIED);
}

static void errors_use_the_stable_words_and_every_one_of_them(void **unused) {
  (void)unused;
  bool is_used[ERROR_WORDS_COUNT] = {false};
  for (size_t i = 0; i < OUTCOME_COUNT; i++) {
    const struct outcome_row *row = outcome_row((enum outcome)i);
    assert_int_equal(row->error != NULL, row->status >= 400);
    bool is_known = !row->error;
    for (size_t w = 0; row->error && w < ERROR_WORDS_COUNT; w++)
      if (str_eq(str_of(row->error), str_of(error_words[w]))) is_known = is_used[w] = true;
    if (!is_known) fail_msg("%s has the unknown error %s", row->word, row->error);
  }
  for (size_t w = 0; w < ERROR_WORDS_COUNT; w++)
    if (!is_used[w]) fail_msg("no outcome has the error %s", error_words[w]);
}

static void what_a_person_sees_is_said_in_both_languages(void **unused) {
  (void)unused;
  for (size_t i = 0; i < OUTCOME_COUNT; i++) {
    const struct outcome_row *row = outcome_row((enum outcome)i);
    if (is_redirect(row) || i == OUTCOME_QR_SHOWN) continue; /* another page, or none */
    const char *const texts[] = {row->title_zh, row->title_en, row->sentence_zh, row->sentence_en};
    for (size_t t = 0; t < 4; t++) {
      assert_non_null(texts[t]);
      assert_true(strlen(texts[t]) > 3 && utf8_is_valid(str_of(texts[t])));
    }
    assert_true((unsigned char)row->title_zh[0] >= 0x80);
    assert_true((unsigned char)row->title_en[0] < 0x80);
  }
}

static void a_503_says_when_to_come_back(void **unused) { /* C14 */
  (void)unused;
  for (size_t i = 0; i < OUTCOME_COUNT; i++) {
    const struct outcome_row *row = outcome_row((enum outcome)i);
    if (row->status == 503) assert_in_range(row->retry_after_s, 1, 3600);
  }
  assert_int_equal(outcome_row(OUTCOME_OVERLOADED)->way, OUTCOME_WAY_RETRY);
}

static void every_action_of_wechats_has_its_end(void **unused) { /* J01 */
  (void)unused;
  static const enum outcome ends[WECHAT_ACTION_COUNT] = {
      [WECHAT_OK] = OUTCOME_UPSTREAM_UNAVAILABLE, /* never asked for */
      [WECHAT_RETRY] = OUTCOME_UPSTREAM_UNAVAILABLE,
      [WECHAT_REFRESH] = OUTCOME_CODE_REJECTED,
      [WECHAT_REAUTHORIZE] = OUTCOME_CODE_REJECTED,
      [WECHAT_RESTART] = OUTCOME_CODE_REJECTED,
      [WECHAT_CODE_USED] = OUTCOME_CODE_REJECTED,
      [WECHAT_ESCALATE] = OUTCOME_ESCALATED,
      [WECHAT_DENY] = OUTCOME_BLOCKED,
      [WECHAT_QUOTA_MINUTE] = OUTCOME_UPSTREAM_QUOTA,
      [WECHAT_QUOTA_DAY] = OUTCOME_UPSTREAM_QUOTA,
      [WECHAT_CONFIG] = OUTCOME_ACCOUNT_MISCONFIGURED,
      [WECHAT_OPERATOR] = OUTCOME_ACCOUNT_MISCONFIGURED,
      [WECHAT_BUG] = OUTCOME_ACCOUNT_MISCONFIGURED,
  };
  for (size_t i = 0; i < WECHAT_ACTION_COUNT; i++)
    assert_int_equal(complete_outcome_of(&(struct wechat_answer){.action = (enum wechat_action)i}), ends[i]);
  assert_int_equal(complete_outcome_of(&(struct wechat_answer){.action = WECHAT_RETRY, .upstream = WECHAT_UPSTREAM_TIMEOUT}),
                   OUTCOME_UPSTREAM_TIMEOUT);
}

static void a_code_is_letters_digits_dash_and_underscore(void **unused) { /* C02 */
  (void)unused;
  char longest[COMPLETE_CODE_MAX_BYTES + 1];
  memset(longest, 'A', sizeof(longest));
  assert_true(complete_is_code(STR("021ABCdef_-9")));
  assert_true(complete_is_code(str_make(longest, COMPLETE_CODE_MAX_BYTES)));
  assert_false(complete_is_code(str_make(longest, sizeof(longest))));
  const struct str odd[] = {STR(""),     STR("a&secret=x"), STR("a\r\nHost: x"), STR("a#b"), STR("a\0b"),
                            STR("../x"), STR("a b"),        STR("a%00"),         STR("\xff")};
  for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) assert_false(complete_is_code(odd[i]));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_word_is_there_once_and_plain),
      cmocka_unit_test(a_word_that_is_not_there_is_not_found),
      cmocka_unit_test(errors_use_the_stable_words_and_every_one_of_them),
      cmocka_unit_test(what_a_person_sees_is_said_in_both_languages),
      cmocka_unit_test(a_503_says_when_to_come_back),
      cmocka_unit_test(every_action_of_wechats_has_its_end),
      cmocka_unit_test(a_code_is_letters_digits_dash_and_underscore),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
