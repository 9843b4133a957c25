/* SPDX-License-Identifier: Apache-2.0
 * meter: storage calls by kind and by class, batch sizes, waiting and calling times. Storage threads and the loop's. */
#include "store/meter.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "base/scope.h"

enum { METRIC_CALLS, METRIC_CLASSES, METRIC_BATCHES, METRIC_REFUSED, METRIC_WAIT, METRIC_CALL_TIME, METRIC_RESENT, METRIC_COUNT };

static const char *const kinds[OP_KINDS] = {"record", "claim", "put", "take", "get", "load", "scan"};
static const char *const classes[] = {"ok",        "invalid",     "unsupported",  "config",          "auth",
                                      "busy",      "unavailable", "timeout",      "outcome_unknown", "full",
                                      "read_only", "corrupt",     "schema_newer", "failed"};
static const char *const resent[] = {"ok", "refused"};
/* Upper ends of batch sizes; WEIGATE_BATCH_MAX is the last. */
static const size_t batch_ends[] = {1, 4, 16, 64, 256, WEIGATE_BATCH_MAX};
static const char *const batch_names[] = {"1", "4", "16", "64", "256", "1024"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct metric store_metrics[METRIC_COUNT] = {
    [METRIC_CALLS] = {.name = "store_ops_total",
                      .help = "Storage operations that reached the plugin, by kind.",
                      .type = METRIC_COUNTER,
                      .label = "op",
                      .values = kinds,
                      .count = OP_KINDS},
    [METRIC_CLASSES] = {.name = "store_calls_total",
                        .help = "Calls of the storage plugin, each a batch, by how they ended.",
                        .type = METRIC_COUNTER,
                        .label = "class",
                        .values = classes,
                        .count = COUNT(classes)},
    [METRIC_BATCHES] = {.name = "store_batches_total",
                        .help = "Batches by the number of operations in them, up to the label's value.",
                        .type = METRIC_COUNTER,
                        .label = "size",
                        .values = batch_names,
                        .count = COUNT(batch_names)},
    [METRIC_REFUSED] = {.name = "store_refused_total",
                        .help = "Storage operations answered without the plugin: no store, queue full, out of time.",
                        .type = METRIC_COUNTER,
                        .label = "op",
                        .values = kinds,
                        .count = OP_KINDS},
    [METRIC_WAIT] = {.name = "store_wait_seconds",
                     .help = "Time from a storage operation's arrival to the call that carries it.",
                     .type = METRIC_HISTOGRAM,
                     .label = "op",
                     .values = kinds,
                     .count = OP_KINDS},
    [METRIC_CALL_TIME] = {.name = "store_call_seconds",
                          .help = "Time of one call of the storage plugin.",
                          .type = METRIC_HISTOGRAM,
                          .label = "op",
                          .values = kinds,
                          .count = OP_KINDS},
    [METRIC_RESENT] = {.name = "store_resent_total",
                       .help =
                           "Records sent again because another server took the store's place (a fail-over), by how that ended.",
                       .type = METRIC_COUNTER,
                       .label = "result",
                       .values = resent,
                       .count = COUNT(resent)},
};

void meter_register(void) {
  metrics_register(store_metrics, METRIC_COUNT);
}

void meter_batch(struct op *const *ops, size_t count) {
  uint64_t now_us = clock_mono_us();
  size_t size = 0;
  while (size + 1 < COUNT(batch_ends) && count > batch_ends[size]) size++;
  metric_add(&store_metrics[METRIC_BATCHES], size, 1);
  metric_add(&store_metrics[METRIC_CALLS], ops[0]->kind, (int64_t)count);
  for (size_t i = 0; i < count; i++) metric_observe_us(&store_metrics[METRIC_WAIT], ops[i]->kind, now_us - ops[i]->queued_us);
}

void meter_call(enum op_kind kind, int class, uint64_t us) {
  metric_add(&store_metrics[METRIC_CLASSES], (size_t) class, 1);
  metric_observe_us(&store_metrics[METRIC_CALL_TIME], kind, us);
}

void meter_refused(enum op_kind kind) {
  metric_add(&store_metrics[METRIC_REFUSED], kind, 1);
}

void meter_resent(bool is_done) {
  metric_add(&store_metrics[METRIC_RESENT], is_done ? 0 : 1, 1);
}
