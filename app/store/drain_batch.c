/* SPDX-License-Identifier: Apache-2.0
 * drain_batch: calls of the plugin, and what each answer means for the entries. Drain's thread. */
#include "store/drain_batch.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/scope.h"
#include "store/spool_meter.h"

/* Entries of one call at most, so that a live write never waits for a long one. */
#define CALL_MAX 64

/* --- set aside --- */

/* Named after what it holds: one that is set aside again, after a crash in between, is the same file. */
static int keep(const struct spool_dir *dir, const uint8_t print[16], const struct spool_head *head, struct str bytes) {
  char name[SPOOL_NAME_BYTES], hex[33];
  text_hex_encode(hex, print, 16);
  snprintf(name, sizeof(name), "%s.seg", hex);
  if (spool_segment_write(dir->aside_fd, name, head, bytes) != 0) return -1;
  spool_meter_count(SPOOL_ASIDE, 1);
  log_error("spool: an entry was set aside (%s: %s); weigatectl storage spool lists it", head->class, head->reason);
  return 0;
}

static void fill_head(struct spool_head *head, const char *target, const char *class, const char *reason) {
  *head = (struct spool_head){0};
  snprintf(head->target, sizeof(head->target), "%.4095s", target);
  snprintf(head->class, sizeof(head->class), "%.31s", class);
  snprintf(head->reason, sizeof(head->reason), "%.255s", reason);
}

int drain_batch_keep_bytes(const struct spool_dir *dir, const char *target, const char *class, const char *reason,
                           struct str bytes) {
  struct spool_head head;
  uint8_t print[16];
  fill_head(&head, target, class, reason);
  crypto_generichash(print, sizeof(print), (const uint8_t *)bytes.p, bytes.n, NULL, 0);
  return keep(dir, print, &head, bytes);
}

/* The entry alone as a frame. Its seal is new each time, so the name is a MAC of the plain bytes. */
static int keep_entry(struct drain_batch *batch, const struct spool_entry *entry, const char *class, const char *reason) {
  SCOPE_BUF struct buf plain;
  SCOPE_BUF struct buf frame;
  struct spool_head head;
  uint8_t print[SEAL_MAC_BYTES];
  buf_init(&plain, SPOOL_ENTRY_MAX_BYTES);
  buf_init(&frame, SPOOL_FRAME_MAX_BYTES);
  spool_record_add(&plain, entry);
  if (plain.failed || spool_frame_add(&frame, batch->keys, buf_str(&plain), 1, clock_wall_us()) != 0) return errno = ENOMEM, -1;
  seal_mac(batch->keys, SEAL_SPOOL, STR("aside"), buf_str(&plain), print);
  explicit_bzero(plain.data, plain.cap);
  fill_head(&head, batch->target, class, reason);
  return keep(batch->dir, print, &head, buf_str(&frame));
}

static int set_aside(struct drain_batch *batch, const struct spool_entry *entry, const char *class, const char *reason) {
  if (keep_entry(batch, entry, class, reason) == 0) return WEIGATE_OK;
  snprintf(batch->call.message, sizeof(batch->call.message), "what the store refuses cannot be set aside: %s", strerror(errno));
  return WEIGATE_FULL;
}

/* --- calls --- */

static int call_signins(struct drain_batch *b, const struct spool_entry *entries, size_t count, struct weigate_result *results) {
  struct weigate_signin items[CALL_MAX];
  for (size_t i = 0; i < count; i++) items[i] = entries[i].signin;
  struct weigate_signins batch = {.struct_size = sizeof(batch), .stride = sizeof(items[0]), .count = count, .items = items};
  return b->plugin->desc->record_signins(b->handle, &b->call, &batch, results);
}

static int call_tickets(struct drain_batch *b, const struct spool_entry *entries, size_t count, struct weigate_result *results) {
  struct weigate_ticket items[CALL_MAX];
  if (!b->plugin->tickets) {
    snprintf(b->call.message, sizeof(b->call.message), "plugin %s has no tickets", b->plugin->desc->name);
    return WEIGATE_UNSUPPORTED;
  }
  for (size_t i = 0; i < count; i++) items[i] = entries[i].ticket;
  struct weigate_tickets batch = {.struct_size = sizeof(batch), .stride = sizeof(items[0]), .count = count, .items = items};
  return b->plugin->tickets->put(b->handle, &b->call, &batch, results);
}

/* Each has a stamp of its own. */
static int call_erase(struct drain_batch *b, const struct spool_entry *entries, size_t count, struct weigate_result *results) {
  int class = WEIGATE_OK;
  for (size_t i = 0; i < count && class == WEIGATE_OK; i++) {
    struct weigate_keys keys = {
        .struct_size = sizeof(keys), .stride = sizeof(entries[i].key), .count = 1, .items = &entries[i].key};
    class = b->plugin->desc->erase_people(b->handle, &b->call, &keys, &entries[i].stamp, &results[i]);
  }
  return class;
}

static int call_plugin(struct drain_batch *b, const struct spool_entry *entries, size_t count, struct weigate_result *results) {
  int class;
  uint64_t began_us = clock_mono_us();
  for (size_t i = 0; i < count; i++) results[i] = (struct weigate_result){.struct_size = sizeof(results[0])};
  b->call = plugin_call(b->timeout_ms);
  switch (entries[0].kind) {
  case SPOOL_SIGNIN:
    class = call_signins(b, entries, count, results);
    break;
  case SPOOL_ERASE:
    class = call_erase(b, entries, count, results);
    break;
  default:
    class = call_tickets(b, entries, count, results);
  }
  class = plugin_answer(class, &b->call);
  if (b->pause(b->arg, clock_mono_us() - began_us) && class == WEIGATE_OK) {
    snprintf(b->call.message, sizeof(b->call.message), "the worker stops");
    return WEIGATE_TIMEOUT;
  }
  return class;
}

/* Whether a lone refusal is the entry's fault. */
static bool is_well(struct drain_batch *batch) {
  struct weigate_health health = {.struct_size = sizeof(health)};
  struct weigate_call call = plugin_call(batch->timeout_ms);
  int class = plugin_answer(batch->plugin->desc->health(batch->handle, &call, &health), &call);
  return class == WEIGATE_OK && (health.state == WEIGATE_UP || health.state == WEIGATE_DEGRADED);
}

static int keep_rejected(struct drain_batch *batch, const struct spool_entry *entries, size_t count,
                         const struct weigate_result *results) {
  char reason[SPOOL_REASON_BYTES];
  for (size_t i = 0; i < count; i++) {
    if (results[i].outcome != WEIGATE_ITEM_REJECTED) continue;
    snprintf(reason, sizeof(reason), "the store refuses the member %s", results[i].field ? results[i].field : "it did not name");
    int class = set_aside(batch, &entries[i], "rejected", reason);
    if (class != WEIGATE_OK) return class;
  }
  return WEIGATE_OK;
}

static bool may_be_one_entry(int class) {
  return class == WEIGATE_FAILED || class == WEIGATE_INVALID || class == WEIGATE_UNSUPPORTED;
}

/* Entries of one kind. A call that fails as a whole may hold one that is to blame: halves find it. */
static int deliver(struct drain_batch *batch, const struct spool_entry *entries, size_t count) {
  struct weigate_result results[CALL_MAX];
  int class = call_plugin(batch, entries, count, results);
  if (class == WEIGATE_OK) return keep_rejected(batch, entries, count, results);
  if (!may_be_one_entry(class)) return class;
  if (count > 1) {
    class = deliver(batch, entries, count / 2);
    return class == WEIGATE_OK ? deliver(batch, entries + count / 2, count - count / 2) : class;
  }
  char reason[SPOOL_REASON_BYTES];
  snprintf(reason, sizeof(reason), "%.255s", batch->call.message[0] ? batch->call.message : "no reason given");
  return is_well(batch) ? set_aside(batch, entries, plugin_class_name(class), reason) : class;
}

int drain_batch_deliver(struct drain_batch *batch, struct spool_entry *entries, size_t count) {
  size_t most = batch->call_max < CALL_MAX ? batch->call_max : CALL_MAX;
  for (size_t first = 0, n; first < count; first += n) {
    for (n = 1; n < most && first + n < count && entries[first + n].kind == entries[first].kind;) n++;
    int class = deliver(batch, &entries[first], n);
    if (class != WEIGATE_OK) return class;
  }
  return WEIGATE_OK;
}
