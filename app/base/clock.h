/* SPDX-License-Identifier: Apache-2.0
 * clock: deadlines use the monotonic clock, stamps the wall clock; tests hold either still. */
#ifndef WEIGATE_BASE_CLOCK_H
#define WEIGATE_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Milliseconds and microseconds since some fixed point (boot); never go back. Any thread. */
uint64_t clock_mono_ms(void);
uint64_t clock_mono_us(void);
/* Seconds and microseconds since 1970 in UTC. Any thread. */
int64_t clock_wall_s(void);
int64_t clock_wall_us(void);

/* Stops both clocks at the given values; clock_advance_ms() moves them, clock_release() lets them run again. Tests only. */
void clock_hold(int64_t wall_s, uint64_t mono_ms);
void clock_advance_ms(int64_t ms);
void clock_release(void);
/* Loops then wake up every few milliseconds, so that a moved clock is noticed. Any thread. */
bool clock_is_held(void);

#endif
