/* SPDX-License-Identifier: Apache-2.0
 * map: what common/map.h asks for, on LMDB; a handle of one storage thread. */
#ifndef WEIGATE_MEMORY_MAP_H
#define WEIGATE_MEMORY_MAP_H

#include "../common/lock.h"
#include "../common/map.h"
#include "environment.h"

/* One store as one process has it. */
struct weigate_store {
  struct weigate_host host;
  char path[ENVIRONMENT_PATH_BYTES + 1];
  uint64_t size_bytes;
};

struct memory_handle {
  struct weigate_handle handle; /* first */
  struct weigate_store *store;
  struct environment *environment;
  struct writer_lock *line;
  MDB_txn *reader; /* reset between reads: it keeps its place in the table of readers */
  MDB_txn *txn;    /* in progress: `reader`, or a writer */
  MDB_cursor *cursor;
  bool has_line;
};

extern const struct map_ops map_ops;

/* What an LMDB error means, with a sentence: "could not <doing>: ...". */
int map_fail(struct memory_handle *memory, int error, const char *doing);

/* The plugin's calls of the same names. */
int map_connect(struct weigate_store *store, struct weigate_call *call, struct weigate_handle **ret_handle);
void map_disconnect(struct weigate_handle *handle);

#endif
