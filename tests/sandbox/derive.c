/* SPDX-License-Identifier: Apache-2.0
 * derive: ids, codes and tokens computed from small seeds; any thread. */
#include "derive.h"

static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-";

static int find_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  if (c >= 'a' && c <= 'z') return c - 'a' + 36;
  return -1;
}

static void write_characters(char *to, size_t n, uint64_t seed, unsigned choices) {
  uint64_t bits = 0;
  for (size_t i = 0; i < n; i++) {
    if (i % 8 == 0) bits = derive_next(&seed);
    to[i] = letters[(bits & 0xff) * choices / 256];
    bits >>= 8;
  }
}

uint64_t derive_next(uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

uint64_t derive_seed(struct str text, uint64_t salt) {
  uint64_t hash = 0xcbf29ce484222325u ^ salt;
  for (size_t i = 0; i < text.n; i++) hash = (hash ^ (unsigned char)text.p[i]) * 0x100000001b3u;
  return derive_next(&hash);
}

void derive_letters(char *to, size_t n, uint64_t seed) {
  write_characters(to, n, seed, 62);
}

void derive_id(char *to, size_t n, uint64_t seed) {
  write_characters(to, n, seed, 64);
}

void derive_digits(char *to, size_t n, uint64_t number) {
  while (n > 0) {
    to[--n] = letters[number % 62];
    number /= 62;
  }
}

int derive_number(const char *digits, size_t n, uint64_t *ret_number) {
  uint64_t number = 0;
  for (size_t i = 0; i < n; i++) {
    int digit = find_digit(digits[i]);
    if (digit < 0) return -1;
    number = number * 62 + (unsigned)digit;
  }
  *ret_number = number;
  return 0;
}
