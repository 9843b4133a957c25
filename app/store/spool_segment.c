/* SPDX-License-Identifier: Apache-2.0
 * spool_segment: the file format and the locking that keeps an appender, a drain and an erasure out of each other's way. Any
 * thread.
 *
 *   head    magic (8) · version (4) · size of the head (4) · target · class · reason, each with its size (4) · hash of all before
 * (16) frames  one behind the other, see spool_frame.c */
#include "store/spool_segment.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/scope.h"

#define MAGIC        "WGSPOOL\n"
#define MAGIC_BYTES  8
#define VERSION      1u
#define FIXED_BYTES  16
#define HASH_BYTES   16
#define HEAD_MAX     (FIXED_BYTES + 3 * 4 + PLUGIN_PATH_BYTES + SPOOL_CLASS_BYTES + SPOOL_REASON_BYTES + HASH_BYTES)
#define SEARCH_BYTES 65536

/* --- the head --- */

static void hash(uint8_t to[HASH_BYTES], const void *bytes, size_t n) {
  crypto_generichash(to, HASH_BYTES, bytes, n, NULL, 0);
}

static void add_number(struct buf *out, uint32_t number) {
  uint8_t bytes[4];
  bytes_put_u32(bytes, number);
  buf_add(out, bytes, sizeof(bytes));
}

static void add_text(struct buf *out, const char *text) {
  add_number(out, (uint32_t)strlen(text));
  buf_add_text(out, text);
}

static void add_head(struct buf *out, const struct spool_head *head) {
  uint8_t whole[HASH_BYTES];
  size_t began = out->len;
  buf_add(out, MAGIC, MAGIC_BYTES);
  add_number(out, VERSION);
  add_number(out,
             (uint32_t)(FIXED_BYTES + 3 * 4 + strlen(head->target) + strlen(head->class) + strlen(head->reason) + HASH_BYTES));
  add_text(out, head->target);
  add_text(out, head->class);
  add_text(out, head->reason);
  if (out->failed) return;
  hash(whole, out->data + began, out->len - began);
  buf_add(out, whole, sizeof(whole));
}

static int take_text(struct str *rest, char *to, size_t size) {
  if (rest->n < 4) return -1;
  size_t n = bytes_get_u32((const uint8_t *)rest->p);
  *rest = str_from(*rest, 4);
  if (n > rest->n || str_copy(str_make(rest->p, n), to, size) != 0) return -1;
  *rest = str_from(*rest, n);
  return 0;
}

/* errno: ENOTSUP for a later version's, ENODATA for one that ends early, EBADMSG for what is no head. */
static int parse_head(struct str bytes, struct spool_head *ret_head) {
  struct spool_head head = {0};
  uint8_t expected[HASH_BYTES];
  errno = EBADMSG;
  if (memcmp(bytes.p, MAGIC, bytes.n < MAGIC_BYTES ? bytes.n : MAGIC_BYTES) != 0) return -1;
  if (bytes.n < FIXED_BYTES) return errno = ENODATA, -1;
  uint32_t version = bytes_get_u32((const uint8_t *)bytes.p + 8), size = bytes_get_u32((const uint8_t *)bytes.p + 12);
  if (size < FIXED_BYTES + HASH_BYTES || size > HEAD_MAX) return -1;
  if (size > bytes.n) return errno = ENODATA, -1;
  hash(expected, bytes.p, size - HASH_BYTES);
  if (memcmp(expected, bytes.p + size - HASH_BYTES, HASH_BYTES) != 0) return -1;
  if (version > VERSION) return errno = ENOTSUP, -1;
  struct str rest = str_make(bytes.p + FIXED_BYTES, size - FIXED_BYTES - HASH_BYTES);
  if (take_text(&rest, head.target, sizeof(head.target)) != 0 || take_text(&rest, head.class, sizeof(head.class)) != 0 ||
      take_text(&rest, head.reason, sizeof(head.reason)) != 0)
    return errno = EBADMSG, -1;
  head.bytes = size;
  *ret_head = head;
  return 0;
}

/* --- appending --- */

static bool is_linked(int fd) {
  struct stat file;
  return fstat(fd, &file) == 0 && file.st_nlink > 0;
}

void spool_segment_close(struct spool_segment *segment) {
  if (segment->fd >= 0) close(segment->fd);
  segment->fd = -1;
}

/* Another process may find the file before it is locked, see that it is empty and remove it: then once more. */
static int make_segment(const struct spool_dir *dir, struct spool_segment *segment) {
  for (int tries = 0; tries < 10; tries++) {
    spool_dir_name(segment->name);
    segment->fd = openat(dir->fd, segment->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (segment->fd < 0) return -1;
    if (spool_lock(segment->fd, LOCK_EX) == 0 && is_linked(segment->fd)) return 0;
    spool_segment_close(segment);
  }
  return errno = EAGAIN, -1;
}

/* Locked, with its size; a new one where there is none, or the old one is full, gone or replaced. */
static int lock_segment(const struct spool_dir *dir, struct spool_segment *segment, uint64_t *ret_size) {
  struct stat file;
  if (segment->fd >= 0) {
    bool is_good = spool_lock(segment->fd, LOCK_EX) == 0 && fstat(segment->fd, &file) == 0 && file.st_nlink > 0 &&
                   (uint64_t)file.st_size < SPOOL_SEGMENT_MAX_BYTES;
    if (is_good) return *ret_size = (uint64_t)file.st_size, 0;
    spool_segment_close(segment);
  }
  *ret_size = 0;
  return make_segment(dir, segment);
}

static int append_locked(const struct spool_dir *dir, struct spool_segment *segment, struct str frames, uint64_t size) {
  SCOPE_BUF struct buf first;
  buf_init(&first, HEAD_MAX + frames.n);
  if (size == 0) {
    struct spool_head head = {0};
    if (str_copy(str_of(segment->target), head.target, sizeof(head.target)) != 0) return errno = ENAMETOOLONG, -1;
    add_head(&first, &head);
    buf_add_str(&first, frames);
    if (first.failed) return errno = ENOMEM, -1;
    frames = buf_str(&first);
  }
  if (spool_write(segment->fd, frames, size) != 0 || fdatasync(segment->fd) != 0) return -1;
  return size == 0 ? fsync(dir->fd) : 0;
}

int spool_segment_append(const struct spool_dir *dir, struct spool_segment *segment, struct str frames) {
  uint64_t size;
  if (lock_segment(dir, segment, &size) != 0) return -1;
  if (append_locked(dir, segment, frames, size) == 0) {
    spool_lock(segment->fd, LOCK_UN);
    return 0;
  }
  /* What was never acknowledged is taken back; where that fails it is a torn end, and the next write goes elsewhere. */
  int error = errno;
  bool is_clean = size > 0 && ftruncate(segment->fd, (off_t)size) == 0 && fdatasync(segment->fd) == 0;
  if (size == 0) unlinkat(dir->fd, segment->name, 0);
  if (is_clean)
    spool_lock(segment->fd, LOCK_UN);
  else
    spool_segment_close(segment);
  return errno = error, -1;
}

int spool_segment_write(int dir_fd, const char *name, const struct spool_head *head, struct str frames) {
  SCOPE_BUF struct buf bytes;
  char temporary[SPOOL_NAME_BYTES];
  buf_init(&bytes, HEAD_MAX);
  add_head(&bytes, head);
  SCOPE_CLOSE int fd = bytes.failed ? -1 : spool_dir_temporary(dir_fd, temporary);
  if (fd < 0) return -1;
  if (spool_write(fd, buf_str(&bytes), 0) == 0 && spool_write(fd, frames, bytes.len) == 0 && fsync(fd) == 0 &&
      renameat(dir_fd, temporary, dir_fd, name) == 0)
    return fsync(dir_fd);
  int error = errno;
  unlinkat(dir_fd, temporary, 0);
  return errno = error, -1;
}

/* --- reading --- */

/* Under the lock nobody is in the middle of a write: what then is not whole never will be. */
static int read_size(struct spool_reader *reader) {
  struct stat file;
  if (!reader->is_locked && spool_lock(reader->fd, LOCK_SH) != 0) return -1;
  if (fstat(reader->fd, &file) != 0) return -1;
  if (!reader->is_locked) spool_lock(reader->fd, LOCK_UN);
  reader->size = (uint64_t)file.st_size;
  return 0;
}

/* Bytes that were read, up to the end of the file; -1 with errno. */
static ssize_t read_at(int fd, void *to, size_t n, uint64_t offset) {
  size_t done = 0;
  while (done < n) {
    ssize_t got = pread(fd, (char *)to + done, n - done, (off_t)(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    done += (size_t)got;
  }
  return (ssize_t)done;
}

int spool_reader_open(int dir_fd, const char *name, struct spool_reader *ret_reader) {
  struct spool_reader reader = {.fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
  char bytes[HEAD_MAX];
  if (reader.fd < 0) return -1;
  snprintf(reader.name, sizeof(reader.name), "%.63s", name);
  ssize_t n = read_size(&reader) == 0 ? read_at(reader.fd, bytes, sizeof(bytes), 0) : -1;
  int result = n < 0 ? -1 : parse_head(str_make(bytes, (size_t)n), &reader.head);
  int error = errno;
  reader.offset = reader.head.bytes;
  *ret_reader = reader;
  if (result == 0 || error == EBADMSG || error == ENODATA) return errno = error, result;
  spool_reader_close(ret_reader);
  return errno = error, -1;
}

void spool_reader_close(struct spool_reader *reader) {
  if (reader->fd >= 0) close(reader->fd);
  reader->fd = -1;
}

/* How far the next good head is from the reader's place, or the end. *ret_zero: nothing but zeros before it, as a power cut
 * leaves them where a write never arrived. */
static uint64_t search(const struct spool_reader *reader, bool *ret_zero) {
  uint8_t bytes[SEARCH_BYTES];
  struct spool_frame frame;
  *ret_zero = true;
  for (uint64_t at = reader->offset; at < reader->size;) {
    ssize_t n = read_at(reader->fd, bytes, sizeof(bytes), at);
    if (n <= 0) break;
    size_t heads = n >= SPOOL_FRAME_HEAD_BYTES ? (size_t)n - SPOOL_FRAME_HEAD_BYTES + 1 : 0;
    for (size_t i = 0; i < (size_t)n; i++) {
      if (i < heads && at + i > reader->offset && spool_frame_parse(bytes + i, &frame) == 0) return at + i - reader->offset;
      if (bytes[i]) *ret_zero = false;
    }
    at += heads == 0 || at + (uint64_t)n >= reader->size ? (uint64_t)n : heads;
  }
  return reader->size - reader->offset;
}

/* A large piece is taken off in several. */
static enum spool_found find_damage(struct spool_reader *reader) {
  bool is_zero;
  uint64_t bytes = search(reader, &is_zero);
  bool is_torn = is_zero && reader->offset + bytes == reader->size;
  reader->found_bytes = is_torn || bytes < SPOOL_FRAME_MAX_BYTES ? bytes : SPOOL_FRAME_MAX_BYTES;
  return is_torn ? SPOOL_FOUND_TORN : SPOOL_FOUND_DAMAGED;
}

static enum spool_found look(struct spool_reader *reader) {
  uint64_t left = reader->size - reader->offset;
  if (left < SPOOL_FRAME_HEAD_BYTES) {
    if (read_size(reader) != 0) return SPOOL_FOUND_ERROR;
    left = reader->size > reader->offset ? reader->size - reader->offset : 0;
  }
  reader->found_bytes = left;
  if (left == 0) return SPOOL_FOUND_END;
  if (left < SPOOL_FRAME_HEAD_BYTES) return SPOOL_FOUND_TORN;
  ssize_t n = read_at(reader->fd, reader->frame_head, SPOOL_FRAME_HEAD_BYTES, reader->offset);
  if (n < 0) return SPOOL_FOUND_ERROR;
  if (n < SPOOL_FRAME_HEAD_BYTES || spool_frame_parse(reader->frame_head, &reader->frame) != 0) return find_damage(reader);
  if (reader->frame.version > SPOOL_FRAME_VERSION) return SPOOL_FOUND_NEWER;
  reader->found_bytes = SPOOL_FRAME_HEAD_BYTES + (uint64_t)reader->frame.sealed_bytes;
  if (reader->found_bytes > SPOOL_FRAME_MAX_BYTES) return find_damage(reader);
  if (reader->found_bytes <= left) return SPOOL_FOUND_FRAME;
  reader->found_bytes = left;
  return SPOOL_FOUND_TORN;
}

enum spool_found spool_reader_look(struct spool_reader *reader) {
  return reader->found = look(reader);
}

enum spool_found spool_reader_load(struct spool_reader *reader, struct buf *ret_bytes) {
  buf_clear(ret_bytes);
  bool is_frame = reader->found == SPOOL_FOUND_FRAME;
  size_t n = (size_t)reader->found_bytes - (is_frame ? SPOOL_FRAME_HEAD_BYTES : 0);
  char *to = buf_reserve(ret_bytes, n + 1);
  if (!to) return errno = ENOMEM, SPOOL_FOUND_ERROR;
  ssize_t got = read_at(reader->fd, to, n, reader->offset + (is_frame ? SPOOL_FRAME_HEAD_BYTES : 0));
  if (got < 0) return SPOOL_FOUND_ERROR;
  buf_grew(ret_bytes, (size_t)got);
  return is_frame && spool_frame_is_whole(&reader->frame, buf_str(ret_bytes)) ? SPOOL_FOUND_FRAME : SPOOL_FOUND_DAMAGED;
}

void spool_reader_skip(struct spool_reader *reader) {
  reader->offset += reader->found_bytes;
}

bool spool_reader_is_current(const struct spool_reader *reader) {
  return is_linked(reader->fd);
}

int spool_reader_remove(int dir_fd, struct spool_reader *reader) {
  struct stat file;
  if (spool_lock(reader->fd, LOCK_EX) != 0 || fstat(reader->fd, &file) != 0) return -1;
  bool is_whole = file.st_nlink > 0 && (uint64_t)file.st_size == reader->offset;
  int result = is_whole ? unlinkat(dir_fd, reader->name, 0) : 1;
  spool_lock(reader->fd, LOCK_UN);
  return result;
}
