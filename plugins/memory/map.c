/* SPDX-License-Identifier: Apache-2.0
 * map: transactions and entries of LMDB; writers come in turn through a line with a time limit. One storage thread at a time per
 * handle. */
#include "map.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/records.h"
#include "scrub.h"

/* Above this part of the map the oldest have to go. The rest is for the copies that a transaction makes of what it changes, and
 * for pages that a reader still holds. */
#define FULL_NUMERATOR   3
#define FULL_DENOMINATOR 4
/* Least time for connect to wait for its turn: reserving 256 MiB takes some 50 ms. */
#define CONNECT_LEAST_MS 500

static struct memory_handle *memory_of(struct weigate_handle *handle) {
  return (struct memory_handle *)(void *)handle;
}

int map_fail(struct memory_handle *memory, int error, const char *doing) {
  char native[32];
  const char *advice = "";
  int class = WEIGATE_FAILED;
  snprintf(native, sizeof(native), error > 0 ? "errno %d" : "LMDB %d", error);
  switch (error) {
  case MDB_MAP_FULL:
  case MDB_TXN_FULL:
  case ENOSPC:
    class = WEIGATE_FULL;
    advice = "; set a greater size and remove the file";
    break;
  case MDB_CORRUPTED:
  case MDB_PAGE_NOTFOUND:
  case MDB_PANIC:
  case MDB_INVALID:
    class = WEIGATE_CORRUPT;
    advice = "; stop weigate and remove the file";
    break;
  case MDB_READERS_FULL:
    class = WEIGATE_BUSY;
    advice = "; more threads read than the table has room for";
    break;
  default:
    break;
  }
  return records_fail(&memory->handle, class, native, "could not %s: %s%s", doing, mdb_strerror(error), advice);
}

/* --- transactions --- */

static int enter_line(struct memory_handle *memory) {
  const struct weigate_host *host = memory->handle.host;
  uint64_t now = host->mono_ms(), left_ms = memory->handle.deadline_ms > now ? memory->handle.deadline_ms - now : 0;
  int error = lock_take(memory->line, left_ms);
  memory->has_line = error == 0;
  if (!error) return WEIGATE_OK;
  if (error == ETIMEDOUT)
    return records_fail(&memory->handle, WEIGATE_BUSY, NULL, "other writers held %.200s for %llu ms", memory->store->path,
                        (unsigned long long)left_ms);
  return records_fail(&memory->handle, WEIGATE_UNAVAILABLE, NULL, "cannot wait in the line of %.200s: %s; restart weigate",
                      memory->store->path, strerror(error));
}

static void leave_line(struct memory_handle *memory) {
  if (memory->has_line) lock_give(memory->line);
  memory->has_line = false;
}

static int begin_read(struct memory_handle *memory) {
  int error =
      memory->reader ? mdb_txn_renew(memory->reader) : mdb_txn_begin(memory->environment->env, NULL, MDB_RDONLY, &memory->reader);
  if (error == MDB_READERS_FULL) {
    int dead;
    mdb_reader_check(memory->environment->env, &dead);
    error = mdb_txn_begin(memory->environment->env, NULL, MDB_RDONLY, &memory->reader);
  }
  if (error) return map_fail(memory, error, "read");
  memory->txn = memory->reader;
  return WEIGATE_OK;
}

static int begin_write(struct memory_handle *memory) {
  int class = enter_line(memory);
  if (class != WEIGATE_OK) return class;
  int error = mdb_txn_begin(memory->environment->env, NULL, 0, &memory->txn);
  if (!error) return WEIGATE_OK;
  memory->txn = NULL;
  leave_line(memory);
  return map_fail(memory, error, "write");
}

static void close_cursor(struct memory_handle *memory) {
  if (memory->cursor) mdb_cursor_close(memory->cursor);
  memory->cursor = NULL;
}

static void end(struct weigate_handle *handle) {
  struct memory_handle *memory = memory_of(handle);
  close_cursor(memory);
  if (memory->txn && memory->txn == memory->reader)
    mdb_txn_reset(memory->txn);
  else if (memory->txn)
    mdb_txn_abort(memory->txn);
  memory->txn = NULL;
  leave_line(memory);
}

static int begin(struct weigate_handle *handle, bool is_write) {
  struct memory_handle *memory = memory_of(handle);
  int class = environment_check(memory->environment, memory->store->path, handle->call);
  if (class == WEIGATE_OK) class = is_write ? begin_write(memory) : begin_read(memory);
  if (class != WEIGATE_OK) return class;
  int error = mdb_cursor_open(memory->txn, memory->environment->map, &memory->cursor);
  if (!error) return WEIGATE_OK;
  end(handle);
  return map_fail(memory, error, "begin");
}

static int commit(struct weigate_handle *handle) {
  struct memory_handle *memory = memory_of(handle);
  close_cursor(memory);
  int error = mdb_txn_commit(memory->txn);
  memory->txn = NULL;
  leave_line(memory);
  return error ? map_fail(memory, error, "commit") : WEIGATE_OK;
}

/* --- entries --- */

static int seek(struct weigate_handle *handle, struct map_bytes key, struct map_bytes *ret_key, struct map_bytes *ret_value) {
  struct memory_handle *memory = memory_of(handle);
  MDB_val found = {key.size, (void *)(uintptr_t)key.bytes}, value = {0, NULL};
  int error = mdb_cursor_get(memory->cursor, &found, &value, MDB_SET_RANGE);
  ret_key->size = 0;
  if (error == MDB_NOTFOUND) return WEIGATE_OK;
  if (error) return map_fail(memory, error, "read");
  ret_key->bytes = found.mv_data;
  ret_key->size = found.mv_size;
  ret_value->bytes = value.mv_data;
  ret_value->size = value.mv_size;
  return WEIGATE_OK;
}

static int put(struct weigate_handle *handle, struct map_bytes key, struct map_bytes value) {
  struct memory_handle *memory = memory_of(handle);
  MDB_val name = {key.size, (void *)(uintptr_t)key.bytes}, bytes = {value.size, (void *)(uintptr_t)value.bytes};
  int error = mdb_put(memory->txn, memory->environment->map, &name, &bytes, 0);
  return error ? map_fail(memory, error, "write") : WEIGATE_OK;
}

static int remove_key(struct weigate_handle *handle, struct map_bytes key) {
  struct memory_handle *memory = memory_of(handle);
  MDB_val name = {key.size, (void *)(uintptr_t)key.bytes};
  int error = mdb_del(memory->txn, memory->environment->map, &name, NULL);
  return error && error != MDB_NOTFOUND ? map_fail(memory, error, "remove") : WEIGATE_OK;
}

/* --- room --- */

static size_t pages_of(const MDB_stat *stat) {
  return stat->ms_branch_pages + stat->ms_leaf_pages + stat->ms_overflow_pages;
}

static uint64_t used_bytes(struct memory_handle *memory) {
  MDB_stat map;
  if (mdb_stat(memory->txn, memory->environment->map, &map) != 0) return 0;
  return (uint64_t)pages_of(&map) * map.ms_psize;
}

static bool has_room(struct weigate_handle *handle) {
  struct memory_handle *memory = memory_of(handle);
  return used_bytes(memory) < memory->environment->size_bytes / FULL_DENOMINATOR * FULL_NUMERATOR;
}

static int measure(struct weigate_handle *handle, struct weigate_health *health) {
  struct memory_handle *memory = memory_of(handle);
  health->size_bytes = used_bytes(memory);
  health->free_bytes =
      memory->environment->size_bytes > health->size_bytes ? memory->environment->size_bytes - health->size_bytes : 0;
  return WEIGATE_OK;
}

/* Readers that were killed hold pages until somebody looks; then what is left of removed entries is overwritten. */
static int compact(struct weigate_handle *handle) {
  struct memory_handle *memory = memory_of(handle);
  int dead = 0, error = mdb_reader_check(memory->environment->env, &dead);
  if (error) return map_fail(memory, error, "look for dead readers");
  if (dead) handle->host->log(WEIGATE_LOG_INFO, "memory: the places of readers that were killed are free again");
  return scrub_pages(memory);
}

const struct map_ops map_ops = {
    .begin = begin,
    .commit = commit,
    .end = end,
    .seek = seek,
    .put = put,
    .remove = remove_key,
    .compact = compact,
    .measure = measure,
    .has_room = has_room,
};

/* --- connect --- */

static int open_line(struct memory_handle *memory, struct weigate_call *call) {
  char path[ENVIRONMENT_PATH_BYTES + 8];
  int class = environment_claim_file(memory->store->path, ENVIRONMENT_LINE, call);
  if (class != WEIGATE_OK) return class;
  snprintf(path, sizeof(path), "%s%s", memory->store->path, ENVIRONMENT_LINE);
  if (lock_open(path, &memory->line) == 0) return WEIGATE_OK;
  snprintf(call->native, sizeof(call->native), "errno %d", errno);
  snprintf(call->message, sizeof(call->message), "cannot open %.200s: %s", path, strerror(errno));
  return errno == ENOSPC ? WEIGATE_FULL : WEIGATE_CONFIG;
}

/* In line, so that of several workers one makes the store and the others find it made. */
static int open_environment(struct memory_handle *memory, struct weigate_call *call) {
  int error = lock_take(memory->line, call->timeout_ms > CONNECT_LEAST_MS ? call->timeout_ms : CONNECT_LEAST_MS);
  if (error) {
    snprintf(call->message, sizeof(call->message), "waited in vain for the line of %.200s: %s", memory->store->path,
             strerror(error));
    return error == ETIMEDOUT ? WEIGATE_BUSY : WEIGATE_UNAVAILABLE;
  }
  int class = environment_get(&memory->store->host, memory->store->path, memory->store->size_bytes, call, &memory->environment);
  lock_give(memory->line);
  return class;
}

int map_connect(struct weigate_store *store, struct weigate_call *call, struct weigate_handle **ret_handle) {
  call->retry_after_ms = 0;
  call->native[0] = call->message[0] = '\0';
  struct memory_handle *memory = calloc(1, sizeof(*memory));
  if (!memory) {
    snprintf(call->message, sizeof(call->message), "out of memory");
    return WEIGATE_FAILED;
  }
  memory->store = store;
  int class = open_line(memory, call);
  if (class == WEIGATE_OK) class = open_environment(memory, call);
  if (class == WEIGATE_OK) class = records_connect(&memory->handle, &map_ops, &store->host, call);
  if (class == WEIGATE_OK)
    *ret_handle = &memory->handle;
  else
    map_disconnect(&memory->handle);
  return class;
}

void map_disconnect(struct weigate_handle *handle) {
  struct memory_handle *memory = memory_of(handle);
  if (!memory) return;
  if (memory->reader) mdb_txn_abort(memory->reader);
  environment_put(memory->environment);
  lock_close(memory->line);
  free(memory);
}
