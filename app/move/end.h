/* SPDX-License-Identifier: Apache-2.0
 * end: one end of a move, an open store with its one handle; calls that failed for a passing reason are made again. */
#ifndef WEIGATE_MOVE_END_H
#define WEIGATE_MOVE_END_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/plugin.h"

struct end {
  const struct plugin *plugin;
  struct weigate_handle **handle; /* the caller's; replaced by a new one where the old is of no use */
  const char *name;               /* as the admin called it */
  bool (*is_stopped)(void);       /* true: nothing is waited for any more; may be NULL */
};

/* One call of the plugin, complete in itself: it may be made several times. An enum weigate_class. */
typedef int (*end_work)(const struct end *end, struct weigate_call *call, void *context);

/* Makes the call until it succeeds. A lock, a lost connection, an unknown outcome (all that moves write is idempotent) is tried
 * again for a minute, with a new handle where needed. -1 with one sentence and what to do; `doing`: "read people". Blocks. */
int end_call(const struct end *end, const char *doing, end_work work, void *context, struct err *err);
/* Waits; false when it was told to stop. */
bool end_pause(const struct end *end, uint64_t ms);

#endif
