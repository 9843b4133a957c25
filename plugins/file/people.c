/* SPDX-License-Identifier: Apache-2.0
 * people: reads a record, merges in memory, writes it back, all inside the writer's transaction. Storage threads. */
#include "people.h"

#include <stdlib.h>
#include <string.h>

#include "../common/check.h"
#include "../common/merge.h"

#define WANT_ALL (WEIGATE_WANT_TOKEN | WEIGATE_WANT_COUNTS | WEIGATE_WANT_ERASED)

void people_hash(const struct weigate_store *store, struct weigate_text appid, struct weigate_text openid, uint8_t ret_hash[32]) {
  char key[WEIGATE_APPID_MAX + 1 + WEIGATE_OPENID_MAX];
  memcpy(key, appid.bytes, appid.size);
  key[appid.size] = '\0';
  memcpy(key + appid.size + 1, openid.bytes, openid.size);
  store->host.digest(key, appid.size + 1 + openid.size, ret_hash);
}

/* --- rows --- */

static void read_stamp(sqlite3_stmt *row, int column, struct weigate_stamp *ret_stamp) {
  ret_stamp->at_us = sqlite3_column_int64(row, column);
  const void *id = sqlite3_column_blob(row, column + 1);
  if (id && sqlite3_column_bytes(row, column + 1) == (int)sizeof(ret_stamp->id)) memcpy(ret_stamp->id, id, sizeof(ret_stamp->id));
}

static bool has_stamp(sqlite3_stmt *row, int column) {
  return sqlite3_column_type(row, column) != SQLITE_NULL;
}

void people_from_row(sqlite3_stmt *row, struct weigate_person *ret_person) {
  struct weigate_person *p = ret_person;
  memset(p, 0, sizeof(*p));
  p->struct_size = sizeof(*p);
  p->appid = column_text(row, PERSON_APPID);
  p->openid = column_text(row, PERSON_OPENID);
  p->first_seen_us = sqlite3_column_int64(row, PERSON_FIRST_SEEN_US);
  p->last_seen_us = sqlite3_column_int64(row, PERSON_LAST_SEEN_US);
  if (has_stamp(row, PERSON_PROFILE_AT_US)) {
    p->has |= WEIGATE_PERSON_PROFILE;
    read_stamp(row, PERSON_PROFILE_AT_US, &p->profile_stamp);
    p->nickname = column_text(row, PERSON_NICKNAME);
    p->headimgurl = column_text(row, PERSON_HEADIMGURL);
    p->privilege = column_text(row, PERSON_PRIVILEGE);
    p->language = column_text(row, PERSON_LANGUAGE);
    p->raw = column_text(row, PERSON_RAW);
  }
  if (has_stamp(row, PERSON_SCOPE_AT_US)) {
    p->has |= WEIGATE_PERSON_SCOPE;
    read_stamp(row, PERSON_SCOPE_AT_US, &p->scope_stamp);
    p->scope = column_text(row, PERSON_SCOPE);
  }
  if (has_stamp(row, PERSON_SEX_AT_US)) {
    p->has |= WEIGATE_PERSON_SEX;
    read_stamp(row, PERSON_SEX_AT_US, &p->sex_stamp);
    p->sex = sqlite3_column_int(row, PERSON_SEX);
  }
  if (has_stamp(row, PERSON_REGION_AT_US)) {
    p->has |= WEIGATE_PERSON_REGION;
    read_stamp(row, PERSON_REGION_AT_US, &p->region_stamp);
    p->province = column_text(row, PERSON_PROVINCE);
    p->city = column_text(row, PERSON_CITY);
    p->country = column_text(row, PERSON_COUNTRY);
  }
  if (has_stamp(row, PERSON_UNIONID_AT_US)) {
    p->has |= WEIGATE_PERSON_UNIONID;
    read_stamp(row, PERSON_UNIONID_AT_US, &p->unionid_stamp);
    p->unionid = column_text(row, PERSON_UNIONID);
  }
}

/* A group that is not there leaves its columns NULL. */
static void bind_stamp(sqlite3_stmt *statement, int number, const struct weigate_stamp *stamp) {
  sqlite3_bind_int64(statement, number, stamp->at_us);
  bind_bytes(statement, number + 1, stamp->id, sizeof(stamp->id));
}

/* The number of a column's parameter in PERSON_INSERT and PERSON_UPDATE. */
static int number_of(enum person_column column) {
  return (int)column + 1;
}
#define NUMBER_CHANGED_US (PERSON_UNIONID + 2)

static void bind_person(sqlite3_stmt *statement, const struct weigate_person *p, int64_t now_us) {
  sqlite3_clear_bindings(statement);
  bind_text(statement, number_of(PERSON_APPID), p->appid);
  bind_text(statement, number_of(PERSON_OPENID), p->openid);
  sqlite3_bind_int64(statement, number_of(PERSON_FIRST_SEEN_US), p->first_seen_us);
  sqlite3_bind_int64(statement, number_of(PERSON_LAST_SEEN_US), p->last_seen_us);
  sqlite3_bind_int64(statement, NUMBER_CHANGED_US, now_us);
  if (p->has & WEIGATE_PERSON_PROFILE) {
    bind_stamp(statement, number_of(PERSON_PROFILE_AT_US), &p->profile_stamp);
    bind_text(statement, number_of(PERSON_NICKNAME), p->nickname);
    bind_text(statement, number_of(PERSON_HEADIMGURL), p->headimgurl);
    bind_text(statement, number_of(PERSON_PRIVILEGE), p->privilege);
    bind_text(statement, number_of(PERSON_LANGUAGE), p->language);
    bind_text(statement, number_of(PERSON_RAW), p->raw);
  }
  if (p->has & WEIGATE_PERSON_SCOPE) {
    bind_stamp(statement, number_of(PERSON_SCOPE_AT_US), &p->scope_stamp);
    bind_text(statement, number_of(PERSON_SCOPE), p->scope);
  }
  if (p->has & WEIGATE_PERSON_SEX) {
    bind_stamp(statement, number_of(PERSON_SEX_AT_US), &p->sex_stamp);
    sqlite3_bind_int(statement, number_of(PERSON_SEX), p->sex);
  }
  if (p->has & WEIGATE_PERSON_REGION) {
    bind_stamp(statement, number_of(PERSON_REGION_AT_US), &p->region_stamp);
    bind_text(statement, number_of(PERSON_PROVINCE), p->province);
    bind_text(statement, number_of(PERSON_CITY), p->city);
    bind_text(statement, number_of(PERSON_COUNTRY), p->country);
  }
  if (p->has & WEIGATE_PERSON_UNIONID) bind_stamp(statement, number_of(PERSON_UNIONID_AT_US), &p->unionid_stamp);
}

static int insert_person(struct weigate_handle *handle, const struct weigate_person *person) {
  sqlite3_stmt *insert = handle_statement(handle, STATEMENT_PERSON_INSERT);
  if (!insert) return SQLITE_ERROR;
  bind_person(insert, person, handle->now_us);
  if (person->has & WEIGATE_PERSON_UNIONID) bind_text(insert, number_of(PERSON_UNIONID), person->unionid);
  return handle_run(insert);
}

static int update_person(struct weigate_handle *handle, const struct weigate_person *person) {
  sqlite3_stmt *update = handle_statement(handle, STATEMENT_PERSON_UPDATE);
  if (!update) return SQLITE_ERROR;
  bind_person(update, person, handle->now_us);
  return handle_run(update);
}

static int set_unionid(struct weigate_handle *handle, const struct weigate_person *person) {
  sqlite3_stmt *set = handle_statement(handle, STATEMENT_PERSON_SET_UNIONID);
  if (!set) return SQLITE_ERROR;
  sqlite3_clear_bindings(set);
  bind_text(set, 1, person->appid);
  bind_text(set, 2, person->openid);
  if (person->has & WEIGATE_PERSON_UNIONID) bind_text(set, 3, person->unionid);
  return handle_run(set);
}

static int put_token(struct weigate_handle *handle, const struct weigate_person *person) {
  sqlite3_stmt *put = handle_statement(handle, STATEMENT_TOKEN_PUT);
  if (!put) return SQLITE_ERROR;
  bind_text(put, 1, person->appid);
  bind_text(put, 2, person->openid);
  bind_stamp(put, 3, &person->token_stamp);
  bind_bytes(put, 5, person->token_sealed.bytes, person->token_sealed.size);
  sqlite3_bind_int64(put, 6, person->token_access_expires_us);
  sqlite3_bind_int64(put, 7, person->token_refresh_expires_us);
  return handle_run(put);
}

/* --- reading --- */

static sqlite3_stmt *bind_key(struct weigate_handle *handle, enum statement which, struct weigate_text appid,
                              struct weigate_text openid) {
  sqlite3_stmt *statement = handle_statement(handle, which);
  if (!statement) return NULL;
  bind_text(statement, 1, appid);
  bind_text(statement, 2, openid);
  return statement;
}

/* The row stays under the statement, for its texts, until the caller resets it. */
static int read_token(struct weigate_handle *handle, struct weigate_person *person) {
  sqlite3_stmt *get = bind_key(handle, STATEMENT_TOKEN_GET, person->appid, person->openid);
  if (!get) return SQLITE_ERROR;
  int code = sqlite3_step(get);
  if (code != SQLITE_ROW) {
    sqlite3_reset(get);
    return code == SQLITE_DONE ? SQLITE_OK : code;
  }
  person->has |= WEIGATE_PERSON_TOKEN;
  read_stamp(get, 0, &person->token_stamp);
  person->token_sealed.bytes = sqlite3_column_blob(get, 2);
  person->token_sealed.size = (size_t)sqlite3_column_bytes(get, 2);
  person->token_access_expires_us = sqlite3_column_int64(get, 3);
  person->token_refresh_expires_us = sqlite3_column_int64(get, 4);
  return SQLITE_OK;
}

static int read_counts(struct weigate_handle *handle, struct weigate_person *person) {
  sqlite3_stmt *ask = bind_key(handle, STATEMENT_DAY_COUNTS, person->appid, person->openid);
  int code = ask ? sqlite3_step(ask) : SQLITE_ERROR;
  if (code == SQLITE_ROW) {
    person->has |= WEIGATE_PERSON_COUNTS;
    person->login_count = (uint64_t)sqlite3_column_int64(ask, 0);
    person->login_days = (uint64_t)sqlite3_column_int64(ask, 1);
    person->last_login_us = sqlite3_column_int64(ask, 2);
    code = SQLITE_OK;
  }
  sqlite3_reset(ask);
  return code;
}

int people_complete(struct weigate_handle *handle, uint32_t want, struct weigate_person *person) {
  int code = SQLITE_OK;
  if (want & WEIGATE_WANT_TOKEN) {
    sqlite3_reset(handle->statements[STATEMENT_TOKEN_GET]);
    code = read_token(handle, person);
  }
  if (code == SQLITE_OK && want & WEIGATE_WANT_COUNTS) code = read_counts(handle, person);
  return code;
}

/* Most stores hold no tombstone at all: one look per transaction spares a hash and a search per record. */
static int look_for_any(struct weigate_handle *handle) {
  sqlite3_stmt *ask = handle_statement(handle, STATEMENT_TOMBSTONE_ANY);
  int code = ask ? sqlite3_step(ask) : SQLITE_ERROR;
  if (code == SQLITE_ROW) handle->tombstones = sqlite3_column_int(ask, 0) ? TOMBSTONES_SOME : TOMBSTONES_NONE;
  sqlite3_reset(ask);
  return code == SQLITE_ROW ? SQLITE_OK : code;
}

int people_tombstone_of(struct weigate_handle *handle, struct weigate_text appid, struct weigate_text openid, bool *ret_is_found,
                        struct weigate_stamp *ret_stamp) {
  uint8_t hash[32];
  int code = handle->tombstones == TOMBSTONES_UNKNOWN ? look_for_any(handle) : SQLITE_OK;
  *ret_is_found = false;
  if (code != SQLITE_OK || handle->tombstones == TOMBSTONES_NONE) return code;
  people_hash(handle->store, appid, openid, hash);
  return people_tombstone(handle, hash, ret_is_found, ret_stamp);
}

int people_tombstone(struct weigate_handle *handle, const uint8_t hash[32], bool *ret_is_found, struct weigate_stamp *ret_stamp) {
  sqlite3_stmt *get = handle_statement(handle, STATEMENT_TOMBSTONE_GET);
  if (!get) return SQLITE_ERROR;
  bind_bytes(get, 1, hash, 32);
  int code = sqlite3_step(get);
  *ret_is_found = code == SQLITE_ROW;
  if (code == SQLITE_ROW) read_stamp(get, 0, ret_stamp);
  sqlite3_reset(get);
  return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

/* --- merging --- */

static bool is_same_text(struct weigate_text a, struct weigate_text b) {
  return a.size == b.size && (a.size == 0 || memcmp(a.bytes, b.bytes, a.size) == 0);
}

static int write_merged(struct weigate_handle *handle, const struct weigate_person *person, struct weigate_text unionid_before,
                        const struct merge_change *change) {
  int code = change->is_changed ? update_person(handle, person) : SQLITE_OK;
  if (code == SQLITE_OK && change->is_unionid_changed && !is_same_text(person->unionid, unionid_before))
    code = set_unionid(handle, person);
  if (code == SQLITE_OK && change->is_token_changed) code = put_token(handle, person);
  return code;
}

static int insert_new(struct weigate_handle *handle, const struct weigate_person *person) {
  int code = insert_person(handle, person);
  if (code == SQLITE_OK) handle->people_added++;
  if (code == SQLITE_OK && person->has & WEIGATE_PERSON_TOKEN) code = put_token(handle, person);
  return code;
}

/* `row` stands on the stored record while the merged one is written: its texts are still pointed to. */
static int merge_with_row(struct weigate_handle *handle, sqlite3_stmt *row, const struct weigate_person *write,
                          enum weigate_item *ret_outcome) {
  struct weigate_person person;
  people_from_row(row, &person);
  int code = write->has & WEIGATE_PERSON_TOKEN ? read_token(handle, &person) : SQLITE_OK;
  if (code != SQLITE_OK) return code;
  struct weigate_text unionid_before = person.unionid;
  struct merge_change change = merge_person(&person, write);
  code = write_merged(handle, &person, unionid_before, &change);
  *ret_outcome = change.outcome;
  return code;
}

int people_merge_one(struct weigate_handle *handle, const struct weigate_person *write, enum weigate_item *ret_outcome) {
  struct weigate_person fresh = *write;
  bool is_erased = false;
  struct weigate_stamp tombstone = {0};
  merge_drop_unknown(&fresh);
  fresh.has &= ~WEIGATE_PERSON_COUNTS;
  int code = people_tombstone_of(handle, fresh.appid, fresh.openid, &is_erased, &tombstone);
  if (code != SQLITE_OK) return code;
  if (is_erased && !merge_erase(&fresh, &tombstone)) {
    *ret_outcome = WEIGATE_ITEM_ERASED;
    return SQLITE_OK;
  }
  sqlite3_stmt *row = bind_key(handle, STATEMENT_PERSON_GET, fresh.appid, fresh.openid);
  code = row ? sqlite3_step(row) : SQLITE_ERROR;
  if (code == SQLITE_DONE) {
    *ret_outcome = WEIGATE_ITEM_NEW;
    code = insert_new(handle, &fresh);
  } else if (code == SQLITE_ROW) {
    code = merge_with_row(handle, row, &fresh, ret_outcome);
  }
  sqlite3_reset(handle->statements[STATEMENT_TOKEN_GET]);
  sqlite3_reset(row);
  return code;
}

int people_replace(struct weigate_handle *handle, const struct weigate_person *person) {
  int code = update_person(handle, person);
  return code == SQLITE_OK ? set_unionid(handle, person) : code;
}

/* --- the call --- */

/* One key: found or not, the sink is told. */
static int load_one(struct weigate_handle *handle, const struct weigate_key *key, uint32_t want, size_t index,
                    weigate_person_sink sink, void *context, bool *ret_is_enough) {
  sqlite3_stmt *row = bind_key(handle, STATEMENT_PERSON_GET, key->appid, key->openid);
  int code = row ? sqlite3_step(row) : SQLITE_ERROR;
  if (code == SQLITE_DONE) {
    *ret_is_enough = sink(context, index, NULL) != 0;
    code = SQLITE_OK;
  } else if (code == SQLITE_ROW) {
    struct weigate_person person;
    people_from_row(row, &person);
    code = people_complete(handle, want, &person);
    if (code == SQLITE_OK) *ret_is_enough = sink(context, index, &person) != 0;
  }
  sqlite3_reset(handle->statements[STATEMENT_TOKEN_GET]);
  sqlite3_reset(row);
  return code;
}

int people_load(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_keys *keys, uint32_t want,
                weigate_person_sink sink, void *context) {
  int class = handle_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  if (!check_shape(keys->stride, keys->count, sizeof(struct weigate_key)))
    return handle_invalid(call, "load_people: count or stride");
  if (want & ~WANT_ALL) return handle_invalid(call, "load_people: unknown bits in want");
  for (size_t i = 0; i < keys->count; i++) {
    struct weigate_key key = check_copy_key((const void *)((const char *)keys->items + i * keys->stride));
    if (check_key(&key)) return handle_invalid(call, "load_people: a key breaks a limit");
  }
  class = handle_read_begin(handle, call);
  if (class != WEIGATE_OK) return class;
  bool is_enough = false;
  int code = SQLITE_OK;
  for (size_t i = 0; i < keys->count && code == SQLITE_OK && !is_enough; i++) {
    struct weigate_key key = check_copy_key((const void *)((const char *)keys->items + i * keys->stride));
    code = load_one(handle, &key, want, i, sink, context, &is_enough);
  }
  if (code != SQLITE_OK) class = handle_fail(handle, call, code, "read people");
  handle_read_end(handle);
  return class;
}
