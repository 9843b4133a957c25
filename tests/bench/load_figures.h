/* SPDX-License-Identifier: Apache-2.0
 * load_figures: what a run of the load generator ends with: times and their percentiles, and the CPU time of other processes. */
#ifndef WEIGATE_BENCH_LOAD_FIGURES_H
#define WEIGATE_BENCH_LOAD_FIGURES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct times {
  uint32_t *us;
  size_t count, cap;
};

uint64_t now_ns(void);

/* Leaves with a message when memory is refused. */
void times_add(struct times *times, uint64_t ns);
/* Sorts; share is 0.5 for the median. 0 when empty. */
double times_percentile_ms(struct times *times, double share);
void times_done(struct times *times);

/* What a process has used since it began, all threads, ended ones too; 0 when it is gone. */
uint64_t cpu_ns(pid_t pid);

#endif
