/* SPDX-License-Identifier: Apache-2.0
 * clock: the two clocks of the kernel, or the values a test holds; any thread. */
#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

static atomic_bool held;
static _Atomic int64_t held_wall_us;
static _Atomic uint64_t held_mono_us;

static int64_t read_us(clockid_t id) {
  struct timespec now;
  clock_gettime(id, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

uint64_t clock_mono_us(void) {
  return atomic_load(&held) ? atomic_load(&held_mono_us) : (uint64_t)read_us(CLOCK_MONOTONIC);
}

uint64_t clock_mono_ms(void) {
  return clock_mono_us() / 1000;
}

int64_t clock_wall_us(void) {
  return atomic_load(&held) ? atomic_load(&held_wall_us) : read_us(CLOCK_REALTIME);
}

int64_t clock_wall_s(void) {
  int64_t us = clock_wall_us();
  return us >= 0 ? us / 1000000 : -((-us + 999999) / 1000000);
}

void clock_hold(int64_t wall_s, uint64_t mono_ms) {
  atomic_store(&held_wall_us, wall_s * 1000000);
  atomic_store(&held_mono_us, mono_ms * 1000);
  atomic_store(&held, true);
}

void clock_advance_ms(int64_t ms) {
  atomic_fetch_add(&held_wall_us, ms * 1000);
  atomic_fetch_add(&held_mono_us, (uint64_t)(ms * 1000));
}

void clock_release(void) {
  atomic_store(&held, false);
}

bool clock_is_held(void) {
  return atomic_load(&held);
}
