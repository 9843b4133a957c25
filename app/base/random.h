/* SPDX-License-Identifier: Apache-2.0
 * random: unpredictable bytes from the kernel, or an error; never a fallback. */
#ifndef WEIGATE_BASE_RANDOM_H
#define WEIGATE_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fills the bytes from getrandom(2). -1 if the kernel refuses: the caller answers 503. Any thread. */
int random_bytes(void *to, size_t n);
/* A number from 0 to below bound, for jitter; not for secrets. Any thread. */
uint32_t random_below(uint32_t bound);
/* Makes the next random_bytes() calls fail (count, -1: until 0 is set). Tests only. */
void random_fail_next(int count);

#endif
