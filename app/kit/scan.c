/* SPDX-License-Identifier: Apache-2.0
 * scan: pages of people, tombstones and events: complete, in order, none twice, from any cursor on. */
#include "kit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what a scan gave --- */

struct seen {
  size_t count, tombstones, with_token, with_counts;
  char last[200];
  bool is_ordered;
  size_t stop_after;
};

static struct seen seen;

static int see_person(void *context, size_t index, const struct weigate_person *person) {
  char key[200];
  (void)context, (void)index;
  seen.count++;
  if (person->has & WEIGATE_PERSON_ERASED) {
    seen.tombstones++;
    return 0;
  }
  snprintf(key, sizeof(key), "%.*s/%.*s", (int)person->appid.size, person->appid.bytes, (int)person->openid.size,
           person->openid.bytes);
  if (strcmp(key, seen.last) <= 0) seen.is_ordered = false;
  snprintf(seen.last, sizeof(seen.last), "%s", key);
  seen.with_token += (person->has & WEIGATE_PERSON_TOKEN) != 0;
  seen.with_counts += (person->has & WEIGATE_PERSON_COUNTS) != 0;
  return seen.count == seen.stop_after;
}

static int see_event(void *context, const struct weigate_event *event) {
  char key[200];
  (void)context;
  snprintf(key, sizeof(key), "%020lld %02x%02x%02x%02x", (long long)event->event_at_us, event->event_id[0], event->event_id[1],
           event->event_id[2], event->event_id[3]);
  if (strcmp(key, seen.last) <= 0) seen.is_ordered = false;
  snprintf(seen.last, sizeof(seen.last), "%s", key);
  seen.count++;
  return 0;
}

static struct weigate_scan new_scan(uint32_t limit) {
  seen = (struct seen){.is_ordered = true};
  return (struct weigate_scan){.struct_size = sizeof(struct weigate_scan), .limit = limit};
}

static int scan_page(struct weigate_scan *scan) {
  return kit->plugin.desc->scan_people(kit->handle, kit_call(kit), scan, see_person, NULL);
}

/* All pages; returns how many. */
static size_t scan_all(struct weigate_scan *scan) {
  size_t pages = 0;
  do {
    int class = scan_page(scan);
    if (class != WEIGATE_OK) fail_msg("scan_people: %s", kit->call.message);
    pages++;
  } while (scan->cursor_size);
  return pages;
}

static void fill(size_t count) {
  static struct weigate_person people[1000];
  static struct weigate_result results[1000];
  static char openids[1000][16];
  assert_true(count <= 1000);
  for (size_t i = 0; i < count; i++) {
    snprintf(openids[i], sizeof(openids[i]), "o%04zu", (i * 7919) % 10000);
    people[i] = kit_person(openids[i], kit->base_us, (unsigned)i);
    results[i] = (struct weigate_result){.struct_size = sizeof(results[i])};
  }
  struct weigate_people batch = {.struct_size = sizeof(batch), .stride = sizeof(people[0]), .count = count, .items = people};
  assert_int_equal(kit->plugin.desc->merge_people(kit->handle, kit_call(kit), &batch, results), WEIGATE_OK);
}

static void every_person_is_given_once_and_in_order(void) {
  static const size_t counts[] = {0, 1, 9, 10, 11, 1000};
  for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
    fill(counts[i]);
    struct weigate_scan scan = new_scan(10);
    scan_all(&scan);
    assert_int_equal(seen.count, counts[i]);
    assert_true(seen.is_ordered);
  }
}

static void a_page_holds_what_is_wanted(void) {
  fill(5);
  struct weigate_scan scan = new_scan(10);
  scan_all(&scan);
  assert_int_equal(seen.with_token + seen.with_counts, 0);
  scan = new_scan(10);
  scan.want = WEIGATE_WANT_TOKEN | WEIGATE_WANT_COUNTS;
  scan_all(&scan);
  assert_int_equal(seen.with_token, 5);
  assert_int_equal(seen.with_counts, 5);
}

static void filters_leave_out_the_others(void) {
  fill(50);
  struct weigate_person other = kit_person("oX", kit->base_us, 1);
  other.appid = kit_text("wx9");
  other.unionid = kit_text("uX");
  kit_merge(kit, &other);
  struct weigate_scan scan = new_scan(7);
  scan.appid = kit_text("wx9");
  scan_all(&scan);
  assert_int_equal(seen.count, 1);
  scan = new_scan(7);
  scan.appid = kit_text(KIT_APPID);
  scan_all(&scan);
  assert_int_equal(seen.count, 50);
  scan = new_scan(7);
  scan.openid = kit_text("o7919");
  scan_all(&scan);
  assert_int_equal(seen.count, 1);
  scan = new_scan(7);
  scan.appid = kit_text(KIT_APPID);
  scan.openid = kit_text("o7919");
  scan_all(&scan);
  assert_int_equal(seen.count, 1);
}

static void a_unionid_finds_all_its_openids(void) {
  fill(30);
  struct weigate_person other = kit_person("oX", kit->base_us, 1);
  other.unionid = kit_text("uX");
  kit_merge(kit, &other);
  struct weigate_scan scan = new_scan(7);
  scan.unionid = kit_text("uA1");
  scan_all(&scan);
  assert_int_equal(seen.count, 30);
  assert_true(seen.is_ordered);
  scan = new_scan(7);
  scan.unionid = kit_text("uX");
  scan_all(&scan);
  assert_int_equal(seen.count, 1);
}

/* As far as one writer shows it */
static void changed_since_leaves_out_what_did_not_change(void) {
  fill(20);
  int64_t now_us = kit_now_us() + 1;
  while (kit_now_us() <= now_us) continue;
  struct weigate_person person = kit_person("o0000", kit->base_us + 10, 99);
  kit_merge(kit, &person);
  struct weigate_scan scan = new_scan(7);
  scan.changed_since_us = now_us;
  scan_all(&scan);
  assert_int_equal(seen.count, 1);
}

static void a_cursor_goes_on_after_a_restart(void) {
  fill(25);
  struct weigate_scan scan = new_scan(10);
  assert_int_equal(scan_page(&scan), WEIGATE_OK);
  kit_close(kit);
  kit_open(kit);
  scan_all(&scan);
  assert_int_equal(seen.count, 25);
  assert_true(seen.is_ordered);
}

static void a_forged_or_cut_cursor_is_invalid(void) {
  fill(25);
  struct weigate_scan scan = new_scan(10), forged;
  assert_int_equal(scan_page(&scan), WEIGATE_OK);
  for (uint32_t size = 1; size < scan.cursor_size; size++) {
    forged = scan;
    forged.cursor_size = size;
    assert_int_equal(scan_page(&forged), WEIGATE_INVALID);
  }
  for (uint32_t i = 0; i < scan.cursor_size; i++) {
    forged = scan;
    forged.cursor[i] ^= 1;
    assert_int_equal(scan_page(&forged), WEIGATE_INVALID);
  }
  forged = scan;
  forged.cursor_size = WEIGATE_CURSOR_MAX + 1;
  assert_int_equal(scan_page(&forged), WEIGATE_INVALID);
}

static void a_sink_that_stops_is_continued_behind_its_last(void) {
  fill(25);
  struct weigate_scan scan = new_scan(10);
  seen.stop_after = 4;
  assert_int_equal(scan_page(&scan), WEIGATE_OK);
  assert_int_equal(seen.count, 4);
  scan_all(&scan);
  assert_int_equal(seen.count, 25);
  assert_true(seen.is_ordered);
}

static void odd_scans_are_invalid(void) {
  struct weigate_scan scan = new_scan(0);
  assert_int_equal(scan_page(&scan), WEIGATE_INVALID);
  scan = new_scan(WEIGATE_BATCH_MAX + 1);
  assert_int_equal(scan_page(&scan), WEIGATE_INVALID);
  scan = new_scan(10);
  scan.want = 0x800;
  assert_int_equal(scan_page(&scan), WEIGATE_INVALID);
}

static void what_changes_during_a_scan_disturbs_nothing_else(void) {
  fill(100);
  struct weigate_scan scan = new_scan(10);
  assert_int_equal(scan_page(&scan), WEIGATE_OK);
  struct weigate_person behind = kit_person("o0000a", kit->base_us, 1), ahead = kit_person("o9999z", kit->base_us, 1);
  kit_merge(kit, &behind);
  kit_merge(kit, &ahead);
  kit_erase(kit, "o0000", kit_stamp(kit->base_us + 10, 1));
  scan_all(&scan);
  assert_int_equal(seen.count, 101);
  assert_true(seen.is_ordered);
}

static void tombstones_are_given_where_they_are_wanted(void) {
  fill(12);
  kit_erase(kit, "o0000", kit_stamp(kit->base_us + 10, 1));
  for (int i = 0; i < 15; i++) {
    char openid[16];
    snprintf(openid, sizeof(openid), "gone%d", i);
    kit_erase(kit, openid, kit_stamp(kit->base_us + 10, 1));
  }
  struct weigate_scan scan = new_scan(10);
  scan.want = WEIGATE_WANT_ERASED;
  scan_all(&scan);
  assert_int_equal(seen.count, 27);
  assert_int_equal(seen.tombstones, 16);
  scan = new_scan(10);
  scan_all(&scan);
  assert_int_equal(seen.count, 11);
}

/* --- events --- */

static size_t scan_all_events(struct weigate_scan *scan) {
  size_t pages = 0;
  do {
    int class = kit->plugin.desc->scan_events(kit->handle, kit_call(kit), scan, see_event, NULL);
    if (class != WEIGATE_OK) fail_msg("scan_events: %s", kit->call.message);
    pages++;
  } while (scan->cursor_size);
  return pages;
}

static void fill_events(size_t count) {
  for (size_t i = 0; i < count; i++) {
    char openid[16];
    snprintf(openid, sizeof(openid), "o%zu", i % 3);
    struct weigate_event event = kit_event(openid, kit->base_us + (int64_t)(i * 37 % count) / 2, (unsigned)i);
    assert_int_equal(kit_record(kit, NULL, &event, NULL), WEIGATE_ITEM_NEW);
  }
}

static void every_event_is_given_once_and_in_order(void) {
  fill_events(40);
  struct weigate_scan scan = new_scan(7);
  assert_int_equal(scan_all_events(&scan), 6);
  assert_int_equal(seen.count, 40);
  assert_true(seen.is_ordered);
}

static void events_of_one_person_are_given_alone(void) {
  fill_events(40);
  struct weigate_scan scan = new_scan(5);
  scan.appid = kit_text(KIT_APPID);
  scan.openid = kit_text("o1");
  scan_all_events(&scan);
  assert_int_equal(seen.count, 13);
  assert_true(seen.is_ordered);
  scan = new_scan(5);
  scan.openid = kit_text("o1");
  scan_all_events(&scan);
  assert_int_equal(seen.count, 13);
  kit_erase(kit, "o1", kit_stamp(kit->base_us + 1000, 1));
  scan = new_scan(5);
  scan.openid = kit_text("o1");
  scan_all_events(&scan);
  assert_int_equal(seen.count, 0);
  scan = new_scan(5);
  scan_all_events(&scan);
  assert_int_equal(seen.count, 40);
}

static void a_cursor_of_people_is_none_of_events(void) {
  fill(25);
  struct weigate_scan scan = new_scan(10);
  assert_int_equal(scan_page(&scan), WEIGATE_OK);
  assert_int_equal(kit->plugin.desc->scan_events(kit->handle, kit_call(kit), &scan, see_event, NULL), WEIGATE_INVALID);
}

/* --- into another store --- */

/* The store that copies go to, and what its results were. */
static struct kit *target;
static unsigned outcomes[WEIGATE_ITEM_TAKEN + 1];

static void count_outcome(enum weigate_item outcome) {
  assert_in_range(outcome, WEIGATE_ITEM_NEW, WEIGATE_ITEM_TAKEN);
  outcomes[outcome]++;
}

static int copy_person(void *context, size_t index, const struct weigate_person *person) {
  (void)context, (void)index;
  count_outcome(kit_merge(target, person));
  return 0;
}

static int copy_event(void *context, const struct weigate_event *event) {
  (void)context;
  count_outcome(kit_record(target, NULL, event, NULL));
  return 0;
}

static void copy_all(void) {
  struct weigate_scan people = {.struct_size = sizeof(people), .limit = 7, .want = WEIGATE_WANT_TOKEN | WEIGATE_WANT_ERASED};
  struct weigate_scan events = {.struct_size = sizeof(events), .limit = 7};
  memset(outcomes, 0, sizeof(outcomes));
  do {
    assert_int_equal(kit->plugin.desc->scan_people(kit->handle, kit_call(kit), &people, copy_person, NULL), WEIGATE_OK);
  } while (people.cursor_size);
  do {
    assert_int_equal(kit->plugin.desc->scan_events(kit->handle, kit_call(kit), &events, copy_event, NULL), WEIGATE_OK);
  } while (events.cursor_size);
}

static void a_copy_equals_its_original_and_again_changes_nothing(void) {
  char original[8192];
  target = kit_second();
  fill(30);
  fill_events(40);
  kit_erase(kit, "o7919", kit_stamp(kit->base_us + 10, 1));
  copy_all();
  assert_int_equal(outcomes[WEIGATE_ITEM_REJECTED] + outcomes[WEIGATE_ITEM_UNKNOWN], 0);
  for (unsigned i = 0; i < 30; i++) {
    char openid[16];
    snprintf(openid, sizeof(openid), "o%04u", i * 7919 % 10000);
    snprintf(original, sizeof(original), "%s", kit_state_of(kit, openid));
    assert_string_equal(kit_state_of(target, openid), original);
  }
  copy_all();
  assert_int_equal(outcomes[WEIGATE_ITEM_DUPLICATE], 70); /* 29 people, a tombstone, 40 events */
  kit_close(target);
  free(target);
}

static const struct kit_check checks[] = {
    {CHECK(every_person_is_given_once_and_in_order), .numbers = "66"},
    {CHECK(a_page_holds_what_is_wanted)},
    {CHECK(filters_leave_out_the_others)},
    {CHECK(a_unionid_finds_all_its_openids), .numbers = "59"},
    {CHECK(changed_since_leaves_out_what_did_not_change), .numbers = "70"},
    {CHECK(a_cursor_goes_on_after_a_restart), .numbers = "68"},
    {CHECK(a_forged_or_cut_cursor_is_invalid), .numbers = "68"},
    {CHECK(a_sink_that_stops_is_continued_behind_its_last)},
    {CHECK(odd_scans_are_invalid)},
    {CHECK(what_changes_during_a_scan_disturbs_nothing_else), .numbers = "67"},
    {CHECK(tombstones_are_given_where_they_are_wanted)},
    {CHECK(every_event_is_given_once_and_in_order)},
    {CHECK(events_of_one_person_are_given_alone)},
    {CHECK(a_copy_equals_its_original_and_again_changes_nothing), .numbers = "65, 101, 102"},
    {CHECK(a_cursor_of_people_is_none_of_events)},
};

const struct kit_chapter kit_scan = {"scan", checks, sizeof checks / sizeof checks[0]};
