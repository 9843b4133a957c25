/* SPDX-License-Identifier: Apache-2.0
 * known: people and tickets are asked for by key, events by the stretch of time that the page covers. The program's only thread.
 */
#include "move/known.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "move/digest.h"

/* One look at the target. */
struct look {
  const struct page *page;
  int64_t now_us;
  size_t places[PAGE_MAX]; /* key number i is record number places[i] of the page */
  size_t count;
  size_t next; /* events: the page's next one that may still be met */
  bool is_known[PAGE_MAX];
};

static int note_person(void *context, size_t index, const struct weigate_person *person) {
  struct look *look = context;
  if (!person || index >= look->count) return 0;
  struct digest there = digest_person(person, look->now_us);
  struct digest here = digest_person(&look->page->people[look->places[index]], look->now_us);
  look->is_known[look->places[index]] = digest_is_equal(&there, &here);
  return 0;
}

static int look_for_people(const struct end *end, struct weigate_call *call, void *context) {
  struct look *look = context;
  struct weigate_key keys[PAGE_MAX];
  look->count = 0;
  for (size_t i = 0; i < look->page->count; i++) {
    const struct weigate_person *person = &look->page->people[i];
    if (person->has & WEIGATE_PERSON_ERASED) continue;
    keys[look->count] = (struct weigate_key){.struct_size = sizeof(keys[0]), .appid = person->appid, .openid = person->openid};
    look->places[look->count++] = i;
  }
  const struct weigate_keys batch = {
      .struct_size = sizeof(batch), .stride = sizeof(keys[0]), .count = look->count, .items = keys};
  return end->plugin->desc->load_people(*end->handle, call, &batch, WEIGATE_WANT_TOKEN, note_person, look);
}

static int note_ticket(void *context, size_t index, const struct weigate_ticket *ticket) {
  struct look *look = context;
  if (!ticket || index >= look->page->count) return 0;
  struct digest there = digest_ticket(ticket), here = digest_ticket(&look->page->tickets[index]);
  look->is_known[index] = digest_is_equal(&there, &here);
  return 0;
}

static int look_for_tickets(const struct end *end, struct weigate_call *call, void *context) {
  struct look *look = context;
  const struct weigate_tickets keys = {.struct_size = sizeof(keys),
                                       .stride = sizeof(look->page->tickets[0]),
                                       .count = look->page->count,
                                       .items = look->page->tickets};
  return end->plugin->tickets ? end->plugin->tickets->get(*end->handle, call, &keys, note_ticket, look) : WEIGATE_OK;
}

static int compare_events(const struct weigate_event *a, const struct weigate_event *b) {
  if (a->event_at_us != b->event_at_us) return a->event_at_us < b->event_at_us ? -1 : 1;
  return memcmp(a->event_id, b->event_id, sizeof(a->event_id));
}

/* Both are in the order of time. Stops behind the page's last one. */
static int note_event(void *context, const struct weigate_event *event) {
  struct look *look = context;
  const struct page *page = look->page;
  while (look->next < page->count && compare_events(&page->events[look->next], event) < 0) look->next++;
  if (look->next == page->count) return 1;
  /* An event that lost its name there lost it to a tombstone: it is the same one. */
  if (compare_events(&page->events[look->next], event) == 0) look->is_known[look->next++] = true;
  return 0;
}

static int look_for_events(const struct end *end, struct weigate_call *call, void *context) {
  struct look *look = context;
  struct weigate_scan scan = {.struct_size = sizeof(scan), .limit = WEIGATE_BATCH_MAX};
  int class = WEIGATE_OK;
  look->next = 0;
  if (look->page->count) scan.changed_since_us = look->page->events[0].event_at_us;
  do {
    class = end->plugin->desc->scan_events(*end->handle, call, &scan, note_event, look);
  } while (class == WEIGATE_OK && scan.cursor_size && look->next < look->page->count);
  return class;
}

/* Records change places, their memory does not. */
static void keep_unknown(struct page *page, const struct look *look) {
  size_t kept = 0;
  for (size_t i = 0; i < page->count; i++) {
    if (look->is_known[i]) continue;
    if (page->part == PART_PEOPLE) page->people[kept] = page->people[i];
    if (page->part == PART_EVENTS) page->events[kept] = page->events[i];
    if (page->part == PART_TICKETS) page->tickets[kept] = page->tickets[i];
    kept++;
  }
  page->count = kept;
}

int known_drop(struct page *page, const struct end *end, uint64_t *ret_known, struct err *err) {
  static const end_work works[PART_COUNT] = {look_for_people, look_for_events, look_for_tickets};
  struct look look = {.page = page, .now_us = clock_wall_us()};
  size_t before = page->count;
  if (page->count && end_call(end, "look what is there already", works[page->part], &look, err) != 0) return -1;
  keep_unknown(page, &look);
  *ret_known = before - page->count;
  return 0;
}
