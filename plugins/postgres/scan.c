/* SPDX-License-Identifier: Apache-2.0
 * scan: pages of people, tombstones and events in key order; a page is one short statement. Storage threads. */
#include <stdio.h>
#include <string.h>

#include "cursor.h"
#include "parts.h"
#include "record.h"

#define WANT_ALL (WEIGATE_WANT_TOKEN | WEIGATE_WANT_COUNTS | WEIGATE_WANT_ERASED)
#define EPOCH    "timestamptz '1970-01-01 00:00:00+00'"

/* The filters and numbers of a scan as parameters. */
struct filter {
  char appid[WEIGATE_APPID_MAX + 1], openid[WEIGATE_OPENID_MAX + 1], unionid[WEIGATE_UNIONID_MAX + 1];
  char since[NUMBER_ROOM], limit[NUMBER_ROOM];
};

/* A page in the making. */
struct page {
  struct weigate_handle *handle;
  struct weigate_call *call;
  struct weigate_scan *scan;
  struct filter filter;
  struct cursor cursor;
  size_t count; /* records given out */
  bool is_enough;
  weigate_person_sink sink;
  void *context;
};

static void copy_text(char *to, struct weigate_text from) {
  if (from.size) memcpy(to, from.bytes, from.size);
  to[from.size] = '\0';
}

static const char *check_scan(const struct weigate_scan *scan) {
  if (scan->struct_size < sizeof(*scan)) return "scan: struct_size";
  if (scan->want & ~WANT_ALL) return "scan: unknown bits in want";
  if (scan->limit == 0 || scan->limit > WEIGATE_BATCH_MAX) return "scan: limit";
  if (scan->appid.size > WEIGATE_APPID_MAX || scan->openid.size > WEIGATE_OPENID_MAX || scan->unionid.size > WEIGATE_UNIONID_MAX)
    return "scan: a filter is longer than any key";
  return NULL;
}

static void read_filter(const struct weigate_scan *scan, struct filter *ret_filter) {
  copy_text(ret_filter->appid, scan->appid);
  copy_text(ret_filter->openid, scan->openid);
  copy_text(ret_filter->unionid, scan->unionid);
  handle_number(scan->changed_since_us, ret_filter->since);
  handle_number(scan->limit, ret_filter->limit);
}

/* --- people --- */

static void set_person_place(struct cursor *cursor, const struct weigate_person *person) {
  char key[CURSOR_KEY_MAX];
  memcpy(key, person->appid.bytes, person->appid.size);
  key[person->appid.size] = '\0';
  memcpy(key + person->appid.size + 1, person->openid.bytes, person->openid.size);
  cursor_set(cursor, CURSOR_PEOPLE, key, person->appid.size + 1 + person->openid.size);
}

static int give_people(struct page *page) {
  /* The key's two texts, each terminated; both empty in the beginning. */
  char key[CURSOR_KEY_MAX + 2] = {0};
  PGresult *result = NULL;
  memcpy(key, page->cursor.key, page->cursor.key_size);
  struct question question = {
      .sql = "SELECT " RECORD_PERSON_COLUMNS
             " FROM weigate.subject s JOIN weigate.profile p ON p.profile_no = s.profile_no" RECORD_PERSON_JOINS(
                 "$8", "$9") " WHERE (s.appid, s.openid) > ($1::text, $2::text) AND ($3::text = '' OR s.appid = $3::text)"
                             " AND ($4::text = '' OR s.openid = $4::text) AND ($5::text = '' OR p.unionid = $5::text)"
                             " AND ($6::bigint <= 0 OR p.changed_at >= " EPOCH " + $6::bigint * interval '1 microsecond')"
                             " ORDER BY s.appid, s.openid LIMIT $7::integer",
      .doing = "scan people",
      .values = {key, key + strlen(key) + 1, page->filter.appid, page->filter.openid, page->filter.unionid, page->filter.since,
                 page->filter.limit, page->scan->want & WEIGATE_WANT_TOKEN ? "true" : "false",
                 page->scan->want & WEIGATE_WANT_COUNTS ? "true" : "false"},
      .count = 9};
  int class = handle_ask(page->handle, page->call, &question, &result);
  if (class != WEIGATE_OK) return class;
  for (int row = 0; row < PQntuples(result) && !page->is_enough; row++) {
    struct weigate_person person;
    record_read_person(result, row, 0, page->scan->want, &person);
    set_person_place(&page->cursor, &person);
    page->is_enough = page->sink(page->context, page->count++, &person) != 0;
  }
  PQclear(result);
  return WEIGATE_OK;
}

static int give_tombstones(struct page *page) {
  char hash[2 + 2 * CURSOR_KEY_MAX + 1] = "\\x", rest[NUMBER_ROOM];
  PGresult *result = NULL;
  for (size_t i = 0; i < page->cursor.key_size; i++) snprintf(hash + 2 + 2 * i, 3, "%02x", page->cursor.key[i]);
  struct question question = {
      .sql = "SELECT key_hash, weigate.us(erased_at), write_id FROM weigate.tombstone WHERE key_hash > $1::bytea"
             " AND ($2::bigint <= 0 OR changed_at >= " EPOCH " + $2::bigint * interval '1 microsecond')"
             " ORDER BY key_hash LIMIT $3::integer",
      .doing = "scan tombstones",
      .values = {hash, page->filter.since, handle_number((int64_t)(page->scan->limit - page->count), rest)},
      .count = 3};
  int class = handle_ask(page->handle, page->call, &question, &result);
  if (class != WEIGATE_OK) return class;
  for (int row = 0; row < PQntuples(result) && !page->is_enough; row++) {
    struct weigate_person person = {.struct_size = sizeof(person), .has = WEIGATE_PERSON_ERASED};
    text_unhex(PQgetvalue(result, row, 0), person.erased_hash, sizeof(person.erased_hash));
    person.erased_stamp.at_us = record_number(result, row, 1);
    text_unhex(PQgetvalue(result, row, 2), person.erased_stamp.id, sizeof(person.erased_stamp.id));
    cursor_set(&page->cursor, CURSOR_TOMBSTONES, person.erased_hash, sizeof(person.erased_hash));
    page->is_enough = page->sink(page->context, page->count++, &person) != 0;
  }
  PQclear(result);
  return WEIGATE_OK;
}

/* People first, then, where they are wanted and no filter rules them out, tombstones. */
static int give_page(struct page *page) {
  const struct weigate_scan *scan = page->scan;
  bool wants_tombstones = scan->want & WEIGATE_WANT_ERASED && !scan->appid.size && !scan->openid.size && !scan->unionid.size;
  if (page->cursor.table == CURSOR_PEOPLE) {
    int class = give_people(page);
    if (class != WEIGATE_OK || page->is_enough || page->count == scan->limit) return class;
    cursor_set(&page->cursor, CURSOR_TOMBSTONES, "", 0);
  }
  return wants_tombstones ? give_tombstones(page) : WEIGATE_OK;
}

int scan_people(struct weigate_handle *handle, struct weigate_call *call, struct weigate_scan *scan, weigate_person_sink sink,
                void *context) {
  int class = handle_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  const char *bad = check_scan(scan);
  if (bad) return handle_invalid(call, bad);
  struct page page = {
      .handle = handle, .call = call, .scan = scan, .sink = sink, .context = context, .cursor = {.table = CURSOR_PEOPLE}};
  if (scan->cursor_size && (!cursor_read(scan, &handle->store->host, &page.cursor) || page.cursor.table == CURSOR_EVENTS))
    return handle_invalid(call, "scan: this is not a cursor of a scan of people");
  read_filter(scan, &page.filter);
  class = give_page(&page);
  if (class != WEIGATE_OK) return class;
  scan->cursor_size = 0;
  if (page.is_enough || page.count == scan->limit) cursor_write(&page.cursor, &handle->store->host, scan);
  return WEIGATE_OK;
}

/* --- events --- */

/* An event's place: its time as eight bytes in network order, then its id. */
#define EVENT_KEY_BYTES 24

static void set_event_place(struct cursor *cursor, const struct weigate_event *event) {
  uint8_t key[EVENT_KEY_BYTES];
  for (int i = 0; i < 8; i++) key[i] = (uint8_t)((uint64_t)event->event_at_us >> (56 - 8 * i));
  memcpy(key + 8, event->event_id, sizeof(event->event_id));
  cursor_set(cursor, CURSOR_EVENTS, key, sizeof(key));
}

static int64_t place_time(const struct cursor *cursor) {
  uint64_t at_us = 0;
  for (size_t i = 0; i < 8; i++) at_us = at_us << 8 | cursor->key[i];
  return (int64_t)at_us;
}

static int ask_events(struct weigate_handle *handle, struct weigate_call *call, const struct filter *filter,
                      const struct cursor *cursor, PGresult **ret_result) {
  char at[NUMBER_ROOM], id[33];
  for (size_t i = 0; i < 16; i++) snprintf(id + 2 * i, 3, "%02x", cursor->key[8 + i]);
  struct question question = {
      .sql = "SELECT " RECORD_EVENT_COLUMNS " FROM weigate.login_event e JOIN weigate.app a ON a.app_no = e.app_no"
             " LEFT JOIN weigate.subject s ON s.profile_no = e.profile_no"
             " WHERE (e.event_at, e.event_id) > (" EPOCH " + $1::bigint * interval '1 microsecond', $2::uuid)"
             " AND ($3::text = '' OR a.appid = $3::text) AND ($4::text = '' OR s.openid = $4::text)"
             " AND ($5::bigint <= 0 OR e.event_at >= " EPOCH " + $5::bigint * interval '1 microsecond')"
             " ORDER BY e.event_at, e.event_id LIMIT $6::integer",
      .doing = "scan events",
      .values = {handle_number(place_time(cursor), at), id, filter->appid, filter->openid, filter->since, filter->limit},
      .count = 6};
  return handle_ask(handle, call, &question, ret_result);
}

int scan_events(struct weigate_handle *handle, struct weigate_call *call, struct weigate_scan *scan, weigate_event_sink sink,
                void *context) {
  struct cursor cursor = {.table = CURSOR_EVENTS};
  struct filter filter;
  PGresult *result = NULL;
  int class = handle_enter(handle, call), is_enough = 0, row = 0;
  if (class != WEIGATE_OK) return class;
  const char *bad = check_scan(scan);
  if (bad) return handle_invalid(call, bad);
  if (scan->cursor_size &&
      (!cursor_read(scan, &handle->store->host, &cursor) || cursor.table != CURSOR_EVENTS || cursor.key_size != EVENT_KEY_BYTES))
    return handle_invalid(call, "scan: this is not a cursor of a scan of events");
  read_filter(scan, &filter);
  class = ask_events(handle, call, &filter, &cursor, &result);
  if (class != WEIGATE_OK) return class;
  while (row < PQntuples(result) && !is_enough) {
    struct weigate_event event;
    record_read_event(result, row++, &event);
    set_event_place(&cursor, &event);
    is_enough = sink(context, &event);
  }
  PQclear(result);
  scan->cursor_size = 0;
  if (is_enough || (uint32_t)row == scan->limit) cursor_write(&cursor, &handle->store->host, scan);
  return WEIGATE_OK;
}
