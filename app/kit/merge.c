/* SPDX-License-Identifier: Apache-2.0
 * merge: the same writes in any order end in the same record, erasures among them; held against a small model. */
#include "kit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/host.h"

/* --- rules one by one --- */

static void an_older_write_moves_only_what_is_first(void) {
  struct weigate_person newer = kit_person("o1", kit->base_us + 20, 2), older = kit_person("o1", kit->base_us + 10, 1);
  older.nickname = kit_text("old");
  older.sex = 2;
  kit_record(kit, &newer, NULL, NULL);
  assert_int_equal(kit_record(kit, &older, NULL, NULL), WEIGATE_ITEM_STALE);
  newer.first_seen_us = older.first_seen_us;
  struct store_person found = kit_load(kit, "o1");
  assert_text(found.person.nickname, "小明");
  assert_int_equal(found.person.sex, 1);
  assert_int_equal(found.person.first_seen_us, kit->base_us + 10);
  assert_int_equal(found.person.last_seen_us, kit->base_us + 20);
  store_person_done(&found);
}

static void of_equal_times_the_greater_id_wins_in_either_order(void) {
  for (int turn = 0; turn < 2; turn++) {
    const char *openid = turn ? "o2" : "o1";
    struct weigate_person small = kit_person(openid, kit->base_us, 1), great = kit_person(openid, kit->base_us, 2);
    small.nickname = kit_text("small");
    great.nickname = kit_text("great");
    kit_record(kit, turn ? &great : &small, NULL, NULL);
    kit_record(kit, turn ? &small : &great, NULL, NULL);
    struct store_person found = kit_load(kit, openid);
    assert_text(found.person.nickname, "great");
    store_person_done(&found);
  }
}

static void what_is_unknown_never_erases_what_is_known(void) {
  struct weigate_person known = kit_person("o1", kit->base_us, 1), unknown = kit_person("o1", kit->base_us + 10, 2);
  unknown.unionid = unknown.province = unknown.city = unknown.country = (struct weigate_text){NULL, 0};
  unknown.sex = 0;
  kit_record(kit, &known, NULL, NULL);
  assert_int_equal(kit_record(kit, &unknown, NULL, NULL), WEIGATE_ITEM_UPDATED);
  struct store_person found = kit_load(kit, "o1");
  assert_text(found.person.unionid, "uA1");
  assert_text(found.person.city, "深圳");
  assert_int_equal(found.person.sex, 1);
  assert_int_equal(found.person.sex_stamp.at_us, kit->base_us);
  store_person_done(&found);
}

static void of_two_unionids_the_newer_one_wins(void) {
  struct weigate_person one = kit_person("o1", kit->base_us, 1), two = kit_person("o1", kit->base_us + 10, 2);
  two.unionid = kit_text("uB2");
  kit_record(kit, &two, NULL, NULL);
  kit_record(kit, &one, NULL, NULL);
  struct store_person found = kit_load(kit, "o1");
  assert_text(found.person.unionid, "uB2");
  store_person_done(&found);
}

static void the_newest_token_survives_a_race(void) {
  struct weigate_person newer = kit_person("o1", kit->base_us + 20, 2), older = kit_person("o1", kit->base_us + 10, 1);
  older.token_sealed = kit_text("used-up");
  kit_record(kit, &newer, NULL, NULL);
  kit_record(kit, &older, NULL, NULL);
  struct store_person found = kit_load(kit, "o1");
  assert_text(found.person.token_sealed, "sealed-bytes");
  store_person_done(&found);
}

/* --- erasing --- */

static void an_erased_person_is_gone_and_begins_anew(void) {
  struct weigate_person before = kit_person("o1", kit->base_us, 1), late = kit_person("o1", kit->base_us + 50, 2);
  kit_record(kit, &before, NULL, NULL);
  assert_int_equal(kit_erase(kit, "o1", kit_stamp(kit->base_us + 100, 9)), WEIGATE_ITEM_UPDATED);
  assert_string_equal(kit_state_of(kit, "o1"), "nobody");
  assert_int_equal(kit_record(kit, &before, NULL, NULL), WEIGATE_ITEM_ERASED);
  assert_int_equal(kit_record(kit, &late, NULL, NULL), WEIGATE_ITEM_ERASED);
  assert_string_equal(kit_state_of(kit, "o1"), "nobody");
  struct weigate_person again = kit_person("o1", kit->base_us + 200, 3);
  assert_int_equal(kit_record(kit, &again, NULL, NULL), WEIGATE_ITEM_NEW);
  struct store_person found = kit_load(kit, "o1");
  assert_int_equal(found.person.first_seen_us, kit->base_us + 200);
  assert_int_equal(found.person.login_count, 0);
  store_person_done(&found);
}

static void erasing_nobody_or_twice_is_fine(void) {
  assert_int_equal(kit_erase(kit, "o1", kit_stamp(kit->base_us, 1)), WEIGATE_ITEM_MISSING);
  assert_int_equal(kit_erase(kit, "o1", kit_stamp(kit->base_us, 1)), WEIGATE_ITEM_DUPLICATE);
  assert_int_equal(kit_erase(kit, "o1", kit_stamp(kit->base_us - 5, 1)), WEIGATE_ITEM_STALE);
  struct weigate_person early = kit_person("o1", kit->base_us, 0);
  assert_int_equal(kit_record(kit, &early, NULL, NULL), WEIGATE_ITEM_ERASED);
}

static void nothing_readable_of_an_erased_person_stays_in_the_files(void) {
  static const char *const traces[] = {"oCanaryOpenid77", "CanaryNickname77", "CanarySealed77", "uCanaryUnion77"};
  struct weigate_person person = kit_person("oCanaryOpenid77", kit->base_us, 1);
  struct weigate_event event = kit_event("oCanaryOpenid77", kit->base_us, 1);
  person.nickname = kit_text("CanaryNickname77");
  person.token_sealed = kit_text("CanarySealed77");
  person.unionid = kit_text("uCanaryUnion77");
  kit_record(kit, &person, &event, NULL);
  kit_erase(kit, "oCanaryOpenid77", kit_stamp(kit->base_us + 100, 9));
  assert_int_equal(kit->plugin.desc->maintain(kit->handle, kit_call(kit), WEIGATE_MAINTAIN_COMPACT), WEIGATE_OK);
  for (size_t i = 0; i < sizeof(traces) / sizeof(traces[0]); i++) assert_false(kit_files_hold(kit, traces[i]));
}

/* A tombstone from another store knows the person by a hash only. */
static struct weigate_person tombstone_of(const char *openid, struct weigate_stamp stamp, const struct weigate_host *host) {
  struct weigate_person tombstone = {.struct_size = sizeof(tombstone), .has = WEIGATE_PERSON_ERASED, .erased_stamp = stamp};
  char key[256];
  size_t size = (size_t)snprintf(key, sizeof(key), "%s%c%s", KIT_APPID, '\0', openid);
  host->digest(key, size, tombstone.erased_hash);
  return tombstone;
}

static void a_merged_tombstone_erases_by_its_hash(void) {
  struct weigate_person one = kit_person("o1", kit->base_us, 1), two = kit_person("o2", kit->base_us, 1);
  struct weigate_event event = kit_event("o1", kit->base_us, 1);
  kit_record(kit, &one, &event, NULL);
  kit_record(kit, &two, NULL, NULL);
  struct weigate_person tombstone = tombstone_of("o1", kit_stamp(kit->base_us + 100, 9), &host_services);
  assert_int_equal(kit_merge(kit, &tombstone), WEIGATE_ITEM_NEW);
  assert_string_equal(kit_state_of(kit, "o1"), "nobody");
  assert_string_not_equal(kit_state_of(kit, "o2"), "nobody");
  assert_int_equal(kit_merge(kit, &tombstone), WEIGATE_ITEM_DUPLICATE);
  assert_int_equal(kit_merge(kit, &one), WEIGATE_ITEM_ERASED);
}

static void counts_handed_in_are_not_believed(void) {
  struct weigate_person person = kit_person("o1", kit->base_us, 1);
  person.has |= WEIGATE_PERSON_COUNTS;
  person.login_count = 77;
  assert_int_equal(kit_merge(kit, &person), WEIGATE_ITEM_NEW);
  struct store_person found = kit_load(kit, "o1");
  assert_int_equal(found.person.login_count, 0);
  store_person_done(&found);
}

/* --- all orders --- */

#define WRITES 5

/* Five writes of the same person that each say something else. */
static struct weigate_person write_number(const char *openid, size_t n) {
  static const uint32_t groups[WRITES] = {
      WEIGATE_PERSON_PROFILE | WEIGATE_PERSON_SCOPE | WEIGATE_PERSON_UNIONID | WEIGATE_PERSON_SEX | WEIGATE_PERSON_REGION,
      WEIGATE_PERSON_SCOPE | WEIGATE_PERSON_TOKEN,
      WEIGATE_PERSON_PROFILE | WEIGATE_PERSON_UNIONID | WEIGATE_PERSON_SEX | WEIGATE_PERSON_REGION,
      WEIGATE_PERSON_PROFILE | WEIGATE_PERSON_SCOPE | WEIGATE_PERSON_TOKEN | WEIGATE_PERSON_UNIONID,
      0,
  };
  static const char *const names[WRITES] = {"a", "b", "", "d", "e"};
  struct weigate_person person = kit_person(openid, kit->base_us + (int64_t)(n / 2) * 10, (unsigned)(7 * n % 5));
  person.has = groups[n];
  person.nickname = kit_text(names[n]);
  if (n == 2) {
    person.unionid = person.province = person.city = person.country = (struct weigate_text){NULL, 0};
    person.sex = 0;
  }
  if (n == 3) person.unionid = kit_text("uB2");
  return person;
}

static bool next_permutation(size_t *order, size_t n) {
  size_t i = n - 1, j = n - 1;
  while (i > 0 && order[i - 1] >= order[i]) i--;
  if (i == 0) return false;
  while (order[j] <= order[i - 1]) j--;
  size_t swap = order[i - 1];
  order[i - 1] = order[j];
  order[j] = swap;
  for (j = n - 1; i < j; i++, j--) {
    swap = order[i];
    order[i] = order[j];
    order[j] = swap;
  }
  return true;
}

/* The state without the openid at its head. */
static const char *state_after_key(const char *openid) {
  const char *line = kit_state_of(kit, openid);
  const char *slash = strchr(line, '/');
  return slash ? slash + 1 + strlen(openid) : line;
}

static void all_120_orders_with_repeats_end_in_one_state(void) {
  size_t order[WRITES] = {0, 1, 2, 3, 4};
  char expected[4096] = "";
  unsigned number = 0;
  do {
    char openid[16];
    snprintf(openid, sizeof(openid), "o%u", number++);
    for (size_t i = 0; i < WRITES; i++) {
      struct weigate_person person = write_number(openid, order[i]), again = write_number(openid, order[i / 2]);
      kit_record(kit, &person, NULL, NULL);
      kit_merge(kit, &again);
    }
    if (!expected[0]) snprintf(expected, sizeof(expected), "%s", state_after_key(openid));
    assert_string_equal(state_after_key(openid), expected);
  } while (next_permutation(order, WRITES));
  assert_int_equal(number, 120);
}

static void all_orders_with_an_erasure_end_in_one_state(void) {
  size_t order[WRITES] = {0, 1, 2, 3, 4};
  char expected[4096] = "";
  unsigned number = 0;
  do {
    char openid[16];
    snprintf(openid, sizeof(openid), "o%u", number++);
    for (size_t i = 0; i < WRITES; i++) {
      struct weigate_person person = write_number(openid, order[i]);
      if (order[i] == 4)
        kit_erase(kit, openid, kit_stamp(kit->base_us + 10, 1));
      else
        kit_record(kit, &person, NULL, NULL);
    }
    if (!expected[0]) snprintf(expected, sizeof(expected), "%s", state_after_key(openid));
    assert_string_equal(state_after_key(openid), expected);
  } while (next_permutation(order, WRITES));
}

/* --- a model --- */

/* The header's rules, written once more and as plainly as possible. */
struct model {
  bool is_there;
  int64_t first_us, last_us;
  struct weigate_stamp stamps[6];
  unsigned values[6]; /* 0: the group was never seen */
};

enum { MODEL_PROFILE, MODEL_SCOPE, MODEL_UNIONID, MODEL_SEX, MODEL_REGION, MODEL_TOKEN };

static int order_of(const struct weigate_stamp *a, const struct weigate_stamp *b) {
  if (a->at_us != b->at_us) return a->at_us < b->at_us ? -1 : 1;
  return memcmp(a->id, b->id, sizeof(a->id));
}

static const char *name_of(unsigned value) {
  static const char *const names[] = {"", "eins", "zwei", "drei", "vier"};
  return names[value];
}

/* A random write; values[] says what it holds, 0 for nothing known. */
static struct weigate_person random_write(const char *openid, unsigned number, unsigned values[6]) {
  struct weigate_person person = kit_person(openid, kit->base_us + kit_random_below(20), number);
  person.has = kit_random_below(64);
  static const uint32_t bits[6] = {WEIGATE_PERSON_PROFILE, WEIGATE_PERSON_SCOPE,  WEIGATE_PERSON_UNIONID,
                                   WEIGATE_PERSON_SEX,     WEIGATE_PERSON_REGION, WEIGATE_PERSON_TOKEN};
  for (size_t i = 0; i < 6; i++) values[i] = person.has & bits[i] ? 1 + kit_random_below(4) : 0;
  if (values[MODEL_SEX]) values[MODEL_SEX] = kit_random_below(3);
  if (values[MODEL_UNIONID] == 4) values[MODEL_UNIONID] = 0;
  if (values[MODEL_REGION] == 4) values[MODEL_REGION] = 0;
  person.nickname = kit_text(name_of(values[MODEL_PROFILE]));
  person.scope = kit_text(name_of(values[MODEL_SCOPE]));
  person.unionid = kit_text(name_of(values[MODEL_UNIONID]));
  person.sex = (int32_t)values[MODEL_SEX];
  person.province = person.country = kit_text("");
  person.city = kit_text(name_of(values[MODEL_REGION]));
  person.token_sealed = kit_text(name_of(values[MODEL_TOKEN]));
  return person;
}

static void model_write(struct model *model, const struct weigate_person *write, const unsigned values[6]) {
  if (!model->is_there) *model = (struct model){.is_there = true, .first_us = INT64_MAX};
  if (write->first_seen_us < model->first_us) model->first_us = write->first_seen_us;
  if (write->last_seen_us > model->last_us) model->last_us = write->last_seen_us;
  for (size_t i = 0; i < 6; i++) {
    if (!values[i] || order_of(&write->profile_stamp, &model->stamps[i]) <= 0) continue;
    model->stamps[i] = write->profile_stamp;
    model->values[i] = values[i];
  }
}

static void assert_text_value(struct weigate_text text, unsigned value) {
  assert_text(text, name_of(value));
}

static void assert_like_model(const char *openid, const struct model *model) {
  struct store_person found = kit_load(kit, openid);
  const struct weigate_person *p = &found.person;
  assert_int_equal(found.is_found, model->is_there);
  if (!model->is_there) return;
  assert_int_equal(p->first_seen_us, model->first_us);
  assert_int_equal(p->last_seen_us, model->last_us);
  assert_text_value(p->nickname, model->values[MODEL_PROFILE]);
  assert_text_value(p->scope, model->values[MODEL_SCOPE]);
  assert_text_value(p->unionid, model->values[MODEL_UNIONID]);
  assert_int_equal(p->sex, model->values[MODEL_SEX]);
  assert_text_value(p->city, model->values[MODEL_REGION]);
  assert_text_value(p->token_sealed, model->values[MODEL_TOKEN]);
  store_person_done(&found);
}

#define MODEL_PEOPLE 20
#define MODEL_STEPS  600
#define MODEL_MANY   10000

static void follow_model(unsigned steps) {
  static struct model models[MODEL_PEOPLE];
  memset(models, 0, sizeof(models));
  for (unsigned step = 1; step <= steps; step++) {
    char openid[16];
    unsigned values[6];
    size_t who = kit_random_below(MODEL_PEOPLE);
    snprintf(openid, sizeof(openid), "o%zu", who);
    struct weigate_person person = random_write(openid, step, values);
    kit_merge(kit, &person);
    model_write(&models[who], &person, values);
    assert_like_model(openid, &models[who]);
  }
}

static void random_histories_follow_the_model(void) {
  follow_model(MODEL_STEPS);
}

static void ten_thousand_steps_follow_the_model(void) {
  follow_model(MODEL_MANY);
}

/* A token that can no longer be refreshed is of no use, and a secret. */
static void a_token_past_its_time_is_dropped_by_maintenance(void) {
  clock_hold(clock_wall_s(), clock_mono_ms());
  struct weigate_person person = kit_person("o1", kit_now_us(), 1);
  person.token_refresh_expires_us = kit_now_us() + 1000000;
  kit_record(kit, &person, NULL, NULL);
  clock_advance_ms(2000);
  assert_int_equal(kit->plugin.desc->maintain(kit->handle, kit_call(kit), WEIGATE_MAINTAIN_EXPIRE), WEIGATE_OK);
  struct store_person found = kit_load(kit, "o1");
  assert_true(found.is_found);
  assert_true(!(found.person.has & WEIGATE_PERSON_TOKEN) || found.person.token_sealed.size == 0);
  store_person_done(&found);
}

static const struct kit_check checks[] = {
    {CHECK(an_older_write_moves_only_what_is_first), .numbers = "29"},
    {CHECK(of_equal_times_the_greater_id_wins_in_either_order), .numbers = "30"},
    {CHECK(what_is_unknown_never_erases_what_is_known), .numbers = "34, 35"},
    {CHECK(of_two_unionids_the_newer_one_wins)},
    {CHECK(the_newest_token_survives_a_race), .numbers = "91"},
    {CHECK(an_erased_person_is_gone_and_begins_anew), .numbers = "61, 92"},
    {CHECK(erasing_nobody_or_twice_is_fine), .numbers = "61"},
    {CHECK(nothing_readable_of_an_erased_person_stays_in_the_files), .numbers = "62", .needs = KIT_NEEDS_FILES},
    {CHECK(a_merged_tombstone_erases_by_its_hash)},
    {CHECK(counts_handed_in_are_not_believed)},
    {CHECK(all_120_orders_with_repeats_end_in_one_state), .numbers = "31"},
    {CHECK(all_orders_with_an_erasure_end_in_one_state)},
    {CHECK(random_histories_follow_the_model), .numbers = "32"},
    {CHECK(ten_thousand_steps_follow_the_model), .numbers = "32", .level = KIT_FULL},
    {CHECK(a_token_past_its_time_is_dropped_by_maintenance), .numbers = "92"},
};

const struct kit_chapter kit_merging = {"merge", checks, sizeof checks / sizeof checks[0]};
