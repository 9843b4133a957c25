/* SPDX-License-Identifier: Apache-2.0
 * tickets: notes with a lifetime that several processes agree through. */
#include "kit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* What a sink was given last. */
struct seen {
  size_t count, found;
  char value[64];
  size_t value_size;
  char keys[4096];
};

static int see(void *context, size_t index, const struct weigate_ticket *ticket) {
  struct seen *seen = context;
  (void)index;
  seen->count++;
  if (!ticket) return 0;
  seen->found++;
  seen->value_size = ticket->value.size;
  if (ticket->value.size && ticket->value.size <= sizeof(seen->value))
    memcpy(seen->value, ticket->value.bytes, ticket->value.size);
  size_t used = strlen(seen->keys);
  snprintf(seen->keys + used, sizeof(seen->keys) - used, "%.*s ", (int)ticket->key.size, ticket->key.bytes);
  return 0;
}

static struct weigate_tickets batch_of(const struct weigate_ticket *items, size_t count) {
  return (struct weigate_tickets){
      .struct_size = sizeof(struct weigate_tickets), .stride = sizeof(*items), .count = count, .items = items};
}

static struct weigate_result claim_one(const struct weigate_ticket *ticket, struct seen *seen) {
  struct weigate_tickets batch = batch_of(ticket, 1);
  struct weigate_result result = {.struct_size = sizeof(result)};
  int class = kit->plugin.tickets->claim(kit->handle, kit_call(kit), &batch, &result, seen ? see : NULL, seen);
  if (class != WEIGATE_OK) fail_msg("claim: %s", kit->call.message);
  return result;
}

static enum weigate_item claim(const struct weigate_ticket *ticket, struct seen *seen) {
  return (enum weigate_item)claim_one(ticket, seen).outcome;
}

static enum weigate_item put(const struct weigate_ticket *ticket) {
  struct weigate_tickets batch = batch_of(ticket, 1);
  struct weigate_result result = {.struct_size = sizeof(result)};
  if (kit->plugin.tickets->put(kit->handle, kit_call(kit), &batch, &result) != WEIGATE_OK) fail_msg("put: %s", kit->call.message);
  return (enum weigate_item)result.outcome;
}

static struct seen get(const struct weigate_ticket *key) {
  struct weigate_tickets batch = batch_of(key, 1);
  struct seen seen = {0};
  if (kit->plugin.tickets->get(kit->handle, kit_call(kit), &batch, see, &seen) != WEIGATE_OK)
    fail_msg("get: %s", kit->call.message);
  assert_int_equal(seen.count, 1);
  return seen;
}

static struct seen take(const struct weigate_ticket *key) {
  struct weigate_tickets batch = batch_of(key, 1);
  struct seen seen = {0};
  if (kit->plugin.tickets->take(kit->handle, kit_call(kit), &batch, see, &seen) != WEIGATE_OK)
    fail_msg("take: %s", kit->call.message);
  assert_int_equal(seen.count, 1);
  return seen;
}

static struct seen scan(const char *kind, uint64_t *cursor, uint32_t limit) {
  struct seen seen = {0};
  if (kit->plugin.tickets->scan(kit->handle, kit_call(kit), kit_text(kind), cursor, limit, see, &seen) != WEIGATE_OK)
    fail_msg("scan: %s", kit->call.message);
  return seen;
}

/* --- */

static void the_first_claim_wins_and_the_second_is_told_what_is_there(void) {
  struct seen seen = {0};
  struct weigate_ticket first = kit_ticket("code", "c1", "one"), second = kit_ticket("code", "c1", "two");
  assert_int_equal(claim(&first, &seen), WEIGATE_ITEM_NEW);
  assert_int_equal(seen.count, 0);
  assert_int_equal(claim(&second, &seen), WEIGATE_ITEM_TAKEN);
  assert_true(seen.value_size == 3 && memcmp(seen.value, "one", 3) == 0);
  assert_int_equal(claim(&second, NULL), WEIGATE_ITEM_TAKEN);
}

static void the_very_same_claim_knows_itself(void) {
  struct weigate_ticket first = kit_ticket("code", "c1", "one");
  assert_int_equal(claim(&first, NULL), WEIGATE_ITEM_NEW);
  assert_int_equal(claim(&first, NULL), WEIGATE_ITEM_DUPLICATE);
}

static void kinds_are_apart(void) {
  struct weigate_ticket code = kit_ticket("code", "k", "1"), other = kit_ticket("state", "k", "2");
  assert_int_equal(claim(&code, NULL), WEIGATE_ITEM_NEW);
  assert_int_equal(claim(&other, NULL), WEIGATE_ITEM_NEW);
  assert_int_equal(get(&code).value[0], '1');
}

static void put_replaces(void) {
  struct weigate_ticket one = kit_ticket("code", "c1", "one"), two = kit_ticket("code", "c1", "two");
  assert_int_equal(put(&one), WEIGATE_ITEM_NEW);
  assert_int_equal(put(&two), WEIGATE_ITEM_UPDATED);
  assert_int_equal(get(&one).value[0], 't');
}

static void a_ticket_is_taken_once(void) {
  struct weigate_ticket ticket = kit_ticket("handover", "h", "value");
  put(&ticket);
  assert_int_equal(take(&ticket).found, 1);
  assert_int_equal(take(&ticket).found, 0);
  assert_int_equal(get(&ticket).found, 0);
}

static void a_record_brings_its_ticket_along(void) {
  struct weigate_ticket claimed = kit_ticket("code", "c1", "pending"), outcome = kit_ticket("code", "c1", "outcome");
  struct weigate_person person = kit_person("o1", kit_now_us(), 1);
  claim(&claimed, NULL);
  kit_record(kit, &person, NULL, &outcome);
  assert_int_equal(get(&claimed).value[0], 'o');
}

static void a_ticket_past_its_time_is_absent(void) {
  clock_hold(clock_wall_s(), clock_mono_ms());
  struct weigate_ticket old = kit_ticket("code", "c1", "old"), fresh = kit_ticket("code", "c1", "fresh");
  uint64_t cursor = 0;
  old.expires_at_us = kit_now_us() + 1000000;
  claim(&old, NULL);
  clock_advance_ms(1000);
  assert_int_equal(get(&old).found, 0);
  assert_int_equal(take(&old).found, 0);
  assert_int_equal(scan("code", &cursor, 10).found, 0);
  claim(&old, NULL);
  fresh.expires_at_us = kit_now_us() + 1000000;
  assert_int_equal(claim(&fresh, NULL), WEIGATE_ITEM_NEW);
  assert_int_equal(get(&old).value[0], 'f');
}

static void maintenance_drops_what_is_past_its_time(void) {
  clock_hold(clock_wall_s(), clock_mono_ms());
  struct weigate_ticket ticket = kit_ticket("code", "c1", "CanaryTicket77");
  ticket.expires_at_us = kit_now_us() + 1000000;
  put(&ticket);
  if (kit_has_files(kit)) assert_true(kit_files_hold(kit, "CanaryTicket77"));
  clock_advance_ms(2000);
  assert_int_equal(kit->plugin.desc->maintain(kit->handle, kit_call(kit), WEIGATE_MAINTAIN_EXPIRE | WEIGATE_MAINTAIN_COMPACT),
                   WEIGATE_OK);
  assert_false(kit_files_hold(kit, "CanaryTicket77"));
}

static void a_scan_gives_each_ticket_of_its_kind_in_pages(void) {
  uint64_t cursor = 0, before;
  size_t count = 0;
  for (int i = 0; i < 25; i++) {
    char key[16];
    snprintf(key, sizeof(key), "r%02d", i);
    struct weigate_ticket ticket = kit_ticket("revoke", key, ""), noise = kit_ticket("code", key, "");
    put(&ticket);
    put(&noise);
  }
  do {
    before = cursor;
    count += scan("revoke", &cursor, 10).found;
  } while (cursor != before);
  assert_int_equal(count, 25);
  struct weigate_ticket late = kit_ticket("revoke", "late", ""), again = kit_ticket("revoke", "r03", "again");
  put(&late);
  put(&again);
  struct seen seen = scan("revoke", &cursor, 10);
  assert_string_equal(seen.keys, "late r03 ");
}

static void an_odd_ticket_is_refused_by_field(void) {
  static char longest[WEIGATE_TICKET_VALUE_MAX + 1];
  struct weigate_ticket ticket = kit_ticket("code", "k", "v");
  ticket.value = (struct weigate_text){longest, sizeof(longest)};
  struct weigate_result result = claim_one(&ticket, NULL);
  assert_int_equal(result.outcome, WEIGATE_ITEM_REJECTED);
  assert_string_equal(result.field, "value");
  ticket.value.size--;
  assert_int_equal(claim(&ticket, NULL), WEIGATE_ITEM_NEW);
  assert_int_equal(get(&ticket).value_size, WEIGATE_TICKET_VALUE_MAX);
  ticket.key.size = 0;
  assert_string_equal(claim_one(&ticket, NULL).field, "key");
  ticket = kit_ticket("", "k", "");
  assert_string_equal(claim_one(&ticket, NULL).field, "kind");
  ticket = kit_ticket("code", "k2", "");
  ticket.flags = 8;
  assert_string_equal(claim_one(&ticket, NULL).field, "flags");
}

static void one_claim_of_a_batch_does_not_hinder_another(void) {
  struct weigate_ticket held = kit_ticket("code", "b", "held");
  claim(&held, NULL);
  struct weigate_ticket items[4] = {kit_ticket("code", "a", "1"), kit_ticket("code", "b", "2"), kit_ticket("code", "c", "3"),
                                    kit_ticket("code", "a", "4")};
  struct weigate_result results[4];
  struct weigate_tickets batch = batch_of(items, 4);
  struct seen seen = {0};
  for (size_t i = 0; i < 4; i++) results[i] = (struct weigate_result){.struct_size = sizeof(results[0])};
  assert_int_equal(kit->plugin.tickets->claim(kit->handle, kit_call(kit), &batch, results, see, &seen), WEIGATE_OK);
  assert_int_equal(results[0].outcome, WEIGATE_ITEM_NEW);
  assert_int_equal(results[1].outcome, WEIGATE_ITEM_TAKEN);
  assert_int_equal(results[2].outcome, WEIGATE_ITEM_NEW);
  assert_int_equal(results[3].outcome, WEIGATE_ITEM_TAKEN);
  assert_string_equal(seen.keys, "b a ");
}

static void tickets_survive_a_restart(void) {
  struct weigate_ticket ticket = kit_ticket("code", "k", "v");
  claim(&ticket, NULL);
  kit_close(kit);
  kit_open(kit);
  assert_int_equal(get(&ticket).found, 1);
}

static const struct kit_check checks[] = {
    {.needs = KIT_NEEDS_TICKETS, CHECK(the_first_claim_wins_and_the_second_is_told_what_is_there)},
    {.needs = KIT_NEEDS_TICKETS, CHECK(the_very_same_claim_knows_itself)},
    {.needs = KIT_NEEDS_TICKETS, CHECK(kinds_are_apart)},
    {.needs = KIT_NEEDS_TICKETS, CHECK(put_replaces)},
    {.needs = KIT_NEEDS_TICKETS, CHECK(a_ticket_is_taken_once)},
    {.needs = KIT_NEEDS_TICKETS, CHECK(a_record_brings_its_ticket_along)},
    {.needs = KIT_NEEDS_TICKETS, CHECK(a_ticket_past_its_time_is_absent)},
    {.needs = KIT_NEEDS_TICKETS, CHECK(maintenance_drops_what_is_past_its_time)},
    {.needs = KIT_NEEDS_TICKETS, CHECK(a_scan_gives_each_ticket_of_its_kind_in_pages)},
    {.needs = KIT_NEEDS_TICKETS, CHECK(an_odd_ticket_is_refused_by_field)},
    {.needs = KIT_NEEDS_TICKETS, CHECK(one_claim_of_a_batch_does_not_hinder_another)},
    {.needs = KIT_NEEDS_TICKETS, CHECK(tickets_survive_a_restart)},
};

const struct kit_chapter kit_tickets = {"tickets", checks, sizeof checks / sizeof checks[0]};
