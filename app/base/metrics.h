/* SPDX-License-Identifier: Apache-2.0
 * metrics: counters, gauges and histograms in a mapping made before fork, so that any worker answers for all of them. Each module
 * describes its own in a static table. */
#ifndef WEIGATE_BASE_METRICS_H
#define WEIGATE_BASE_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* One family: weigate_<name>[{label="value"}]. Without a label, count is 1 and values NULL. */
struct metric {
  const char *name;
  const char *help;
  enum metric_type type;
  const char *label;
  const char *const *values;
  size_t count;
  size_t first; /* set by metrics_register(): the family's first cell */
};

/* Adds a module's table, which must outlive the process; the same table twice is one. Before metrics_start(). */
void metrics_register(struct metric *table, size_t count);
/* Maps cells for slots 0 (master) to workers; this process then writes to slot 0. Only slots that were used cost memory. Before
 * threads start, before fork. */
int metrics_start(size_t workers, struct err *err);
/* Which slot this process writes to; gauges of the slot are set to zero. After fork. */
void metrics_use_slot(size_t slot);

/* Any thread; before metrics_start() they do nothing. label: index into values (0 without labels). */
void metric_add(const struct metric *metric, size_t label, int64_t n);
void metric_set(const struct metric *metric, size_t label, int64_t value);
/* Histogram buckets: 1 2 5 10 20 50 100 200 500 ms, 1 2 5 10 s, +Inf. */
void metric_observe_us(const struct metric *metric, size_t label, uint64_t us);
/* The sum over all slots; of a histogram the number of observations. */
int64_t metric_total(const struct metric *metric, size_t label);
/* Prometheus text format 0.0.4 of every registered family. */
void metrics_print(struct buf *out);

#endif
