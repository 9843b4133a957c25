/* SPDX-License-Identifier: Apache-2.0
 * page: the sinks copy; a page that has to be read twice begins anew. The program's only thread. */
#include "move/page.h"

#include <stdlib.h>
#include <string.h>

#include "store/texts.h"

struct page *page_new(void) {
  return calloc(1, sizeof(struct page));
}

static void clear(struct page *page) {
  for (size_t i = 0; i < page->held; i++) free(page->memory[i]);
  page->count = page->held = 0;
  page->is_out_of_memory = false;
}

void page_free(struct page *page) {
  if (!page) return;
  clear(page);
  free(page);
}

/* Gives the record that is being kept memory of its own. Returns what the sink returns. */
static int keep_texts(struct page *page, struct weigate_text *const *texts) {
  char *memory = malloc(texts_measure(texts) + 1);
  if (!memory) {
    page->is_out_of_memory = true;
    return 1;
  }
  texts_move(texts, memory);
  page->memory[page->held++] = memory;
  page->count++;
  return page->count == PAGE_MAX;
}

/* A record that a plugin of another version made, as this version knows it. */
static void copy_sized(void *to, size_t size, const void *from, uint32_t from_size) {
  memset(to, 0, size);
  memcpy(to, from, from_size < size ? from_size : size);
  uint32_t own_size = (uint32_t)size;
  memcpy(to, &own_size, sizeof(own_size)); /* every record begins with its struct_size */
}

static int keep_person(void *context, size_t index, const struct weigate_person *person) {
  struct page *page = context;
  struct weigate_text *texts[TEXTS_MAX];
  (void)index;
  if (!person) return 0;
  struct weigate_person *kept = &page->people[page->count];
  copy_sized(kept, sizeof(*kept), person, person->struct_size);
  texts_of_person(kept, texts);
  return keep_texts(page, texts);
}

static int keep_event(void *context, const struct weigate_event *event) {
  struct page *page = context;
  struct weigate_text *texts[TEXTS_MAX];
  struct weigate_event *kept = &page->events[page->count];
  copy_sized(kept, sizeof(*kept), event, event->struct_size);
  texts_of_event(kept, texts);
  return keep_texts(page, texts);
}

static int keep_ticket(void *context, size_t index, const struct weigate_ticket *ticket) {
  struct page *page = context;
  struct weigate_text *texts[TEXTS_MAX];
  (void)index;
  if (!ticket) return 0;
  struct weigate_ticket *kept = &page->tickets[page->count];
  copy_sized(kept, sizeof(*kept), ticket, ticket->struct_size);
  texts_of_ticket(kept, texts);
  return keep_texts(page, texts);
}

/* --- one call --- */

struct reading {
  struct page *page;
  const struct page_question *question;
  struct place from, to;
};

static int scan_records(const struct end *end, struct weigate_call *call, struct reading *reading) {
  const struct page_question *question = reading->question;
  struct weigate_scan scan = {.struct_size = sizeof(scan),
                              .want = question->want,
                              .changed_since_us = question->since_us,
                              .limit = question->limit,
                              .cursor_size = reading->from.cursor_size};
  memcpy(scan.cursor, reading->from.cursor, sizeof(scan.cursor));
  const struct weigate_storage_plugin *desc = end->plugin->desc;
  int class = question->part == PART_PEOPLE ? desc->scan_people(*end->handle, call, &scan, keep_person, reading->page)
                                            : desc->scan_events(*end->handle, call, &scan, keep_event, reading->page);
  reading->to.cursor_size = scan.cursor_size <= sizeof(scan.cursor) ? scan.cursor_size : 0;
  memcpy(reading->to.cursor, scan.cursor, sizeof(scan.cursor));
  return class;
}

static int scan_tickets(const struct end *end, struct weigate_call *call, struct reading *reading) {
  const char *kind = reading->question->kind;
  uint64_t cursor = reading->from.ticket_cursor;
  if (!end->plugin->tickets) return WEIGATE_OK;
  int class = end->plugin->tickets->scan(*end->handle, call, (struct weigate_text){kind, strlen(kind)}, &cursor,
                                         reading->question->limit, keep_ticket, reading->page);
  reading->to.ticket_cursor = cursor;
  return class;
}

static int read_once(const struct end *end, struct weigate_call *call, void *context) {
  struct reading *reading = context;
  clear(reading->page);
  reading->page->part = reading->question->part;
  return reading->question->part == PART_TICKETS ? scan_tickets(end, call, reading) : scan_records(end, call, reading);
}

int page_read(struct page *page, const struct end *end, const struct page_question *question, struct place *place,
              struct err *err) {
  static const char *const doing[PART_COUNT] = {"read people", "read events", "read tickets"};
  struct reading reading = {.page = page, .question = question, .from = *place, .to = *place};
  if (end_call(end, doing[question->part], read_once, &reading, err) != 0) return -1;
  if (page->is_out_of_memory) return err_set(err, "out of memory");
  *place = reading.to;
  return 0;
}
