/* SPDX-License-Identifier: Apache-2.0
 * soak: an hour of a worker's life in minutes: the same few hundred people over and over, and nothing that grows. */
#include "kit/check.h"

#include <stdio.h>

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

static const struct kit_check checks[] = {
    {CHECK(descriptors_threads_and_memory_stay_flat), .numbers = "100", .level = KIT_SOAK},
};

const struct kit_chapter kit_soak = {"soak", checks, sizeof checks / sizeof checks[0]};
