/* SPDX-License-Identifier: Apache-2.0
 * spool_ticket: link() inserts if absent, rename() replaces and takes: each at once and whole. A file is one frame of one entry;
 * its name is the kind and a hash of the key, its modification time the end of its life. Spool thread. */
#include "store/spool_ticket.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/scope.h"
#include "store/spool_frame.h"

#define FILE_MAX_BYTES (SPOOL_FRAME_HEAD_BYTES + SPOOL_ENTRY_MAX_BYTES + SEAL_OVERHEAD_BYTES)
/* The kind as far as it goes, a dash, and 32 hex digits. */
#define KIND_BYTES 24
/* A scan looks back a little, where clocks of files are coarse. */
#define SCAN_MARGIN_US INT64_C(2000000)

void spool_ticket_done(struct spool_ticket *ticket) {
  buf_done(&ticket->memory);
  *ticket = (struct spool_ticket){0};
}

/* --- names --- */

static int make_prefix(struct weigate_text kind, char to[SPOOL_NAME_BYTES]) {
  return snprintf(to, SPOOL_NAME_BYTES, "%.*s-", (int)(kind.size < KIND_BYTES ? kind.size : KIND_BYTES), kind.bytes);
}

static void make_name(struct weigate_text kind, struct weigate_text key, char to[SPOOL_NAME_BYTES]) {
  crypto_generichash_state hash;
  uint8_t print[16], size = (uint8_t)kind.size;
  crypto_generichash_init(&hash, NULL, 0, sizeof(print));
  crypto_generichash_update(&hash, &size, 1);
  crypto_generichash_update(&hash, (const uint8_t *)kind.bytes, kind.size);
  crypto_generichash_update(&hash, (const uint8_t *)key.bytes, key.size);
  crypto_generichash_final(&hash, print, sizeof(print));
  int n = make_prefix(kind, to);
  text_hex_encode(to + n, print, sizeof(print));
}

/* --- one file --- */

/* Writes it under a name of its own; the caller gives it the name that counts. */
static int write_file(const struct spool_dir *dir, const struct seal_keys *keys, enum spool_kind kind,
                      const struct weigate_ticket *ticket, char ret_name[SPOOL_NAME_BYTES]) {
  SCOPE_BUF struct buf plain;
  SCOPE_BUF struct buf frame;
  struct spool_entry entry = {.kind = kind, .ticket = *ticket};
  buf_init(&plain, SPOOL_ENTRY_MAX_BYTES);
  buf_init(&frame, FILE_MAX_BYTES);
  spool_record_add(&plain, &entry);
  if (plain.failed || spool_frame_add(&frame, keys, buf_str(&plain), 1, clock_wall_us()) != 0) return errno = ENOMEM, -1;
  SCOPE_CLOSE int fd = spool_dir_temporary(dir->tickets_fd, ret_name);
  if (fd < 0) return -1;
  struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                              {.tv_sec = ticket->expires_at_us / 1000000, .tv_nsec = ticket->expires_at_us % 1000000 * 1000}};
  bool is_written = spool_write(fd, buf_str(&frame), 0) == 0 && futimens(fd, times) == 0;
  if (is_written && (!(ticket->flags & WEIGATE_TICKET_DURABLE) || fsync(fd) == 0)) return 0;
  int error = errno;
  unlinkat(dir->tickets_fd, ret_name, 0);
  return errno = error, -1;
}

static int read_bytes(int fd, struct buf *out) {
  char *to = buf_reserve(out, FILE_MAX_BYTES);
  ssize_t n;
  if (!to) return errno = ENOMEM, -1;
  do n = read(fd, to, FILE_MAX_BYTES);
  while (n < 0 && errno == EINTR);
  if (n < 0) return -1;
  buf_grew(out, (size_t)n);
  return 0;
}

/* What the file says, or nothing where it is past its time or cannot be read: as if it were not there. */
static bool parse_file(const struct buf *bytes, const struct seal_keys *keys, struct spool_ticket *ret_found) {
  struct spool_frame frame;
  struct spool_entry entry;
  const uint8_t *head = (const uint8_t *)bytes->data;
  if (bytes->len < SPOOL_FRAME_HEAD_BYTES || spool_frame_parse(head, &frame) != 0) return false;
  struct str sealed = str_from(buf_str(bytes), SPOOL_FRAME_HEAD_BYTES), plain;
  buf_init(&ret_found->memory, FILE_MAX_BYTES);
  if (spool_frame_open(&frame, head, sealed, keys, &ret_found->memory) != 0) return false;
  plain = buf_str(&ret_found->memory);
  if (spool_record_next(&plain, &entry) != 1 || (entry.kind != SPOOL_TICKET && entry.kind != SPOOL_CLAIM)) return false;
  ret_found->ticket = entry.ticket;
  ret_found->is_claim = entry.kind == SPOOL_CLAIM;
  return ret_found->is_found = entry.ticket.expires_at_us > clock_wall_us();
}

static int read_file(const struct spool_dir *dir, const struct seal_keys *keys, const char *name,
                     struct spool_ticket *ret_found) {
  SCOPE_BUF struct buf bytes;
  buf_init(&bytes, FILE_MAX_BYTES + 1);
  *ret_found = (struct spool_ticket){0};
  SCOPE_CLOSE int fd = openat(dir->tickets_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? 0 : -1;
  if (read_bytes(fd, &bytes) != 0) return -1;
  if (!parse_file(&bytes, keys, ret_found)) spool_ticket_done(ret_found);
  return 0;
}

/* --- calls --- */

/* What is past its time, or cannot be opened with any key, makes room. Under the lock, so that nobody removes what another has
 * just put in its place. */
static int link_anew(const struct spool_dir *dir, const struct seal_keys *keys, const char *temporary, const char *name,
                     struct spool_ticket *ret_found) {
  if (spool_lock(dir->tickets_fd, LOCK_EX) != 0) return -1;
  int result = read_file(dir, keys, name, ret_found);
  if (result == 0 && !ret_found->is_found) {
    unlinkat(dir->tickets_fd, name, 0);
    result = linkat(dir->tickets_fd, temporary, dir->tickets_fd, name, 0);
  }
  int error = errno;
  spool_lock(dir->tickets_fd, LOCK_UN);
  return errno = error, result;
}

int spool_ticket_claim(const struct spool_dir *dir, const struct seal_keys *keys, const struct weigate_ticket *ticket,
                       enum weigate_item *ret_item, struct spool_ticket *ret_found) {
  char name[SPOOL_NAME_BYTES], temporary[SPOOL_NAME_BYTES];
  *ret_found = (struct spool_ticket){0};
  if (atomic_load(&dir->state->tickets) >= SPOOL_TICKETS_MAX) return errno = ENOSPC, -1;
  if (write_file(dir, keys, SPOOL_CLAIM, ticket, temporary) != 0) return -1;
  make_name(ticket->kind, ticket->key, name);
  int result = linkat(dir->tickets_fd, temporary, dir->tickets_fd, name, 0);
  if (result != 0 && errno == EEXIST) result = link_anew(dir, keys, temporary, name, ret_found);
  int error = errno;
  unlinkat(dir->tickets_fd, temporary, 0);
  if (result != 0) return errno = error, -1;
  if (!ret_found->is_found) atomic_fetch_add(&dir->state->tickets, 1);
  *ret_item = ret_found->is_found ? WEIGATE_ITEM_TAKEN : WEIGATE_ITEM_NEW;
  return 0;
}

int spool_ticket_put(const struct spool_dir *dir, const struct seal_keys *keys, const struct weigate_ticket *ticket) {
  char name[SPOOL_NAME_BYTES], temporary[SPOOL_NAME_BYTES];
  if (write_file(dir, keys, SPOOL_TICKET, ticket, temporary) != 0) return -1;
  make_name(ticket->kind, ticket->key, name);
  spool_lock(dir->tickets_fd, LOCK_EX);
  int result = renameat(dir->tickets_fd, temporary, dir->tickets_fd, name), error = errno;
  spool_lock(dir->tickets_fd, LOCK_UN);
  if (result == 0) {
    atomic_fetch_add(&dir->state->tickets, 1);
    return ticket->flags & WEIGATE_TICKET_DURABLE ? fsync(dir->tickets_fd) : 0;
  }
  unlinkat(dir->tickets_fd, temporary, 0);
  return errno = error, -1;
}

int spool_ticket_get(const struct spool_dir *dir, const struct seal_keys *keys, struct weigate_text kind, struct weigate_text key,
                     struct spool_ticket *ret_found) {
  char name[SPOOL_NAME_BYTES];
  make_name(kind, key, name);
  return read_file(dir, keys, name, ret_found);
}

int spool_ticket_take(const struct spool_dir *dir, const struct seal_keys *keys, struct weigate_text kind,
                      struct weigate_text key, struct spool_ticket *ret_found) {
  char name[SPOOL_NAME_BYTES], own[SPOOL_NAME_BYTES], own_name[SPOOL_NAME_BYTES];
  *ret_found = (struct spool_ticket){0};
  make_name(kind, key, name);
  spool_dir_name(own);
  snprintf(own_name, sizeof(own_name), ".new-%.50s", own);
  if (renameat(dir->tickets_fd, name, dir->tickets_fd, own_name) != 0) return errno == ENOENT ? 0 : -1;
  int result = read_file(dir, keys, own_name, ret_found);
  unlinkat(dir->tickets_fd, own_name, 0);
  return result;
}

int spool_ticket_scan(const struct spool_dir *dir, const struct seal_keys *keys, struct weigate_text kind, int64_t since_us,
                      void (*sink)(void *arg, const struct weigate_ticket *), void *arg) {
  char prefix[SPOOL_NAME_BYTES];
  struct stat file;
  make_prefix(kind, prefix);
  DIR *stream = spool_dir_stream(dir->tickets_fd);
  if (!stream) return -1;
  for (struct dirent *entry; (entry = readdir(stream));) {
    struct spool_ticket found;
    if (!str_starts(str_of(entry->d_name), str_of(prefix)) ||
        fstatat(dir->tickets_fd, entry->d_name, &file, AT_SYMLINK_NOFOLLOW) != 0)
      continue;
    int64_t written_us = file.st_ctim.tv_sec * INT64_C(1000000) + file.st_ctim.tv_nsec / 1000;
    if (written_us + SCAN_MARGIN_US < since_us || read_file(dir, keys, entry->d_name, &found) != 0) continue;
    bool is_kind =
        found.is_found && found.ticket.kind.size == kind.size && memcmp(found.ticket.kind.bytes, kind.bytes, kind.size) == 0;
    if (is_kind) sink(arg, &found.ticket);
    spool_ticket_done(&found);
  }
  closedir(stream);
  return 0;
}

/* Under the lock, for the same reason. */
static bool remove_expired(const struct spool_dir *dir, const char *name, int64_t now_s) {
  struct stat file;
  if (spool_lock(dir->tickets_fd, LOCK_EX) != 0) return false;
  bool is_expired = fstatat(dir->tickets_fd, name, &file, AT_SYMLINK_NOFOLLOW) == 0 && file.st_mtim.tv_sec < now_s;
  if (is_expired) unlinkat(dir->tickets_fd, name, 0);
  spool_lock(dir->tickets_fd, LOCK_UN);
  return is_expired;
}

void spool_ticket_sweep(const struct spool_dir *dir) {
  struct stat file;
  int64_t left = 0, now_s = clock_wall_s();
  DIR *stream = spool_dir_stream(dir->tickets_fd);
  if (!stream) return;
  for (struct dirent *entry; (entry = readdir(stream));) {
    if (entry->d_name[0] == '.' || fstatat(dir->tickets_fd, entry->d_name, &file, AT_SYMLINK_NOFOLLOW) != 0) continue;
    left += file.st_mtim.tv_sec >= now_s || !remove_expired(dir, entry->d_name, now_s);
  }
  closedir(stream);
  atomic_store(&dir->state->tickets, left);
  spool_dir_sweep(dir->tickets_fd);
}
