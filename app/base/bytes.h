/* SPDX-License-Identifier: Apache-2.0
 * bytes: whole numbers as big-endian bytes, for what is sealed, kept or sent. */
#ifndef WEIGATE_BASE_BYTES_H
#define WEIGATE_BASE_BYTES_H

#include <stdint.h>

/* Writes and returns the place behind. Any thread. */
static inline uint8_t *bytes_put_u32(uint8_t *to, uint32_t value) {
  for (int i = 0; i < 4; i++) to[i] = (uint8_t)(value >> (24 - 8 * i));
  return to + 4;
}

static inline uint8_t *bytes_put_u64(uint8_t *to, uint64_t value) {
  for (int i = 0; i < 8; i++) to[i] = (uint8_t)(value >> (56 - 8 * i));
  return to + 8;
}

static inline uint32_t bytes_get_u32(const uint8_t *from) {
  return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

static inline uint64_t bytes_get_u64(const uint8_t *from) {
  return (uint64_t)bytes_get_u32(from) << 32 | bytes_get_u32(from + 4);
}

#endif
