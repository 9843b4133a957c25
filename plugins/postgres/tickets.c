/* SPDX-License-Identifier: Apache-2.0
 * tickets: notes with a lifetime. A commit that need not survive a power cut does not wait for the server's disk. Storage
 * threads. */
#include <stdio.h>
#include <string.h>

#include "../common/check.h"
#include "parts.h"
#include "record.h"

static struct weigate_ticket item_at(const struct weigate_tickets *batch, size_t index) {
  return check_copy_ticket((const void *)((const char *)batch->items + index * batch->stride));
}

static const char *is_durable(const struct weigate_tickets *batch) {
  for (size_t i = 0; i < batch->count; i++)
    if (item_at(batch, i).flags & WEIGATE_TICKET_DURABLE) return "true";
  return "false";
}

/* Room for the numbers that every call hands over. */
struct numbers {
  char now[NUMBER_ROOM], lock[NUMBER_ROOM], count[NUMBER_ROOM];
};

/* --- claim and put --- */

static void write_items(struct weigate_handle *handle, const struct weigate_tickets *batch, struct weigate_result *results) {
  json_open(&handle->tickets);
  for (size_t i = 0; i < batch->count; i++) {
    struct weigate_ticket item = item_at(batch, i);
    const char *bad = check_ticket(&item);
    check_set_result(results, i, bad ? WEIGATE_ITEM_REJECTED : WEIGATE_ITEM_UNKNOWN, bad);
    if (!bad) record_add_ticket(&handle->tickets, i, &item);
  }
  json_close(&handle->tickets);
}

static int begin_write(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_tickets *batch,
                       struct weigate_result *results) {
  int class = handle_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  if (!check_shape(batch->stride, batch->count, sizeof(struct weigate_ticket)))
    return handle_invalid(call, "tickets: count or stride");
  write_items(handle, batch, results);
  return handle->tickets.failed ? handle_no_memory(call) : WEIGATE_OK;
}

/* The ticket of a row (value, expires_at_us, flags) that begins at the column. */
static struct weigate_ticket read_ticket(PGresult *result, int row, int column, struct weigate_text kind,
                                         struct weigate_text key) {
  return (struct weigate_ticket){.struct_size = sizeof(struct weigate_ticket),
                                 .flags = (uint32_t)record_number(result, row, column + 2),
                                 .kind = kind,
                                 .key = key,
                                 .value = record_bytes(result, row, column),
                                 .expires_at_us = record_number(result, row, column + 1)};
}

static int claim(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_tickets *batch,
                 struct weigate_result *results, weigate_ticket_sink sink, void *context) {
  struct numbers numbers;
  PGresult *result = NULL;
  int class = begin_write(handle, call, batch, results);
  if (class != WEIGATE_OK) return class;
  struct question question = {
      .sql = "SELECT place, outcome, value, expires_at_us, flags FROM weigate.ticket_claim($1::jsonb, $2::bigint, $3::boolean, "
             "$4::integer) ORDER BY place",
      .doing = "claim tickets",
      .values = {handle->tickets.bytes, handle_number(handle->now_us, numbers.now), is_durable(batch),
                 handle_number((int64_t)handle_ms_left(handle), numbers.lock)},
      .count = 4,
      .is_write = true};
  class = handle_ask(handle, call, &question, &result);
  if (class != WEIGATE_OK) return class;
  for (int row = 0; row < PQntuples(result); row++) {
    size_t index = (size_t)record_number(result, row, 0);
    if (index >= batch->count) continue;
    struct weigate_ticket item = item_at(batch, index);
    check_set_result(results, index, (enum weigate_item)record_number(result, row, 1), NULL);
    if (PQgetisnull(result, row, 2) || !sink) continue;
    struct weigate_ticket found = read_ticket(result, row, 2, item.kind, item.key);
    sink(context, index, &found);
  }
  PQclear(result);
  return WEIGATE_OK;
}

static int put(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_tickets *batch,
               struct weigate_result *results) {
  struct numbers numbers;
  PGresult *result = NULL;
  int class = begin_write(handle, call, batch, results);
  if (class != WEIGATE_OK) return class;
  struct question question = {.sql = "SELECT weigate.ticket_put($1::jsonb, $2::bigint, $3::integer, $4::boolean, $5::integer)",
                              .doing = "put tickets",
                              .values = {handle->tickets.bytes, handle_number(handle->now_us, numbers.now),
                                         handle_number((int64_t)batch->count, numbers.count), is_durable(batch),
                                         handle_number((int64_t)handle_ms_left(handle), numbers.lock)},
                              .count = 5,
                              .is_write = true};
  if (batch->count == 0) return WEIGATE_OK;
  class = handle_ask(handle, call, &question, &result);
  if (class != WEIGATE_OK) return class;
  bool is_good = PQntuples(result) == 1 && record_read_outcomes(PQgetvalue(result, 0, 0), results, batch->count);
  PQclear(result);
  if (is_good) return WEIGATE_OK;
  snprintf(call->message, sizeof(call->message), "ticket_put answered something unreadable; are the functions ours?");
  return WEIGATE_OUTCOME_UNKNOWN;
}

/* --- get and take --- */

static int write_keys(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_tickets *keys) {
  int class = handle_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  if (!check_shape(keys->stride, keys->count, sizeof(struct weigate_ticket)))
    return handle_invalid(call, "tickets: count or stride");
  json_open(&handle->tickets);
  for (size_t i = 0; i < keys->count; i++) {
    struct weigate_ticket key = item_at(keys, i);
    key.value.size = 0;
    if (check_ticket(&key)) return handle_invalid(call, "tickets: a key breaks a limit");
    record_add_ticket(&handle->tickets, i, &key);
  }
  json_close(&handle->tickets);
  return handle->tickets.failed ? handle_no_memory(call) : WEIGATE_OK;
}

/* Rows of (place, value, expires_at_us, flags) in order of place, some places without a row: the sink hears of each. */
static void give_found(PGresult *result, const struct weigate_handle *handle, const struct weigate_tickets *keys,
                       weigate_ticket_sink sink, void *context) {
  int row = 0, is_enough = 0;
  for (size_t i = 0; i < keys->count && !is_enough; i++) {
    struct weigate_ticket key = item_at(keys, i), found = {0};
    bool is_found = row < PQntuples(result) && (size_t)record_number(result, row, 0) == i;
    if (is_found) found = read_ticket(result, row++, 1, key.kind, key.key);
    is_enough = sink(context, i, is_found && found.expires_at_us > handle->now_us ? &found : NULL);
  }
}

static int get(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_tickets *keys,
               weigate_ticket_sink sink, void *context) {
  PGresult *result = NULL;
  int class = write_keys(handle, call, keys);
  if (class != WEIGATE_OK) return class;
  struct question question = {.sql = "SELECT k.i, h.value, h.expires_at_us, h.flags"
                                     " FROM pg_catalog.jsonb_populate_recordset(NULL::weigate.ticket_write, $1::jsonb) k"
                                     " JOIN weigate.ticket h ON h.kind = k.kind AND h.key = k.key ORDER BY k.i",
                              .doing = "read tickets",
                              .values = {handle->tickets.bytes},
                              .count = 1};
  class = handle_ask(handle, call, &question, &result);
  if (class != WEIGATE_OK) return class;
  give_found(result, handle, keys, sink, context);
  PQclear(result);
  return WEIGATE_OK;
}

static int take(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_tickets *keys,
                weigate_ticket_sink sink, void *context) {
  struct numbers numbers;
  PGresult *result = NULL;
  int class = write_keys(handle, call, keys);
  if (class != WEIGATE_OK) return class;
  struct question question = {
      .sql = "SELECT place, value, expires_at_us, flags FROM weigate.ticket_take($1::jsonb, $2::boolean, $3::integer) ORDER BY "
             "place",
      .doing = "take tickets",
      .values = {handle->tickets.bytes, is_durable(keys), handle_number((int64_t)handle_ms_left(handle), numbers.lock)},
      .count = 3,
      .is_write = true};
  class = handle_ask(handle, call, &question, &result);
  if (class != WEIGATE_OK) return class;
  give_found(result, handle, keys, sink, context);
  PQclear(result);
  return WEIGATE_OK;
}

/* --- scan --- */

/* Behind the oldest transaction that still runs, others may yet appear: what stands there is given, but not passed. */
static void give_scanned(PGresult *result, const struct weigate_handle *handle, struct weigate_text kind, uint64_t *cursor,
                         weigate_ticket_sink sink, void *context) {
  int is_enough = 0;
  size_t index = 0;
  for (int row = 0; row < PQntuples(result) && !is_enough; row++) {
    struct weigate_ticket ticket = read_ticket(result, row, 3, kind, record_text(result, row, 2));
    int64_t number = record_number(result, row, 0), horizon = record_number(result, row, 1);
    int64_t passed = number < horizon ? number : horizon;
    if (passed > 0 && (uint64_t)passed > *cursor) *cursor = (uint64_t)passed;
    if (ticket.expires_at_us > handle->now_us) is_enough = sink(context, index++, &ticket);
  }
}

static int scan(struct weigate_handle *handle, struct weigate_call *call, struct weigate_text kind, uint64_t *cursor,
                uint32_t limit, weigate_ticket_sink sink, void *context) {
  char kind_room[WEIGATE_WORD_MAX + 1], limit_room[NUMBER_ROOM], cursor_room[NUMBER_ROOM];
  PGresult *result = NULL;
  int class = handle_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  if (limit == 0 || limit > WEIGATE_BATCH_MAX || *cursor > INT64_MAX || kind.size > WEIGATE_WORD_MAX)
    return handle_invalid(call, "tickets: limit, cursor or kind");
  snprintf(kind_room, sizeof(kind_room), "%.*s", (int)kind.size, kind.bytes ? kind.bytes : "");
  struct question question = {
      .sql = "SELECT number, pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text::bigint * 1024 - 1, key, value, "
             "expires_at_us, flags"
             " FROM weigate.ticket WHERE kind = $1 AND number > $2::bigint ORDER BY number LIMIT $3::integer",
      .doing = "scan tickets",
      .values = {kind_room, handle_number((int64_t)*cursor, cursor_room), handle_number(limit, limit_room)},
      .count = 3};
  class = handle_ask(handle, call, &question, &result);
  if (class != WEIGATE_OK) return class;
  give_scanned(result, handle, kind, cursor, sink, context);
  PQclear(result);
  return WEIGATE_OK;
}

const struct weigate_tickets_v1 tickets_extension = {
    .struct_size = sizeof(struct weigate_tickets_v1),
    .claim = claim,
    .put = put,
    .get = get,
    .take = take,
    .scan = scan,
};
