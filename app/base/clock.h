/* SPDX-License-Identifier: Apache-2.0
 * clock: deadlines use the monotonic clock, stamps the wall clock; tests hold either still. */
#ifndef WEIGATE_BASE_CLOCK_H
#define WEIGATE_BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_mono_ms(void);
uint64_t clock_mono_us(void);
int64_t clock_wall_s(void);
int64_t clock_wall_us(void);

/* Stops both clocks at the given values; clock_advance_ms() moves them, clock_release() lets them run again. Tests only. */
void clock_hold(int64_t wall_s, uint64_t mono_ms);
void clock_advance_ms(int64_t ms);
void clock_release(void);

#endif
