/* SPDX-License-Identifier: Apache-2.0
 * metrics: the cells behind the tables, one row of them per process, added up when somebody asks; any thread counts. */
#include "base/metrics.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/text.h"

/* Modules with a table: eight today. */
#define METRIC_TABLES_MAX 32
/* Upper bounds of a histogram's buckets, microseconds and as Prometheus writes them (seconds). */
static const uint64_t bounds_us[] = {1000,   2000,   5000,    10000,   20000,   50000,   100000,
                                     200000, 500000, 1000000, 2000000, 5000000, 10000000};
static const char *const bounds_text[] = {"0.001", "0.002", "0.005", "0.01", "0.02", "0.05", "0.1",
                                          "0.2",   "0.5",   "1",     "2",    "5",    "10"};
#define BOUNDS_COUNT (sizeof bounds_us / sizeof bounds_us[0])
/* A histogram's cells: one per bound, one for what is beyond, the sum in microseconds. */
#define CELL_BEYOND     BOUNDS_COUNT
#define CELL_SUM        (BOUNDS_COUNT + 1)
#define HISTOGRAM_CELLS (BOUNDS_COUNT + 2)
/* Cells of one cache line: rows of two processes share none. */
#define CELLS_PER_LINE (64 / sizeof(int64_t))

/* What is mapped: the head, then slot_count rows of row_cells cells. */
struct mapping {
  atomic_size_t used_slots; /* rows that were ever written to: the others need not be read */
  char padding[64 - sizeof(atomic_size_t)];
  _Atomic int64_t cells[];
};

struct table {
  struct metric *rows;
  size_t count;
};

static struct table tables[METRIC_TABLES_MAX];
static size_t tables_count;
static bool too_many;
static size_t row_cells = 1; /* cell 0 is nobody's: `first` 0 means "not registered" */
static size_t slot_count;
static size_t mapped_bytes;
static struct mapping *mapping;
static _Atomic int64_t *own_row;

static size_t count_cells(const struct metric *metric) {
  return metric->type == METRIC_HISTOGRAM ? HISTOGRAM_CELLS : 1;
}

static _Atomic int64_t *find_row(size_t slot) {
  size_t stride = (row_cells + CELLS_PER_LINE - 1) / CELLS_PER_LINE * CELLS_PER_LINE;
  return mapping->cells + slot * stride;
}

/* The first of the cells that belong to one label of the family, or NULL where nothing can be counted. */
static _Atomic int64_t *find_cell(const struct metric *metric, size_t label) {
  if (!own_row || metric->first == 0 || label >= metric->count) return NULL;
  return own_row + metric->first + label * count_cells(metric);
}

static int64_t sum_cell(size_t cell) {
  if (!mapping) return 0;
  int64_t sum = 0;
  size_t used = atomic_load(&mapping->used_slots);
  for (size_t slot = 0; slot < used; slot++) sum += atomic_load_explicit(find_row(slot) + cell, memory_order_relaxed);
  return sum;
}

static void add_label_value(struct buf *out, const char *value) {
  for (; *value; value++) {
    if (*value == '\\' || *value == '"') buf_add_char(out, '\\');
    if (*value == '\n')
      buf_add_text(out, "\\n");
    else
      buf_add_char(out, *value);
  }
}

/* weigate_name_suffix{label="value",le="bound"} with the parts that there are. */
static void add_name(struct buf *out, const struct metric *metric, size_t label, const char *suffix, const char *le) {
  buf_addf(out, "weigate_%s%s", metric->name, suffix);
  if (!metric->label && !le) return;
  buf_add_char(out, '{');
  if (metric->label) {
    buf_addf(out, "%s=\"", metric->label);
    add_label_value(out, metric->values[label]);
    buf_add_char(out, '"');
  }
  if (le) buf_addf(out, "%sle=\"%s\"", metric->label ? "," : "", le);
  buf_add_char(out, '}');
}

static void print_histogram(struct buf *out, const struct metric *metric, size_t label) {
  size_t first = metric->first + label * HISTOGRAM_CELLS;
  int64_t seen = 0;
  for (size_t i = 0; i <= CELL_BEYOND; i++) {
    seen += sum_cell(first + i);
    add_name(out, metric, label, "_bucket", i < BOUNDS_COUNT ? bounds_text[i] : "+Inf");
    buf_addf(out, " %lld\n", (long long)seen);
  }
  int64_t sum_us = sum_cell(first + CELL_SUM);
  add_name(out, metric, label, "_sum", NULL);
  buf_addf(out, " %lld.%06lld\n", (long long)(sum_us / 1000000), (long long)(sum_us % 1000000));
  add_name(out, metric, label, "_count", NULL);
  buf_addf(out, " %lld\n", (long long)seen);
}

static void print_family(struct buf *out, const struct metric *metric) {
  static const char *const types[] = {"counter", "gauge", "histogram"};
  buf_addf(out, "# HELP weigate_%s %s\n# TYPE weigate_%s %s\n", metric->name, metric->help, metric->name, types[metric->type]);
  for (size_t label = 0; label < metric->count; label++) {
    if (metric->type == METRIC_HISTOGRAM) {
      print_histogram(out, metric, label);
    } else {
      add_name(out, metric, label, "", NULL);
      buf_addf(out, " %lld\n", (long long)metric_total(metric, label));
    }
  }
}

static void clear_gauges(void) {
  for (size_t t = 0; t < tables_count; t++)
    for (size_t i = 0; i < tables[t].count; i++)
      if (tables[t].rows[i].type == METRIC_GAUGE)
        for (size_t label = 0; label < tables[t].rows[i].count; label++) metric_set(&tables[t].rows[i], label, 0);
}

void metrics_register(struct metric *table, size_t count) {
  for (size_t t = 0; t < tables_count; t++)
    if (tables[t].rows == table) return;
  if (mapping) {
    log_error("metrics: the table of %s came after the start and is not counted", count ? table->name : "(none)");
    return;
  }
  if (tables_count == METRIC_TABLES_MAX) {
    too_many = true;
    return;
  }
  tables[tables_count++] = (struct table){table, count};
  for (size_t i = 0; i < count; i++) {
    table[i].first = row_cells;
    row_cells += table[i].count * count_cells(&table[i]);
  }
}

int metrics_start(size_t workers, struct err *err) {
  if (too_many) return err_set(err, "metrics: more than %d tables of metrics; raise METRIC_TABLES_MAX", METRIC_TABLES_MAX);
  if (mapping) munmap(mapping, mapped_bytes);
  size_t stride = (row_cells + CELLS_PER_LINE - 1) / CELLS_PER_LINE * CELLS_PER_LINE;
  slot_count = workers + 1;
  mapped_bytes = sizeof *mapping + slot_count * stride * sizeof(int64_t);
  void *memory = mmap(NULL, mapped_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  mapping = memory == MAP_FAILED ? NULL : memory;
  own_row = NULL;
  if (!mapping) return err_set(err, "metrics: cannot map %zu bytes of shared memory: %m", mapped_bytes);
  metrics_use_slot(0);
  return 0;
}

void metrics_use_slot(size_t slot) {
  if (!mapping || slot >= slot_count) return;
  size_t used = atomic_load(&mapping->used_slots);
  while (used < slot + 1 && !atomic_compare_exchange_weak(&mapping->used_slots, &used, slot + 1)) continue;
  own_row = find_row(slot);
  clear_gauges();
}

void metric_add(const struct metric *metric, size_t label, int64_t n) {
  _Atomic int64_t *cell = find_cell(metric, label);
  if (cell) atomic_fetch_add_explicit(cell, n, memory_order_relaxed);
}

void metric_set(const struct metric *metric, size_t label, int64_t value) {
  _Atomic int64_t *cell = find_cell(metric, label);
  if (cell) atomic_store_explicit(cell, value, memory_order_relaxed);
}

void metric_observe_us(const struct metric *metric, size_t label, uint64_t us) {
  _Atomic int64_t *cells = find_cell(metric, label);
  if (!cells) return;
  size_t i = 0;
  while (i < BOUNDS_COUNT && us > bounds_us[i]) i++;
  atomic_fetch_add_explicit(cells + i, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(cells + CELL_SUM, (int64_t)us, memory_order_relaxed);
}

int64_t metric_total(const struct metric *metric, size_t label) {
  if (metric->first == 0 || label >= metric->count) return 0;
  size_t first = metric->first + label * count_cells(metric);
  if (metric->type != METRIC_HISTOGRAM) return sum_cell(first);
  int64_t seen = 0;
  for (size_t i = 0; i <= CELL_BEYOND; i++) seen += sum_cell(first + i);
  return seen;
}

void metrics_print(struct buf *out) {
  for (size_t t = 0; t < tables_count; t++)
    for (size_t i = 0; i < tables[t].count; i++) print_family(out, &tables[t].rows[i]);
}
