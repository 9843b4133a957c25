/* SPDX-License-Identifier: Apache-2.0
 * fuzz: what a target offers, and the check that stops it. */
#ifndef WEIGATE_FUZZ_H
#define WEIGATE_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Like assert(), in every build. */
#define FUZZ_CHECK(condition)                                                                                                    \
  do {                                                                                                                           \
    if (!(condition)) {                                                                                                          \
      fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                                             \
      abort();                                                                                                                   \
    }                                                                                                                            \
  } while (0)

#endif
