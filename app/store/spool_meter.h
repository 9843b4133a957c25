/* SPDX-License-Identifier: Apache-2.0
 * spool_meter: what is counted about the spool. */
#ifndef WEIGATE_STORE_SPOOL_METER_H
#define WEIGATE_STORE_SPOOL_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum spool_count {
  SPOOL_APPENDED,     /* entries */
  SPOOL_DRAINED,      /* entries */
  SPOOL_ASIDE,        /* entries and damaged pieces */
  SPOOL_TORN,         /* writes that were cut short and never acknowledged */
  SPOOL_REFUSED_FULL, /* entries, by spool_max or the disk */
  SPOOL_COUNTS
};

/* Before metrics_start(). */
void spool_meter_register(void);
void spool_meter_count(enum spool_count what, size_t n);
/* What waits for a store: which is 0 for storage.plugin, 1 for storage.mirror. By who drains it; zeros when it stops. Any thread.
 */
void spool_meter_wait(size_t which, uint64_t records, uint64_t bytes, uint64_t oldest_s);
/* The same added up over both stores, as any worker of the host knows it. Any thread. */
void spool_meter_total(uint64_t *ret_records, uint64_t *ret_bytes, uint64_t *ret_oldest_s);
/* Whether a drain waits for an admin. Any thread. */
void spool_meter_alarm(size_t which, bool is_on);

#endif
