/* SPDX-License-Identifier: Apache-2.0
 * scan: pages of people, tombstones and events in key order; a page is one short read. Storage threads. */
#include <string.h>

#include "codec.h"
#include "cursor.h"
#include "store.h"

/* A page in the making. */
struct page {
  struct weigate_handle *handle;
  struct weigate_scan *scan;
  struct cursor place; /* of the last record that was given out */
  size_t count;
  bool is_enough; /* the sink's word */
  weigate_person_sink person_sink;
  weigate_event_sink event_sink;
  void *context;
};

static bool is_page_done(const struct page *page) {
  return page->is_enough || page->count == page->scan->limit;
}

static bool is_same_text(struct weigate_text a, struct weigate_text b) {
  return a.size == b.size && (a.size == 0 || memcmp(a.bytes, b.bytes, a.size) == 0);
}

/* True where the filter is empty too. */
static bool fits(struct weigate_text filter, struct weigate_text text) {
  return filter.size == 0 || is_same_text(filter, text);
}

/* What one record of a table is to a page: given out, or left out. */
typedef int (*page_step)(struct page *page, const struct key *key, struct map_bytes value);

/* Walks what lies below the prefix: from its first key, or behind `start`. */
static int walk(struct page *page, const struct key *prefix, const struct key *start, bool is_behind, page_step step) {
  struct key at = *start;
  struct map_bytes value;
  for (bool skips = is_behind; !is_page_done(page); skips = true) {
    bool is_found;
    int class = store_check_time(page->handle);
    if (class == WEIGATE_OK) class = store_next(page->handle, prefix, &at, skips, &is_found, &at, &value);
    if (class != WEIGATE_OK || !is_found) return class;
    class = step(page, &at, value);
    if (class != WEIGATE_OK) return class;
  }
  return WEIGATE_OK;
}

/* --- people --- */

static int give_person(struct page *page, struct weigate_person *person, int64_t changed_us) {
  if (!fits(page->scan->openid, person->openid) || !fits(page->scan->appid, person->appid)) return WEIGATE_OK;
  if (changed_us < page->scan->changed_since_us) return WEIGATE_OK;
  int class = people_complete(page->handle, page->scan->want, person);
  if (class != WEIGATE_OK) return class;
  cursor_set_person(&page->place, TABLE_PERSON, person->appid, person->openid);
  page->count++;
  page->is_enough = page->person_sink(page->context, page->count - 1, person) != 0;
  return WEIGATE_OK;
}

static int step_person(struct page *page, const struct key *key, struct map_bytes value) {
  struct weigate_person person;
  struct weigate_text appid, openid;
  struct map_bytes pair = {key->bytes + 1, key->size - 1};
  int64_t changed_us;
  if (!key_split(pair, &appid, &openid) || !codec_read_person(value, &person, &changed_us))
    return store_corrupt(page->handle, "a person");
  person.appid = appid;
  person.openid = openid;
  return give_person(page, &person, changed_us);
}

/* The record that a unionid leads to. */
static int step_unionid(struct page *page, const struct key *key, struct map_bytes value) {
  struct weigate_person person;
  struct weigate_text unionid, rest, appid, openid;
  struct map_bytes all = {key->bytes + 1, key->size - 1};
  int64_t changed_us;
  bool is_found;
  (void)value;
  if (!key_split(all, &unionid, &rest)) return store_corrupt(page->handle, "a unionid");
  struct map_bytes pair = {(const uint8_t *)rest.bytes, rest.size};
  if (!key_split(pair, &appid, &openid)) return store_corrupt(page->handle, "a unionid");
  int class = people_get(page->handle, appid, openid, &is_found, &person, &changed_us);
  return class == WEIGATE_OK && is_found ? give_person(page, &person, changed_us) : class;
}

static int give_people(struct page *page) {
  const struct weigate_scan *scan = page->scan;
  struct key prefix = key_of(scan->unionid.size ? TABLE_UNIONID : TABLE_PERSON);
  bool is_begun = page->place.key_size != 0;
  if (scan->unionid.size) key_add_text(&prefix, scan->unionid);
  struct key start = prefix;
  if (is_begun)
    key_add(&start, page->place.key, page->place.key_size);
  else if (scan->appid.size && scan->openid.size) {
    key_add_text(&start, scan->appid);
    key_add(&start, scan->openid.bytes, scan->openid.size);
  }
  if (scan->appid.size) key_add_text(&prefix, scan->appid);
  if (!is_begun && !scan->openid.size) start = prefix;
  if (scan->appid.size && scan->openid.size) prefix = start; /* longer openids begin like it, and are filtered */
  return walk(page, &prefix, &start, is_begun, scan->unionid.size ? step_unionid : step_person);
}

static int step_tombstone(struct page *page, const struct key *key, struct map_bytes value) {
  struct weigate_person person;
  int64_t changed_us;
  memset(&person, 0, sizeof(person));
  person.struct_size = sizeof(person);
  person.has = WEIGATE_PERSON_ERASED;
  if (key->size != 1 + sizeof(person.erased_hash) || !codec_read_stamp(value, &person.erased_stamp, &changed_us))
    return store_corrupt(page->handle, "a tombstone");
  if (changed_us < page->scan->changed_since_us) return WEIGATE_OK;
  memcpy(person.erased_hash, key->bytes + 1, sizeof(person.erased_hash));
  cursor_set(&page->place, TABLE_TOMBSTONE, person.erased_hash, sizeof(person.erased_hash));
  page->count++;
  page->is_enough = page->person_sink(page->context, page->count - 1, &person) != 0;
  return WEIGATE_OK;
}

static int give_tombstones(struct page *page) {
  struct key prefix = key_of(TABLE_TOMBSTONE), start = prefix;
  bool is_begun = page->place.table == TABLE_TOMBSTONE && page->place.key_size;
  if (is_begun) key_add(&start, page->place.key, page->place.key_size);
  return walk(page, &prefix, &start, is_begun, step_tombstone);
}

/* People first, then, where they are wanted and no filter rules them out, tombstones. */
static int give_page(struct page *page) {
  const struct weigate_scan *scan = page->scan;
  bool wants_tombstones = scan->want & WEIGATE_WANT_ERASED && !scan->appid.size && !scan->openid.size && !scan->unionid.size;
  int class = page->place.table == TABLE_PERSON ? give_people(page) : WEIGATE_OK;
  return class == WEIGATE_OK && wants_tombstones && !is_page_done(page) ? give_tombstones(page) : class;
}

/* Reads the page's beginning, and checks what the host asks for. */
static int begin_page(struct page *page, struct weigate_call *call, char table) {
  int class = store_enter(page->handle, call);
  if (class != WEIGATE_OK) return class;
  const char *bad = cursor_check_scan(page->scan);
  if (bad) return store_invalid(page->handle, bad);
  page->place.table = table;
  page->place.key_size = 0;
  if (page->scan->cursor_size && !cursor_read(page->handle->host, page->scan, &page->place))
    return store_invalid(page->handle, "scan: this is not a cursor");
  bool is_event = page->place.table == TABLE_EVENT;
  if (is_event != (table == TABLE_EVENT) || (is_event && page->place.key_size % KEY_EVENT_BYTES))
    return store_invalid(page->handle, "scan: this cursor is of another scan");
  return page->handle->ops->begin(page->handle, false);
}

static int end_page(struct page *page, int class) {
  page->handle->ops->end(page->handle);
  if (class != WEIGATE_OK) return class;
  page->scan->cursor_size = 0;
  if (is_page_done(page)) cursor_write(page->handle->host, &page->place, page->scan);
  return WEIGATE_OK;
}

int records_scan_people(struct weigate_handle *handle, struct weigate_call *call, struct weigate_scan *scan,
                        weigate_person_sink sink, void *context) {
  struct page page = {.handle = handle, .scan = scan, .person_sink = sink, .context = context};
  int class = begin_page(&page, call, TABLE_PERSON);
  return class == WEIGATE_OK ? end_page(&page, give_page(&page)) : class;
}

/* --- events --- */

static int step_event(struct page *page, const struct key *key, struct map_bytes value) {
  const struct weigate_scan *scan = page->scan;
  struct weigate_event event;
  int64_t changed_us;
  if (key->size != 1 + KEY_EVENT_BYTES || !codec_read_event(value, &event, &changed_us))
    return store_corrupt(page->handle, "an event");
  if (!fits(scan->appid, event.appid) || !fits(scan->openid, event.openid)) return WEIGATE_OK;
  if (event.event_at_us < scan->changed_since_us) return WEIGATE_OK;
  cursor_set(&page->place, TABLE_EVENT, key->bytes + 1, KEY_EVENT_BYTES);
  page->count++;
  page->is_enough = page->event_sink(page->context, &event) != 0;
  return WEIGATE_OK;
}

/* The event that a person's lead points to. */
static int step_lead(struct page *page, const struct key *lead, struct map_bytes value) {
  struct key key = key_of(TABLE_EVENT);
  bool is_found;
  key_add(&key, lead->bytes + lead->size - KEY_EVENT_BYTES, KEY_EVENT_BYTES);
  int class = store_get(page->handle, &key, &is_found, &value);
  return class == WEIGATE_OK && is_found ? step_event(page, &key, value) : class;
}

static int give_events(struct page *page) {
  const struct weigate_scan *scan = page->scan;
  bool is_one_person = scan->appid.size && scan->openid.size, is_begun = page->place.key_size != 0;
  struct key prefix = key_of(is_one_person ? TABLE_PERSON_EVENT : TABLE_EVENT);
  if (is_one_person) {
    key_add_text(&prefix, scan->appid);
    key_add_text(&prefix, scan->openid);
  }
  struct key start = prefix;
  if (is_begun)
    key_add(&start, page->place.key, page->place.key_size);
  else if (scan->changed_since_us > 0)
    key_add_number(&start, (uint64_t)scan->changed_since_us);
  return walk(page, &prefix, &start, is_begun, is_one_person ? step_lead : step_event);
}

int records_scan_events(struct weigate_handle *handle, struct weigate_call *call, struct weigate_scan *scan,
                        weigate_event_sink sink, void *context) {
  struct page page = {.handle = handle, .scan = scan, .event_sink = sink, .context = context};
  int class = begin_page(&page, call, TABLE_EVENT);
  return class == WEIGATE_OK ? end_page(&page, give_events(&page)) : class;
}
