/* SPDX-License-Identifier: Apache-2.0
 * handle: opens one connection as this plugin wants it, and keeps what every call shares. One storage thread at a time per
 * handle. */
#include "handle.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Log pages (4 KiB) after which the writer that holds the place moves them into the database: 8 MiB, read back in some 10 ms
 * after a crash, and a pause of the same order for the commit that finds it so. */
#define CHECKPOINT_PAGES 2048
/* Steps of SQLite's machine between two looks at the clock: some 20 µs. */
#define PROGRESS_STEPS 2000

static const char *const file_suffixes[HANDLE_FILES] = {"", "-wal", "-shm"};

static uint64_t ms_left(const struct weigate_handle *handle) {
  uint64_t now = handle->store->host.mono_ms();
  return handle->deadline_ms > now ? handle->deadline_ms - now : 0;
}

static int is_out_of_time(void *arg) {
  return ms_left(arg) == 0;
}

static int remember_log_pages(void *arg, sqlite3 *db, const char *name, int pages) {
  (void)db;
  (void)name;
  struct weigate_handle *handle = arg;
  handle->wal_pages = pages;
  return SQLITE_OK;
}

static int look_at_files(const struct weigate_handle *handle, struct stat files[HANDLE_FILES]) {
  char path[4096 + 8];
  for (size_t i = 0; i < HANDLE_FILES; i++) {
    snprintf(path, sizeof(path), "%s%s", handle->store->path, file_suffixes[i]);
    if (stat(path, &files[i]) != 0) return -1;
  }
  return 0;
}

bool handle_remember_files(struct weigate_handle *handle) {
  return look_at_files(handle, handle->files) == 0;
}

/* True if one of the three files was deleted or replaced under this connection. */
static bool is_moved(const struct weigate_handle *handle) {
  struct stat now[HANDLE_FILES];
  if (look_at_files(handle, now) != 0) return true;
  for (size_t i = 0; i < HANDLE_FILES; i++)
    if (now[i].st_ino != handle->files[i].st_ino || now[i].st_dev != handle->files[i].st_dev) return true;
  return false;
}

static int classify(const struct weigate_handle *handle, int code, const char **ret_advice) {
  int os_error = handle->os_error ? handle->os_error : handle->db ? sqlite3_system_errno(handle->db) : 0;
  bool is_no_room = os_error == ENOSPC || os_error == EDQUOT || os_error == EFBIG;
  *ret_advice = "";
  switch (code & 0xff) {
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    *ret_advice = "; another program holds the database";
    return WEIGATE_BUSY;
  case SQLITE_INTERRUPT:
    *ret_advice = "; out of time";
    return WEIGATE_TIMEOUT;
  case SQLITE_FULL:
    *ret_advice = "; make room on its file system";
    return WEIGATE_FULL;
  case SQLITE_READONLY:
    *ret_advice = "; the file, its directory or its file system is read-only for this user";
    return WEIGATE_READ_ONLY;
  case SQLITE_CANTOPEN:
  case SQLITE_PERM:
  case SQLITE_AUTH:
    *ret_advice = "; is the directory there, and writable for this user?";
    return WEIGATE_CONFIG;
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    *ret_advice = "; stop weigate and restore it from a copy";
    return WEIGATE_CORRUPT;
  case SQLITE_IOERR:
    *ret_advice = is_no_room ? "; make room on its file system" : "; see the kernel's log about the disk";
    return is_no_room ? WEIGATE_FULL : WEIGATE_UNAVAILABLE;
  default:
    return WEIGATE_FAILED;
  }
}

int handle_fail(struct weigate_handle *handle, struct weigate_call *call, int code, const char *doing) {
  const char *advice;
  if (code == SQLITE_ERROR && handle->db) code = sqlite3_errcode(handle->db); /* of a statement that could not be prepared */
  int class = classify(handle, code, &advice);
  const char *why = handle->db ? sqlite3_errmsg(handle->db) : sqlite3_errstr(code);
  snprintf(call->native, sizeof(call->native), "SQLITE %d", handle->db ? sqlite3_extended_errcode(handle->db) : code);
  snprintf(call->message, sizeof(call->message), "could not %s in %.200s: %s%s", doing, handle->store->path, why, advice);
  return class;
}

int handle_invalid(struct weigate_call *call, const char *sentence) {
  snprintf(call->message, sizeof(call->message), "%s", sentence);
  return WEIGATE_INVALID;
}

int handle_fail_moved(struct weigate_handle *handle, struct weigate_call *call) {
  snprintf(call->message, sizeof(call->message),
           "%.200s, or its -wal or -shm file, was deleted or replaced while it was open; nothing was written",
           handle->store->path);
  return WEIGATE_UNAVAILABLE;
}

int handle_enter(struct weigate_handle *handle, struct weigate_call *call) {
  const struct weigate_host *host = &handle->store->host;
  call->retry_after_ms = 0;
  call->native[0] = call->message[0] = '\0';
  handle->deadline_ms = host->mono_ms() + call->timeout_ms;
  handle->now_us = host->now_us();
  handle->os_error = 0;
  if (call->timeout_ms == 0) {
    snprintf(call->message, sizeof(call->message), "there was no time left");
    return WEIGATE_TIMEOUT;
  }
  return is_moved(handle) ? handle_fail_moved(handle, call) : WEIGATE_OK;
}

void handle_watch_time(struct weigate_handle *handle) {
  sqlite3_progress_handler(handle->db, PROGRESS_STEPS, is_out_of_time, handle);
}

void handle_watch_log(struct weigate_handle *handle) {
  sqlite3_wal_hook(handle->db, remember_log_pages, handle);
}

sqlite3_stmt *handle_statement(struct weigate_handle *handle, enum statement statement) {
  sqlite3_stmt **slot = &handle->statements[statement];
  if (*slot)
    sqlite3_reset(*slot);
  else
    sqlite3_prepare_v3(handle->db, statement_text(statement), -1, SQLITE_PREPARE_PERSISTENT, slot, NULL);
  return *slot;
}

int handle_run(sqlite3_stmt *statement) {
  if (!statement) return SQLITE_ERROR;
  int code = sqlite3_step(statement);
  sqlite3_reset(statement);
  return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
}

void bind_text(sqlite3_stmt *statement, int number, struct weigate_text text) {
  sqlite3_bind_text(statement, number, text.size ? text.bytes : "", (int)text.size, SQLITE_STATIC);
}

void bind_bytes(sqlite3_stmt *statement, int number, const void *bytes, size_t size) {
  sqlite3_bind_blob(statement, number, size ? bytes : "", (int)size, SQLITE_STATIC);
}

struct weigate_text column_text(sqlite3_stmt *statement, int column) {
  const char *bytes = (const char *)sqlite3_column_text(statement, column);
  return (struct weigate_text){bytes, bytes ? (size_t)sqlite3_column_bytes(statement, column) : 0};
}

void handle_limit_waiting(struct weigate_handle *handle) {
  sqlite3_busy_timeout(handle->db, (int)ms_left(handle));
}

int handle_read_begin(struct weigate_handle *handle, struct weigate_call *call) {
  handle_limit_waiting(handle);
  int code = handle_run(handle_statement(handle, STATEMENT_BEGIN_READ));
  return code == SQLITE_OK ? WEIGATE_OK : handle_fail(handle, call, code, "begin reading");
}

/* Ends whatever transaction is open, also after an error inside of it. */
static void end_transaction(struct weigate_handle *handle) {
  for (size_t i = 0; i < STATEMENT_COUNT; i++)
    if (handle->statements[i] && sqlite3_stmt_busy(handle->statements[i])) sqlite3_reset(handle->statements[i]);
  if (!sqlite3_get_autocommit(handle->db)) handle_run(handle_statement(handle, STATEMENT_ROLLBACK));
}

void handle_read_end(struct weigate_handle *handle) {
  end_transaction(handle);
}

void handle_line_leave(struct weigate_handle *handle) {
  if (handle->has_lock) lock_give(handle->lock);
  handle->has_lock = false;
}

int handle_line_enter(struct weigate_handle *handle, struct weigate_call *call) {
  int error = lock_take(handle->lock, ms_left(handle));
  handle->has_lock = error == 0;
  if (!error) return WEIGATE_OK;
  snprintf(call->native, sizeof(call->native), "errno %d", error);
  if (error == ETIMEDOUT) {
    snprintf(call->message, sizeof(call->message), "other writers held %.200s for %u ms", handle->store->path, call->timeout_ms);
    return WEIGATE_BUSY;
  }
  snprintf(call->message, sizeof(call->message), "the lock file %.200s-lock cannot be used any more: %s", handle->store->path,
           error == ESTALE ? "it was deleted or replaced" : strerror(error));
  return WEIGATE_UNAVAILABLE;
}

/* NORMAL leaves the log in the page cache: enough to survive the processes, and what the next FULL commit syncs with its own. */
static int set_synced(struct weigate_handle *handle, bool is_synced) {
  if (handle->is_synced == is_synced) return SQLITE_OK;
  const char *sql = is_synced ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL";
  int code = sqlite3_exec(handle->db, sql, NULL, NULL, NULL);
  if (code == SQLITE_OK) handle->is_synced = is_synced;
  return code;
}

int handle_write_begin(struct weigate_handle *handle, struct weigate_call *call, bool is_durable) {
  int class = handle_line_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  handle_limit_waiting(handle);
  handle->people_added = 0;
  handle->tombstones = TOMBSTONES_UNKNOWN;
  int code = set_synced(handle, is_durable);
  if (code == SQLITE_OK) code = handle_run(handle_statement(handle, STATEMENT_BEGIN_WRITE));
  if (code == SQLITE_OK) return WEIGATE_OK;
  class = handle_fail(handle, call, code, "begin writing");
  handle_write_undo(handle);
  return class;
}

int handle_checkpoint(struct weigate_handle *handle, bool is_whole) {
  int mode = is_whole ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
  int code = sqlite3_wal_checkpoint_v2(handle->db, NULL, mode, NULL, NULL);
  if (code == SQLITE_OK) handle->wal_pages = 0;
  return code;
}

/* The number of people is kept, because counting them would mean reading them. */
static int add_people(struct weigate_handle *handle) {
  if (handle->people_added == 0) return SQLITE_OK;
  sqlite3_stmt *add = handle_statement(handle, STATEMENT_PEOPLE_ADD);
  if (!add) return SQLITE_ERROR;
  sqlite3_bind_int64(add, 1, handle->people_added);
  return handle_run(add);
}

/* sqlite3_system_errno() knows nothing of what goes wrong in a commit. */
static int run_commit(struct weigate_handle *handle) {
  sqlite3_stmt *commit = handle_statement(handle, STATEMENT_COMMIT);
  if (!commit) return SQLITE_ERROR;
  errno = 0;
  int code = sqlite3_step(commit);
  if (code != SQLITE_DONE) handle->os_error = errno;
  sqlite3_reset(commit);
  return code == SQLITE_DONE ? SQLITE_OK : code;
}

int handle_write_commit(struct weigate_handle *handle, struct weigate_call *call) {
  int count = add_people(handle);
  if (count != SQLITE_OK) {
    int class = handle_fail(handle, call, count, "count people");
    handle_write_undo(handle);
    return class;
  }
  /* From here on it is not interrupted: the answer would be worth less than the few milliseconds. */
  sqlite3_progress_handler(handle->db, 0, NULL, NULL);
  int code = run_commit(handle);
  int class = WEIGATE_OK;
  if (code != SQLITE_OK) {
    class = handle_fail(handle, call, code, "commit");
    /* A failed sync leaves open what a power cut would show. */
    if (class == WEIGATE_UNAVAILABLE) class = WEIGATE_OUTCOME_UNKNOWN;
    end_transaction(handle);
  } else if (handle->wal_pages >= CHECKPOINT_PAGES) {
    int checkpoint = handle_checkpoint(handle, false);
    if (checkpoint != SQLITE_OK && (checkpoint & 0xff) != SQLITE_BUSY)
      handle->store->host.log(WEIGATE_LOG_WARN,
                              "file: the write-ahead log could not be moved into the database; it grows until it can");
  }
  handle_watch_time(handle);
  handle_line_leave(handle);
  return class;
}

void handle_write_undo(struct weigate_handle *handle) {
  sqlite3_progress_handler(handle->db, 0, NULL, NULL);
  end_transaction(handle);
  handle_watch_time(handle);
  handle_line_leave(handle);
}
