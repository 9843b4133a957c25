/* SPDX-License-Identifier: Apache-2.0
 * people: whole records in, whole records out, and erasing. Storage threads. */
#include <stdio.h>
#include <string.h>

#include "../common/check.h"
#include "parts.h"
#include "record.h"

#define WANT_ALL (WEIGATE_WANT_TOKEN | WEIGATE_WANT_COUNTS | WEIGATE_WANT_ERASED)

/* Runs a function of (items, count, lock_ms) that answers with an array of outcomes. */
static int write_people(struct weigate_handle *handle, struct weigate_call *call, const char *sql, const char *doing,
                        size_t count, struct weigate_result *results) {
  char count_room[NUMBER_ROOM], lock_room[NUMBER_ROOM];
  struct question question = {.sql = sql,
                              .doing = doing,
                              .values = {handle->people.bytes, handle_number((int64_t)count, count_room),
                                         handle_number((int64_t)handle_ms_left(handle), lock_room)},
                              .count = 3,
                              .is_write = true};
  PGresult *result = NULL;
  if (handle->people.failed) return handle_no_memory(call);
  int class = handle_ask(handle, call, &question, &result);
  text_wipe(&handle->people, &handle->store->host);
  if (class != WEIGATE_OK) return class;
  bool is_good = PQntuples(result) == 1 && record_read_outcomes(PQgetvalue(result, 0, 0), results, count);
  PQclear(result);
  if (is_good) return WEIGATE_OK;
  snprintf(call->message, sizeof(call->message), "could not %s: the answer is unreadable; are the functions ours?", doing);
  return WEIGATE_OUTCOME_UNKNOWN;
}

/* --- merging --- */

static void write_records(struct weigate_handle *handle, const struct weigate_people *batch, struct weigate_result *results) {
  json_open(&handle->people);
  for (size_t i = 0; i < batch->count; i++) {
    struct weigate_person person = check_copy_person((const void *)((const char *)batch->items + i * batch->stride));
    bool is_tombstone = person.has & WEIGATE_PERSON_ERASED;
    const char *bad = is_tombstone ? check_tombstone(&person, handle->now_us) : check_person(&person, handle->now_us);
    check_set_result(results, i, bad ? WEIGATE_ITEM_REJECTED : WEIGATE_ITEM_UNKNOWN, bad);
    if (bad) continue;
    if (is_tombstone)
      record_add_tombstone(&handle->people, i, &person);
    else
      record_add_person(&handle->people, &handle->store->host, i, &person);
  }
  json_close(&handle->people);
}

int people_merge(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_people *batch,
                 struct weigate_result *results) {
  int class = handle_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  if (!check_shape(batch->stride, batch->count, sizeof(struct weigate_person)))
    return handle_invalid(call, "merge_people: count or stride");
  if (batch->count == 0) return WEIGATE_OK;
  write_records(handle, batch, results);
  return write_people(handle, call, "SELECT weigate.merge_people($1::jsonb, $2::integer, $3::integer)", "merge people",
                      batch->count, results);
}

/* --- erasing --- */

int people_erase(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_keys *keys,
                 const struct weigate_stamp *stamp, struct weigate_result *results) {
  int class = handle_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  if (!check_shape(keys->stride, keys->count, sizeof(struct weigate_key)))
    return handle_invalid(call, "erase_people: count or stride");
  if (check_stamp(stamp, handle->now_us)) return handle_invalid(call, "erase_people: the stamp is not a time of the past");
  if (keys->count == 0) return WEIGATE_OK;
  json_open(&handle->people);
  for (size_t i = 0; i < keys->count; i++) {
    struct weigate_key key = check_copy_key((const void *)((const char *)keys->items + i * keys->stride));
    const char *bad = check_key(&key);
    check_set_result(results, i, bad ? WEIGATE_ITEM_REJECTED : WEIGATE_ITEM_UNKNOWN, bad);
    if (!bad) record_add_erasure(&handle->people, &handle->store->host, i, &key, stamp);
  }
  json_close(&handle->people);
  return write_people(handle, call, "SELECT weigate.erase_people($1::jsonb, $2::integer, $3::integer)", "erase people",
                      keys->count, results);
}

/* --- loading --- */

static void give_people(PGresult *result, uint32_t want, weigate_person_sink sink, void *context) {
  int is_enough = 0;
  for (int row = 0; row < PQntuples(result) && !is_enough; row++) {
    struct weigate_person person;
    size_t index = (size_t)record_number(result, row, 0);
    bool is_found = !PQgetisnull(result, row, 1);
    if (is_found) record_read_person(result, row, 2, want, &person);
    is_enough = sink(context, index, is_found ? &person : NULL);
  }
}

static int write_keys(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_keys *keys) {
  json_open(&handle->people);
  for (size_t i = 0; i < keys->count; i++) {
    struct weigate_key key = check_copy_key((const void *)((const char *)keys->items + i * keys->stride));
    if (check_key(&key)) return handle_invalid(call, "load_people: a key breaks a limit");
    json_item(&handle->people, i);
    json_text(&handle->people, "appid", key.appid);
    json_text(&handle->people, "openid", key.openid);
    json_item_end(&handle->people);
  }
  json_close(&handle->people);
  return handle->people.failed ? handle_no_memory(call) : WEIGATE_OK;
}

int people_load(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_keys *keys, uint32_t want,
                weigate_person_sink sink, void *context) {
  struct question question = {
      .sql = "SELECT k.i, p.profile_no, " RECORD_PERSON_COLUMNS
             " FROM pg_catalog.jsonb_populate_recordset(NULL::weigate.person_write, "
             "$1::jsonb) k"
             " LEFT JOIN weigate.subject s ON s.appid = k.appid AND s.openid = k.openid"
             " LEFT JOIN weigate.profile p ON p.profile_no = s.profile_no" RECORD_PERSON_JOINS("$2", "$3") " ORDER BY k.i",
      .doing = "read people",
      .count = 3};
  PGresult *result = NULL;
  int class = handle_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  if (!check_shape(keys->stride, keys->count, sizeof(struct weigate_key)))
    return handle_invalid(call, "load_people: count or stride");
  if (want & ~WANT_ALL) return handle_invalid(call, "load_people: unknown bits in want");
  class = write_keys(handle, call, keys);
  if (class != WEIGATE_OK) return class;
  question.values[0] = handle->people.bytes;
  question.values[1] = want & WEIGATE_WANT_TOKEN ? "true" : "false";
  question.values[2] = want & WEIGATE_WANT_COUNTS ? "true" : "false";
  class = handle_ask(handle, call, &question, &result);
  if (class != WEIGATE_OK) return class;
  give_people(result, want, sink, context);
  PQclear(result);
  return WEIGATE_OK;
}
