/* SPDX-License-Identifier: Apache-2.0
 * erase: takes people out and leaves tombstones; and the merge of whole records, whose tombstones know a person only by a hash.
 * Storage threads. */
#include <stdlib.h>
#include <string.h>

#include "../common/check.h"
#include "../common/merge.h"
#include "parts.h"
#include "people.h"

static int run_for_key(struct weigate_handle *handle, enum statement which, const struct weigate_key *key) {
  sqlite3_stmt *statement = handle_statement(handle, which);
  if (!statement) return SQLITE_ERROR;
  bind_text(statement, 1, key->appid);
  bind_text(statement, 2, key->openid);
  return handle_run(statement);
}

static int forget_events(struct weigate_handle *handle, const struct weigate_key *key, const struct weigate_stamp *stamp) {
  sqlite3_stmt *forget = handle_statement(handle, STATEMENT_EVENT_FORGET);
  if (!forget) return SQLITE_ERROR;
  bind_text(forget, 1, key->appid);
  bind_text(forget, 2, key->openid);
  sqlite3_bind_int64(forget, 3, stamp->at_us);
  int code = handle_run(forget);
  if (code == SQLITE_OK) code = run_for_key(handle, STATEMENT_DAY_DELETE, key);
  return code == SQLITE_OK ? run_for_key(handle, STATEMENT_DAY_REBUILD, key) : code;
}

static int delete_person(struct weigate_handle *handle, const struct weigate_key *key) {
  int code = run_for_key(handle, STATEMENT_PERSON_DELETE, key);
  if (code == SQLITE_OK) handle->people_added -= sqlite3_changes(handle->db);
  return code == SQLITE_OK ? run_for_key(handle, STATEMENT_TOKEN_DELETE, key) : code;
}

/* Leaves of a record what is newer than the tombstone. */
static int erase_record(struct weigate_handle *handle, sqlite3_stmt *row, const struct weigate_key *key,
                        const struct weigate_stamp *stamp) {
  struct weigate_person person;
  people_from_row(row, &person);
  int code = people_complete(handle, WEIGATE_WANT_TOKEN, &person);
  if (code != SQLITE_OK) return code;
  bool had_token = person.has & WEIGATE_PERSON_TOKEN;
  if (!merge_erase(&person, stamp)) {
    sqlite3_reset(row);
    return delete_person(handle, key);
  }
  code = people_replace(handle, &person);
  if (code == SQLITE_OK && had_token && !(person.has & WEIGATE_PERSON_TOKEN))
    code = run_for_key(handle, STATEMENT_TOKEN_DELETE, key);
  return code;
}

/* The tombstone is there already; now the person goes. */
static int erase_key(struct weigate_handle *handle, const struct weigate_key *key, const struct weigate_stamp *stamp,
                     bool *ret_is_found) {
  sqlite3_stmt *row = handle_statement(handle, STATEMENT_PERSON_GET);
  if (!row) return SQLITE_ERROR;
  bind_text(row, 1, key->appid);
  bind_text(row, 2, key->openid);
  int code = sqlite3_step(row);
  *ret_is_found = code == SQLITE_ROW;
  if (code == SQLITE_ROW)
    code = erase_record(handle, row, key, stamp);
  else if (code == SQLITE_DONE)
    code = SQLITE_OK;
  sqlite3_reset(handle->statements[STATEMENT_TOKEN_GET]);
  sqlite3_reset(row);
  return code == SQLITE_OK ? forget_events(handle, key, stamp) : code;
}

/* Puts the tombstone unless the same or a later one stands there: *ret_outcome NEW or UPDATED, DUPLICATE or STALE. */
static int put_tombstone(struct weigate_handle *handle, const uint8_t hash[32], const struct weigate_stamp *stamp,
                         enum weigate_item *ret_outcome) {
  struct weigate_stamp old = {0};
  bool is_found = false;
  int code = people_tombstone(handle, hash, &is_found, &old);
  if (code != SQLITE_OK) return code;
  int order = is_found ? merge_compare(stamp, &old) : 1;
  *ret_outcome = order == 0  ? WEIGATE_ITEM_DUPLICATE
                 : order < 0 ? WEIGATE_ITEM_STALE
                 : is_found  ? WEIGATE_ITEM_UPDATED
                             : WEIGATE_ITEM_NEW;
  if (order <= 0) return SQLITE_OK;
  handle->tombstones = TOMBSTONES_SOME;
  sqlite3_stmt *put = handle_statement(handle, STATEMENT_TOMBSTONE_PUT);
  if (!put) return SQLITE_ERROR;
  bind_bytes(put, 1, hash, 32);
  sqlite3_bind_int64(put, 2, stamp->at_us);
  bind_bytes(put, 3, stamp->id, sizeof(stamp->id));
  sqlite3_bind_int64(put, 4, handle->now_us);
  return handle_run(put);
}

static bool is_new_tombstone(enum weigate_item outcome) {
  return outcome == WEIGATE_ITEM_NEW || outcome == WEIGATE_ITEM_UPDATED;
}

/* --- erase_people --- */

static int erase_one(struct weigate_handle *handle, const struct weigate_key *key, const struct weigate_stamp *stamp,
                     enum weigate_item *ret_outcome) {
  uint8_t hash[32];
  bool is_found = false;
  people_hash(handle->store, key->appid, key->openid, hash);
  int code = put_tombstone(handle, hash, stamp, ret_outcome);
  if (code != SQLITE_OK || !is_new_tombstone(*ret_outcome)) return code;
  code = erase_key(handle, key, stamp, &is_found);
  *ret_outcome = is_found ? WEIGATE_ITEM_UPDATED : WEIGATE_ITEM_MISSING;
  return code;
}

static int erase_batch(struct weigate_handle *handle, const struct weigate_keys *keys, const struct weigate_stamp *stamp,
                       struct weigate_result *results) {
  int code = SQLITE_OK;
  for (size_t i = 0; i < keys->count && code == SQLITE_OK; i++) {
    struct weigate_key key = check_copy_key((const void *)((const char *)keys->items + i * keys->stride));
    enum weigate_item outcome = WEIGATE_ITEM_REJECTED;
    const char *bad = check_key(&key);
    if (!bad) code = erase_one(handle, &key, stamp, &outcome);
    check_set_result(results, i, outcome, bad);
  }
  return code;
}

static int finish(struct weigate_handle *handle, struct weigate_call *call, int code, const char *doing) {
  if (code == SQLITE_OK) return handle_write_commit(handle, call);
  int class = handle_fail(handle, call, code, doing);
  handle_write_undo(handle);
  return class;
}

int people_erase(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_keys *keys,
                 const struct weigate_stamp *stamp, struct weigate_result *results) {
  int class = handle_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  if (!check_shape(keys->stride, keys->count, sizeof(struct weigate_key)))
    return handle_invalid(call, "erase_people: count or stride");
  if (check_stamp(stamp, handle->now_us)) return handle_invalid(call, "erase_people: the stamp is not a time of the past");
  if (keys->count == 0) return WEIGATE_OK;
  class = handle_write_begin(handle, call, true);
  return class == WEIGATE_OK ? finish(handle, call, erase_batch(handle, keys, stamp, results), "erase people") : class;
}

/* --- merge_people --- */

/* A tombstone of this batch that was put, and the keys whose hash it is. */
struct grave {
  uint8_t hash[32];
  struct weigate_stamp stamp;
};

struct found_key {
  struct found_key *next;
  const struct grave *grave;
  size_t appid_size, openid_size;
  char bytes[];
};

struct sweep {
  struct grave *graves;
  size_t grave_count;
  struct found_key *found;
};

static int compare_graves(const void *a, const void *b) {
  return memcmp(((const struct grave *)a)->hash, ((const struct grave *)b)->hash, sizeof(((const struct grave *)a)->hash));
}

static int note_key(struct sweep *sweep, const struct grave *grave, struct weigate_text appid, struct weigate_text openid) {
  struct found_key *key = malloc(sizeof(*key) + appid.size + openid.size);
  if (!key) return SQLITE_NOMEM;
  *key = (struct found_key){.next = sweep->found, .grave = grave, .appid_size = appid.size, .openid_size = openid.size};
  memcpy(key->bytes, appid.bytes, appid.size);
  memcpy(key->bytes + appid.size, openid.bytes, openid.size);
  sweep->found = key;
  return SQLITE_OK;
}

/* Walks all keys of a table in order and notes those that lie in one of the graves. */
static int find_keys(struct weigate_handle *handle, enum statement which, struct sweep *sweep) {
  sqlite3_stmt *keys = handle_statement(handle, which);
  if (!keys) return SQLITE_ERROR;
  uint8_t last[32] = {0};
  int code;
  while ((code = sqlite3_step(keys)) == SQLITE_ROW) {
    struct grave wanted;
    struct weigate_text appid = column_text(keys, 0), openid = column_text(keys, 1);
    if (appid.size > WEIGATE_APPID_MAX || openid.size > WEIGATE_OPENID_MAX) continue;
    people_hash(handle->store, appid, openid, wanted.hash);
    if (memcmp(last, wanted.hash, sizeof(last)) == 0) continue;
    memcpy(last, wanted.hash, sizeof(last));
    const struct grave *grave = bsearch(&wanted, sweep->graves, sweep->grave_count, sizeof(wanted), compare_graves);
    if (grave && (code = note_key(sweep, grave, appid, openid)) != SQLITE_OK) break;
  }
  sqlite3_reset(keys);
  return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* Who lies in the graves is not written on them: every key is hashed once for the whole batch. */
static int sweep_people(struct weigate_handle *handle, struct sweep *sweep) {
  if (sweep->grave_count == 0) return SQLITE_OK;
  qsort(sweep->graves, sweep->grave_count, sizeof(*sweep->graves), compare_graves);
  int code = find_keys(handle, STATEMENT_PERSON_KEYS, sweep);
  if (code == SQLITE_OK) code = find_keys(handle, STATEMENT_EVENT_KEYS, sweep);
  for (struct found_key *found = sweep->found; found && code == SQLITE_OK; found = found->next) {
    struct weigate_key key = {.struct_size = sizeof(key),
                              .appid = {found->bytes, found->appid_size},
                              .openid = {found->bytes + found->appid_size, found->openid_size}};
    bool is_found;
    code = erase_key(handle, &key, &found->grave->stamp, &is_found);
  }
  return code;
}

static int merge_tombstone(struct weigate_handle *handle, const struct weigate_person *person, struct sweep *sweep,
                           enum weigate_item *ret_outcome) {
  int code = put_tombstone(handle, person->erased_hash, &person->erased_stamp, ret_outcome);
  if (code != SQLITE_OK || !is_new_tombstone(*ret_outcome)) return code;
  struct grave *grave = &sweep->graves[sweep->grave_count++];
  memcpy(grave->hash, person->erased_hash, sizeof(grave->hash));
  grave->stamp = person->erased_stamp;
  return SQLITE_OK;
}

static int merge_batch(struct weigate_handle *handle, const struct weigate_people *batch, struct weigate_result *results) {
  struct sweep sweep = {.graves = calloc(batch->count, sizeof(*sweep.graves))};
  int code = sweep.graves ? SQLITE_OK : SQLITE_NOMEM;
  for (size_t i = 0; i < batch->count && code == SQLITE_OK; i++) {
    struct weigate_person person = check_copy_person((const void *)((const char *)batch->items + i * batch->stride));
    bool is_tombstone = person.has & WEIGATE_PERSON_ERASED;
    enum weigate_item outcome = WEIGATE_ITEM_REJECTED;
    const char *bad = is_tombstone ? check_tombstone(&person, handle->now_us) : check_person(&person, handle->now_us);
    if (!bad)
      code = is_tombstone ? merge_tombstone(handle, &person, &sweep, &outcome) : people_merge_one(handle, &person, &outcome);
    check_set_result(results, i, outcome, bad);
  }
  if (code == SQLITE_OK) code = sweep_people(handle, &sweep);
  while (sweep.found) {
    struct found_key *next = sweep.found->next;
    free(sweep.found);
    sweep.found = next;
  }
  free(sweep.graves);
  return code;
}

int people_merge(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_people *batch,
                 struct weigate_result *results) {
  int class = handle_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  if (!check_shape(batch->stride, batch->count, sizeof(struct weigate_person)))
    return handle_invalid(call, "merge_people: count or stride");
  if (batch->count == 0) return WEIGATE_OK;
  class = handle_write_begin(handle, call, true);
  return class == WEIGATE_OK ? finish(handle, call, merge_batch(handle, batch, results), "merge people") : class;
}
