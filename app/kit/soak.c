/* SPDX-License-Identifier: Apache-2.0
 * soak: an hour of a worker's life in minutes: the same few hundred people over and over, and nothing that grows. */
#include "kit/check.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "kit/look.h"

#define PEOPLE 300
/* What a libc's heap and a library's caches may still add behind the first fifth of the time. */
#define GROWTH_MAX_BYTES (UINT64_C(16) << 20)

static int see_nobody(void *context, size_t index, const struct weigate_person *person) {
  (void)context, (void)index, (void)person;
  return 0;
}

static void sign_in(unsigned turn) {
  char openid[16];
  snprintf(openid, sizeof(openid), "o%u", kit_random_below(PEOPLE));
  struct weigate_person person = kit_person(openid, kit_now_us(), turn);
  struct weigate_event event = kit_event(openid, kit_now_us(), turn);
  kit_record(kit, &person, &event, NULL);
  struct store_person found = kit_load(kit, openid);
  assert_true(found.is_found);
  store_person_done(&found);
}

static void scan_page(void) {
  struct weigate_scan scan = {.struct_size = sizeof(scan), .limit = 100};
  assert_int_equal(kit->plugin.desc->scan_people(kit->handle, kit_call(kit), &scan, see_nobody, NULL), WEIGATE_OK);
}

static void one_turn(unsigned turn) {
  sign_in(turn);
  if (turn % 50 == 0) scan_page();
  if (turn % 200 == 0)
    assert_int_equal(kit->plugin.desc->maintain(kit->handle, kit_call(kit), WEIGATE_MAINTAIN_EXPIRE), WEIGATE_OK);
  if (turn % 500 == 499) {
    kit_close(kit);
    kit_open(kit);
  }
}

static unsigned live_until(uint64_t end_ms, unsigned turn) {
  while (clock_mono_ms() < end_ms) one_turn(++turn);
  return turn;
}

static void descriptors_threads_and_memory_stay_flat(void) {
  struct look before, after;
  uint64_t began_ms = clock_mono_ms(), all_ms = kit_soak_s * UINT64_C(1000);
  unsigned turn = live_until(began_ms + all_ms / 5, 0);
  look_take(&before);
  live_until(began_ms + all_ms, turn);
  look_take(&after);
  look_compare(&before, &after);
  assert_in_range(after.resident_bytes, 0, before.resident_bytes + GROWTH_MAX_BYTES);
}

/* --- many at once --- */

enum { PROCESSES = 8, SHARED = 48 };

/* Every text of such a record is made of one number; a record that mixes two was torn. */
static void make_whole(struct weigate_person *person, unsigned who, unsigned number, char texts[2][256]) {
  snprintf(texts[0], sizeof(texts[0]), "w%u", who);
  snprintf(
      texts[1], sizeof(texts[1]), "n%u %.*s", number, (int)(number % 200),
      "....................................................................................................................."
      "....................................................................................................................");
  *person = kit_person(texts[0], kit_now_us(), number);
  person->nickname = person->province = person->city = person->country = kit_text(texts[1]);
}

static bool is_same(struct weigate_text a, struct weigate_text b) {
  return a.size == b.size && (a.size == 0 || memcmp(a.bytes, b.bytes, a.size) == 0);
}

static int see_whole(void *context, size_t index, const struct weigate_person *person) {
  unsigned *torn = context;
  (void)index;
  if (person && (!is_same(person->nickname, person->city) || !is_same(person->city, person->country))) (*torn)++;
  return 0;
}

/* One write, and a look at four records, over and over; says how many operations that were. */
static int write_and_look(unsigned number) {
  uint64_t end_ms = clock_mono_ms() + kit_soak_s * UINT64_C(1000);
  unsigned operations = 0, torn = 0;
  char texts[2][256], openids[4][16];
  while (clock_mono_ms() < end_ms) {
    struct weigate_person person;
    struct weigate_key items[4];
    make_whole(&person, kit_random_below(SHARED), operations * PROCESSES + number, texts);
    kit_record(kit, &person, NULL, NULL);
    for (unsigned i = 0; i < 4; i++) {
      snprintf(openids[i], sizeof(openids[i]), "w%u", kit_random_below(SHARED));
      items[i] =
          (struct weigate_key){.struct_size = sizeof(items[0]), .appid = kit_text(KIT_APPID), .openid = kit_text(openids[i])};
    }
    struct weigate_keys keys = {.struct_size = sizeof(keys), .stride = sizeof(items[0]), .count = 4, .items = items};
    if (kit->plugin.desc->load_people(kit->handle, kit_call(kit), &keys, 0, see_whole, &torn) != WEIGATE_OK) return 1;
    operations += 5;
  }
  printf("note: %u operations, %u torn\n", operations, torn);
  fflush(stdout);
  return torn ? 2 : 0;
}

static void nothing_that_many_write_is_ever_read_torn(void) {
  kit_close(kit);
  kit_in_processes(PROCESSES, write_and_look);
}

static const struct kit_check checks[] = {
    {CHECK(nothing_that_many_write_is_ever_read_torn), .numbers = "88", .level = KIT_SOAK},
    {CHECK(descriptors_threads_and_memory_stay_flat), .numbers = "100", .level = KIT_SOAK},
};

const struct kit_chapter kit_soak = {"soak", checks, sizeof checks / sizeof checks[0]};
