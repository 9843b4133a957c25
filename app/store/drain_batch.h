/* SPDX-License-Identifier: Apache-2.0
 * drain_batch: entries of the spool given to a store. What it refuses for ever is set aside, one by one; what is an outage stops
 * it. */
#ifndef WEIGATE_STORE_DRAIN_BATCH_H
#define WEIGATE_STORE_DRAIN_BATCH_H

#include "store/plugin.h"
#include "store/spool_record.h"
#include "store/spool_segment.h"

/* How the entries of some frames are delivered. */
struct drain_batch {
  const struct plugin *plugin;
  struct weigate_handle *handle;
  const struct spool_dir *dir;
  const struct seal_keys *keys;
  const char *target;                         /* for what is set aside */
  uint32_t timeout_ms;                        /* of one call */
  size_t call_max;                            /* entries of one call */
  bool (*pause)(void *arg, uint64_t took_us); /* after each call: lets live traffic pass; true: stop */
  void *arg;
  struct weigate_call call; /* of the last call, for what is said of it */
};

/* Delivers all, in order. WEIGATE_OK: each is in the store or set aside. Another class: some may be in the store, and all are to
 * be delivered again. Drain's thread. */
int drain_batch_deliver(struct drain_batch *batch, struct spool_entry *entries, size_t count);
/* Sets aside what can never be delivered: a frame that cannot be opened, or bytes that are none, as they are. -1 with errno. */
int drain_batch_keep_bytes(const struct spool_dir *dir, const char *target, const char *class, const char *reason,
                           struct str bytes);

#endif
