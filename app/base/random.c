/* SPDX-License-Identifier: Apache-2.0
 * random: getrandom(2) and nothing else; any thread. */
#include "base/random.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/random.h>

static atomic_int fail_count; /* how many calls still fail on purpose; below 0: all */

static bool must_fail(void) {
  int left = atomic_load_explicit(&fail_count, memory_order_relaxed);
  while (left > 0 && !atomic_compare_exchange_weak(&fail_count, &left, left - 1)) continue;
  return left != 0;
}

static int read_kernel(void *to, size_t n) {
  unsigned char *at = to;
  while (n > 0) {
    ssize_t got = getrandom(at, n, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return -1;
    at += got;
    n -= (size_t)got;
  }
  return 0;
}

int random_bytes(void *to, size_t n) {
  if (must_fail()) return -1;
  return read_kernel(to, n);
}

uint32_t random_below(uint32_t bound) {
  uint32_t value;
  if (bound == 0 || read_kernel(&value, sizeof value) != 0) return 0;
  return (uint32_t)(((uint64_t)value * bound) >> 32); /* the bias of 1 in 2^32 does not matter for jitter */
}

void random_fail_next(int count) {
  atomic_store(&fail_count, count);
}
