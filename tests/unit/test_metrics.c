/* SPDX-License-Identifier: Apache-2.0
 * test_metrics: counters of several processes add up, and read as Prometheus expects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/metrics.h"

static const char *const fruits[] = {"apple", "pe\"ar"};

enum { SOLD, OPEN, WAITED };
static struct metric table[] = {
    [SOLD] = {.name = "sold_total", .help = "Sold.", .type = METRIC_COUNTER, .label = "fruit", .values = fruits, .count = 2},
    [OPEN] = {.name = "open", .help = "Open.", .type = METRIC_GAUGE, .count = 1},
    [WAITED] = {.name = "waited_seconds", .help = "Waited.", .type = METRIC_HISTOGRAM, .count = 1},
};
static struct metric stranger = {.name = "stranger", .help = "-", .type = METRIC_COUNTER, .count = 1};
static struct buf page;

static int start(void **state) {
  (void)state;
  metrics_register(table, 3);
  metrics_register(table, 3);
  buf_init(&page, 65536);
  return metrics_start(4, NULL);
}

static int end(void **state) {
  (void)state;
  buf_done(&page);
  return 0;
}

static void assert_page_has(const char *line) {
  buf_clear(&page);
  metrics_print(&page);
  if (!strstr(buf_text(&page), line)) fail_msg("no line \"%s\" in\n%s", line, buf_text(&page));
}

static void counts_of_two_processes_add_up(void **state) {
  (void)state;
  metric_add(&table[SOLD], 0, 2);
  pid_t child = fork();
  if (child == 0) {
    metrics_use_slot(3);
    metric_add(&table[SOLD], 0, 5);
    _exit(0);
  }
  assert_int_equal(waitpid(child, NULL, 0), child);
  assert_int_equal(metric_total(&table[SOLD], 0), 7);
  assert_page_has("weigate_sold_total{fruit=\"apple\"} 7\n");
}

static void slot_taken_again_keeps_counters_and_clears_gauges(void **state) {
  (void)state;
  metrics_use_slot(2);
  metric_add(&table[SOLD], 1, 1);
  metric_set(&table[OPEN], 0, 9);
  metrics_use_slot(2);
  assert_int_equal(metric_total(&table[SOLD], 1), 1);
  assert_int_equal(metric_total(&table[OPEN], 0), 0);
}

static void label_values_are_escaped(void **state) {
  (void)state;
  assert_page_has("weigate_sold_total{fruit=\"pe\\\"ar\"} 0\n");
}

static void histogram_buckets_are_cumulative(void **state) {
  (void)state;
  metric_observe_us(&table[WAITED], 0, 1000);
  metric_observe_us(&table[WAITED], 0, 1001);
  metric_observe_us(&table[WAITED], 0, 60000000);
  assert_page_has("# TYPE weigate_waited_seconds histogram\n");
  assert_page_has("weigate_waited_seconds_bucket{le=\"0.001\"} 1\n");
  assert_page_has("weigate_waited_seconds_bucket{le=\"0.002\"} 2\n");
  assert_page_has("weigate_waited_seconds_bucket{le=\"10\"} 2\n");
  assert_page_has("weigate_waited_seconds_bucket{le=\"+Inf\"} 3\n");
  assert_page_has("weigate_waited_seconds_sum 60.002001\n");
  assert_page_has("weigate_waited_seconds_count 3\n");
  assert_int_equal(metric_total(&table[WAITED], 0), 3);
}

static void what_is_not_registered_counts_nothing(void **state) {
  (void)state;
  metric_add(&stranger, 0, 1);
  metric_add(&table[SOLD], 2, 1);
  assert_int_equal(metric_total(&stranger, 0), 0);
  assert_int_equal(metric_total(&table[SOLD], 0) + metric_total(&table[SOLD], 1), 0);
}

static void slot_beyond_the_mapping_is_ignored(void **state) {
  (void)state;
  metrics_use_slot(5);
  metric_add(&table[OPEN], 0, 1);
  assert_int_equal(metric_total(&table[OPEN], 0), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(counts_of_two_processes_add_up, start, end),
      cmocka_unit_test_setup_teardown(slot_taken_again_keeps_counters_and_clears_gauges, start, end),
      cmocka_unit_test_setup_teardown(label_values_are_escaped, start, end),
      cmocka_unit_test_setup_teardown(histogram_buckets_are_cumulative, start, end),
      cmocka_unit_test_setup_teardown(what_is_not_registered_counts_nothing, start, end),
      cmocka_unit_test_setup_teardown(slot_beyond_the_mapping_is_ignored, start, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
