/* SPDX-License-Identifier: Apache-2.0
 * drain: takes frames, oldest first, until they are a batch; delivers it; removes what is done. Its own thread. */
#include "store/drain.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/scope.h"
#include "store/drain_batch.h"
#include "store/drain_source.h"
#include "store/spool_meter.h"
#include "store/spool_ticket.h"

/* Looks for work this often, and for the lock where another worker has it. */
#define IDLE_MS 250
#define LOCK_MS 1000
/* Between two attempts at a store that does not take it. */
#define BACKOFF_FIRST_MS 50
#define BACKOFF_LAST_MS  2000
/* Entries that are taken from the spool at once: a few calls' worth. Frames with more than a batch can hold are none of ours. */
#define ENTRIES_MAX WEIGATE_BATCH_MAX
#define TAKE_MAX    256
#define FRAMES_MAX  64
/* After each call the store is left to live traffic for twice as long, but not for ever. */
#define PAUSE_FACTOR 2
#define PAUSE_MAX_MS 500
#define SWEEP_MS     30000
#define STACK_BYTES  (1024 * 1024) /* a batch's arrays and its halves lie on it */

struct drain {
  struct drain_settings settings;
  const char *target;
  struct spool_dir dir;
  int lock_fd; /* -1: not ours */
  struct drain_source source;
  struct weigate_handle *handle;
  struct spool_entry *entries;
  size_t entries_count;
  struct buf frames[FRAMES_MAX]; /* plain bytes that entries point into */
  size_t frames_count;
  struct buf sealed;
  unsigned failures;
  int stuck_class;
  uint64_t sweep_at_ms;
  pthread_t thread;
};

/* --- the lock, and what is said through its file --- */

/* A store's name may be a path: its hash names the file. */
static void make_lock_name(const char *target, char to[SPOOL_NAME_BYTES]) {
  uint8_t print[16];
  char hex[33];
  crypto_generichash(print, sizeof(print), (const uint8_t *)target, strlen(target), NULL, 0);
  text_hex_encode(hex, print, sizeof(print));
  snprintf(to, SPOOL_NAME_BYTES, "drain-%s.lock", hex);
}

static bool take_lock(struct drain *drain) {
  char name[SPOOL_NAME_BYTES];
  if (drain->lock_fd >= 0) return true;
  make_lock_name(drain->target, name);
  int fd = openat(drain->dir.fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd >= 0 && spool_lock(fd, LOCK_EX | LOCK_NB) == 0) {
    drain->lock_fd = fd;
    return true;
  }
  if (fd >= 0) close(fd);
  return false;
}

static void write_trouble(struct drain *drain, const char *text) {
  if (drain->lock_fd < 0 || ftruncate(drain->lock_fd, 0) != 0) return;
  if (spool_write(drain->lock_fd, str_of(text), 0) != 0) log_debug("spool: the reason cannot be written down: %m");
}

/* Classes that no time mends: the admin has to. */
static bool needs_admin(int class) {
  return class == WEIGATE_AUTH || class == WEIGATE_CONFIG || class == WEIGATE_SCHEMA_NEWER || class == WEIGATE_CORRUPT;
}

static bool loses_handle(int class) {
  return class != WEIGATE_BUSY && class != WEIGATE_FULL && class != WEIGATE_READ_ONLY;
}

static void note_stuck(struct drain *drain, int class, const char *message) {
  char text[256];
  drain->failures++;
  if (class == drain->stuck_class) return;
  drain->stuck_class = class;
  snprintf(text, sizeof(text), "%s: %.200s", plugin_class_name(class), message);
  write_trouble(drain, text);
  spool_meter_alarm(drain->settings.which, needs_admin(class));
  if (needs_admin(class))
    log_error("spool: not drained into %s until this is mended: %s", drain->target, text);
  else
    log_warn("spool: waits for %s: %s", drain->target, text);
}

static void note_moved(struct drain *drain) {
  drain->failures = 0;
  if (!drain->stuck_class) return;
  drain->stuck_class = WEIGATE_OK;
  write_trouble(drain, "");
  spool_meter_alarm(drain->settings.which, false);
  log_info("spool: drained into %s again", drain->target);
}

/* --- the handle --- */

static void drop_handle(struct drain *drain) {
  plugin_disconnect(&drain->settings.shared->plugin, drain->handle);
  drain->handle = NULL;
}

static bool has_handle(struct drain *drain) {
  if (drain->handle) return true;
  struct weigate_call call = plugin_call((uint32_t)drain->settings.shared->deadline_ms);
  int class = plugin_connect(&drain->settings.shared->plugin, &call, &drain->handle);
  if (class != WEIGATE_OK) note_stuck(drain, class, call.message);
  return class == WEIGATE_OK;
}

/* --- taking --- */

static void forget_taken(struct drain *drain) {
  for (size_t i = 0; i < drain->frames_count; i++) {
    if (drain->frames[i].data) explicit_bzero(drain->frames[i].data, drain->frames[i].cap);
    buf_done(&drain->frames[i]);
  }
  drain->frames_count = drain->entries_count = 0;
}

/* The entries of one frame. -1: they are not as this version writes them. */
static int parse_frame(struct drain *drain, const struct buf *plain) {
  struct str rest = buf_str(plain);
  size_t count = drain->entries_count;
  int result = 1;
  while (count < ENTRIES_MAX && (result = spool_record_next(&rest, &drain->entries[count])) == 1) count++;
  if (result < 0 || rest.n) return -1;
  drain->entries_count = count;
  return 0;
}

static int set_frame_aside(struct drain *drain, const struct spool_reader *at, const char *class, const char *reason) {
  SCOPE_BUF struct buf whole;
  buf_init(&whole, SPOOL_FRAME_MAX_BYTES + SPOOL_FRAME_HEAD_BYTES);
  if (at->found == SPOOL_FOUND_FRAME) buf_add(&whole, at->frame_head, sizeof(at->frame_head));
  buf_add_str(&whole, buf_str(&drain->sealed));
  if (!whole.failed && drain_batch_keep_bytes(&drain->dir, drain->target, class, reason, buf_str(&whole)) == 0) return 0;
  note_stuck(drain, WEIGATE_FULL, "what is damaged cannot be set aside");
  return -1;
}

/* Loads what the segment has next. 0: taken or set aside; -1: not now. */
static int take_frame(struct drain *drain, struct drain_segment *segment) {
  struct spool_reader at = segment->reader;
  struct buf *plain = &drain->frames[drain->frames_count];
  at.offset = segment->taken_offset;
  enum spool_found found = spool_reader_look(&at);
  if (found == SPOOL_FOUND_TORN) {
    log_warn("spool: the end of %s is a write that was cut short; it was never acknowledged", at.name);
    return spool_meter_count(SPOOL_TORN, 1), 0;
  }
  if (found != SPOOL_FOUND_FRAME && found != SPOOL_FOUND_DAMAGED) return -1;
  found = spool_reader_load(&at, &drain->sealed);
  if (found == SPOOL_FOUND_ERROR) return -1;
  if (found == SPOOL_FOUND_DAMAGED) return set_frame_aside(drain, &at, "damaged", "bytes in a segment have changed");
  buf_init(plain, SPOOL_FRAME_MAX_BYTES);
  if (spool_frame_open(&at.frame, at.frame_head, buf_str(&drain->sealed), drain->settings.spool->keys, plain) != 0) {
    buf_done(plain);
    return set_frame_aside(drain, &at, "key", "sealed with a key that is not in session.keys_file");
  }
  drain->frames_count++;
  if (parse_frame(drain, plain) == 0) return 0;
  return set_frame_aside(drain, &at, "damaged", "entries that this version does not understand");
}

/* Frames until they are enough for a few calls. -1: something is in the way. */
static int take(struct drain *drain) {
  struct drain_segment *segment;
  forget_taken(drain);
  while (drain->entries_count < TAKE_MAX && drain->frames_count < FRAMES_MAX && (segment = drain_source_next(&drain->source))) {
    if (segment->found == SPOOL_FOUND_FRAME && segment->frame.count + drain->entries_count > ENTRIES_MAX && drain->entries_count)
      break;
    if (take_frame(drain, segment) != 0) return -1;
    drain_source_take(segment);
  }
  return 0;
}

/* --- one step --- */

static bool pause_after_call(void *arg, uint64_t took_us) {
  struct drain *drain = arg;
  uint64_t ms = took_us * PAUSE_FACTOR / 1000 + 1;
  return queue_pause(drain->settings.shared->queue, ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS);
}

static enum drain_step deliver(struct drain *drain) {
  struct runner_shared *shared = drain->settings.shared;
  struct drain_batch batch = {.plugin = &shared->plugin,
                              .handle = drain->handle,
                              .dir = &drain->dir,
                              .keys = drain->settings.spool->keys,
                              .target = drain->target,
                              .timeout_ms = (uint32_t)shared->deadline_ms,
                              .call_max = shared->batch_max,
                              .pause = pause_after_call,
                              .arg = drain};
  int class = drain->entries_count ? drain_batch_deliver(&batch, drain->entries, drain->entries_count) : WEIGATE_OK;
  if (class == WEIGATE_OK) {
    drain_source_commit(&drain->source);
    spool_meter_count(SPOOL_DRAINED, drain->entries_count);
    note_moved(drain);
    return DRAIN_MOVED;
  }
  drain_source_rollback(&drain->source);
  if (queue_is_stopping(shared->queue)) return DRAIN_STUCK;
  note_stuck(drain, class, batch.call.message);
  if (loses_handle(class)) drop_handle(drain);
  return DRAIN_STUCK;
}

static void measure(struct drain *drain) {
  uint64_t records, bytes;
  int64_t oldest_us, now_us = clock_wall_us();
  drain_source_measure(&drain->source, &records, &bytes, &oldest_us);
  spool_meter_wait(drain->settings.which, records, bytes,
                   oldest_us && now_us > oldest_us ? (uint64_t)(now_us - oldest_us) / 1000000 : 0);
}

static void sweep(struct drain *drain) {
  uint64_t now_ms = clock_mono_ms();
  if (drain->settings.which != 0 || now_ms < drain->sweep_at_ms) return;
  drain->sweep_at_ms = now_ms + SWEEP_MS;
  spool_dir_sweep(drain->dir.fd);
  spool_dir_sweep(drain->dir.aside_fd);
  spool_ticket_sweep(&drain->dir);
}

enum drain_step drain_step(struct drain *drain) {
  if (!take_lock(drain)) return DRAIN_NOT_OURS;
  sweep(drain);
  drain_source_refresh(&drain->source);
  measure(drain);
  if (!drain_source_next(&drain->source)) {
    drain_source_commit(&drain->source); /* a segment of a head alone */
    if (drain->handle) drop_handle(drain);
    return DRAIN_IDLE;
  }
  if (!has_handle(drain)) return DRAIN_STUCK;
  if (take(drain) != 0) {
    drain_source_rollback(&drain->source);
    return DRAIN_STUCK;
  }
  enum drain_step step = deliver(drain);
  forget_taken(drain);
  measure(drain);
  return step;
}

/* --- the thread --- */

static uint64_t pause_ms(const struct drain *drain, enum drain_step step) {
  unsigned doublings = drain->failures < 6 ? drain->failures : 6;
  uint64_t most = (uint64_t)BACKOFF_FIRST_MS << doublings;
  switch (step) {
  case DRAIN_NOT_OURS:
    return LOCK_MS;
  case DRAIN_IDLE:
    return IDLE_MS;
  case DRAIN_MOVED:
    return 0;
  case DRAIN_STUCK:
    break;
  }
  most = most < BACKOFF_LAST_MS ? most : BACKOFF_LAST_MS;
  return most / 2 + random_below((uint32_t)(most / 2) + 1);
}

static void *run(void *arg) {
  struct drain *drain = arg;
  struct runner_shared *shared = drain->settings.shared;
  while (!queue_pause(shared->queue, pause_ms(drain, drain_step(drain)))) continue;
  if (drain->handle) drop_handle(drain);
  if (drain->lock_fd >= 0) spool_meter_wait(drain->settings.which, 0, 0, 0);
  pthread_mutex_lock(&shared->lock);
  shared->running--;
  pthread_cond_signal(&shared->ended);
  pthread_mutex_unlock(&shared->lock);
  return NULL;
}

static int start_thread(struct drain *drain) {
  pthread_attr_t how;
  sigset_t all, before;
  struct runner_shared *shared = drain->settings.shared;
  int error = pthread_attr_init(&how);
  if (error) return error;
  pthread_attr_setstacksize(&how, STACK_BYTES);
  sigfillset(&all);
  pthread_mutex_lock(&shared->lock);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  error = pthread_create(&drain->thread, &how, run, drain);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (!error) shared->running++;
  pthread_mutex_unlock(&shared->lock);
  pthread_attr_destroy(&how);
  return error;
}

/* --- life --- */

int drain_new(const struct drain_settings *settings, struct drain **ret_drain, struct err *err) {
  struct drain *drain = calloc(1, sizeof(*drain));
  if (!drain) return err_set(err, "spool: out of memory");
  drain->settings = *settings;
  drain->target = settings->known[settings->which];
  drain->lock_fd = -1;
  buf_init(&drain->sealed, SPOOL_FRAME_MAX_BYTES + 1);
  drain->entries = calloc(ENTRIES_MAX, sizeof(*drain->entries));
  if (!drain->entries || spool_dir_open(settings->spool, &drain->dir, err) != 0) {
    free(drain->entries);
    free(drain);
    return err_prefix(err, "storage.spool_dir");
  }
  drain_source_init(&drain->source, &drain->dir, settings->known, settings->known_count, drain->target);
  *ret_drain = drain;
  return 0;
}

void drain_free(struct drain *drain) {
  if (!drain) return;
  forget_taken(drain);
  if (drain->handle) drop_handle(drain);
  drain_source_done(&drain->source);
  if (drain->lock_fd >= 0) close(drain->lock_fd);
  spool_dir_close(&drain->dir);
  buf_done(&drain->sealed);
  free(drain->entries);
  free(drain);
}

int drain_start(const struct drain_settings *settings, struct drain **ret_drain, struct err *err) {
  struct drain *drain = NULL;
  if (drain_new(settings, &drain, err) != 0) return -1;
  if (start_thread(drain) == 0) {
    *ret_drain = drain;
    return 0;
  }
  drain_free(drain);
  return err_set(err, "spool: the thread cannot be started; raise the limit of processes (ulimit -u)");
}

void drain_join(struct drain *drain) {
  if (!drain) return;
  pthread_join(drain->thread, NULL);
  drain_free(drain);
}
