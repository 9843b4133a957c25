/* SPDX-License-Identifier: Apache-2.0
 * care: health, and the work that a database needs from time to time. Storage threads. */
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "parts.h"
#include "schema.h"

/* Below this the log cannot grow to the next checkpoint with a batch to spare. */
#define FREE_LOW_BYTES 67108864
/* Rows that one transaction of maintenance takes out: some milliseconds during which sign-ins wait. */
#define EXPIRE_ROWS 500
/* Longer than any queue, copy or backup that may still bring an erased person's old writes: 90 days. */
#define TOMBSTONE_KEEP_US (INT64_C(90) * 86400 * 1000000)

static uint64_t file_bytes(const struct weigate_store *store, const char *suffix) {
  char path[4096 + 8];
  struct stat file;
  snprintf(path, sizeof(path), "%s%s", store->path, suffix);
  return stat(path, &file) == 0 ? (uint64_t)file.st_size : 0;
}

static int count_people(struct weigate_handle *handle, uint64_t *ret_count) {
  sqlite3_stmt *ask = handle_statement(handle, STATEMENT_PEOPLE_COUNT);
  int code = ask ? sqlite3_step(ask) : SQLITE_ERROR;
  if (code == SQLITE_ROW) *ret_count = (uint64_t)sqlite3_column_int64(ask, 0);
  sqlite3_reset(ask);
  return code == SQLITE_ROW ? SQLITE_OK : code;
}

static void judge_room(const struct weigate_store *store, struct weigate_health *health) {
  struct statvfs room;
  if (statvfs(store->path, &room) != 0) return;
  health->free_bytes = (uint64_t)room.f_bavail * room.f_frsize;
  if (room.f_flag & ST_RDONLY) {
    health->state = WEIGATE_STATE_READ_ONLY;
    snprintf(health->text, sizeof(health->text), "the file system is mounted read-only");
  } else if (health->free_bytes < FREE_LOW_BYTES) {
    health->state = WEIGATE_DEGRADED;
    snprintf(health->text, sizeof(health->text), "the file system has less than 64 MB left");
  }
}

int care_health(struct weigate_handle *handle, struct weigate_call *call, struct weigate_health *ret_health) {
  int class = handle_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  struct weigate_health health = {.state = WEIGATE_UP, .schema_version = SCHEMA_VERSION};
  int code = count_people(handle, &health.people_estimate);
  if (code != SQLITE_OK) return handle_fail(handle, call, code, "read");
  health.size_bytes = file_bytes(handle->store, "") + file_bytes(handle->store, "-wal");
  snprintf(health.text, sizeof(health.text), "up");
  judge_room(handle->store, &health);
  uint32_t size = ret_health->struct_size < sizeof(health) ? ret_health->struct_size : sizeof(health);
  health.struct_size = ret_health->struct_size;
  memcpy(ret_health, &health, size);
  return WEIGATE_OK;
}

/* One bite of expired rows. An SQLite code; *ret_count is how many went. */
static int expire_some(struct weigate_handle *handle, enum statement which, int64_t before_us, int *ret_count) {
  sqlite3_stmt *expire = handle_statement(handle, which);
  if (!expire) return SQLITE_ERROR;
  sqlite3_bind_int64(expire, 1, before_us);
  sqlite3_bind_int(expire, 2, EXPIRE_ROWS);
  int code = handle_run(expire);
  *ret_count = code == SQLITE_OK ? sqlite3_changes(handle->db) : 0;
  return code;
}

static bool has_time(const struct weigate_handle *handle) {
  return handle->store->host.mono_ms() < handle->deadline_ms;
}

/* Bite after bite, each its own transaction, so that sign-ins come in between. */
static int expire_all(struct weigate_handle *handle, struct weigate_call *call, enum statement which, int64_t before_us) {
  int count = EXPIRE_ROWS;
  while (count == EXPIRE_ROWS && has_time(handle)) {
    int class = handle_write_begin(handle, call, false);
    if (class != WEIGATE_OK) return class;
    int code = expire_some(handle, which, before_us, &count);
    if (code != SQLITE_OK) {
      class = handle_fail(handle, call, code, "drop what is past its time");
      handle_write_undo(handle);
      return class;
    }
    class = handle_write_commit(handle, call);
    if (class != WEIGATE_OK) return class;
  }
  return WEIGATE_OK;
}

static int compact(struct weigate_handle *handle, struct weigate_call *call) {
  int class = handle_line_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  int code = sqlite3_exec(handle->db, "PRAGMA optimize", NULL, NULL, NULL);
  if (code == SQLITE_OK) code = handle_checkpoint(handle, true);
  if (code != SQLITE_OK) class = handle_fail(handle, call, code, "empty the write-ahead log");
  handle_line_leave(handle);
  return class;
}

int care_maintain(struct weigate_handle *handle, struct weigate_call *call, uint32_t work) {
  int class = handle_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  if (work & ~(WEIGATE_MAINTAIN_EXPIRE | WEIGATE_MAINTAIN_COMPACT)) return handle_invalid(call, "maintain: unknown work");
  if (work & WEIGATE_MAINTAIN_EXPIRE) {
    class = expire_all(handle, call, STATEMENT_TICKET_EXPIRE, handle->now_us);
    if (class == WEIGATE_OK) class = expire_all(handle, call, STATEMENT_TOKEN_EXPIRE, handle->now_us);
    if (class == WEIGATE_OK) class = expire_all(handle, call, STATEMENT_TOMBSTONE_EXPIRE, handle->now_us - TOMBSTONE_KEEP_US);
  }
  if (class == WEIGATE_OK && work & WEIGATE_MAINTAIN_COMPACT) class = compact(handle, call);
  return class;
}
