/* SPDX-License-Identifier: Apache-2.0
 * spool: what admin commands do with it, beside workers that append and drain. The program's only thread. */
#include "store/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/scope.h"
#include "store/spool_dir.h"
#include "store/spool_record.h"
#include "store/spool_segment.h"
#include "store/spool_ticket.h"

/* A reader and what its file may hold in memory; a segment is at most one write larger than its limit. */
#define FILE_MAX_BYTES ((size_t)SPOOL_SEGMENT_MAX_BYTES + 32 * (size_t)SPOOL_FRAME_MAX_BYTES)

/* --- every segment of a directory --- */

/* Calls it for each that can be opened; stops where it fails. */
static int each_segment(int dir_fd, int (*visit)(int dir_fd, struct spool_reader *reader, void *arg, struct err *err), void *arg,
                        struct err *err) {
  char(*names)[SPOOL_NAME_BYTES] = NULL;
  size_t count = 0;
  int result = 0;
  if (spool_dir_list(dir_fd, &names, &count) != 0) return err_set(err, "the spool cannot be listed: %s", strerror(errno));
  for (size_t i = 0; i < count && result == 0; i++) {
    struct spool_reader reader;
    bool is_open = spool_reader_open(dir_fd, names[i], &reader) == 0 || errno == EBADMSG || errno == ENODATA;
    if (is_open)
      result = visit(dir_fd, &reader, arg, err);
    else if (errno == ENOTSUP)
      result = err_set(err, "%s was written by a later weigate; use its weigatectl", names[i]);
    else if (errno != ENOENT) /* drained in this moment */
      result = err_set(err, "%s cannot be read: %s", names[i], strerror(errno));
    if (is_open) spool_reader_close(&reader);
  }
  free(names);
  return result;
}

/* --- look --- */

static int add_up(int dir_fd, struct spool_reader *reader, void *arg, struct err *err) {
  struct spool_sight *sight = arg;
  (void)dir_fd, (void)err;
  sight->bytes += reader->size;
  for (enum spool_found found; (found = spool_reader_look(reader)) == SPOOL_FOUND_FRAME || found == SPOOL_FOUND_DAMAGED;) {
    if (found == SPOOL_FOUND_FRAME) {
      sight->records += reader->frame.count;
      if (!sight->oldest_us || reader->frame.at_us < sight->oldest_us) sight->oldest_us = reader->frame.at_us;
    }
    spool_reader_skip(reader);
  }
  return 0;
}

static int count_one(int dir_fd, struct spool_reader *reader, void *arg, struct err *err) {
  struct spool_sight *sight = arg;
  (void)dir_fd, (void)reader, (void)err;
  sight->aside++;
  return 0;
}

/* Who drains holds the lock of its file, and writes what it waits for into it. */
static void look_at_drains(const struct spool_dir *dir, struct spool_sight *sight) {
  DIR *stream = spool_dir_stream(dir->fd);
  if (!stream) return;
  for (struct dirent *entry; (entry = readdir(stream));) {
    char text[sizeof(sight->trouble)];
    if (!str_starts(str_of(entry->d_name), STR("drain-"))) continue;
    SCOPE_CLOSE int fd = openat(dir->fd, entry->d_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || spool_lock(fd, LOCK_SH | LOCK_NB) == 0) continue;
    sight->is_drained = true;
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    if (n > 0) snprintf(sight->trouble, sizeof(sight->trouble), "%.*s", (int)n, text);
  }
  closedir(stream);
}

int spool_look(const struct spool_settings *settings, struct spool_sight *ret_sight, struct err *err) {
  struct spool_dir dir;
  *ret_sight = (struct spool_sight){0};
  if (!settings->dir) return 0;
  if (spool_dir_open(settings, &dir, err) != 0) return -1;
  int result = each_segment(dir.fd, add_up, ret_sight, err);
  if (result == 0) result = each_segment(dir.aside_fd, count_one, ret_sight, err);
  look_at_drains(&dir, ret_sight);
  spool_dir_close(&dir);
  return result;
}

/* --- set aside --- */

struct aside_list {
  void (*sink)(void *arg, const struct spool_aside *);
  void *arg;
};

static int list_one(int dir_fd, struct spool_reader *reader, void *arg, struct err *err) {
  const struct aside_list *list = arg;
  (void)dir_fd, (void)err;
  bool is_frame = spool_reader_look(reader) == SPOOL_FOUND_FRAME;
  struct spool_aside aside = {.name = reader->name,
                              .target = reader->head.target,
                              .class = reader->head.class,
                              .reason = reader->head.reason,
                              .at_us = is_frame ? reader->frame.at_us : 0,
                              .bytes = reader->size};
  list->sink(list->arg, &aside);
  return 0;
}

int spool_list_aside(const struct spool_settings *settings, void (*sink)(void *arg, const struct spool_aside *), void *arg,
                     struct err *err) {
  struct spool_dir dir;
  struct aside_list list = {sink, arg};
  if (!settings->dir) return 0;
  if (spool_dir_open(settings, &dir, err) != 0) return -1;
  int result = each_segment(dir.aside_fd, list_one, &list, err);
  spool_dir_close(&dir);
  return result;
}

int spool_retry(const struct spool_settings *settings, size_t *ret_count, struct err *err) {
  struct spool_dir dir;
  char(*names)[SPOOL_NAME_BYTES] = NULL;
  char name[SPOOL_NAME_BYTES];
  size_t count = 0;
  int result = 0;
  *ret_count = 0;
  if (!settings->dir) return 0;
  if (spool_dir_open(settings, &dir, err) != 0) return -1;
  if (spool_dir_list(dir.aside_fd, &names, &count) != 0) result = err_set(err, "the spool cannot be listed: %s", strerror(errno));
  for (size_t i = 0; i < count && result == 0; i++) {
    spool_dir_name(name);
    if (renameat(dir.aside_fd, names[i], dir.fd, name) != 0)
      result = err_set(err, "%s cannot be put back: %s", names[i], strerror(errno));
    else
      ++*ret_count;
  }
  if (fsync(dir.fd) != 0 || fsync(dir.aside_fd) != 0) result = err_set(err, "the spool's disk fails: %s", strerror(errno));
  free(names);
  spool_dir_close(&dir);
  return result;
}

/* --- erase --- */

struct erasure {
  const struct seal_keys *keys;
  struct str appid, openid;
  size_t changed, unreadable;
};

static bool is_key(const struct erasure *erasure, const struct weigate_text *appid, const struct weigate_text *openid) {
  return str_eq(str_make(appid->bytes, appid->size), erasure->appid) &&
         str_eq(str_make(openid->bytes, openid->size), erasure->openid);
}

/* Takes the person out of the entry; true if it was there. The ticket of a sign-in holds the session that it ended in. */
static bool take_out(const struct erasure *erasure, struct spool_entry *entry) {
  bool is_person = entry->signin.person && is_key(erasure, &entry->person.appid, &entry->person.openid);
  bool is_event = entry->signin.event && is_key(erasure, &entry->event.appid, &entry->event.openid);
  if (entry->kind != SPOOL_SIGNIN || (!is_person && !is_event)) return false;
  entry->signin.person = NULL;
  entry->signin.ticket = NULL;
  if (is_event) entry->event.openid = (struct weigate_text){"", 0};
  return true;
}

/* The frame's entries without the person; *ret_count is how many were changed. -1: they cannot be read. */
static int rewrite_entries(const struct erasure *erasure, struct str plain, struct buf *out, uint32_t *ret_entries,
                           size_t *ret_count) {
  struct spool_entry entry;
  int result;
  *ret_entries = 0;
  *ret_count = 0;
  while ((result = spool_record_next(&plain, &entry)) == 1) {
    *ret_count += take_out(erasure, &entry);
    if (!entry.signin.event && entry.kind == SPOOL_SIGNIN && !entry.signin.person && !entry.signin.ticket) continue;
    spool_record_add(out, &entry);
    ++*ret_entries;
  }
  return result < 0 || out->failed ? -1 : 0;
}

/* Adds the frame, without the person, to what the segment will be. */
static int rewrite_frame(struct erasure *erasure, const struct spool_reader *reader, const struct buf *sealed, struct buf *out) {
  SCOPE_BUF struct buf plain;
  SCOPE_BUF struct buf kept;
  uint32_t entries;
  size_t changed;
  buf_init(&plain, SPOOL_FRAME_MAX_BYTES);
  buf_init(&kept, SPOOL_FRAME_PLAIN_MAX);
  if (spool_frame_open(&reader->frame, reader->frame_head, buf_str(sealed), erasure->keys, &plain) != 0 ||
      rewrite_entries(erasure, buf_str(&plain), &kept, &entries, &changed) != 0)
    return -1;
  if (changed && entries && spool_frame_add(out, erasure->keys, buf_str(&kept), entries, reader->frame.at_us) != 0)
    out->failed = true;
  if (!changed) {
    buf_add(out, reader->frame_head, sizeof(reader->frame_head));
    buf_add_str(out, buf_str(sealed));
  }
  erasure->changed += changed;
  explicit_bzero(plain.data, plain.cap);
  if (kept.data) explicit_bzero(kept.data, kept.cap);
  return 0;
}

/* Reads all of it into out, rewritten; what cannot be opened stays as it is. */
static int rewrite_frames(struct erasure *erasure, struct spool_reader *reader, struct buf *out) {
  SCOPE_BUF struct buf bytes;
  enum spool_found found;
  buf_init(&bytes, SPOOL_FRAME_MAX_BYTES + 1);
  while ((found = spool_reader_look(reader)) == SPOOL_FOUND_FRAME || found == SPOOL_FOUND_DAMAGED) {
    found = spool_reader_load(reader, &bytes);
    if (found == SPOOL_FOUND_ERROR) return -1;
    if (found == SPOOL_FOUND_DAMAGED || rewrite_frame(erasure, reader, &bytes, out) != 0) {
      if (reader->found == SPOOL_FOUND_FRAME) buf_add(out, reader->frame_head, sizeof(reader->frame_head));
      buf_add_str(out, buf_str(&bytes));
      erasure->unreadable++;
    }
    spool_reader_skip(reader);
  }
  if (found == SPOOL_FOUND_NEWER) erasure->unreadable++;
  return out->failed ? (errno = ENOMEM, -1) : found == SPOOL_FOUND_NEWER ? 1 : 0;
}

/* Under the segment's lock: nobody appends meanwhile, and who reads it notices that it was replaced. */
static int erase_from(int dir_fd, struct spool_reader *reader, void *arg, struct err *err) {
  SCOPE_BUF struct buf frames;
  struct erasure *erasure = arg;
  size_t before = erasure->changed;
  buf_init(&frames, FILE_MAX_BYTES);
  if (spool_lock(reader->fd, LOCK_EX) != 0) return err_set(err, "%s: %s", reader->name, strerror(errno));
  reader->is_locked = true; /* until it is closed */
  if (!spool_reader_is_current(reader)) return 0;
  int result = rewrite_frames(erasure, reader, &frames);
  if (result == 0 && erasure->changed > before)
    result = spool_segment_write(dir_fd, reader->name, &reader->head, buf_str(&frames));
  if (frames.data) explicit_bzero(frames.data, frames.len);
  return result >= 0 ? 0 : err_set(err, "%s cannot be rewritten: %s", reader->name, strerror(errno));
}

int spool_erase(const struct spool_settings *settings, struct str appid, struct str openid, size_t *ret_count, struct err *err) {
  struct spool_dir dir;
  struct erasure erasure = {.keys = settings->keys, .appid = appid, .openid = openid};
  *ret_count = 0;
  if (!settings->dir) return 0;
  if (!settings->keys) return err_set(err, "the spool is sealed, and its keys (session.keys_file) were not read");
  if (spool_dir_open(settings, &dir, err) != 0) return -1;
  int result = each_segment(dir.fd, erase_from, &erasure, err);
  if (result == 0) result = each_segment(dir.aside_fd, erase_from, &erasure, err);
  spool_dir_close(&dir);
  *ret_count = erasure.changed;
  if (result == 0 && erasure.unreadable)
    return err_set(err,
                   "%zu pieces of the spool cannot be opened with the keys of session.keys_file; nobody knows who is in them",
                   erasure.unreadable);
  return result;
}

/* --- append --- */

static int check_usable(const struct spool_settings *settings, struct err *err) {
  if (!settings->dir) return err_set(err, "storage.spool_dir is off: nothing can wait for the store");
  if (!settings->keys) return err_set(err, "the spool is sealed, and its keys (session.keys_file) were not read");
  return 0;
}

/* One entry in line for that store. */
static int append_entry(const struct spool_settings *settings, const struct spool_dir *dir, const char *target,
                        const struct spool_entry *entry, struct err *err) {
  SCOPE_BUF struct buf plain;
  SCOPE_BUF struct buf frame;
  struct spool_segment segment = {.target = target, .fd = -1};
  buf_init(&plain, SPOOL_ENTRY_MAX_BYTES);
  buf_init(&frame, SPOOL_FRAME_MAX_BYTES);
  spool_record_add(&plain, entry);
  if (plain.failed || spool_frame_add(&frame, settings->keys, buf_str(&plain), 1, clock_wall_us()) != 0)
    return err_set(err, "it cannot be sealed for the spool: no memory or random bytes");
  int result = spool_segment_append(dir, &segment, buf_str(&frame));
  if (result != 0) err_set(err, "%s cannot be written: %s", settings->dir, strerror(errno));
  spool_segment_close(&segment);
  return result;
}

int spool_append_erasure(const struct spool_settings *settings, const char *target, struct str appid, struct str openid,
                         const struct weigate_stamp *stamp, struct err *err) {
  struct spool_dir dir;
  const struct spool_entry entry = {
      .kind = SPOOL_ERASE, .key = {.appid = {appid.p, appid.n}, .openid = {openid.p, openid.n}}, .stamp = *stamp};
  if (check_usable(settings, err) != 0 || spool_dir_open(settings, &dir, err) != 0) return -1;
  int result = append_entry(settings, &dir, target, &entry, err);
  spool_dir_close(&dir);
  return result;
}

int spool_append_ticket(const struct spool_settings *settings, const char *target, const struct weigate_ticket *ticket,
                        struct err *err) {
  struct spool_dir dir;
  const struct spool_entry entry = {.kind = SPOOL_TICKET, .ticket = *ticket};
  if (check_usable(settings, err) != 0 || spool_dir_open(settings, &dir, err) != 0) return -1;
  int result = append_entry(settings, &dir, target, &entry, err);
  if (result == 0 && spool_ticket_put(&dir, settings->keys, ticket) != 0)
    result = err_set(err, "a ticket cannot be kept in %s: %s", settings->dir, strerror(errno));
  spool_dir_close(&dir);
  return result;
}

/* --- tickets --- */

struct forgetting {
  const struct spool_dir *dir;
  const struct seal_keys *keys;
  bool (*is_meant)(void *arg, const struct weigate_ticket *ticket);
  void *arg;
  size_t count;
  int error;
};

static void forget_one(void *arg, const struct weigate_ticket *ticket) {
  struct forgetting *forgetting = arg;
  struct spool_ticket found = {0};
  if (!forgetting->is_meant(forgetting->arg, ticket)) return;
  if (spool_ticket_take(forgetting->dir, forgetting->keys, ticket->kind, ticket->key, &found) != 0)
    forgetting->error = errno;
  else
    forgetting->count++;
  spool_ticket_done(&found);
}

int spool_forget_tickets(const struct spool_settings *settings, const char *kind,
                         bool (*is_meant)(void *arg, const struct weigate_ticket *ticket), void *arg, size_t *ret_count,
                         struct err *err) {
  struct spool_dir dir;
  if (check_usable(settings, err) != 0 || spool_dir_open(settings, &dir, err) != 0) return -1;
  struct forgetting forgetting = {.dir = &dir, .keys = settings->keys, .is_meant = is_meant, .arg = arg};
  if (spool_ticket_scan(&dir, settings->keys, (struct weigate_text){kind, strlen(kind)}, 0, forget_one, &forgetting) != 0)
    forgetting.error = errno;
  spool_dir_close(&dir);
  *ret_count = forgetting.count;
  return forgetting.error ? err_set(err, "tickets in %s cannot be read: %s", settings->dir, strerror(forgetting.error)) : 0;
}
