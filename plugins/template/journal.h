/* SPDX-License-Identifier: Apache-2.0
 * journal: an ordered map in memory that a file of changes brings back; the part of this plugin that you replace with your own
 * store. */
#ifndef WEIGATE_TEMPLATE_JOURNAL_H
#define WEIGATE_TEMPLATE_JOURNAL_H

#include "../common/map.h"

struct entry {
  uint8_t *key, *value; /* one allocation, the key first */
  size_t key_size, value_size;
};

/* What a storage thread has: the handle that the host knows, then our own. */
struct journal {
  struct weigate_handle handle; /* first: the host's pointer and ours are the same */
  const char *path;
  int fd;
  uint64_t read_bytes; /* of the file, up to the last whole change that `entries` holds */
  struct entry *entries;
  size_t count, room;
  uint8_t *changes; /* of the transaction in progress, as they will stand in the file */
  size_t changes_bytes, changes_room;
  bool is_write, was_open;
};

extern const struct map_ops journal_ops;

/* Forgets everything and closes the file; the journal can be used again. */
void journal_reset(struct journal *journal);

#endif
