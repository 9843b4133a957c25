/* SPDX-License-Identifier: Apache-2.0
 * tickets: notes with a lifetime. One that need not survive a power cut costs no fsync. Storage threads. */
#include <stdio.h>
#include <string.h>

#include "../common/check.h"
#include "parts.h"

static struct weigate_ticket item_at(const struct weigate_tickets *batch, size_t index) {
  return check_copy_ticket((const void *)((const char *)batch->items + index * batch->stride));
}

static bool is_durable(const struct weigate_tickets *batch) {
  for (size_t i = 0; i < batch->count; i++)
    if (item_at(batch, i).flags & WEIGATE_TICKET_DURABLE) return true;
  return false;
}

int tickets_take_numbers(struct weigate_handle *handle, size_t count, uint64_t *ret_first) {
  sqlite3_stmt *take = handle_statement(handle, STATEMENT_TICKET_NUMBERS);
  if (!take) return SQLITE_ERROR;
  sqlite3_bind_int64(take, 1, (sqlite3_int64)count);
  int code = sqlite3_step(take);
  if (code == SQLITE_ROW) {
    *ret_first = (uint64_t)sqlite3_column_int64(take, 0) - count + 1;
    code = sqlite3_step(take);
  }
  sqlite3_reset(take);
  return code == SQLITE_DONE ? SQLITE_OK : code;
}

int tickets_put_one(struct weigate_handle *handle, const struct weigate_ticket *ticket, uint64_t number) {
  sqlite3_stmt *put = handle_statement(handle, STATEMENT_TICKET_PUT);
  if (!put) return SQLITE_ERROR;
  bind_text(put, 1, ticket->kind);
  bind_text(put, 2, ticket->key);
  bind_bytes(put, 3, ticket->value.bytes, ticket->value.size);
  sqlite3_bind_int64(put, 4, ticket->expires_at_us);
  sqlite3_bind_int64(put, 5, ticket->flags);
  sqlite3_bind_int64(put, 6, (sqlite3_int64)number);
  return handle_run(put);
}

static int delete_one(struct weigate_handle *handle, const struct weigate_ticket *ticket) {
  sqlite3_stmt *delete = handle_statement(handle, STATEMENT_TICKET_DELETE);
  if (!delete) return SQLITE_ERROR;
  bind_text(delete, 1, ticket->kind);
  bind_text(delete, 2, ticket->key);
  return handle_run(delete);
}

/* Finds the living ticket under the item's key. The statement stays on its row, for the value, until it is reset. */
static int find_one(struct weigate_handle *handle, const struct weigate_ticket *item, bool *ret_is_found,
                    struct weigate_ticket *ret_found) {
  sqlite3_stmt *get = handle_statement(handle, STATEMENT_TICKET_GET);
  *ret_is_found = false;
  if (!get) return SQLITE_ERROR;
  sqlite3_reset(get);
  bind_text(get, 1, item->kind);
  bind_text(get, 2, item->key);
  int code = sqlite3_step(get);
  if (code != SQLITE_ROW) return code == SQLITE_DONE ? SQLITE_OK : code;
  *ret_found = (struct weigate_ticket){.struct_size = sizeof(*ret_found), .kind = item->kind, .key = item->key};
  ret_found->value.bytes = sqlite3_column_blob(get, 0);
  ret_found->value.size = (size_t)sqlite3_column_bytes(get, 0);
  ret_found->expires_at_us = sqlite3_column_int64(get, 1);
  ret_found->flags = (uint32_t)sqlite3_column_int64(get, 2);
  *ret_is_found = ret_found->expires_at_us > handle->now_us;
  return SQLITE_OK;
}

static bool is_same_claim(const struct weigate_ticket *a, const struct weigate_ticket *b) {
  return a->expires_at_us == b->expires_at_us && a->value.size == b->value.size &&
         (a->value.size == 0 || memcmp(a->value.bytes, b->value.bytes, a->value.size) == 0);
}

/* --- calls that write --- */

/* What the calls have in common: who is told, and what is done with one checked item. */
struct ticket_work {
  struct weigate_handle *handle;
  const struct weigate_tickets *batch;
  struct weigate_result *results; /* NULL: take */
  weigate_ticket_sink sink;       /* may be NULL */
  void *context;
  uint64_t number; /* of the first item */
};

static int claim_one(struct ticket_work *work, size_t index, const struct weigate_ticket *item) {
  struct weigate_ticket found;
  bool is_found;
  int code = find_one(work->handle, item, &is_found, &found);
  if (code != SQLITE_OK) return code;
  if (!is_found) {
    check_set_result(work->results, index, WEIGATE_ITEM_NEW, NULL);
    return tickets_put_one(work->handle, item, work->number + index);
  }
  check_set_result(work->results, index, is_same_claim(&found, item) ? WEIGATE_ITEM_DUPLICATE : WEIGATE_ITEM_TAKEN, NULL);
  if (work->sink) work->sink(work->context, index, &found);
  return SQLITE_OK;
}

static int put_one(struct ticket_work *work, size_t index, const struct weigate_ticket *item) {
  struct weigate_ticket found;
  bool is_found;
  int code = find_one(work->handle, item, &is_found, &found);
  if (code != SQLITE_OK) return code;
  check_set_result(work->results, index, is_found ? WEIGATE_ITEM_UPDATED : WEIGATE_ITEM_NEW, NULL);
  return tickets_put_one(work->handle, item, work->number + index);
}

typedef int (*ticket_step)(struct ticket_work *work, size_t index, const struct weigate_ticket *item);

static int write_items(struct ticket_work *work, ticket_step step) {
  int code = tickets_take_numbers(work->handle, work->batch->count, &work->number);
  for (size_t i = 0; i < work->batch->count && code == SQLITE_OK; i++) {
    struct weigate_ticket item = item_at(work->batch, i);
    const char *bad = check_ticket(&item);
    if (bad)
      check_set_result(work->results, i, WEIGATE_ITEM_REJECTED, bad);
    else
      code = step(work, i, &item);
    sqlite3_reset(work->handle->statements[STATEMENT_TICKET_GET]);
  }
  return code;
}

static int finish_write(struct weigate_handle *handle, struct weigate_call *call, int code, const char *doing) {
  if (code == SQLITE_OK) return handle_write_commit(handle, call);
  int class = handle_fail(handle, call, code, doing);
  handle_write_undo(handle);
  return class;
}

static int begin_work(struct ticket_work *work, struct weigate_call *call) {
  int class = handle_enter(work->handle, call);
  if (class != WEIGATE_OK) return class;
  if (!check_shape(work->batch->stride, work->batch->count, sizeof(struct weigate_ticket)))
    return handle_invalid(call, "tickets: count or stride");
  return handle_write_begin(work->handle, call, is_durable(work->batch));
}

/* NEW where there was nothing or a ticket past its time; the answers about those that are held come before the commit: they hold
 * whatever becomes of the rest. */
static int claim(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_tickets *batch,
                 struct weigate_result *results, weigate_ticket_sink sink, void *context) {
  struct ticket_work work = {.handle = handle, .batch = batch, .results = results, .sink = sink, .context = context};
  int class = begin_work(&work, call);
  return class == WEIGATE_OK ? finish_write(handle, call, write_items(&work, claim_one), "claim tickets") : class;
}

static int put(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_tickets *batch,
               struct weigate_result *results) {
  struct ticket_work work = {.handle = handle, .batch = batch, .results = results};
  int class = begin_work(&work, call);
  return class == WEIGATE_OK ? finish_write(handle, call, write_items(&work, put_one), "put tickets") : class;
}

/* --- calls that read --- */

static bool are_keys_good(const struct weigate_tickets *keys) {
  if (!check_shape(keys->stride, keys->count, sizeof(struct weigate_ticket))) return false;
  for (size_t i = 0; i < keys->count; i++) {
    struct weigate_ticket key = item_at(keys, i);
    key.value.size = 0;
    if (check_ticket(&key)) return false;
  }
  return true;
}

static int get(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_tickets *keys,
               weigate_ticket_sink sink, void *context) {
  int class = handle_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  if (!are_keys_good(keys)) return handle_invalid(call, "tickets: count, stride or a key");
  class = handle_read_begin(handle, call);
  if (class != WEIGATE_OK) return class;
  int code = SQLITE_OK, is_enough = 0;
  for (size_t i = 0; i < keys->count && code == SQLITE_OK && !is_enough; i++) {
    struct weigate_ticket key = item_at(keys, i), found;
    bool is_found;
    code = find_one(handle, &key, &is_found, &found);
    if (code == SQLITE_OK) is_enough = sink(context, i, is_found ? &found : NULL);
  }
  if (code != SQLITE_OK) class = handle_fail(handle, call, code, "read tickets");
  handle_read_end(handle);
  return class;
}

/* The sink is given what is there before the commit; only WEIGATE_OK makes it the taker's. */
static int take_items(struct weigate_handle *handle, const struct weigate_tickets *keys, weigate_ticket_sink sink,
                      void *context) {
  int code = SQLITE_OK, is_enough = 0;
  for (size_t i = 0; i < keys->count && code == SQLITE_OK && !is_enough; i++) {
    struct weigate_ticket key = item_at(keys, i), found;
    bool is_found;
    code = find_one(handle, &key, &is_found, &found);
    if (code != SQLITE_OK) break;
    is_enough = sink(context, i, is_found ? &found : NULL);
    sqlite3_reset(handle->statements[STATEMENT_TICKET_GET]);
    if (is_found) code = delete_one(handle, &key);
  }
  return code;
}

static int take(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_tickets *keys,
                weigate_ticket_sink sink, void *context) {
  int class = handle_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  if (!are_keys_good(keys)) return handle_invalid(call, "tickets: count, stride or a key");
  class = handle_write_begin(handle, call, is_durable(keys));
  if (class != WEIGATE_OK) return class;
  return finish_write(handle, call, take_items(handle, keys, sink, context), "take tickets");
}

static int scan_rows(struct weigate_handle *handle, struct weigate_text kind, uint64_t *cursor, uint32_t limit,
                     weigate_ticket_sink sink, void *context) {
  size_t index = 0;
  int code = SQLITE_DONE, is_enough = 0;
  sqlite3_stmt *scan = handle_statement(handle, STATEMENT_TICKET_SCAN);
  if (!scan) return SQLITE_ERROR;
  bind_text(scan, 1, kind);
  sqlite3_bind_int64(scan, 2, (sqlite3_int64)*cursor);
  sqlite3_bind_int64(scan, 3, limit);
  while (!is_enough && (code = sqlite3_step(scan)) == SQLITE_ROW) {
    struct weigate_ticket ticket = {.struct_size = sizeof(ticket), .kind = kind, .key = column_text(scan, 1)};
    ticket.value.bytes = sqlite3_column_blob(scan, 2);
    ticket.value.size = (size_t)sqlite3_column_bytes(scan, 2);
    ticket.expires_at_us = sqlite3_column_int64(scan, 3);
    ticket.flags = (uint32_t)sqlite3_column_int64(scan, 4);
    *cursor = (uint64_t)sqlite3_column_int64(scan, 0);
    if (ticket.expires_at_us > handle->now_us) is_enough = sink(context, index++, &ticket);
  }
  sqlite3_reset(scan);
  return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

static int scan(struct weigate_handle *handle, struct weigate_call *call, struct weigate_text kind, uint64_t *cursor,
                uint32_t limit, weigate_ticket_sink sink, void *context) {
  int class = handle_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  if (limit == 0 || limit > WEIGATE_BATCH_MAX || *cursor > INT64_MAX) return handle_invalid(call, "tickets: limit or cursor");
  class = handle_read_begin(handle, call);
  if (class != WEIGATE_OK) return class;
  int code = scan_rows(handle, kind, cursor, limit, sink, context);
  if (code != SQLITE_OK) class = handle_fail(handle, call, code, "scan tickets");
  handle_read_end(handle);
  return class;
}

const struct weigate_tickets_v1 tickets_extension = {
    .struct_size = sizeof(struct weigate_tickets_v1),
    .claim = claim,
    .put = put,
    .get = get,
    .take = take,
    .scan = scan,
};
