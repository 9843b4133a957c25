/* SPDX-License-Identifier: Apache-2.0
 * connect: opens one connection as this plugin wants it, and makes what is missing. A storage thread's first and last step. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "handle.h"
#include "schema.h"

/* A log that a long reader kept from being emptied is cut back to this when it is. */
#define WAL_KEEP_BYTES 67108864
/* Least time for connect to wait for its turn: making the tables takes a few fsyncs. */
#define CONNECT_LEAST_MS 100

/* Makes the file 0600 before SQLite would make it as the umask says. It is only ever opened here when it is new: closing a
 * descriptor of a database drops the locks that SQLite has on it in this process. */
static int make_file(struct weigate_store *store, struct weigate_call *call) {
  struct stat file;
  if (stat(store->path, &file) == 0) return WEIGATE_OK;
  if (errno == ENOENT && __atomic_load_n(&store->was_open, __ATOMIC_ACQUIRE)) {
    snprintf(call->message, sizeof(call->message),
             "the database %.200s is gone; put it back, or restart weigate to begin with an empty one", store->path);
    return WEIGATE_UNAVAILABLE;
  }
  int fd = open(store->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) {
    close(fd);
    return WEIGATE_OK;
  }
  if (errno == EEXIST) return WEIGATE_OK;
  snprintf(call->native, sizeof(call->native), "errno %d", errno);
  snprintf(call->message, sizeof(call->message), "cannot make the database %.200s: %s; its directory must exist and be writable",
           store->path, strerror(errno));
  if (errno == EROFS) return WEIGATE_READ_ONLY;
  return errno == ENOSPC || errno == EDQUOT ? WEIGATE_FULL : WEIGATE_CONFIG;
}

static int open_lock(struct weigate_handle *handle, struct weigate_call *call) {
  char path[4096 + 8];
  snprintf(path, sizeof(path), "%s-lock", handle->store->path);
  if (lock_open(path, &handle->lock) == 0) return WEIGATE_OK;
  snprintf(call->native, sizeof(call->native), "errno %d", errno);
  snprintf(call->message, sizeof(call->message), "cannot open the lock file %.200s: %s; its directory must be writable", path,
           strerror(errno));
  return errno == EROFS ? WEIGATE_READ_ONLY : errno == ENOSPC ? WEIGATE_FULL : WEIGATE_CONFIG;
}

static int open_database(struct weigate_handle *handle) {
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  int code = sqlite3_open_v2(handle->store->path, &handle->db, flags, NULL);
  if (code != SQLITE_OK) return code;
  handle_limit_waiting(handle);
  handle_watch_time(handle);
  /* A checkpoint runs in the writer's place or not at all. */
  sqlite3_db_config(handle->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  sqlite3_db_config(handle->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_db_config(handle->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  return sqlite3_exec(
      handle->db,
      "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA cache_size = -4096; PRAGMA temp_store = MEMORY;"
      "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0",
      NULL, NULL, NULL);
}

static int refuse_schema(struct weigate_handle *handle, struct weigate_call *call, enum schema_state state, int version) {
  const char *path = handle->store->path;
  if (state == SCHEMA_NEWER) {
    snprintf(call->message, sizeof(call->message),
             "%.200s has schema version %d, this plugin knows %d: it was made by a later weigate; nothing is written", path,
             version, SCHEMA_VERSION);
    return WEIGATE_SCHEMA_NEWER;
  }
  snprintf(call->message, sizeof(call->message), "%.200s is a database of another application; give weigate a file of its own",
           path);
  return WEIGATE_CONFIG;
}

/* Makes the tables where there are none. Of two processes that find none, the second finds them made. */
static int create_schema(struct weigate_handle *handle, struct weigate_call *call) {
  enum schema_state state = SCHEMA_EMPTY;
  int version = 0;
  int class = handle_write_begin(handle, call, true);
  if (class != WEIGATE_OK) return class;
  int code = schema_look(handle->db, &state, &version);
  if (code == SQLITE_OK && state == SCHEMA_EMPTY) code = schema_create(handle->db);
  if (code == SQLITE_OK) return handle_write_commit(handle, call);
  class = handle_fail(handle, call, code, "make the tables");
  handle_write_undo(handle);
  return class;
}

static bool is_log_used(sqlite3 *db) {
  sqlite3_stmt *ask = NULL;
  bool is_used = sqlite3_prepare_v2(db, "PRAGMA journal_mode", -1, &ask, NULL) == SQLITE_OK && sqlite3_step(ask) == SQLITE_ROW &&
                 strcmp((const char *)sqlite3_column_text(ask, 0), "wal") == 0;
  sqlite3_finalize(ask);
  return is_used;
}

/* The first to turn the log on needs the database for itself, and waits in line; for all others it is a question. */
static int use_log(struct weigate_handle *handle, struct weigate_call *call) {
  char limit[64];
  int code = SQLITE_OK;
  if (!is_log_used(handle->db)) {
    int class = handle_line_enter(handle, call);
    if (class != WEIGATE_OK) return class;
    code = sqlite3_exec(handle->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    handle_line_leave(handle);
  }
  snprintf(limit, sizeof(limit), "PRAGMA journal_size_limit = %d", WAL_KEEP_BYTES);
  if (code == SQLITE_OK) code = sqlite3_exec(handle->db, limit, NULL, NULL, NULL);
  handle_watch_log(handle); /* in the place of SQLite's own checkpoints */
  return code == SQLITE_OK ? WEIGATE_OK : handle_fail(handle, call, code, "turn on the write-ahead log");
}

static int check_schema(struct weigate_handle *handle, struct weigate_call *call) {
  enum schema_state state = SCHEMA_EMPTY;
  int version = 0;
  int code = schema_look(handle->db, &state, &version);
  if (code != SQLITE_OK) return handle_fail(handle, call, code, "look at the tables");
  if (state == SCHEMA_FOREIGN || state == SCHEMA_NEWER) return refuse_schema(handle, call, state, version);
  int class = use_log(handle, call);
  if (class == WEIGATE_OK && state == SCHEMA_EMPTY) class = create_schema(handle, call);
  if (class != WEIGATE_OK) return class;
  code = schema_look(handle->db, &state, &version);
  if (code != SQLITE_OK) return handle_fail(handle, call, code, "look at the tables");
  if (state != SCHEMA_READY) return refuse_schema(handle, call, state, version);
  return handle_remember_files(handle) ? WEIGATE_OK : handle_fail_moved(handle, call);
}

int handle_connect(struct weigate_store *store, struct weigate_call *call, struct weigate_handle **ret_handle) {
  call->retry_after_ms = 0;
  call->native[0] = call->message[0] = '\0';
  struct weigate_handle *handle = calloc(1, sizeof(*handle));
  if (!handle) {
    snprintf(call->message, sizeof(call->message), "out of memory");
    return WEIGATE_FAILED;
  }
  handle->store = store;
  handle->is_synced = true;
  uint32_t timeout_ms = call->timeout_ms > CONNECT_LEAST_MS ? call->timeout_ms : CONNECT_LEAST_MS;
  handle->deadline_ms = store->host.mono_ms() + timeout_ms;
  int class = make_file(store, call);
  if (class == WEIGATE_OK) class = open_lock(handle, call);
  if (class == WEIGATE_OK) {
    int code = open_database(handle);
    class = code == SQLITE_OK ? check_schema(handle, call) : handle_fail(handle, call, code, "open the database");
  }
  if (class != WEIGATE_OK) {
    handle_disconnect(handle);
    return class;
  }
  __atomic_store_n(&store->was_open, 1, __ATOMIC_RELEASE);
  *ret_handle = handle;
  return WEIGATE_OK;
}

void handle_disconnect(struct weigate_handle *handle) {
  if (!handle) return;
  for (size_t i = 0; i < STATEMENT_COUNT; i++) sqlite3_finalize(handle->statements[i]);
  sqlite3_close_v2(handle->db);
  lock_close(handle->lock);
  free(handle);
}
