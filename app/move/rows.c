/* SPDX-License-Identifier: Apache-2.0
 * rows: people and events page by page; tickets come in the order they were written, so they are gathered and sorted. The
 * program's only thread. */
#include "move/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "store/kinds.h"

struct rows {
  struct end end;
  struct page_question question;
  struct page *page;
  struct place place;
  size_t next; /* in the page, or in all */
  bool is_last_page;
  int64_t now_us;
  struct row row;
  struct row *all; /* tickets */
  size_t all_count, all_room;
};

static void add_key(struct row *row, const void *bytes, size_t size) {
  if (size > sizeof(row->key) - row->key_size) size = sizeof(row->key) - row->key_size;
  if (size) memcpy(row->key + row->key_size, bytes, size);
  row->key_size = (uint16_t)(row->key_size + size);
}

static void begin_key(struct row *row, char letter) {
  row->key[0] = (uint8_t)letter;
  row->key_size = 1;
}

static void add_pair(struct row *row, struct weigate_text a, struct weigate_text b) {
  add_key(row, a.bytes, a.size);
  add_key(row, "", 1);
  add_key(row, b.bytes, b.size);
}

static void set_person(struct row *row, const struct weigate_person *person, int64_t now_us) {
  if (person->has & WEIGATE_PERSON_ERASED) {
    begin_key(row, ROW_TOMBSTONE);
    add_key(row, person->erased_hash, sizeof(person->erased_hash));
  } else {
    begin_key(row, ROW_PERSON);
    add_pair(row, person->appid, person->openid);
  }
  row->digest = digest_person(person, now_us);
}

static void set_event(struct row *row, const struct weigate_event *event) {
  uint8_t at[8];
  bytes_put_u64(at, (uint64_t)event->event_at_us);
  begin_key(row, ROW_EVENT);
  add_key(row, at, sizeof(at));
  add_key(row, event->event_id, sizeof(event->event_id));
  row->digest = digest_event(event);
}

static void set_ticket(struct row *row, const struct weigate_ticket *ticket) {
  begin_key(row, ROW_TICKET);
  add_pair(row, ticket->kind, ticket->key);
  row->digest = digest_ticket(ticket);
}

int row_compare(const struct row *a, const struct row *b) {
  size_t least = a->key_size < b->key_size ? a->key_size : b->key_size;
  int order = memcmp(a->key, b->key, least);
  return order ? order : (a->key_size > b->key_size) - (a->key_size < b->key_size);
}

/* --- tickets --- */

static int keep(struct rows *rows, const struct weigate_ticket *ticket) {
  if (rows->all_count == rows->all_room) {
    size_t room = rows->all_room ? 2 * rows->all_room : 1024;
    struct row *all = realloc(rows->all, room * sizeof(*all));
    if (!all) return -1;
    rows->all = all;
    rows->all_room = room;
  }
  set_ticket(&rows->all[rows->all_count++], ticket);
  return 0;
}

static int gather_kind(struct rows *rows, const char *kind, int64_t alive_until_us, struct err *err) {
  uint64_t before;
  rows->question.kind = kind;
  rows->place.ticket_cursor = 0;
  do {
    before = rows->place.ticket_cursor;
    if (page_read(rows->page, &rows->end, &rows->question, &rows->place, err) != 0) return -1;
    for (size_t i = 0; i < rows->page->count; i++)
      if (rows->page->tickets[i].expires_at_us > alive_until_us && keep(rows, &rows->page->tickets[i]) != 0)
        return err_set(err, "out of memory");
  } while (rows->place.ticket_cursor != before);
  return 0;
}

static int compare_any(const void *a, const void *b) {
  return row_compare(a, b);
}

/* A ticket that was written again during the scan is there twice; either will do, since what differs is looked at again. */
static void sort_all(struct rows *rows) {
  size_t kept = 0;
  if (rows->all_count) qsort(rows->all, rows->all_count, sizeof(rows->all[0]), compare_any);
  for (size_t i = 0; i < rows->all_count; i++)
    if (kept == 0 || row_compare(&rows->all[kept - 1], &rows->all[i]) != 0) rows->all[kept++] = rows->all[i];
  rows->all_count = kept;
}

static int gather_tickets(struct rows *rows, int64_t alive_until_us, struct err *err) {
  for (size_t i = 0; i < kinds_count; i++)
    if (kinds[i].is_copied && gather_kind(rows, kinds[i].name, alive_until_us, err) != 0) return -1;
  sort_all(rows);
  return 0;
}

/* --- all --- */

struct rows *rows_open(const struct end *end, enum part part, int64_t since_us, int64_t alive_until_us, struct err *err) {
  struct rows *rows = calloc(1, sizeof(*rows));
  if (!rows || !(rows->page = page_new())) {
    free(rows);
    err_set(err, "out of memory");
    return NULL;
  }
  rows->end = *end;
  rows->now_us = clock_wall_us();
  rows->question = (struct page_question){.part = part,
                                          .want = WEIGATE_WANT_TOKEN | WEIGATE_WANT_COUNTS | WEIGATE_WANT_ERASED,
                                          .since_us = since_us,
                                          .limit = PAGE_MAX};
  if (part == PART_EVENTS) rows->question.want = 0;
  if (part != PART_TICKETS || gather_tickets(rows, alive_until_us, err) == 0) return rows;
  rows_close(rows);
  return NULL;
}

void rows_close(struct rows *rows) {
  if (!rows) return;
  page_free(rows->page);
  free(rows->all);
  free(rows);
}

static int next_page(struct rows *rows, struct err *err) {
  while (rows->next == rows->page->count && !rows->is_last_page) {
    if (page_read(rows->page, &rows->end, &rows->question, &rows->place, err) != 0) return -1;
    rows->next = 0;
    rows->is_last_page = rows->place.cursor_size == 0;
  }
  return 0;
}

int rows_next(struct rows *rows, const struct row **ret_row, struct err *err) {
  *ret_row = NULL;
  if (rows->question.part == PART_TICKETS) {
    if (rows->next < rows->all_count) *ret_row = &rows->all[rows->next++];
    return 0;
  }
  if (next_page(rows, err) != 0) return -1;
  if (rows->next == rows->page->count) return 0;
  size_t at = rows->next++;
  if (rows->question.part == PART_PEOPLE)
    set_person(&rows->row, &rows->page->people[at], rows->now_us);
  else
    set_event(&rows->row, &rows->page->events[at]);
  *ret_row = &rows->row;
  return 0;
}
