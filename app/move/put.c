/* SPDX-License-Identifier: Apache-2.0
 * put: people are merged, events inserted unless they are there, tickets claimed or, where a later one is known, replaced. */
#include "move/put.h"

#include <string.h>

#include "base/clock.h"

/* How long a sign-in may be on its way from the one store to the other. */
#define RECENT_US 10000000

/* A page on its way, or a part of it. */
struct putting {
  const struct page *page;
  size_t first, count;
  struct weigate_result results[PAGE_MAX];
  struct weigate_ticket newer[PAGE_MAX]; /* tickets that replace what was found; texts are the page's */
  size_t newer_count;
};

static void reset(struct putting *putting) {
  for (size_t i = 0; i < putting->count; i++)
    putting->results[i] = (struct weigate_result){.struct_size = sizeof(putting->results[0])};
  putting->newer_count = 0;
}

static int put_people(const struct end *end, struct weigate_call *call, void *context) {
  struct putting *putting = context;
  const struct weigate_people batch = {.struct_size = sizeof(batch),
                                       .stride = sizeof(putting->page->people[0]),
                                       .count = putting->count,
                                       .items = &putting->page->people[putting->first]};
  reset(putting);
  return end->plugin->desc->merge_people(*end->handle, call, &batch, putting->results);
}

/* The event alone: counts arise from it where it is new, and only there. */
static int put_events(const struct end *end, struct weigate_call *call, void *context) {
  struct putting *putting = context;
  struct weigate_signin signins[PAGE_MAX];
  for (size_t i = 0; i < putting->count; i++)
    signins[i] = (struct weigate_signin){.struct_size = sizeof(signins[i]), .event = &putting->page->events[putting->first + i]};
  const struct weigate_signins batch = {
      .struct_size = sizeof(batch), .stride = sizeof(signins[0]), .count = putting->count, .items = signins};
  reset(putting);
  return end->plugin->desc->record_signins(*end->handle, call, &batch, putting->results);
}

/* --- tickets --- */

/* Of two tickets under one key the one that lives longer was written later; a tie is settled by the bytes, so that both ways of
 * copying end alike. */
static bool is_later(const struct weigate_ticket *ticket, const struct weigate_ticket *found) {
  if (ticket->expires_at_us != found->expires_at_us) return ticket->expires_at_us > found->expires_at_us;
  size_t least = ticket->value.size < found->value.size ? ticket->value.size : found->value.size;
  int order = least ? memcmp(ticket->value.bytes, found->value.bytes, least) : 0;
  return order ? order > 0 : ticket->value.size > found->value.size;
}

static int judge_ticket(void *context, size_t index, const struct weigate_ticket *found) {
  struct putting *putting = context;
  if (!found || index >= putting->count || putting->newer_count == PAGE_MAX) return 0;
  const struct weigate_ticket *ticket = &putting->page->tickets[putting->first + index];
  if (is_later(ticket, found)) putting->newer[putting->newer_count++] = *ticket;
  return 0;
}

static int claim_tickets(const struct end *end, struct weigate_call *call, void *context) {
  struct putting *putting = context;
  const struct weigate_tickets batch = {.struct_size = sizeof(batch),
                                        .stride = sizeof(putting->page->tickets[0]),
                                        .count = putting->count,
                                        .items = &putting->page->tickets[putting->first]};
  if (!end->plugin->tickets) return WEIGATE_UNSUPPORTED;
  reset(putting);
  return end->plugin->tickets->claim(*end->handle, call, &batch, putting->results, judge_ticket, putting);
}

static int replace_tickets(const struct end *end, struct weigate_call *call, void *context) {
  struct putting *putting = context;
  struct weigate_result results[PAGE_MAX];
  const struct weigate_tickets batch = {
      .struct_size = sizeof(batch), .stride = sizeof(putting->newer[0]), .count = putting->newer_count, .items = putting->newer};
  for (size_t i = 0; i < batch.count; i++) results[i] = (struct weigate_result){.struct_size = sizeof(results[0])};
  return end->plugin->tickets->put(*end->handle, call, &batch, results);
}

/* --- what became of them --- */

static int64_t when(const struct page *page, size_t index) {
  if (page->part == PART_EVENTS) return page->events[index].event_at_us;
  if (page->part == PART_TICKETS) return INT64_MAX; /* does not say; the next pass reads it again only if it was written again */
  const struct weigate_person *person = &page->people[index];
  return person->has & WEIGATE_PERSON_ERASED ? person->erased_stamp.at_us : person->last_seen_us;
}

static void count_one(const struct putting *putting, size_t i, struct put_count *count) {
  switch (putting->results[i].outcome) {
  case WEIGATE_ITEM_REJECTED:
    if (!count->refused++) count->refused_field = putting->results[i].field;
    break;
  case WEIGATE_ITEM_ERASED:
    count->erased++;
    break;
  case WEIGATE_ITEM_NEW:
  case WEIGATE_ITEM_UPDATED:
  case WEIGATE_ITEM_MISSING: /* a tombstone for somebody who was not there */
    count->added++;
    if (when(putting->page, putting->first + i) > clock_wall_us() - RECENT_US) count->recent++;
    break;
  default:
    count->same++;
    break;
  }
}

static void count_all(const struct putting *putting, struct put_count *count) {
  for (size_t i = 0; i < putting->count; i++) count_one(putting, i, count);
  count->read += putting->count;
  /* Counted as the same above: what was found there and replaced. */
  count->added += putting->newer_count;
  count->recent += putting->newer_count;
  count->same -= putting->newer_count;
}

static int put_some(struct putting *putting, const struct end *end, struct put_count *count, struct err *err) {
  static const struct {
    end_work work;
    const char *doing;
  } steps[PART_COUNT] = {[PART_PEOPLE] = {put_people, "write people"},
                         [PART_EVENTS] = {put_events, "write events"},
                         [PART_TICKETS] = {claim_tickets, "write tickets"}};
  enum part part = putting->page->part;
  if (end_call(end, steps[part].doing, steps[part].work, putting, err) != 0) return -1;
  if (putting->newer_count && end_call(end, steps[part].doing, replace_tickets, putting, err) != 0) return -1;
  count_all(putting, count);
  return 0;
}

int put_page(const struct page *page, const struct end *end, struct put_count *count, struct err *err) {
  struct putting putting = {.page = page, .count = page->count};
  return page->count == 0 ? 0 : put_some(&putting, end, count, err);
}
