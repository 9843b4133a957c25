/* SPDX-License-Identifier: Apache-2.0
 * load_figures: what a run of the load generator ends with: times and their percentiles, and the CPU time of other processes. */
#include "load_figures.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int compare(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void times_add(struct times *times, uint64_t ns) {
  if (times->count == times->cap) {
    times->cap = times->cap ? times->cap * 2 : 65536;
    times->us = reallocarray(times->us, times->cap, sizeof *times->us);
    if (!times->us) {
      fprintf(stderr, "load: out of memory\n");
      exit(1);
    }
  }
  times->us[times->count++] = ns / 1000 < UINT32_MAX ? (uint32_t)(ns / 1000) : UINT32_MAX;
}

double times_percentile_ms(struct times *times, double share) {
  if (times->count == 0) return 0;
  qsort(times->us, times->count, sizeof *times->us, compare);
  size_t at = (size_t)((double)times->count * share);
  return times->us[at < times->count ? at : times->count - 1] / 1000.0;
}

void times_done(struct times *times) {
  free(times->us);
  *times = (struct times){.us = NULL};
}

uint64_t cpu_ns(pid_t pid) {
  clockid_t clock;
  struct timespec used;
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) return 0;
  return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}
