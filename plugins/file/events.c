/* SPDX-License-Identifier: Apache-2.0
 * events: one insert that does nothing the second time; only a row that was really inserted is counted. Storage threads. */
#include "events.h"

#include <string.h>

#include "people.h"

/* The event of somebody who was erased after it stays as a number. */
static int forget_if_erased(struct weigate_handle *handle, struct weigate_event *event) {
  bool is_erased = false;
  struct weigate_stamp tombstone = {0};
  int code = people_tombstone_of(handle, event->appid, event->openid, &is_erased, &tombstone);
  if (code == SQLITE_OK && is_erased && event->event_at_us <= tombstone.at_us) event->openid.size = 0;
  return code;
}

static int insert_event(struct weigate_handle *handle, const struct weigate_event *event) {
  sqlite3_stmt *insert = handle_statement(handle, STATEMENT_EVENT_INSERT);
  if (!insert) return SQLITE_ERROR;
  sqlite3_bind_int64(insert, 1, event->event_at_us);
  bind_bytes(insert, 2, event->event_id, sizeof(event->event_id));
  sqlite3_bind_int64(insert, 3, event->flags);
  sqlite3_bind_int(insert, 4, event->event_day);
  sqlite3_bind_int(insert, 5, event->errcode);
  sqlite3_bind_int64(insert, 6, event->latency_ms);
  bind_text(insert, 7, event->appid);
  bind_text(insert, 8, event->openid);
  bind_text(insert, 9, event->outcome);
  bind_text(insert, 10, event->stage);
  bind_text(insert, 11, event->scope);
  bind_text(insert, 12, event->channel);
  bind_text(insert, 13, event->network);
  bind_text(insert, 14, event->node);
  return handle_run(insert);
}

static int count_login(struct weigate_handle *handle, const struct weigate_event *event) {
  sqlite3_stmt *add = handle_statement(handle, STATEMENT_DAY_ADD);
  if (!add) return SQLITE_ERROR;
  bind_text(add, 1, event->appid);
  bind_text(add, 2, event->openid);
  sqlite3_bind_int(add, 3, event->event_day);
  sqlite3_bind_int64(add, 4, event->event_at_us);
  return handle_run(add);
}

int events_insert(struct weigate_handle *handle, const struct weigate_event *event, enum weigate_item *ret_outcome) {
  struct weigate_event fresh = *event;
  int code = fresh.openid.size ? forget_if_erased(handle, &fresh) : SQLITE_OK;
  if (code == SQLITE_OK) code = insert_event(handle, &fresh);
  if (code != SQLITE_OK) return code;
  if (sqlite3_changes(handle->db) == 0) {
    *ret_outcome = WEIGATE_ITEM_DUPLICATE;
    return SQLITE_OK;
  }
  *ret_outcome = WEIGATE_ITEM_NEW;
  return fresh.flags & WEIGATE_EVENT_LOGIN && fresh.openid.size ? count_login(handle, &fresh) : SQLITE_OK;
}

void events_from_row(sqlite3_stmt *row, struct weigate_event *ret_event) {
  struct weigate_event *e = ret_event;
  memset(e, 0, sizeof(*e));
  e->struct_size = sizeof(*e);
  e->event_at_us = sqlite3_column_int64(row, 0);
  const void *id = sqlite3_column_blob(row, 1);
  if (id && sqlite3_column_bytes(row, 1) == (int)sizeof(e->event_id)) memcpy(e->event_id, id, sizeof(e->event_id));
  e->flags = (uint32_t)sqlite3_column_int64(row, 2);
  e->event_day = sqlite3_column_int(row, 3);
  e->errcode = sqlite3_column_int(row, 4);
  e->latency_ms = (uint32_t)sqlite3_column_int64(row, 5);
  e->appid = column_text(row, 6);
  e->openid = column_text(row, 7);
  e->outcome = column_text(row, 8);
  e->stage = column_text(row, 9);
  e->scope = column_text(row, 10);
  e->channel = column_text(row, 11);
  e->network = column_text(row, 12);
  e->node = column_text(row, 13);
}
