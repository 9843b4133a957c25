/* SPDX-License-Identifier: Apache-2.0
 * people: one person in, the same person out: fields, limits, text, keys. */
#include "kit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* n times the letter; static, one at a time. */
static struct weigate_text letters(size_t n) {
  static char many[WEIGATE_RAW_MAX + 2];
  memset(many, 'x', sizeof(many));
  return (struct weigate_text){many, n};
}

static void assert_same_text(struct weigate_text a, struct weigate_text b) {
  assert_int_equal(a.size, b.size);
  if (a.size) assert_memory_equal(a.bytes, b.bytes, a.size);
}

static void assert_same_stamp(struct weigate_stamp a, struct weigate_stamp b) {
  assert_int_equal(a.at_us, b.at_us);
  assert_memory_equal(a.id, b.id, sizeof(a.id));
}

static void assert_same_person(const struct weigate_person *a, const struct weigate_person *b) {
  assert_int_equal(a->has & ~WEIGATE_PERSON_COUNTS, b->has & ~WEIGATE_PERSON_COUNTS);
  assert_same_text(a->appid, b->appid);
  assert_same_text(a->openid, b->openid);
  assert_int_equal(a->first_seen_us, b->first_seen_us);
  assert_int_equal(a->last_seen_us, b->last_seen_us);
  assert_same_stamp(a->profile_stamp, b->profile_stamp);
  assert_same_text(a->nickname, b->nickname);
  assert_same_text(a->headimgurl, b->headimgurl);
  assert_same_text(a->privilege, b->privilege);
  assert_same_text(a->language, b->language);
  assert_same_text(a->raw, b->raw);
  assert_same_stamp(a->scope_stamp, b->scope_stamp);
  assert_same_text(a->scope, b->scope);
  assert_same_stamp(a->unionid_stamp, b->unionid_stamp);
  assert_same_text(a->unionid, b->unionid);
  assert_same_stamp(a->sex_stamp, b->sex_stamp);
  assert_int_equal(a->sex, b->sex);
  assert_same_stamp(a->region_stamp, b->region_stamp);
  assert_same_text(a->province, b->province);
  assert_same_text(a->city, b->city);
  assert_same_text(a->country, b->country);
  assert_same_stamp(a->token_stamp, b->token_stamp);
  assert_same_text(a->token_sealed, b->token_sealed);
  assert_int_equal(a->token_access_expires_us, b->token_access_expires_us);
  assert_int_equal(a->token_refresh_expires_us, b->token_refresh_expires_us);
}

static void assert_comes_back(const struct weigate_person *person) {
  char openid[WEIGATE_OPENID_MAX + 1];
  snprintf(openid, sizeof(openid), "%.*s", (int)person->openid.size, person->openid.bytes);
  struct store_person found = kit_load(kit, openid);
  assert_true(found.is_found);
  assert_same_person(&found.person, person);
  store_person_done(&found);
}

static void a_new_person_comes_back_byte_for_byte(void) {
  struct weigate_person person = kit_person("o1", kit_now_us(), 1);
  assert_int_equal(kit_record(kit, &person, NULL, NULL), WEIGATE_ITEM_NEW);
  assert_comes_back(&person);
}

static void the_same_write_twice_is_a_duplicate(void) {
  struct weigate_person person = kit_person("o1", kit_now_us(), 1);
  kit_record(kit, &person, NULL, NULL);
  assert_int_equal(kit_record(kit, &person, NULL, NULL), WEIGATE_ITEM_DUPLICATE);
  assert_comes_back(&person);
}

static void what_is_absent_keeps_what_is_stored(void) {
  int64_t now_us = kit_now_us();
  struct weigate_person full = kit_person("o1", now_us - 10, 1), base = kit_person("o1", now_us, 2);
  kit_record(kit, &full, NULL, NULL);
  base.has = WEIGATE_PERSON_SCOPE;
  base.scope = kit_text("snsapi_base");
  assert_int_equal(kit_record(kit, &base, NULL, NULL), WEIGATE_ITEM_UPDATED);
  full.scope = base.scope;
  full.scope_stamp = base.scope_stamp;
  full.last_seen_us = base.last_seen_us;
  assert_comes_back(&full);
}

static void a_present_empty_profile_replaces(void) {
  int64_t now_us = kit_now_us();
  struct weigate_person full = kit_person("o1", now_us - 10, 1), empty = kit_person("o1", now_us, 2);
  kit_record(kit, &full, NULL, NULL);
  empty.nickname = empty.headimgurl = empty.raw = empty.language = empty.privilege = (struct weigate_text){NULL, 0};
  assert_int_equal(kit_record(kit, &empty, NULL, NULL), WEIGATE_ITEM_UPDATED);
  empty.first_seen_us = full.first_seen_us;
  assert_comes_back(&empty);
}

static void texts_are_data_whatever_they_hold(void) {
  static const char *const names[] = {
      "👨‍👩‍👧‍👦🏳️‍🌈🇨🇳",
      "e\xcc\x81\xcc\x81\xcc\x81\xcc\x81",
      "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d",
      "\xef\xbf\xbd",
      "\xee\x80\x81",
      "'; DROP TABLE person; --",
      "\\x00 $1 ?1 %n%s%x",
      "\"{,}\"",
      "line\nbreak\ttab",
      "\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd",
      "\xe2\x80\xae"
      "abc",
      "NULL",
      " blanks ",
  };
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    char openid[16];
    snprintf(openid, sizeof(openid), "o%zu", i);
    struct weigate_person person = kit_person(openid, kit_now_us(), (unsigned)i + 1);
    person.nickname = person.province = person.city = person.country = person.unionid = kit_text(names[i]);
    assert_int_equal(kit_record(kit, &person, NULL, NULL), WEIGATE_ITEM_NEW);
    assert_comes_back(&person);
  }
}

static void ill_formed_text_is_refused_by_field(void) {
  static const char *const bad[] = {
      "\xff", "a\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x28\xa1", "\xf0\x80\x80\x80", "\x80"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    struct weigate_person person = kit_person("o1", kit_now_us(), 1);
    person.nickname = kit_text(bad[i]);
    assert_string_equal(kit_refused_field(kit, &person, NULL), "nickname");
  }
  struct weigate_person person = kit_person("o1", kit_now_us(), 1);
  person.city = (struct weigate_text){"a\0b", 3};
  assert_string_equal(kit_refused_field(kit, &person, NULL), "city");
  assert_string_equal(kit_state_of(kit, "o1"), "nobody");
}

static void keys_differ_by_every_byte(void) {
  static const char *const keys[] = {"oAbC", "oabc", "OABC", "oAbC ", " oAbC", "o\xc3\xa9", "oe\xcc\x81"};
  for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
    struct weigate_person person = kit_person(keys[i], kit_now_us(), (unsigned)i + 1);
    assert_int_equal(kit_record(kit, &person, NULL, NULL), WEIGATE_ITEM_NEW);
    assert_comes_back(&person);
  }
}

static void one_openid_under_two_accounts_is_two_people(void) {
  struct weigate_person one = kit_person("o1", kit_now_us(), 1), other = kit_person("o1", kit_now_us(), 2);
  other.appid = kit_text("wxffffffffffffffff");
  other.nickname = kit_text("other");
  assert_int_equal(kit_record(kit, &one, NULL, NULL), WEIGATE_ITEM_NEW);
  assert_int_equal(kit_record(kit, &other, NULL, NULL), WEIGATE_ITEM_NEW);
  assert_comes_back(&one);
}

/* One member of a person, its limit, and the group it needs. */
struct limit {
  const char *field;
  size_t offset, max;
};

#define LIMIT(member, max)                                                                                                       \
  { #member, offsetof(struct weigate_person, member), max }

static const struct limit limits[] = {
    LIMIT(openid, WEIGATE_OPENID_MAX),
    LIMIT(appid, WEIGATE_APPID_MAX),
    LIMIT(nickname, WEIGATE_NICKNAME_MAX),
    LIMIT(headimgurl, WEIGATE_URL_MAX),
    LIMIT(privilege, WEIGATE_PRIVILEGE_MAX),
    LIMIT(language, WEIGATE_WORD_MAX),
    LIMIT(raw, WEIGATE_RAW_MAX),
    LIMIT(scope, WEIGATE_SCOPE_MAX),
    LIMIT(unionid, WEIGATE_UNIONID_MAX),
    LIMIT(province, WEIGATE_REGION_MAX),
    LIMIT(city, WEIGATE_REGION_MAX),
    LIMIT(country, WEIGATE_REGION_MAX),
    LIMIT(token_sealed, WEIGATE_SEALED_MAX),
};

static void the_longest_value_is_taken_and_one_byte_more_is_refused(void) {
  for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
    char openid[16];
    snprintf(openid, sizeof(openid), "o%zu", i);
    struct weigate_person person = kit_person(openid, kit_now_us(), 1);
    struct weigate_text *text = (struct weigate_text *)(void *)((char *)&person + limits[i].offset);
    *text = letters(limits[i].max + 1);
    assert_string_equal(kit_refused_field(kit, &person, NULL), limits[i].field);
    *text = letters(limits[i].max);
    assert_int_equal(kit_record(kit, &person, NULL, NULL), WEIGATE_ITEM_NEW);
    if (text != &person.appid) assert_comes_back(&person);
  }
}

static void an_empty_key_is_refused(void) {
  struct weigate_person person = kit_person("", kit_now_us(), 1);
  assert_string_equal(kit_refused_field(kit, &person, NULL), "openid");
  person = kit_person("o1", kit_now_us(), 1);
  person.appid.size = 0;
  assert_string_equal(kit_refused_field(kit, &person, NULL), "appid");
}

static void odd_sex_and_unknown_groups_are_refused(void) {
  struct weigate_person person = kit_person("o1", kit_now_us(), 1);
  person.sex = 3;
  assert_string_equal(kit_refused_field(kit, &person, NULL), "sex");
  person.sex = -1;
  assert_string_equal(kit_refused_field(kit, &person, NULL), "sex");
  person.sex = 1;
  person.has |= 0x80000000u;
  assert_string_equal(kit_refused_field(kit, &person, NULL), "has");
}

static void odd_times_are_refused(void) {
  static const int64_t offsets[] = {WEIGATE_FUTURE_MAX_US + 60000000, INT64_MAX / 2};
  for (size_t i = 0; i < 2; i++) {
    struct weigate_person person = kit_person("o1", kit_now_us(), 1);
    person.profile_stamp.at_us = kit_now_us() + offsets[i];
    assert_string_equal(kit_refused_field(kit, &person, NULL), "profile_stamp");
    person = kit_person("o1", kit_now_us(), 1);
    person.last_seen_us = kit_now_us() + offsets[i];
    assert_string_equal(kit_refused_field(kit, &person, NULL), "last_seen_us");
  }
  struct weigate_person person = kit_person("o1", INT64_MAX, 1);
  assert_string_equal(kit_refused_field(kit, &person, NULL), "first_seen_us");
  person = kit_person("o1", -5, 1);
  assert_string_equal(kit_refused_field(kit, &person, NULL), "first_seen_us");
  person = kit_person("o1", 0, 1);
  assert_string_equal(kit_refused_field(kit, &person, NULL), "first_seen_us");
  assert_string_equal(kit_state_of(kit, "o1"), "nobody");
  person = kit_person("o1", 1, 1); /* a microsecond into 1970 */
  assert_int_equal(kit_record(kit, &person, NULL, NULL), WEIGATE_ITEM_NEW);
  assert_comes_back(&person);
}

static void privileges_keep_their_spelling(void) {
  static const char *const lists[] = {"", "[]", "[\"a\"]", "[\"a,b\",\"c\\\"d\",\"{e}\"]", "[\"z\",\"a\",\"m\"]"};
  for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
    char openid[16];
    snprintf(openid, sizeof(openid), "o%zu", i);
    struct weigate_person person = kit_person(openid, kit_now_us(), 1);
    person.privilege = kit_text(lists[i]);
    kit_record(kit, &person, NULL, NULL);
    assert_comes_back(&person);
  }
}

static void sealed_tokens_come_back_bit_for_bit(void) {
  static uint8_t bytes[WEIGATE_SEALED_MAX];
  static const size_t sizes[] = {0, 1, 255, 4096, WEIGATE_SEALED_MAX};
  for (size_t i = 0; i < sizeof(bytes); i++) bytes[i] = (uint8_t)(i * 31 + i / 256);
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    char openid[16];
    snprintf(openid, sizeof(openid), "o%zu", i);
    struct weigate_person person = kit_person(openid, kit_now_us(), 1);
    person.token_sealed = (struct weigate_text){(const char *)bytes, sizes[i]};
    kit_record(kit, &person, NULL, NULL);
    assert_comes_back(&person);
  }
}

/* Members that a later header may append are behind the ones we know. */
static void records_of_a_later_header_are_walked_by_their_stride(void) {
  struct {
    struct weigate_signin known;
    uint64_t later[3];
  } items[2];
  struct {
    struct weigate_result known;
    uint64_t later[2];
  } results[2];
  struct weigate_person one = kit_person("o1", kit_now_us(), 1), two = kit_person("o2", kit_now_us(), 2);
  memset(items, 0x5a, sizeof(items));
  items[0].known = (struct weigate_signin){.struct_size = sizeof(items[0]), .person = &one};
  items[1].known = (struct weigate_signin){.struct_size = sizeof(items[0]), .person = &two};
  results[0].known.struct_size = results[1].known.struct_size = sizeof(results[0]);
  struct weigate_signins batch = {
      .struct_size = sizeof(batch), .stride = sizeof(items[0]), .count = 2, .items = (const struct weigate_signin *)items};
  assert_int_equal(kit->plugin.desc->record_signins(kit->handle, kit_call(kit), &batch, (struct weigate_result *)results),
                   WEIGATE_OK);
  assert_int_equal(results[0].known.outcome, WEIGATE_ITEM_NEW);
  assert_int_equal(results[1].known.outcome, WEIGATE_ITEM_NEW);
  assert_comes_back(&one);
  assert_comes_back(&two);
}

/* What lies beyond struct_size is absent, whatever stands there. */
static void a_shorter_record_is_read_as_if_the_rest_were_absent(void) {
  struct weigate_person person = kit_person("o1", kit_now_us(), 1);
  person.has = WEIGATE_PERSON_PROFILE;
  person.struct_size = offsetof(struct weigate_person, scope_stamp);
  memset((char *)&person + person.struct_size, 0x5a, sizeof(person) - person.struct_size);
  assert_int_equal(kit_record(kit, &person, NULL, NULL), WEIGATE_ITEM_NEW);
  struct store_person found = kit_load(kit, "o1");
  assert_true(found.is_found);
  assert_text(found.person.nickname, "小明");
  assert_int_equal(found.person.has & ~WEIGATE_PERSON_COUNTS, WEIGATE_PERSON_PROFILE);
  store_person_done(&found);
}

/* --- loading --- */

struct seen {
  size_t count;
  size_t indexes[8];
  bool was_found[8];
  size_t stop_after;
};

static int see(void *context, size_t index, const struct weigate_person *person) {
  struct seen *seen = context;
  seen->indexes[seen->count] = index;
  seen->was_found[seen->count++] = person != NULL;
  return seen->count == seen->stop_after;
}

static int load_keys(const char *const *openids, size_t count, struct seen *seen) {
  struct weigate_key items[8];
  for (size_t i = 0; i < count; i++)
    items[i] =
        (struct weigate_key){.struct_size = sizeof(items[0]), .appid = kit_text(KIT_APPID), .openid = kit_text(openids[i])};
  struct weigate_keys keys = {.struct_size = sizeof(keys), .stride = sizeof(items[0]), .count = count, .items = items};
  return kit->plugin.desc->load_people(kit->handle, kit_call(kit), &keys, 0, see, seen);
}

static void keys_are_answered_in_order_found_or_not(void) {
  static const char *const openids[] = {"absent", "o1", "o1", "o2", "absent"};
  struct seen seen = {0};
  struct weigate_person one = kit_person("o1", kit_now_us(), 1), two = kit_person("o2", kit_now_us(), 2);
  kit_record(kit, &one, NULL, NULL);
  kit_record(kit, &two, NULL, NULL);
  assert_int_equal(load_keys(openids, 5, &seen), WEIGATE_OK);
  assert_int_equal(seen.count, 5);
  for (size_t i = 0; i < 5; i++) assert_int_equal(seen.indexes[i], i);
  assert_true(!seen.was_found[0] && seen.was_found[1] && seen.was_found[2] && seen.was_found[3] && !seen.was_found[4]);
}

static void a_sink_can_stop_the_call(void) {
  static const char *const openids[] = {"a", "b", "c"};
  struct seen seen = {.stop_after = 1};
  assert_int_equal(load_keys(openids, 3, &seen), WEIGATE_OK);
  assert_int_equal(seen.count, 1);
  struct weigate_person person = kit_person("o1", kit_now_us(), 1);
  assert_int_equal(kit_record(kit, &person, NULL, NULL), WEIGATE_ITEM_NEW);
}

static void another_handle_reads_what_was_written(void) {
  struct weigate_handle *first = kit->handle, *second = kit_connect(kit);
  struct weigate_person person = kit_person("o1", kit_now_us(), 1);
  kit_record(kit, &person, NULL, NULL);
  kit->handle = second;
  assert_comes_back(&person);
  kit->handle = first;
  plugin_disconnect(&kit->plugin, second);
}

static void people_survive_a_restart(void) {
  struct weigate_person person = kit_person("o1", kit_now_us(), 1);
  kit_record(kit, &person, NULL, NULL);
  kit_close(kit);
  kit_open(kit);
  assert_comes_back(&person);
}

static const struct kit_check checks[] = {
    {CHECK(a_new_person_comes_back_byte_for_byte), .numbers = "27"},
    {CHECK(the_same_write_twice_is_a_duplicate), .numbers = "28"},
    {CHECK(what_is_absent_keeps_what_is_stored), .numbers = "33"},
    {CHECK(a_present_empty_profile_replaces)},
    {CHECK(texts_are_data_whatever_they_hold), .numbers = "39, 43"},
    {CHECK(ill_formed_text_is_refused_by_field), .numbers = "39"},
    {CHECK(keys_differ_by_every_byte), .numbers = "40"},
    {CHECK(one_openid_under_two_accounts_is_two_people), .numbers = "44"},
    {CHECK(the_longest_value_is_taken_and_one_byte_more_is_refused), .numbers = "41"},
    {CHECK(an_empty_key_is_refused)},
    {CHECK(odd_sex_and_unknown_groups_are_refused)},
    {CHECK(odd_times_are_refused), .numbers = "37, 38"},
    {CHECK(privileges_keep_their_spelling), .numbers = "42"},
    {CHECK(sealed_tokens_come_back_bit_for_bit), .numbers = "90"},
    {CHECK(records_of_a_later_header_are_walked_by_their_stride), .numbers = "10"},
    {CHECK(a_shorter_record_is_read_as_if_the_rest_were_absent), .numbers = "11"},
    {CHECK(keys_are_answered_in_order_found_or_not), .numbers = "54, 55"},
    {CHECK(a_sink_can_stop_the_call), .numbers = "56"},
    {CHECK(another_handle_reads_what_was_written), .numbers = "58"},
    {CHECK(people_survive_a_restart)},
};

const struct kit_chapter kit_people = {"people", checks, sizeof checks / sizeof checks[0]};
