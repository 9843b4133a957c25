/* SPDX-License-Identifier: Apache-2.0
 * scrub: LMDB never overwrites: a removed entry lives on in free pages, in the gap between a page's index and its entries, and
 * behind the end of long values. All three are zeroed here, while no writer runs, in places that no reader looks at. Storage
 * threads.
 *
 * The form of a page is that of LMDB 0.9 (its data version 1); any other is left alone. */
#include "scrub.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/key.h"
#include "../common/records.h"

#define PAGE_HEAD_BYTES 16
#define PAGE_BRANCH     0x01
#define PAGE_LEAF       0x02
#define PAGE_OVERFLOW   0x04
#define PAGE_MAX_BYTES  65536
/* The first two pages say where everything is. */
#define META_PAGES 2
/* LMDB's own table of free pages. */
#define FREE_TABLE 0

struct page_head {
  size_t number;
  uint16_t pad, flags;
  uint16_t lower, upper; /* of an overflow page: its count of pages, as one number */
};

enum page_state { PAGE_USED, PAGE_FREE, PAGE_HELD /* free for whoever holds no older moment */ };

struct scrub {
  struct memory_handle *memory;
  size_t page_bytes, page_count;
  size_t oldest; /* pages that were freed before this transaction are nobody's */
  uint8_t *states;
  uint8_t page[PAGE_MAX_BYTES];
};

static const uint8_t zeros[PAGE_MAX_BYTES];

static bool is_zero(const uint8_t *bytes, size_t size) {
  return memcmp(bytes, zeros, size) == 0;
}

static void zero(const struct scrub *scrub, size_t offset, size_t size) {
  while (size) {
    size_t part = size < sizeof(zeros) ? size : sizeof(zeros);
    ssize_t n = pwrite(scrub->memory->environment->fd, zeros, part, (off_t)offset);
    if (n <= 0) return;
    offset += (size_t)n;
    size -= (size_t)n;
  }
}

/* A line of mdb_reader_list(): process, thread, and the transaction whose moment it holds. */
static int note_reader(const char *line, void *context) {
  struct scrub *scrub = context;
  int pid;
  size_t thread, transaction;
  if (sscanf(line, "%d %zx %zu", &pid, &thread, &transaction) == 3 && transaction < scrub->oldest) scrub->oldest = transaction;
  return 0;
}

/* LMDB's list of free pages, which it shows to readers only: under each transaction, how many it freed, and which. */
static int note_free(struct scrub *scrub, MDB_txn *reader) {
  MDB_cursor *cursor;
  MDB_val key, list;
  int error = mdb_cursor_open(reader, FREE_TABLE, &cursor);
  if (error) return error;
  while ((error = mdb_cursor_get(cursor, &key, &list, MDB_NEXT)) == 0) {
    size_t transaction, count, page;
    if (key.mv_size != sizeof(transaction) || list.mv_size < sizeof(count)) continue;
    memcpy(&transaction, key.mv_data, sizeof(transaction));
    memcpy(&count, list.mv_data, sizeof(count));
    for (size_t i = 1; i <= count && (i + 1) * sizeof(page) <= list.mv_size; i++) {
      memcpy(&page, (const char *)list.mv_data + i * sizeof(page), sizeof(page));
      if (page < scrub->page_count) scrub->states[page] = transaction < scrub->oldest ? PAGE_FREE : PAGE_HELD;
    }
  }
  mdb_cursor_close(cursor);
  return error == MDB_NOTFOUND ? 0 : error;
}

/* Zeroes one page's leftovers; returns how many pages belong to it. */
static size_t scrub_page(struct scrub *scrub, size_t number) {
  struct page_head head;
  size_t offset = number * scrub->page_bytes;
  enum page_state state = scrub->states[number];
  if (pread(scrub->memory->environment->fd, scrub->page, scrub->page_bytes, (off_t)offset) != (ssize_t)scrub->page_bytes)
    return 1;
  if (state == PAGE_FREE) {
    if (!is_zero(scrub->page, scrub->page_bytes)) zero(scrub, offset, scrub->page_bytes);
    return 1;
  }
  memcpy(&head, scrub->page, sizeof(head));
  if (head.number != number) return 1;
  if (head.flags == PAGE_OVERFLOW && state == PAGE_USED) {
    uint32_t pages;
    memcpy(&pages, scrub->page + 12, sizeof(pages));
    return pages && pages < scrub->page_count - number ? pages : 1;
  }
  bool has_gap = (head.flags == PAGE_BRANCH || head.flags == PAGE_LEAF) && head.lower >= PAGE_HEAD_BYTES &&
                 head.lower < head.upper && head.upper <= scrub->page_bytes;
  if (has_gap && !is_zero(scrub->page + head.lower, (size_t)(head.upper - head.lower)))
    zero(scrub, offset + head.lower, (size_t)(head.upper - head.lower));
  return 1;
}

/* Behind long values, which have pages of their own: they begin right behind a page's head, where no short value can. */
static int scrub_tails(struct scrub *scrub) {
  MDB_val key, value;
  int error = mdb_cursor_get(scrub->memory->cursor, &key, &value, MDB_FIRST);
  for (; !error; error = mdb_cursor_get(scrub->memory->cursor, &key, &value, MDB_NEXT)) {
    struct page_head head;
    if ((uintptr_t)value.mv_data % scrub->page_bytes != PAGE_HEAD_BYTES || !value.mv_size) continue;
    memcpy(&head, (const uint8_t *)value.mv_data - PAGE_HEAD_BYTES, sizeof(head));
    if (head.flags != PAGE_OVERFLOW || head.number >= scrub->page_count) continue;
    size_t used = PAGE_HEAD_BYTES + value.mv_size, tail = (scrub->page_bytes - used % scrub->page_bytes) % scrub->page_bytes;
    if (tail && !is_zero((const uint8_t *)value.mv_data + value.mv_size, tail))
      zero(scrub, head.number * scrub->page_bytes + used, tail);
  }
  return error == MDB_NOTFOUND ? 0 : error;
}

static int scrub_all(struct scrub *scrub) {
  struct environment *environment = scrub->memory->environment;
  MDB_envinfo info;
  MDB_txn *reader;
  int error = mdb_env_info(environment->env, &info);
  if (error) return error;
  scrub->page_bytes = environment->page_bytes;
  scrub->page_count = info.me_last_pgno + 1;
  scrub->oldest = mdb_txn_id(scrub->memory->txn) - 1;
  if (mdb_reader_list(environment->env, note_reader, scrub) < 0) return EIO;
  scrub->states = calloc(scrub->page_count, 1);
  if (!scrub->states) return ENOMEM;
  error = mdb_txn_begin(environment->env, NULL, MDB_RDONLY, &reader);
  if (!error) {
    error = note_free(scrub, reader);
    mdb_txn_abort(reader);
  }
  for (size_t page = META_PAGES; !error && page < scrub->page_count;) page += scrub_page(scrub, page);
  if (!error) error = scrub_tails(scrub);
  free(scrub->states);
  return error;
}

/* Pages of the last two transactions are kept by LMDB in case it has to go back; two small ones push them out. */
static int push_out(struct memory_handle *memory) {
  struct weigate_handle *handle = &memory->handle;
  struct key key = key_meta(META_SCRUB);
  for (uint8_t turn = 0; turn < 2; turn++) {
    struct map_bytes value = {&turn, 1};
    int class = map_ops.begin(handle, true);
    if (class != WEIGATE_OK) return class;
    class = map_ops.put(handle, key_bytes(&key), value);
    if (class == WEIGATE_OK)
      class = map_ops.commit(handle);
    else
      map_ops.end(handle);
    if (class != WEIGATE_OK) return class;
  }
  return WEIGATE_OK;
}

int scrub_pages(struct memory_handle *memory) {
  int major, minor, error = 0;
  mdb_version(&major, &minor, NULL);
  if (major != 0 || minor != 9 || memory->environment->page_bytes > PAGE_MAX_BYTES) return WEIGATE_OK;
  struct scrub *scrub = calloc(1, sizeof(*scrub));
  if (!scrub) return map_fail(memory, ENOMEM, "overwrite what was removed");
  scrub->memory = memory;
  int class = push_out(memory);
  if (class == WEIGATE_OK) class = map_ops.begin(&memory->handle, true);
  if (class == WEIGATE_OK) {
    error = scrub_all(scrub);
    map_ops.end(&memory->handle);
  }
  free(scrub);
  return error ? map_fail(memory, error, "overwrite what was removed") : class;
}
