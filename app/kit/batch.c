/* SPDX-License-Identifier: Apache-2.0
 * batch: many items in one call: order, sizes, refusals, replays; and the events that are counted with them. */
#include "kit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for the largest batch and one more. */
#define ITEMS (WEIGATE_BATCH_MAX + 1)
static struct weigate_signin items[ITEMS];
static struct weigate_person people[ITEMS];
static struct weigate_event events[ITEMS];
static struct weigate_result results[ITEMS];
static char openids[ITEMS][16];

/* As many people with an event each, all different. */
static void prepare(void) {
  int64_t now_us = kit_now_us() - 1000000;
  for (unsigned i = 0; i < ITEMS; i++) {
    snprintf(openids[i], sizeof(openids[i]), "o%05u", i);
    people[i] = kit_person(openids[i], now_us + i, i + 1);
    events[i] = kit_event(openids[i], now_us + i, i + 1);
    items[i] = (struct weigate_signin){.struct_size = sizeof(items[i]), .person = &people[i], .event = &events[i]};
    results[i] = (struct weigate_result){.struct_size = sizeof(results[i])};
  }
}

static int record(size_t count) {
  struct weigate_signins batch = {.struct_size = sizeof(batch), .stride = sizeof(items[0]), .count = count, .items = items};
  return kit->plugin.desc->record_signins(kit->handle, kit_call(kit), &batch, results);
}

static uint64_t logins_of(const char *openid, uint64_t *ret_days) {
  struct store_person found = kit_load(kit, openid);
  uint64_t logins = found.person.login_count;
  if (ret_days) *ret_days = found.person.login_days;
  store_person_done(&found);
  return logins;
}

static void batches_of_every_size_are_answered_item_by_item(void) {
  prepare();
  static const size_t sizes[] = {1, 2, 999, WEIGATE_BATCH_MAX};
  for (size_t s = 0, known = 0; s < sizeof(sizes) / sizeof(sizes[0]); known = sizes[s++]) {
    assert_int_equal(record(sizes[s]), WEIGATE_OK);
    for (size_t i = 0; i < sizes[s]; i++)
      assert_int_equal(results[i].outcome, i < known ? WEIGATE_ITEM_DUPLICATE : WEIGATE_ITEM_NEW);
  }
}

static void a_batch_beyond_the_limit_is_invalid(void) {
  prepare();
  assert_int_equal(record(ITEMS), WEIGATE_INVALID);
  assert_string_equal(kit_state_of(kit, openids[0]), "nobody");
}

static void an_empty_batch_is_fine(void) {
  prepare();
  assert_int_equal(record(0), WEIGATE_OK);
}

static void the_newest_of_one_batch_wins_wherever_it_stands(void) {
  prepare();
  for (size_t i = 0; i < 3; i++) {
    people[i].openid = kit_text("same");
    people[i].nickname = kit_text(i == 1 ? "newest" : "older");
  }
  people[1].profile_stamp.at_us += 100;
  assert_int_equal(record(3), WEIGATE_OK);
  assert_int_equal(results[0].outcome, WEIGATE_ITEM_NEW);
  struct store_person found = kit_load(kit, "same");
  assert_text(found.person.nickname, "newest");
  store_person_done(&found);
}

static void one_bad_item_is_refused_alone(void) {
  prepare();
  people[1].sex = 7;
  assert_int_equal(record(3), WEIGATE_OK);
  assert_int_equal(results[0].outcome, WEIGATE_ITEM_NEW);
  assert_int_equal(results[1].outcome, WEIGATE_ITEM_REJECTED);
  assert_string_equal(results[1].field, "sex");
  assert_int_equal(results[2].outcome, WEIGATE_ITEM_NEW);
  assert_string_equal(kit_state_of(kit, openids[1]), "nobody");
  assert_int_equal(logins_of(openids[1], NULL), 0);
}

static void a_replayed_batch_changes_and_counts_nothing(void) {
  prepare();
  char before[8192];
  assert_int_equal(record(50), WEIGATE_OK);
  snprintf(before, sizeof(before), "%s", kit_state_of(kit, openids[7]));
  assert_int_equal(record(50), WEIGATE_OK);
  for (size_t i = 0; i < 50; i++) assert_int_equal(results[i].outcome, WEIGATE_ITEM_DUPLICATE);
  assert_string_equal(kit_state_of(kit, openids[7]), before);
  assert_int_equal(logins_of(openids[7], NULL), 1);
}

static void a_call_without_time_writes_nothing(void) {
  prepare();
  struct weigate_call call = plugin_call(0);
  struct weigate_signins batch = {.struct_size = sizeof(batch), .stride = sizeof(items[0]), .count = 3, .items = items};
  assert_int_equal(kit->plugin.desc->record_signins(kit->handle, &call, &batch, results), WEIGATE_TIMEOUT);
  assert_true(call.message[0] != '\0');
  assert_string_equal(kit_state_of(kit, openids[0]), "nobody");
}

static void a_stride_that_cannot_be_walked_is_invalid(void) {
  prepare();
  struct weigate_signins batch = {.struct_size = sizeof(batch), .stride = 4, .count = 3, .items = items};
  assert_int_equal(kit->plugin.desc->record_signins(kit->handle, kit_call(kit), &batch, results), WEIGATE_INVALID);
}

static void what_was_acknowledged_is_there_every_single_one(void) {
  prepare();
  for (unsigned turn = 0; turn < 3; turn++) {
    for (unsigned i = 0; i < WEIGATE_BATCH_MAX; i++) openids[i][0] = (char)('a' + turn), people[i].openid = kit_text(openids[i]);
    assert_int_equal(record(WEIGATE_BATCH_MAX), WEIGATE_OK);
    for (unsigned i = 0; i < WEIGATE_BATCH_MAX; i++) {
      struct store_person found = kit_load(kit, openids[i]);
      if (!found.is_found)
        fail_msg("number %u of %u was acknowledged and is not there", turn * WEIGATE_BATCH_MAX + i + 1, 3 * WEIGATE_BATCH_MAX);
      store_person_done(&found);
    }
  }
}

/* --- events --- */

static enum weigate_item record_event(const struct weigate_event *event) {
  return kit_record(kit, NULL, event, NULL);
}

static void an_event_counts_once(void) {
  struct weigate_person person = kit_person("o1", kit_now_us(), 1);
  struct weigate_event event = kit_event("o1", kit_now_us(), 1);
  assert_int_equal(kit_record(kit, &person, &event, NULL), WEIGATE_ITEM_NEW);
  assert_int_equal(record_event(&event), WEIGATE_ITEM_DUPLICATE);
  assert_int_equal(logins_of("o1", NULL), 1);
}

static void events_out_of_order_give_the_same_totals(void) {
  static const size_t orders[2][4] = {{0, 1, 2, 3}, {3, 1, 0, 2}};
  int64_t now_us = kit_now_us();
  for (size_t turn = 0; turn < 2; turn++) {
    uint64_t days = 0;
    const char *openid = turn ? "o2" : "o1";
    struct weigate_person person = kit_person(openid, now_us, 1);
    if (turn == 0) kit_record(kit, &person, NULL, NULL);
    for (size_t i = 0; i < 4; i++) {
      size_t n = orders[turn][i];
      struct weigate_event event = kit_event(openid, now_us - (int64_t)n * 1000, (unsigned)(turn * 4 + n));
      event.event_day = 20000 + (int32_t)n / 2;
      record_event(&event);
    }
    if (turn == 1) kit_record(kit, &person, NULL, NULL);
    assert_int_equal(logins_of(openid, &days), 4);
    assert_int_equal(days, 2);
  }
}

static void the_day_is_the_hosts_word(void) {
  uint64_t days = 0;
  struct weigate_person person = kit_person("o1", kit_now_us(), 1);
  struct weigate_event before = kit_event("o1", kit_now_us() - 1000000, 1), after = kit_event("o1", kit_now_us(), 2);
  before.event_day = 20000;
  after.event_day = 20001; /* midnight of the account fell between them */
  kit_record(kit, &person, &before, NULL);
  record_event(&after);
  assert_int_equal(logins_of("o1", &days), 2);
  assert_int_equal(days, 2);
}

static void only_completed_sign_ins_count(void) {
  struct weigate_person person = kit_person("o1", kit_now_us(), 1);
  struct weigate_event denied = kit_event("o1", kit_now_us(), 1);
  denied.flags = 0;
  denied.outcome = kit_text("denied");
  kit_record(kit, &person, &denied, NULL);
  assert_int_equal(logins_of("o1", NULL), 0);
}

static void a_day_beyond_all_calendars_spoils_no_other(void) {
  prepare();
  events[0].event_day = INT32_MAX;
  events[1].event_day = INT32_MIN;
  assert_int_equal(record(3), WEIGATE_OK);
  assert_int_equal(results[2].outcome, WEIGATE_ITEM_NEW);
}

static void a_snapshot_visitor_is_nobody(void) {
  struct weigate_event snapshot = kit_event("", kit_now_us(), 1);
  snapshot.flags = WEIGATE_EVENT_SNAPSHOT;
  assert_int_equal(record_event(&snapshot), WEIGATE_ITEM_NEW);
  snapshot.openid = kit_text("oVirtual");
  assert_string_equal(kit_refused_field(kit, NULL, &snapshot), "openid");
  snapshot.openid.size = 0;
  struct weigate_person person = kit_person("oVirtual", kit_now_us(), 1);
  assert_string_equal(kit_refused_field(kit, &person, &snapshot), "person");
  assert_string_equal(kit_state_of(kit, "oVirtual"), "nobody");
}

/* Somebody was erased since: the event comes from another store. */
static void a_sign_in_without_openid_is_kept_and_counts_for_nobody(void) {
  struct weigate_event event = kit_event("", kit_now_us(), 1);
  assert_int_equal(record_event(&event), WEIGATE_ITEM_NEW);
  assert_int_equal(record_event(&event), WEIGATE_ITEM_DUPLICATE);
  event.flags = 0x40;
  assert_string_equal(kit_refused_field(kit, NULL, &event), "flags");
}

static void erasing_takes_the_person_out_of_the_events(void) {
  int64_t now_us = kit_now_us() - 10000;
  struct weigate_person person = kit_person("o1", now_us, 1);
  struct weigate_event event = kit_event("o1", now_us, 1), late = kit_event("o1", now_us + 1, 2),
                       next = kit_event("o1", now_us + 200, 3);
  kit_record(kit, &person, &event, NULL);
  kit_erase(kit, "o1", kit_stamp(now_us + 100, 9));
  assert_int_equal(record_event(&late), WEIGATE_ITEM_NEW);
  struct weigate_person again = kit_person("o1", now_us + 200, 3);
  kit_record(kit, &again, &next, NULL);
  assert_int_equal(logins_of("o1", NULL), 1);
}

static const struct kit_check checks[] = {
    {CHECK(batches_of_every_size_are_answered_item_by_item), .numbers = "47"},
    {CHECK(a_batch_beyond_the_limit_is_invalid), .numbers = "47"},
    {CHECK(an_empty_batch_is_fine), .numbers = "51"},
    {CHECK(the_newest_of_one_batch_wins_wherever_it_stands), .numbers = "48"},
    {CHECK(one_bad_item_is_refused_alone), .numbers = "49"},
    {CHECK(a_replayed_batch_changes_and_counts_nothing), .numbers = "52, 93"},
    {CHECK(what_was_acknowledged_is_there_every_single_one), .numbers = "27",
     .hint = "WEIGATE_OK says done, for every item of the batch"},
    {CHECK(a_call_without_time_writes_nothing), .numbers = "53"},
    {CHECK(a_stride_that_cannot_be_walked_is_invalid), .numbers = "12"},
    {CHECK(an_event_counts_once), .numbers = "93"},
    {CHECK(events_out_of_order_give_the_same_totals), .numbers = "93"},
    {CHECK(the_day_is_the_hosts_word), .numbers = "94"},
    {CHECK(a_day_beyond_all_calendars_spoils_no_other)},
    {CHECK(only_completed_sign_ins_count)},
    {CHECK(a_snapshot_visitor_is_nobody), .numbers = "45"},
    {CHECK(a_sign_in_without_openid_is_kept_and_counts_for_nobody)},
    {CHECK(erasing_takes_the_person_out_of_the_events)},
};

const struct kit_chapter kit_batch = {"batch", checks, sizeof checks / sizeof checks[0]};
