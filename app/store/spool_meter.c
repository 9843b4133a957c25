/* SPDX-License-Identifier: Apache-2.0
 * spool_meter: counters of the spool. Any thread. */
#include "store/spool_meter.h"

#include "base/metrics.h"

enum { EVENTS, RECORDS, BYTES, OLDEST, ALARM };

static const char *const words[SPOOL_COUNTS] = {"appended", "drained", "aside", "torn", "refused_full"};
static const char *const stores[] = {"plugin", "mirror"};

#define PER_STORE .type = METRIC_GAUGE, .label = "store", .values = stores, .count = 2

static struct metric metrics[] = {
    [EVENTS] = {.name = "spool_events_total",
                .help = "Entries of the outage spool by what became of them.",
                .type = METRIC_COUNTER,
                .label = "what",
                .values = words,
                .count = SPOOL_COUNTS},
    [RECORDS] = {.name = "spool_records", .help = "Entries that wait in the spool for a store.", PER_STORE},
    [BYTES] = {.name = "spool_bytes", .help = "Bytes that wait in the spool for a store.", PER_STORE},
    [OLDEST] = {.name = "spool_oldest_seconds",
                .help = "Age of the oldest entry that waits in the spool for a store.",
                PER_STORE},
    [ALARM] = {.name = "spool_alarm", .help = "1 while the spool is not drained until an admin mends the store.", PER_STORE},
};

void spool_meter_register(void) {
  metrics_register(metrics, sizeof(metrics) / sizeof(metrics[0]));
}

void spool_meter_count(enum spool_count what, size_t n) {
  metric_add(&metrics[EVENTS], what, (int64_t)n);
}

void spool_meter_wait(size_t which, uint64_t records, uint64_t bytes, uint64_t oldest_s) {
  metric_set(&metrics[RECORDS], which, (int64_t)records);
  metric_set(&metrics[BYTES], which, (int64_t)bytes);
  metric_set(&metrics[OLDEST], which, (int64_t)oldest_s);
}

static uint64_t total(int which) {
  int64_t sum = metric_total(&metrics[which], 0) + metric_total(&metrics[which], 1);
  return sum > 0 ? (uint64_t)sum : 0;
}

void spool_meter_total(uint64_t *ret_records, uint64_t *ret_bytes, uint64_t *ret_oldest_s) {
  int64_t first = metric_total(&metrics[OLDEST], 0), second = metric_total(&metrics[OLDEST], 1);
  *ret_records = total(RECORDS);
  *ret_bytes = total(BYTES);
  *ret_oldest_s = (uint64_t)(first > second ? first : second);
}

void spool_meter_alarm(size_t which, bool is_on) {
  metric_set(&metrics[ALARM], which, is_on);
}
