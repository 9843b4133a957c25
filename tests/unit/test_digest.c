/* SPDX-License-Identifier: Apache-2.0
 * test_digest: equal records have equal digests, one changed byte is seen, and a sum does not depend on the order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/seal.h"
#include "move/digest.h"
#include "store/copy_mark.h"
#include "store/texts.h"

#define NOW_US INT64_C(1700000000000000)

static char bytes[TEXTS_MAX][8];

static struct weigate_stamp stamp_of(uint8_t number) {
  return (struct weigate_stamp){.at_us = NOW_US - number, .id = {number, 1, 2}};
}

/* Every group, every text of its own bytes. */
static struct weigate_person make_person(void) {
  struct weigate_person person = {.struct_size = sizeof(person),
                                  .has = WEIGATE_PERSON_PROFILE | WEIGATE_PERSON_SCOPE | WEIGATE_PERSON_UNIONID |
                                         WEIGATE_PERSON_SEX | WEIGATE_PERSON_REGION | WEIGATE_PERSON_TOKEN |
                                         WEIGATE_PERSON_COUNTS,
                                  .first_seen_us = NOW_US - 100,
                                  .last_seen_us = NOW_US - 10,
                                  .profile_stamp = stamp_of(1),
                                  .scope_stamp = stamp_of(2),
                                  .unionid_stamp = stamp_of(3),
                                  .sex_stamp = stamp_of(4),
                                  .sex = 1,
                                  .region_stamp = stamp_of(5),
                                  .token_stamp = stamp_of(6),
                                  .token_access_expires_us = NOW_US + 5,
                                  .token_refresh_expires_us = NOW_US + 10,
                                  .login_count = 7,
                                  .login_days = 3,
                                  .last_login_us = NOW_US - 10};
  struct weigate_text *texts[TEXTS_MAX];
  texts_of_person(&person, texts);
  for (size_t i = 0; texts[i]; i++) {
    memset(bytes[i], 'a' + (int)i, sizeof(bytes[i]));
    *texts[i] = (struct weigate_text){bytes[i], sizeof(bytes[i])};
  }
  return person;
}

static bool is_equal(const struct weigate_person *a, const struct weigate_person *b) {
  struct digest first = digest_person(a, NOW_US), second = digest_person(b, NOW_US);
  return digest_is_equal(&first, &second);
}

static void equal_records_in_other_memory_have_equal_digests(void **state) {
  (void)state;
  struct weigate_person a = make_person(), b = make_person();
  char other[] = "cccccccc";
  b.nickname.bytes = other;
  assert_true(is_equal(&a, &b));
}

static void one_changed_byte_of_any_text_is_seen(void **state) {
  (void)state;
  struct weigate_person a = make_person();
  struct digest before = digest_person(&a, NOW_US);
  struct weigate_text *texts[TEXTS_MAX];
  texts_of_person(&a, texts);
  for (size_t i = 0; texts[i]; i++)
    for (size_t j = 0; j < sizeof(bytes[i]); j++) {
      bytes[i][j] ^= 1;
      struct digest after = digest_person(&a, NOW_US);
      assert_false(digest_is_equal(&before, &after));
      bytes[i][j] ^= 1;
    }
}

static void a_byte_that_moves_to_the_next_text_is_seen(void **state) {
  (void)state;
  struct weigate_person a = make_person(), b = make_person();
  a.province = (struct weigate_text){"ab", 2}, a.city = (struct weigate_text){"c", 1};
  b.province = (struct weigate_text){"a", 1}, b.city = (struct weigate_text){"bc", 2};
  assert_false(is_equal(&a, &b));
}

static void every_number_and_stamp_is_seen(void **state) {
  (void)state;
  struct weigate_person a = make_person();
  const struct {
    size_t at, size;
  } members[] = {
#define MEMBER(name) {offsetof(struct weigate_person, name), sizeof(((struct weigate_person *)0)->name)}
      MEMBER(first_seen_us),
      MEMBER(last_seen_us),
      MEMBER(profile_stamp),
      MEMBER(scope_stamp),
      MEMBER(unionid_stamp),
      MEMBER(sex_stamp),
      MEMBER(sex),
      MEMBER(region_stamp),
      MEMBER(token_stamp),
      MEMBER(token_access_expires_us),
      MEMBER(token_refresh_expires_us),
      MEMBER(login_count),
      MEMBER(login_days),
      MEMBER(last_login_us),
  };
  for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
    struct weigate_person b = a;
    ((char *)&b)[members[i].at] ^= 2;
    if (is_equal(&a, &b)) fail_msg("member %zu", i);
  }
}

static void what_is_absent_says_nothing(void **state) {
  (void)state;
  struct weigate_person a = make_person(), b = make_person();
  a.has &= ~(WEIGATE_PERSON_REGION | WEIGATE_PERSON_SEX);
  b.has = a.has;
  b.city.size = 0;
  b.sex = 2;
  b.region_stamp = stamp_of(9);
  assert_true(is_equal(&a, &b));
  b = make_person();
  assert_false(is_equal(&a, &b));
}

static void tokens_past_their_time_may_be_there_or_not(void **state) {
  (void)state;
  struct weigate_person a = make_person(), b = make_person();
  a.token_refresh_expires_us = NOW_US;
  b.has &= ~WEIGATE_PERSON_TOKEN;
  assert_true(is_equal(&a, &b));
}

static void no_privilege_is_an_empty_list(void **state) {
  (void)state;
  struct weigate_person a = make_person(), b = make_person();
  a.privilege.size = 0;
  b.privilege = (struct weigate_text){"[]", 2};
  assert_true(is_equal(&a, &b));
}

/* check 103 */
static void a_sum_does_not_depend_on_the_order_and_sees_one_changed_byte(void **state) {
  (void)state;
  struct digest_sum forward = {0}, backward = {0}, changed = {0}, twice = {0}, once = {0};
  struct digest digests[100];
  for (size_t i = 0; i < 100; i++) {
    struct weigate_event event = {.struct_size = sizeof(event), .event_at_us = NOW_US + (int64_t)i};
    digests[i] = digest_event(&event);
  }
  for (size_t i = 0; i < 100; i++) {
    digest_add(&forward, &digests[i]);
    digest_add(&backward, &digests[99 - i]);
  }
  assert_true(digest_sum_is_equal(&forward, &backward));
  digests[50].bytes[31] ^= 1;
  for (size_t i = 0; i < 100; i++) digest_add(&changed, &digests[i]);
  assert_false(digest_sum_is_equal(&forward, &changed));
  /* A record that is there twice does not vanish from the sum. */
  digest_add(&twice, &digests[0]), digest_add(&twice, &digests[1]), digest_add(&twice, &digests[1]);
  digest_add(&once, &digests[0]), digest_add(&once, &digests[2]), digest_add(&once, &digests[2]);
  assert_false(digest_sum_is_equal(&twice, &once));
}

static void tickets_events_and_tombstones_are_told_apart(void **state) {
  (void)state;
  struct weigate_ticket ticket = {.struct_size = sizeof(ticket)};
  struct weigate_event event = {.struct_size = sizeof(event)};
  struct weigate_person tombstone = {.struct_size = sizeof(tombstone), .has = WEIGATE_PERSON_ERASED};
  struct digest a = digest_ticket(&ticket), b = digest_event(&event), c = digest_person(&tombstone, NOW_US);
  tombstone.erased_hash[31] = 1;
  struct digest d = digest_person(&tombstone, NOW_US);
  assert_false(digest_is_equal(&a, &b) || digest_is_equal(&b, &c) || digest_is_equal(&c, &d));
}

/* --- the mark of a copy --- */

static void a_mark_comes_back_as_it_was_written(void **state) {
  (void)state;
  struct copy_mark mark = {.begun_us = NOW_US,
                           .copied = 12345678901,
                           .pass = 3,
                           .pass_begun_us = NOW_US + 1,
                           .since_us = 9,
                           .part = 2,
                           .cursor_size = WEIGATE_CURSOR_MAX,
                           .from = "file",
                           .source = "00112233",
                           .id = "ffee"},
                   back;
  struct buf text;
  for (size_t i = 0; i < sizeof(mark.cursor); i++) mark.cursor[i] = (char)i;
  buf_init(&text, WEIGATE_TICKET_VALUE_MAX);
  copy_mark_format(&mark, &text);
  assert_false(text.failed);
  assert_int_equal(copy_mark_parse(buf_str(&text), &back), 0);
  assert_memory_equal(&mark, &back, sizeof(mark));
  buf_done(&text);
}

static void a_mark_of_another_form_is_refused(void **state) {
  (void)state;
  struct copy_mark back;
  const char *const bad[] = {
      "", "{}", "x", "{\"state\":\"done\",\"cursor\":\"\"}",
      "{\"state\":\"done\",\"cursor\":\"\",\"from\":\"file\",\"source\":\"0\",\"id\":\"1\",\"begun_us\":-1}"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) assert_int_equal(copy_mark_parse(str_of(bad[i]), &back), -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_records_in_other_memory_have_equal_digests),
      cmocka_unit_test(one_changed_byte_of_any_text_is_seen),
      cmocka_unit_test(a_byte_that_moves_to_the_next_text_is_seen),
      cmocka_unit_test(every_number_and_stamp_is_seen),
      cmocka_unit_test(what_is_absent_says_nothing),
      cmocka_unit_test(tokens_past_their_time_may_be_there_or_not),
      cmocka_unit_test(no_privilege_is_an_empty_list),
      cmocka_unit_test(a_sum_does_not_depend_on_the_order_and_sees_one_changed_byte),
      cmocka_unit_test(tickets_events_and_tombstones_are_told_apart),
      cmocka_unit_test(a_mark_comes_back_as_it_was_written),
      cmocka_unit_test(a_mark_of_another_form_is_refused),
  };
  struct err err;
  if (seal_start(&err) != 0) return 1;
  return cmocka_run_group_tests(tests, NULL, NULL);
}
