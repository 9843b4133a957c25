/* SPDX-License-Identifier: Apache-2.0
 * handle: one SQLite connection of one storage thread: transactions, statements, deadlines, and what an error means. */
#ifndef WEIGATE_FILE_HANDLE_H
#define WEIGATE_FILE_HANDLE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <weigate/storage.h>

#include "../common/lock.h"
#include "statements.h"

/* The database, its write-ahead log and the log's index (-shm). */
#define HANDLE_FILES 3

/* One database as one process has it. Read-only after open, but for `was_open`. */
struct weigate_store {
  struct weigate_host host;
  char *path;
  int was_open; /* atomic: a handle was connected once, so a missing file is a loss and not a beginning */
};

struct weigate_handle {
  struct weigate_store *store;
  sqlite3 *db;
  sqlite3_stmt *statements[STATEMENT_COUNT];
  uint64_t deadline_ms; /* of the call in progress, by host.mono_ms */
  int64_t now_us;       /* taken once per call */
  int os_error;         /* of a commit that failed */
  bool is_synced;       /* PRAGMA synchronous is FULL, else NORMAL */
  struct writer_lock *lock;
  bool has_lock;
  int wal_pages;                                                            /* after the last commit of this handle */
  enum { TOMBSTONES_UNKNOWN, TOMBSTONES_NONE, TOMBSTONES_SOME } tombstones; /* as far as the transaction in progress has looked */
  int64_t people_added;            /* by the transaction in progress; negative where people went */
  struct stat files[HANDLE_FILES]; /* what stood at the three paths when this connection opened them */
};

/* Begins a call: takes its deadline, clears its error. WEIGATE_OK, or WEIGATE_TIMEOUT if there is no time at all. */
int handle_enter(struct weigate_handle *handle, struct weigate_call *call);

/* What an SQLite result code means for the call, with a sentence: "could not <doing>: …". */
int handle_fail(struct weigate_handle *handle, struct weigate_call *call, int code, const char *doing);
/* The host broke the header's rules. */
int handle_invalid(struct weigate_call *call, const char *sentence);

/* The prepared statement, reset, or NULL with the error in the connection. */
sqlite3_stmt *handle_statement(struct weigate_handle *handle, enum statement statement);
/* Runs a bound statement that returns no rows: SQLITE_OK or the error. Resets it. */
int handle_run(sqlite3_stmt *statement);

/* A read transaction: all that is read until handle_read_end() is of one moment. WEIGATE_OK or a class. */
int handle_read_begin(struct weigate_handle *handle, struct weigate_call *call);
void handle_read_end(struct weigate_handle *handle);

/* Waits in line for the one writer's place. is_durable: the commit survives a power cut. WEIGATE_OK or a class. */
int handle_write_begin(struct weigate_handle *handle, struct weigate_call *call, bool is_durable);
/* Commits; where that fails nothing is left open. WEIGATE_OK or a class. */
int handle_write_commit(struct weigate_handle *handle, struct weigate_call *call);
/* Undoes, after an error. */
void handle_write_undo(struct weigate_handle *handle);

/* The plugin's calls of the same names. */
int handle_connect(struct weigate_store *store, struct weigate_call *call, struct weigate_handle **ret_handle);
void handle_disconnect(struct weigate_handle *handle);

/* The writer's place without a transaction, for what SQLite wants outside of one. */
int handle_line_enter(struct weigate_handle *handle, struct weigate_call *call);
void handle_line_leave(struct weigate_handle *handle);

/* Moves the write-ahead log into the database, in the writer's place; is_whole: waits for readers and empties it. An SQLite code.
 */
int handle_checkpoint(struct weigate_handle *handle, bool is_whole);

/* For connect.c: how long SQLite itself waits, calls that end in time, how long the log is, which files are open. */
void handle_limit_waiting(struct weigate_handle *handle);
void handle_watch_time(struct weigate_handle *handle);
void handle_watch_log(struct weigate_handle *handle);
bool handle_remember_files(struct weigate_handle *handle);
int handle_fail_moved(struct weigate_handle *handle, struct weigate_call *call);

/* Binding: SQLITE_STATIC, the bytes must outlive the statement's run. Numbers from 1. */
void bind_text(sqlite3_stmt *statement, int number, struct weigate_text text);
void bind_bytes(sqlite3_stmt *statement, int number, const void *bytes, size_t size);
/* Reading: valid until the statement is stepped or reset. */
struct weigate_text column_text(sqlite3_stmt *statement, int column);

#endif
