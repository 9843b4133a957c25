/* SPDX-License-Identifier: Apache-2.0
 * store: calls, transactions and single entries. One storage thread at a time per handle. */
#include "store.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "codec.h"

/* What goes in one transaction that makes room: some milliseconds during which sign-ins wait. */
#define EVICT_COUNT 256
/* Rounds of making room before one write: 4,096 records, more than the largest batch brings. */
#define EVICT_ROUNDS 16

int records_fail(struct weigate_handle *handle, int class, const char *native, const char *format, ...) {
  va_list values;
  va_start(values, format);
  vsnprintf(handle->call->message, sizeof(handle->call->message), format, values);
  va_end(values);
  snprintf(handle->call->native, sizeof(handle->call->native), "%s", native ? native : "");
  return class;
}

int store_invalid(struct weigate_handle *handle, const char *sentence) {
  return records_fail(handle, WEIGATE_INVALID, NULL, "%s", sentence);
}

int store_corrupt(struct weigate_handle *handle, const char *what) {
  return records_fail(handle, WEIGATE_CORRUPT, NULL, "the store is damaged: %s cannot be read", what);
}

int store_check_time(struct weigate_handle *handle) {
  if (handle->host->mono_ms() < handle->deadline_ms) return WEIGATE_OK;
  return records_fail(handle, WEIGATE_TIMEOUT, NULL, "out of time; nothing was written");
}

int store_enter(struct weigate_handle *handle, struct weigate_call *call) {
  call->retry_after_ms = 0;
  call->native[0] = call->message[0] = '\0';
  handle->call = call;
  handle->deadline_ms = handle->host->mono_ms() + call->timeout_ms;
  handle->now_us = handle->host->now_us();
  handle->people_added = 0;
  return call->timeout_ms ? WEIGATE_OK : records_fail(handle, WEIGATE_TIMEOUT, NULL, "no time was given");
}

/* --- entries --- */

int store_get(struct weigate_handle *handle, const struct key *key, bool *ret_is_found, struct map_bytes *ret_value) {
  struct map_bytes found = {NULL, 0}, value = {NULL, 0};
  int class = handle->ops->seek(handle, key_bytes(key), &found, &value);
  if (class != WEIGATE_OK) return class;
  *ret_is_found = found.size == key->size && memcmp(found.bytes, key->bytes, key->size) == 0;
  if (*ret_is_found) *ret_value = value;
  return WEIGATE_OK;
}

int store_put(struct weigate_handle *handle, const struct key *key, struct map_bytes value) {
  return handle->ops->put(handle, key_bytes(key), value);
}

int store_remove(struct weigate_handle *handle, const struct key *key) {
  return handle->ops->remove(handle, key_bytes(key));
}

int store_get_meta(struct weigate_handle *handle, char letter, uint64_t *ret_number) {
  struct key key = key_meta(letter);
  struct map_bytes value;
  bool is_found;
  int class = store_get(handle, &key, &is_found, &value);
  *ret_number = 0;
  if (class != WEIGATE_OK || !is_found) return class;
  return codec_read_number(value, ret_number) ? WEIGATE_OK : store_corrupt(handle, "a number");
}

int store_put_meta(struct weigate_handle *handle, char letter, uint64_t number) {
  struct key key = key_meta(letter);
  return store_put(handle, &key, codec_write_number(handle->value, number));
}

int store_next(struct weigate_handle *handle, const struct key *prefix, const struct key *key, bool is_behind, bool *ret_is_found,
               struct key *ret_key, struct map_bytes *ret_value) {
  struct key from = *key;
  struct map_bytes found = {NULL, 0}, value = {NULL, 0};
  *ret_is_found = false;
  if (is_behind) key_add(&from, "", 1); /* the next key that can be */
  int class = handle->ops->seek(handle, key_bytes(&from), &found, &value);
  if (class != WEIGATE_OK || !found.size || !key_is_below(found, prefix)) return class;
  if (found.size > sizeof(ret_key->bytes)) return store_corrupt(handle, "a key");
  *ret_is_found = true;
  ret_key->size = found.size;
  memcpy(ret_key->bytes, found.bytes, found.size);
  *ret_value = value;
  return WEIGATE_OK;
}

/* --- transactions --- */

static int note_people(struct weigate_handle *handle) {
  uint64_t people;
  if (handle->people_added == 0) return WEIGATE_OK;
  int class = store_get_meta(handle, META_PEOPLE, &people);
  if (class != WEIGATE_OK) return class;
  return store_put_meta(handle, META_PEOPLE, people + (uint64_t)handle->people_added);
}

/* Commits where the class is OK, else undoes. */
static int finish(struct weigate_handle *handle, int class) {
  if (class == WEIGATE_OK) class = note_people(handle);
  if (class == WEIGATE_OK) class = store_check_time(handle);
  if (class == WEIGATE_OK) return handle->ops->commit(handle);
  handle->ops->end(handle);
  return class;
}

static int begin(struct weigate_handle *handle) {
  handle->people_added = 0;
  return handle->ops->begin(handle, true);
}

/* Inside a transaction that is ended: lets one bite of the oldest go. */
static int make_room(struct weigate_handle *handle, size_t *ret_evicted) {
  *ret_evicted = 0;
  return finish(handle, room_evict(handle, EVICT_COUNT, ret_evicted));
}

/* Begins, in a map that has room if letting go of the oldest makes some. */
static int begin_with_room(struct weigate_handle *handle) {
  int class = begin(handle);
  for (size_t round = 0, evicted = 1; round < EVICT_ROUNDS && evicted; round++) {
    if (class != WEIGATE_OK || !handle->ops->has_room || handle->ops->has_room(handle)) return class;
    class = make_room(handle, &evicted);
    if (class == WEIGATE_OK) class = begin(handle);
  }
  return class;
}

int store_write(struct weigate_handle *handle, store_work work, void *context, bool is_once) {
  for (size_t round = 0;; round++) {
    size_t evicted = 0;
    int class = begin_with_room(handle);
    if (class == WEIGATE_OK) class = finish(handle, work(handle, context));
    if (class != WEIGATE_FULL || !handle->ops->has_room || is_once || round == EVICT_ROUNDS) return class;
    class = begin(handle);
    if (class == WEIGATE_OK) class = make_room(handle, &evicted);
    if (class != WEIGATE_OK) return class;
    if (!evicted) return records_fail(handle, WEIGATE_FULL, NULL, "the store is full, and nothing is left that may go");
  }
}

/* --- connect --- */

static int look_at_schema(struct weigate_handle *handle, bool *ret_is_made) {
  uint64_t version;
  int class = store_get_meta(handle, META_SCHEMA, &version);
  if (class == WEIGATE_OK && version > RECORDS_SCHEMA)
    class = records_fail(
        handle, WEIGATE_SCHEMA_NEWER, NULL,
        "the store has schema version %llu, this plugin knows %d: it was made by a later weigate; nothing is written",
        (unsigned long long)version, RECORDS_SCHEMA);
  *ret_is_made = version != 0;
  return class;
}

static int make_schema(struct weigate_handle *handle, void *context) {
  bool is_made;
  (void)context;
  int class = look_at_schema(handle, &is_made);
  return class != WEIGATE_OK || is_made ? class : store_put_meta(handle, META_SCHEMA, RECORDS_SCHEMA);
}

int records_connect(struct weigate_handle *handle, const struct map_ops *ops, const struct weigate_host *host,
                    struct weigate_call *call) {
  bool is_made;
  handle->ops = ops;
  handle->host = host;
  int class = store_enter(handle, call);
  if (class == WEIGATE_OK) class = ops->begin(handle, false);
  if (class != WEIGATE_OK) return class;
  class = look_at_schema(handle, &is_made);
  ops->end(handle);
  return class != WEIGATE_OK || is_made ? class : store_write(handle, make_schema, NULL, false);
}
