/* SPDX-License-Identifier: Apache-2.0
 * journal: seven functions that make a file of changes into a map (../common/map.h). One storage thread at a time per journal.
 *
 * The file is its magic and a row of transactions: size, checks, changes. Whoever begins takes the file's lock and reads what
 * others wrote since. Who is killed in the middle leaves half a transaction at the end, which the next writer cuts off: that is
 * all there is to surviving a crash. What is wrong anywhere else is damage, and said so: a damaged file is never an empty one. */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "../common/records.h"

/* The file begins with these bytes. */
#define MAGIC       "WGJRNL1\n"
#define MAGIC_BYTES 8
/* Before each transaction: its size, a check of the size, a check of the changes. Before each change: 'p'ut or 'r'emove, two
 * sizes. */
#define HEAD_BYTES   16
#define CHANGE_BYTES 9

static struct journal *journal_of(struct weigate_handle *handle) {
  return (struct journal *)(void *)handle;
}

/* What went wrong, in the host's words. */
static int fail(struct journal *journal, const char *doing) {
  int error = errno, status = WEIGATE_FAILED;
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) status = WEIGATE_FULL;
  if (error == ENOENT || error == EACCES || error == ENOTDIR || error == EISDIR) status = WEIGATE_CONFIG;
  if (error == EROFS) status = WEIGATE_READ_ONLY;
  if (error == EIO) status = WEIGATE_UNAVAILABLE;
  return records_fail(&journal->handle, status, NULL, "could not %s %s: %s", doing, journal->path, strerror(error));
}

static int fail_damaged(struct journal *journal) {
  return records_fail(&journal->handle, WEIGATE_CORRUPT, NULL, "%s is damaged; restore it from a copy", journal->path);
}

/* --- the map in memory --- */

/* The place of the first entry at or behind the key. */
static size_t place_of(const struct journal *journal, struct map_bytes key) {
  size_t low = 0, high = journal->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    const struct entry *entry = &journal->entries[middle];
    int order = memcmp(entry->key, key.bytes, entry->key_size < key.size ? entry->key_size : key.size);
    if (order < 0 || (order == 0 && entry->key_size < key.size))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static bool is_at(const struct journal *journal, size_t place, struct map_bytes key) {
  if (place == journal->count || journal->entries[place].key_size != key.size) return false;
  return memcmp(journal->entries[place].key, key.bytes, key.size) == 0;
}

static void remove_entry(struct journal *journal, struct map_bytes key) {
  size_t place = place_of(journal, key);
  if (!is_at(journal, place, key)) return;
  free(journal->entries[place].key);
  memmove(&journal->entries[place], &journal->entries[place + 1], (--journal->count - place) * sizeof(struct entry));
}

static int put_entry(struct journal *journal, struct map_bytes key, struct map_bytes value) {
  if (journal->count == journal->room) {
    size_t room = journal->room ? 2 * journal->room : 64;
    struct entry *entries = (struct entry *)realloc(journal->entries, room * sizeof(*entries));
    if (!entries) return fail(journal, "remember");
    journal->entries = entries;
    journal->room = room;
  }
  struct entry entry = {(uint8_t *)malloc(key.size + value.size), NULL, key.size, value.size};
  if (!entry.key) return fail(journal, "remember");
  entry.value = entry.key + key.size;
  memcpy(entry.key, key.bytes, key.size);
  if (value.size) memcpy(entry.value, value.bytes, value.size);
  remove_entry(journal, key);
  size_t place = place_of(journal, key);
  memmove(&journal->entries[place + 1], &journal->entries[place], (journal->count++ - place) * sizeof(entry));
  journal->entries[place] = entry;
  return WEIGATE_OK;
}

/* --- the file --- */

static void write_number(uint8_t *to, uint64_t number, int bytes) {
  for (int i = bytes - 1; i >= 0; i--, number >>= 8) to[i] = (uint8_t)number;
}

static uint64_t read_number(const uint8_t *from, int bytes) {
  uint64_t number = 0;
  for (int i = 0; i < bytes; i++) number = number << 8 | from[i];
  return number;
}

static int apply(struct journal *journal, const uint8_t *at, size_t left) {
  while (left >= CHANGE_BYTES) {
    struct map_bytes key = {at + CHANGE_BYTES, read_number(at + 1, 4)}, value = {NULL, read_number(at + 5, 4)};
    if (key.size > left - CHANGE_BYTES || value.size > left - CHANGE_BYTES - key.size) break;
    value.bytes = key.bytes + key.size;
    int status = WEIGATE_OK;
    if (*at == 'p')
      status = put_entry(journal, key, value);
    else
      remove_entry(journal, key);
    if (status != WEIGATE_OK) return status;
    left -= CHANGE_BYTES + key.size + value.size;
    at = value.bytes + value.size;
  }
  return left ? fail_damaged(journal) : WEIGATE_OK;
}

static void write_head(const struct journal *journal, uint8_t *head, const uint8_t *changes, size_t size) {
  uint8_t hash[32];
  write_number(head, size, 4);
  journal->handle.host->digest(head, 4, hash);
  memcpy(head + 4, hash, 4);
  journal->handle.host->digest(changes, size, hash);
  memcpy(head + 8, hash, 8);
}

/* A size that is not its check's own is damage; nothing but zeros is what a power cut leaves of a write. */
static bool is_head(const struct journal *journal, const uint8_t *head) {
  static const uint8_t nothing[HEAD_BYTES] = {0};
  uint8_t hash[32];
  journal->handle.host->digest(head, 4, hash);
  return memcmp(head + 4, hash, 4) == 0 || memcmp(head, nothing, HEAD_BYTES) == 0;
}

/* Reads one more transaction; *ret_is_whole is false where there is none, or only its beginning. */
static int read_transaction(struct journal *journal, uint64_t file_bytes, bool *ret_is_whole) {
  uint8_t head[HEAD_BYTES], right[HEAD_BYTES];
  uint64_t left = file_bytes - journal->read_bytes;
  *ret_is_whole = false;
  if (left < HEAD_BYTES) return WEIGATE_OK;
  if (pread(journal->fd, head, HEAD_BYTES, (off_t)journal->read_bytes) != HEAD_BYTES) return fail(journal, "read");
  if (!is_head(journal, head)) return fail_damaged(journal);
  uint64_t size = read_number(head, 4);
  if (size > left - HEAD_BYTES) return WEIGATE_OK;
  uint8_t *changes = (uint8_t *)malloc(size + 1);
  if (!changes) return fail(journal, "remember");
  int status = WEIGATE_OK;
  if (pread(journal->fd, changes, size, (off_t)(journal->read_bytes + HEAD_BYTES)) != (ssize_t)size)
    status = fail(journal, "read");
  write_head(journal, right, changes, size);
  bool is_same = memcmp(head, right, HEAD_BYTES) == 0, is_last = size == left - HEAD_BYTES;
  if (status == WEIGATE_OK && !is_same && !is_last) status = fail_damaged(journal);
  if (status == WEIGATE_OK && is_same) status = apply(journal, changes, size);
  free(changes);
  *ret_is_whole = status == WEIGATE_OK && is_same;
  if (*ret_is_whole) journal->read_bytes += HEAD_BYTES + size;
  return status;
}

/* A file that was only begun has a part of the magic, or nothing. */
static int read_magic(struct journal *journal, uint64_t file_bytes) {
  char magic[MAGIC_BYTES];
  size_t size = file_bytes < MAGIC_BYTES ? (size_t)file_bytes : MAGIC_BYTES;
  if (pread(journal->fd, magic, size, 0) != (ssize_t)size) return fail(journal, "read");
  if (memcmp(magic, MAGIC, size) != 0)
    return records_fail(&journal->handle, WEIGATE_CORRUPT, NULL, "%s is damaged, or no file of this plugin", journal->path);
  if (size == MAGIC_BYTES) journal->read_bytes = MAGIC_BYTES;
  return WEIGATE_OK;
}

/* Reads what others wrote; a writer cuts off what one of them left half written. */
static int catch_up(struct journal *journal) {
  struct stat file;
  bool is_whole = true;
  int status = WEIGATE_OK;
  if (fstat(journal->fd, &file) != 0) return fail(journal, "look at");
  if ((uint64_t)file.st_size < journal->read_bytes)
    return records_fail(&journal->handle, WEIGATE_CORRUPT, NULL, "%s was cut short", journal->path);
  if (journal->read_bytes == 0) status = read_magic(journal, (uint64_t)file.st_size);
  if (journal->read_bytes == 0) is_whole = false;
  while (status == WEIGATE_OK && is_whole) status = read_transaction(journal, (uint64_t)file.st_size, &is_whole);
  if (status != WEIGATE_OK || !journal->is_write || (uint64_t)file.st_size == journal->read_bytes) return status;
  return ftruncate(journal->fd, (off_t)journal->read_bytes) == 0 ? WEIGATE_OK : fail(journal, "cut");
}

void journal_reset(struct journal *journal) {
  for (size_t i = 0; i < journal->count; i++) free(journal->entries[i].key);
  free(journal->entries);
  free(journal->changes);
  if (journal->fd >= 0) close(journal->fd);
  journal->fd = -1;
  journal->entries = NULL;
  journal->changes = NULL;
  journal->count = journal->room = journal->changes_bytes = journal->changes_room = 0;
  journal->read_bytes = 0;
}

/* The lock of the file that stands at the path: one writer, or any number of readers. */
static int lock_file(struct journal *journal) {
  const struct timespec pause = {0, 1000000};
  for (;;) {
    struct stat ours, theirs;
    int make = journal->was_open ? 0 : O_CREAT; /* a file that was there and is gone is a loss, not a beginning */
    if (journal->fd < 0) journal->fd = open(journal->path, O_RDWR | make | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (journal->fd < 0) return fail(journal, "open");
    journal->was_open = true;
    if (flock(journal->fd, (journal->is_write ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK && errno != EINTR) return fail(journal, "lock");
      if (journal->handle.host->mono_ms() >= journal->handle.deadline_ms)
        return records_fail(&journal->handle, WEIGATE_BUSY, NULL, "others held %s too long", journal->path);
      nanosleep(&pause, NULL);
    } else if (fstat(journal->fd, &ours) == 0 && stat(journal->path, &theirs) == 0 && ours.st_ino == theirs.st_ino) {
      return WEIGATE_OK;
    } else {
      journal_reset(journal); /* somebody compacted: there is another file now */
    }
  }
}

/* --- the seven functions --- */

static void end(struct weigate_handle *handle) {
  struct journal *journal = journal_of(handle);
  if (journal->changes_bytes)
    journal_reset(journal); /* what was undone is read anew */
  else
    flock(journal->fd, LOCK_UN);
}

static int begin(struct weigate_handle *handle, bool is_write) {
  struct journal *journal = journal_of(handle);
  journal->is_write = is_write;
  int status = lock_file(journal);
  if (status != WEIGATE_OK) return status;
  status = catch_up(journal);
  if (status != WEIGATE_OK) journal_reset(journal);
  return status;
}

static int seek(struct weigate_handle *handle, struct map_bytes key, struct map_bytes *ret_key, struct map_bytes *ret_value) {
  struct journal *journal = journal_of(handle);
  size_t place = place_of(journal, key);
  ret_key->size = 0;
  if (place == journal->count) return WEIGATE_OK;
  const struct entry *entry = &journal->entries[place];
  ret_key->bytes = entry->key;
  ret_key->size = entry->key_size;
  ret_value->bytes = entry->value;
  ret_value->size = entry->value_size;
  return WEIGATE_OK;
}

static int note_change(struct journal *journal, char what, struct map_bytes key, struct map_bytes value) {
  size_t size = CHANGE_BYTES + key.size + value.size, needed = HEAD_BYTES + journal->changes_bytes + size;
  if (needed > journal->changes_room) {
    uint8_t *changes = (uint8_t *)realloc(journal->changes, 2 * needed);
    if (!changes) return fail(journal, "remember");
    journal->changes = changes;
    journal->changes_room = 2 * needed;
  }
  uint8_t *to = journal->changes + HEAD_BYTES + journal->changes_bytes;
  to[0] = (uint8_t)what;
  write_number(to + 1, key.size, 4);
  write_number(to + 5, value.size, 4);
  memcpy(to + CHANGE_BYTES, key.bytes, key.size);
  if (value.size) memcpy(to + CHANGE_BYTES + key.size, value.bytes, value.size);
  journal->changes_bytes += size;
  return WEIGATE_OK;
}

static int put(struct weigate_handle *handle, struct map_bytes key, struct map_bytes value) {
  int status = note_change(journal_of(handle), 'p', key, value);
  return status == WEIGATE_OK ? put_entry(journal_of(handle), key, value) : status;
}

static int remove_key(struct weigate_handle *handle, struct map_bytes key) {
  const struct map_bytes nothing = {NULL, 0};
  int status = note_change(journal_of(handle), 'r', key, nothing);
  if (status == WEIGATE_OK) remove_entry(journal_of(handle), key);
  return status;
}

/* Writes the noted changes behind what stands in the file; at its beginning, the magic first. Moves *at behind them. */
static int append(struct journal *journal, int fd, uint64_t *at) {
  size_t size = HEAD_BYTES + journal->changes_bytes;
  write_head(journal, journal->changes, journal->changes + HEAD_BYTES, journal->changes_bytes);
  if (*at == 0) {
    if (pwrite(fd, MAGIC, MAGIC_BYTES, 0) != MAGIC_BYTES) return fail(journal, "write");
    *at = MAGIC_BYTES;
  }
  for (size_t done = 0; done < size;) {
    ssize_t n = pwrite(fd, journal->changes + done, size - done, (off_t)(*at + done));
    if (n < 0 && errno != EINTR) return fail(journal, "write");
    if (n > 0) done += (size_t)n;
  }
  if (fsync(fd) != 0) return fail(journal, "sync");
  *at += size;
  return WEIGATE_OK;
}

static int commit(struct weigate_handle *handle) {
  struct journal *journal = journal_of(handle);
  int status = journal->changes_bytes ? append(journal, journal->fd, &journal->read_bytes) : WEIGATE_OK;
  if (status == WEIGATE_OK)
    journal->changes_bytes = 0;
  else if (ftruncate(journal->fd, (off_t)journal->read_bytes) != 0)
    status = records_fail(handle, WEIGATE_OUTCOME_UNKNOWN, NULL, "could neither finish nor undo a write to %s", journal->path);
  end(handle);
  return status;
}

/* Makes the name of a file survive a power cut too. */
static int sync_directory(struct journal *journal) {
  char directory[4096 + 8];
  snprintf(directory, sizeof(directory), "%.*s", (int)(strrchr(journal->path, '/') - journal->path + 1), journal->path);
  int fd = open(directory, O_RDONLY | O_CLOEXEC), status = WEIGATE_OK;
  if (fd < 0 || fsync(fd) != 0) status = fail(journal, "sync the directory of");
  if (fd >= 0) close(fd);
  return status;
}

/* A new file of nothing but what is there now takes the place of the old one. */
static int compact(struct weigate_handle *handle) {
  struct journal *journal = journal_of(handle);
  char path[4096 + 8];
  snprintf(path, sizeof(path), "%s-new", journal->path);
  int status = begin(handle, true);
  uint64_t at = 0;
  if (status != WEIGATE_OK) return status;
  for (size_t i = 0; i < journal->count && status == WEIGATE_OK; i++) {
    const struct entry *entry = &journal->entries[i];
    struct map_bytes key = {entry->key, entry->key_size}, value = {entry->value, entry->value_size};
    status = note_change(journal, 'p', key, value);
  }
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (status == WEIGATE_OK && fd < 0) status = fail(journal, "rewrite");
  if (status == WEIGATE_OK && journal->changes_bytes) status = append(journal, fd, &at);
  if (status == WEIGATE_OK && rename(path, journal->path) != 0) status = fail(journal, "replace");
  if (status != WEIGATE_OK) unlink(path);
  if (status == WEIGATE_OK) status = sync_directory(journal);
  if (fd >= 0) close(fd);
  journal_reset(journal);
  return status;
}

static int measure(struct weigate_handle *handle, struct weigate_health *health) {
  struct statvfs room;
  health->size_bytes = journal_of(handle)->read_bytes;
  if (statvfs(journal_of(handle)->path, &room) == 0) health->free_bytes = (uint64_t)room.f_bavail * room.f_frsize;
  return WEIGATE_OK;
}

const struct map_ops journal_ops = {
    .begin = begin,
    .commit = commit,
    .end = end,
    .seek = seek,
    .put = put,
    .remove = remove_key,
    .compact = compact,
    .measure = measure,
};
