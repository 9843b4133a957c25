/* SPDX-License-Identifier: Apache-2.0
 * derive: ids, codes and tokens are computed from small seeds, so that nothing long has to be kept and tests can repeat a run. */
#ifndef WEIGATE_SANDBOX_DERIVE_H
#define WEIGATE_SANDBOX_DERIVE_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* One step of splitmix64: a well mixed number per call. Any thread that owns *state. */
uint64_t derive_next(uint64_t *state);
/* A number that depends on every byte of the text and on the salt. Any thread. */
uint64_t derive_seed(struct str text, uint64_t salt);
/* Writes n characters of [0-9A-Za-z] (id: also _ and -) that follow from the seed; no terminator. Any thread. */
void derive_letters(char *to, size_t n, uint64_t seed);
void derive_id(char *to, size_t n, uint64_t seed);
/* Writes a number as n base62 digits, and reads it back; -1 for other characters. Any thread. */
void derive_digits(char *to, size_t n, uint64_t number);
int derive_number(const char *digits, size_t n, uint64_t *ret_number);

#endif
