/* SPDX-License-Identifier: Apache-2.0
 * spooler: ops become entries, entries become frames, and one append makes them durable. Its own thread. */
#include "store/spooler.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/scope.h"
#include "store/spool_frame.h"
#include "store/spool_meter.h"
#include "store/spool_record.h"
#include "store/spool_segment.h"
#include "store/spool_ticket.h"

/* Ops of one write: of the longest entries 9 MiB. */
#define OPS_MAX     256
#define FRAMES_MAX  (OPS_MAX / 16 * (size_t)SPOOL_FRAME_MAX_BYTES)
#define TARGETS_MAX 2 /* storage.plugin, storage.mirror */
#define IDLE_MS     3600000
/* While it refuses: looks this often whether there is room again, by a write of its own. */
#define LOOK_MS    1000
#define LOOK_BYTES 4096
/* How long the sum of all files' sizes is believed. */
#define BYTES_FRESH_MS 250
#define STACK_BYTES    (256 * 1024)

struct spooler {
  const struct spool_settings *settings;
  struct spool_dir dir;
  struct queue *queue;
  pthread_t thread;
  struct op *ops[OPS_MAX];
  struct spool_segment segments[TARGETS_MAX];
  struct buf plain, frames;
  uint64_t bytes, bytes_at_ms; /* of all files; when they were added up */
  bool is_full, is_failing;    /* was said in the log */
  atomic_bool refuses;         /* either of them */
};

/* --- answers --- */

static void answer(struct op *op, int class, const char *message) {
  op->answer = (struct store_answer){.class = class};
  snprintf(op->answer.message, sizeof(op->answer.message), "%.199s", message);
}

static int class_of(int error) {
  if (error == ENOSPC || error == EDQUOT) return WEIGATE_FULL;
  return error == EROFS ? WEIGATE_READ_ONLY : WEIGATE_UNAVAILABLE;
}

/* Says it when it begins and when it ends. */
static void note_failing(struct spooler *spooler, int error) {
  if (error && !spooler->is_failing)
    log_error("spool: %s cannot be written: %s; sign-ins are refused while the store is down", spooler->settings->dir,
              strerror(error));
  if (!error && spooler->is_failing) log_info("spool: %s is written again", spooler->settings->dir);
  spooler->is_failing = error != 0;
  atomic_store(&spooler->refuses, error != 0);
}

static void note_full(struct spooler *spooler, bool is_full) {
  if (is_full && !spooler->is_full)
    log_error("spool: storage.spool_max (%llu bytes) is reached; sign-ins are refused until the store takes what waits",
              (unsigned long long)spooler->settings->max_bytes);
  spooler->is_full = is_full;
  if (is_full) atomic_store(&spooler->refuses, true);
}

/* --- appending --- */

static struct spool_segment *find_segment(struct spooler *spooler, const char *target) {
  for (size_t i = 0; i < TARGETS_MAX; i++) {
    struct spool_segment *segment = &spooler->segments[i];
    if (!segment->target) segment->target = target;
    if (strcmp(segment->target, target) == 0) return segment;
  }
  return NULL;
}

static bool has_room(struct spooler *spooler, uint64_t bytes) {
  uint64_t now_ms = clock_mono_ms();
  if (!spooler->bytes_at_ms || now_ms - spooler->bytes_at_ms >= BYTES_FRESH_MS) {
    spooler->bytes = spool_dir_bytes(&spooler->dir);
    spooler->bytes_at_ms = now_ms;
  }
  return spooler->bytes + bytes <= spooler->settings->max_bytes;
}

static int end_frame(struct spooler *spooler, uint32_t count) {
  int result =
      count ? spool_frame_add(&spooler->frames, spooler->settings->keys, buf_str(&spooler->plain), count, clock_wall_us()) : 0;
  buf_clear(&spooler->plain);
  return result;
}

static void add_entry(struct spooler *spooler, const struct op *op) {
  struct spool_entry entry = {.kind = op->kind == OP_RECORD ? SPOOL_SIGNIN : SPOOL_TICKET};
  if (op->kind == OP_RECORD)
    entry.signin = op->signin;
  else
    entry.ticket = op->ticket;
  spool_record_add(&spooler->plain, &entry);
}

/* The ops of one target as frames, each as full as it gets. */
static int make_frames(struct spooler *spooler, struct op *const *ops, size_t count) {
  uint32_t entries = 0;
  buf_clear(&spooler->frames);
  buf_clear(&spooler->plain);
  for (size_t i = 0; i < count; i++) {
    if (spooler->plain.len + SPOOL_ENTRY_MAX_BYTES > SPOOL_FRAME_PLAIN_MAX) {
      if (end_frame(spooler, entries) != 0) return -1;
      entries = 0;
    }
    add_entry(spooler, ops[i]);
    entries++;
    if (spooler->plain.failed) return -1;
  }
  return end_frame(spooler, entries);
}

static int append(struct spooler *spooler, struct op *const *ops, size_t count, const char **ret_why) {
  struct spool_segment *segment = find_segment(spooler, ops[0]->target);
  *ret_why = "out of memory";
  if (!segment || make_frames(spooler, ops, count) != 0) return WEIGATE_FAILED;
  bool is_full = !has_room(spooler, spooler->frames.len);
  note_full(spooler, is_full);
  *ret_why = "the spool is full";
  if (is_full) return spool_meter_count(SPOOL_REFUSED_FULL, count), WEIGATE_FULL;
  int error = spool_segment_append(&spooler->dir, segment, buf_str(&spooler->frames)) == 0 ? 0 : errno;
  note_failing(spooler, error);
  *ret_why = strerror(error);
  if (error == ENOSPC || error == EDQUOT) spool_meter_count(SPOOL_REFUSED_FULL, count);
  if (error) return class_of(error);
  spooler->bytes += spooler->frames.len;
  spool_meter_count(SPOOL_APPENDED, count);
  return WEIGATE_OK;
}

/* The tickets in what was kept, for the other workers of this host. One that cannot be put is not missed by the person: a second
 * hit of the same code waits in vain and starts again. */
static void put_ticket(struct spooler *spooler, const struct op *op) {
  const struct weigate_ticket *ticket = op->kind == OP_PUT ? &op->ticket : op->signin.ticket;
  if (ticket && spool_ticket_put(&spooler->dir, spooler->settings->keys, ticket) != 0)
    log_warn("spool: a ticket cannot be kept: %s", strerror(errno));
}

static void keep(struct spooler *spooler, struct op *const *ops, size_t count) {
  const char *why = "";
  int class = append(spooler, ops, count, &why);
  for (size_t i = 0; i < count; i++) {
    if (class == WEIGATE_OK) put_ticket(spooler, ops[i]);
    answer(ops[i], class, class == WEIGATE_OK ? "" : why);
    ops[i]->answer.item = class == WEIGATE_OK ? WEIGATE_ITEM_NEW : WEIGATE_ITEM_UNKNOWN;
  }
  explicit_bzero(spooler->plain.data, spooler->plain.data ? spooler->plain.cap : 0);
}

/* One append for each store, in the order of arrival. */
static void keep_all(struct spooler *spooler, struct op **ops, size_t count) {
  struct op *sorted[OPS_MAX];
  size_t first = 0, sorted_count = 0;
  for (size_t i = 0; i < count; i++)
    if (strcmp(ops[i]->target, ops[0]->target) == 0) sorted[sorted_count++] = ops[i];
  first = sorted_count;
  for (size_t i = 0; i < count; i++)
    if (strcmp(ops[i]->target, ops[0]->target) != 0) sorted[sorted_count++] = ops[i];
  keep(spooler, sorted, first);
  if (first < count) keep(spooler, sorted + first, count - first);
}

/* --- tickets --- */

static void answer_found(struct op *op, int result, enum weigate_item item, struct spool_ticket *found) {
  answer(op, result == 0 ? WEIGATE_OK : class_of(errno), result == 0 ? "" : strerror(errno));
  op->answer.item = item;
  if (result == 0 && found->is_found && op_keep_ticket(op, &found->ticket) != 0) answer(op, WEIGATE_FAILED, "out of memory");
  spool_ticket_done(found);
}

static void keep_scanned(void *arg, const struct weigate_ticket *ticket) {
  op_keep_ticket(arg, ticket); /* one that found no memory is written since the same moment at the next look */
}

static void answer_ticket(struct spooler *spooler, struct op *op) {
  const struct weigate_ticket *ticket = &op->ticket;
  const struct seal_keys *keys = spooler->settings->keys;
  enum weigate_item item = WEIGATE_ITEM_UNKNOWN;
  struct spool_ticket found = {0};
  int result = 0;
  int64_t now_us = clock_wall_us();
  if (op->kind == OP_CLAIM) {
    result = spool_ticket_claim(&spooler->dir, keys, ticket, &item, &found);
  } else if (op->kind == OP_SCAN) {
    result = spool_ticket_scan(&spooler->dir, keys, ticket->kind, (int64_t)op->cursor, keep_scanned, op);
    op->cursor = (uint64_t)now_us;
  } else {
    result = (op->kind == OP_TAKE ? spool_ticket_take : spool_ticket_get)(&spooler->dir, keys, ticket->kind, ticket->key, &found);
    item = !found.is_found ? WEIGATE_ITEM_MISSING : found.is_claim ? WEIGATE_ITEM_TAKEN : WEIGATE_ITEM_UPDATED;
  }
  answer_found(op, result, item, &found);
}

/* --- the thread --- */

/* Nobody may come to find out that it takes again what it refused: ready would go on to say so. */
static void look_again(struct spooler *spooler) {
  static const char nothing[LOOK_BYTES];
  char name[SPOOL_NAME_BYTES];
  spooler->bytes_at_ms = 0;
  if (!has_room(spooler, SPOOL_ENTRY_MAX_BYTES)) return;
  SCOPE_CLOSE int fd = spool_dir_temporary(spooler->dir.fd, name);
  if (fd < 0) return;
  bool is_written = spool_write(fd, str_make(nothing, sizeof(nothing)), 0) == 0 && fsync(fd) == 0;
  unlinkat(spooler->dir.fd, name, 0);
  if (!is_written) return;
  note_failing(spooler, 0);
  note_full(spooler, false);
}

static void *run(void *arg) {
  struct spooler *spooler = arg;
  int count;
  while (true) {
    uint64_t until_ms = clock_mono_ms() + (atomic_load(&spooler->refuses) ? LOOK_MS : IDLE_MS);
    if ((count = queue_take(spooler->queue, QUEUE_WRITES, until_ms, OPS_MAX, spooler->ops)) < 0) break;
    if (count == 0 && atomic_load(&spooler->refuses)) look_again(spooler);
    if (count == 0) continue;
    if (spooler->ops[0]->kind == OP_RECORD || spooler->ops[0]->kind == OP_PUT)
      keep_all(spooler, spooler->ops, (size_t)count);
    else
      for (int i = 0; i < count; i++) answer_ticket(spooler, spooler->ops[i]);
    queue_finish(spooler->queue, spooler->ops, (size_t)count);
  }
  return NULL;
}

static int start_thread(struct spooler *spooler) {
  pthread_attr_t how;
  sigset_t all, before;
  int error = pthread_attr_init(&how);
  if (error) return error;
  pthread_attr_setstacksize(&how, STACK_BYTES);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  error = pthread_create(&spooler->thread, &how, run, spooler);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&how);
  return error;
}

static void free_spooler(struct spooler *spooler) {
  for (size_t i = 0; i < TARGETS_MAX; i++) spool_segment_close(&spooler->segments[i]);
  queue_free(spooler->queue);
  buf_done(&spooler->plain);
  buf_done(&spooler->frames);
  spool_dir_close(&spooler->dir);
  free(spooler);
}

int spooler_start(struct loop *loop, const struct spool_settings *settings, struct spooler **ret_spooler, struct err *err) {
  struct spooler *spooler = calloc(1, sizeof(*spooler));
  if (!spooler) return err_set(err, "spool: out of memory");
  spooler->settings = settings;
  for (size_t i = 0; i < TARGETS_MAX; i++) spooler->segments[i].fd = -1;
  buf_init(&spooler->plain, SPOOL_FRAME_PLAIN_MAX);
  buf_init(&spooler->frames, FRAMES_MAX);
  if (spool_dir_open(settings, &spooler->dir, err) != 0) {
    free(spooler);
    return err_prefix(err, "storage.spool_dir");
  }
  if (queue_new(loop, true, 1, 0, &spooler->queue, err) == 0) {
    if (start_thread(spooler) == 0) {
      *ret_spooler = spooler;
      return 0;
    }
    err_set(err, "spool: the thread cannot be started; raise the limit of processes (ulimit -u)");
  }
  free_spooler(spooler);
  return -1;
}

struct queue *spooler_queue(struct spooler *spooler) {
  return spooler->queue;
}

bool spooler_is_failing(const struct spooler *spooler) {
  return atomic_load(&((struct spooler *)spooler)->refuses);
}

const struct spool_dir *spooler_dir(const struct spooler *spooler) {
  return &spooler->dir;
}

void spooler_stop(struct spooler *spooler) {
  if (!spooler) return;
  queue_stop(spooler->queue);
  pthread_join(spooler->thread, NULL);
  free_spooler(spooler);
}
