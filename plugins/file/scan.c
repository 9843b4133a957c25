/* SPDX-License-Identifier: Apache-2.0
 * scan: pages of people, tombstones and events in key order; a page is one short read. Storage threads. */
#include <stdio.h>
#include <string.h>

#include "../common/check.h"
#include "../common/cursor.h"
#include "events.h"
#include "parts.h"
#include "people.h"

enum table { TABLE_PEOPLE = 'p', TABLE_TOMBSTONES = 't', TABLE_EVENTS = 'e' };

/* Splits a person's place into appid and openid; false if it holds no separator. */
static bool split_place(const struct cursor *place, struct weigate_text *ret_appid, struct weigate_text *ret_openid) {
  const uint8_t *nul = memchr(place->key, 0, place->key_size);
  if (!nul) return false;
  size_t appid_size = (size_t)(nul - place->key);
  *ret_appid = (struct weigate_text){(const char *)place->key, appid_size};
  *ret_openid = (struct weigate_text){(const char *)nul + 1, place->key_size - appid_size - 1};
  return true;
}

/* --- people --- */

/* A page in the making. */
struct page {
  struct weigate_handle *handle;
  struct weigate_scan *scan;
  struct cursor place;
  size_t count; /* records given out */
  bool is_enough;
  weigate_person_sink sink;
  void *context;
};

/* No text lies behind a BLOB: the upper bound of a scan without a filter. */
static void bind_upper(sqlite3_stmt *statement, int number, struct weigate_text filter) {
  if (filter.size)
    bind_text(statement, number, filter);
  else
    sqlite3_bind_zeroblob(statement, number, 0);
}

static int bind_people(struct page *page, sqlite3_stmt *rows, struct weigate_text appid, struct weigate_text openid) {
  struct weigate_scan *scan = page->scan;
  struct weigate_text last_openid = scan->appid.size ? scan->openid : (struct weigate_text){NULL, 0};
  bind_text(rows, 1, appid);
  bind_text(rows, 2, openid);
  bind_upper(rows, 3, scan->appid);
  bind_upper(rows, 4, last_openid);
  bind_text(rows, 5, scan->openid);
  sqlite3_bind_int64(rows, 6, scan->changed_since_us);
  sqlite3_bind_int64(rows, 7, scan->limit);
  if (scan->unionid.size) bind_text(rows, 8, scan->unionid);
  return SQLITE_OK;
}

static int give_person(struct page *page, sqlite3_stmt *row) {
  struct weigate_person person;
  people_from_row(row, &person);
  int code = people_complete(page->handle, page->scan->want, &person);
  if (code != SQLITE_OK) return code;
  cursor_set_person(&page->place, TABLE_PEOPLE, person.appid, person.openid);
  page->is_enough = page->sink(page->context, page->count++, &person) != 0;
  return SQLITE_OK;
}

/* Where a scan with both filters begins: just before the one key that fits. */
static void first_key(const struct weigate_scan *scan, struct weigate_text *ret_appid, struct weigate_text *ret_openid) {
  *ret_appid = scan->appid;
  *ret_openid = (struct weigate_text){NULL, 0};
  if (scan->appid.size && scan->openid.size) *ret_openid = (struct weigate_text){scan->openid.bytes, scan->openid.size - 1};
}

static int give_people(struct page *page) {
  struct weigate_text appid, openid;
  struct cursor start = page->place;
  first_key(page->scan, &appid, &openid);
  if (start.key_size && !split_place(&start, &appid, &openid)) return SQLITE_MISUSE;
  sqlite3_stmt *rows =
      handle_statement(page->handle, page->scan->unionid.size ? STATEMENT_PERSON_SCAN_UNIONID : STATEMENT_PERSON_SCAN);
  if (!rows) return SQLITE_ERROR;
  bind_people(page, rows, appid, openid);
  int code = SQLITE_DONE;
  while (!page->is_enough && (code = sqlite3_step(rows)) == SQLITE_ROW)
    if ((code = give_person(page, rows)) != SQLITE_OK) break;
  sqlite3_reset(page->handle->statements[STATEMENT_TOKEN_GET]);
  sqlite3_reset(rows);
  return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
}

static int give_tombstones(struct page *page) {
  struct cursor start = page->place;
  sqlite3_stmt *rows = handle_statement(page->handle, STATEMENT_TOMBSTONE_SCAN);
  if (!rows) return SQLITE_ERROR;
  bind_bytes(rows, 1, start.key, start.key_size);
  sqlite3_bind_int64(rows, 2, page->scan->changed_since_us);
  sqlite3_bind_int64(rows, 3, (sqlite3_int64)(page->scan->limit - page->count));
  int code = SQLITE_DONE;
  while (!page->is_enough && (code = sqlite3_step(rows)) == SQLITE_ROW) {
    struct weigate_person person = {.struct_size = sizeof(person), .has = WEIGATE_PERSON_ERASED};
    const void *hash = sqlite3_column_blob(rows, 0), *id = sqlite3_column_blob(rows, 2);
    if (sqlite3_column_bytes(rows, 0) != (int)sizeof(person.erased_hash)) continue;
    memcpy(person.erased_hash, hash, sizeof(person.erased_hash));
    person.erased_stamp.at_us = sqlite3_column_int64(rows, 1);
    if (sqlite3_column_bytes(rows, 2) == (int)sizeof(person.erased_stamp.id)) memcpy(person.erased_stamp.id, id, 16);
    cursor_set(&page->place, TABLE_TOMBSTONES, person.erased_hash, sizeof(person.erased_hash));
    page->is_enough = page->sink(page->context, page->count++, &person) != 0;
  }
  sqlite3_reset(rows);
  return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
}

/* People first, then, where they are wanted and no filter rules them out, tombstones. */
static int give_page(struct page *page) {
  bool wants_tombstones =
      page->scan->want & WEIGATE_WANT_ERASED && !page->scan->appid.size && !page->scan->openid.size && !page->scan->unionid.size;
  int code = SQLITE_OK;
  if (page->place.table == TABLE_PEOPLE) {
    code = give_people(page);
    if (code != SQLITE_OK || page->is_enough || page->count == page->scan->limit) return code;
    cursor_set(&page->place, TABLE_TOMBSTONES, "", 0);
  }
  return wants_tombstones ? give_tombstones(page) : code;
}

int scan_people(struct weigate_handle *handle, struct weigate_call *call, struct weigate_scan *scan, weigate_person_sink sink,
                void *context) {
  int class = handle_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  const char *bad = cursor_check_scan(scan);
  if (bad) return handle_invalid(call, bad);
  struct page page = {.handle = handle, .scan = scan, .sink = sink, .context = context, .place = {.table = TABLE_PEOPLE}};
  if (scan->cursor_size && (!cursor_read(&handle->store->host, scan, &page.place) || page.place.table == TABLE_EVENTS))
    return handle_invalid(call, "scan: this is not a cursor of a scan of people");
  class = handle_read_begin(handle, call);
  if (class != WEIGATE_OK) return class;
  int code = give_page(&page);
  if (code != SQLITE_OK) class = handle_fail(handle, call, code, "scan people");
  handle_read_end(handle);
  if (class != WEIGATE_OK) return class;
  scan->cursor_size = 0;
  if (page.is_enough || page.count == scan->limit) cursor_write(&handle->store->host, &page.place, scan);
  return WEIGATE_OK;
}

/* --- events --- */

/* An event's place: its time as eight bytes in network order, then its id. */
#define EVENT_KEY_BYTES 24

static void set_event_place(struct cursor *place, const struct weigate_event *event) {
  uint8_t key[EVENT_KEY_BYTES];
  for (int i = 0; i < 8; i++) key[i] = (uint8_t)((uint64_t)event->event_at_us >> (56 - 8 * i));
  memcpy(key + 8, event->event_id, sizeof(event->event_id));
  cursor_set(place, TABLE_EVENTS, key, sizeof(key));
}

static int64_t place_time(const struct cursor *place) {
  uint64_t at_us = 0;
  for (int i = 0; i < 8; i++) at_us = at_us << 8 | place->key[i];
  return (int64_t)at_us;
}

static sqlite3_stmt *bind_events(struct weigate_handle *handle, const struct weigate_scan *scan, const struct cursor *start) {
  bool is_one_person = scan->appid.size && scan->openid.size;
  sqlite3_stmt *rows = handle_statement(handle, is_one_person ? STATEMENT_EVENT_SCAN_PERSON : STATEMENT_EVENT_SCAN);
  if (!rows) return NULL;
  /* The first bound is the one that the index is entered with. */
  sqlite3_bind_int64(rows, 1, start->key_size ? place_time(start) : scan->changed_since_us > 0 ? scan->changed_since_us - 1 : 0);
  bind_bytes(rows, 2, start->key_size ? start->key + 8 : NULL, start->key_size ? 16 : 0);
  bind_text(rows, 3, scan->appid);
  bind_text(rows, 4, scan->openid);
  sqlite3_bind_int64(rows, 5, scan->changed_since_us);
  sqlite3_bind_int64(rows, 6, scan->limit);
  return rows;
}

int scan_events(struct weigate_handle *handle, struct weigate_call *call, struct weigate_scan *scan, weigate_event_sink sink,
                void *context) {
  struct cursor place = {.table = TABLE_EVENTS};
  int class = handle_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  const char *bad = cursor_check_scan(scan);
  if (bad) return handle_invalid(call, bad);
  if (scan->cursor_size &&
      (!cursor_read(&handle->store->host, scan, &place) || place.table != TABLE_EVENTS || place.key_size != EVENT_KEY_BYTES))
    return handle_invalid(call, "scan: this is not a cursor of a scan of events");
  class = handle_read_begin(handle, call);
  if (class != WEIGATE_OK) return class;
  const struct cursor start = place; /* bound by its address */
  sqlite3_stmt *rows = bind_events(handle, scan, &start);
  int code = rows ? SQLITE_DONE : SQLITE_ERROR, is_enough = 0;
  size_t count = 0;
  while (rows && !is_enough && (code = sqlite3_step(rows)) == SQLITE_ROW) {
    struct weigate_event event;
    events_from_row(rows, &event);
    set_event_place(&place, &event);
    count++;
    is_enough = sink(context, &event);
  }
  if (code != SQLITE_DONE && code != SQLITE_ROW) class = handle_fail(handle, call, code, "scan events");
  handle_read_end(handle);
  if (class != WEIGATE_OK) return class;
  scan->cursor_size = 0;
  if (is_enough || count == scan->limit) cursor_write(&handle->store->host, &place, scan);
  return WEIGATE_OK;
}
