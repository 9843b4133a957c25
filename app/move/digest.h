/* SPDX-License-Identifier: Apache-2.0
 * digest: records as hashes that are the same whichever store they lie in, and sums of them that are the same in any order. Pure.
 */
#ifndef WEIGATE_MOVE_DIGEST_H
#define WEIGATE_MOVE_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

#include <weigate/storage.h>

#define DIGEST_BYTES 32

struct digest {
  uint8_t bytes[DIGEST_BYTES];
};

/* Everything a record says, the key included. Tokens that are past their time at now_us count as absent, since a store may drop
 * them when it likes. Tombstones are people too. Any thread. */
struct digest digest_person(const struct weigate_person *person, int64_t now_us);
struct digest digest_event(const struct weigate_event *event);
struct digest digest_ticket(const struct weigate_ticket *ticket);
bool digest_is_equal(const struct digest *a, const struct digest *b);

/* How many records, and what they are, whatever their order: four sums modulo 2^64. (An exclusive or would not see a record that
 * is there twice.) */
struct digest_sum {
  uint64_t count;
  uint64_t lanes[DIGEST_BYTES / 8];
};
void digest_add(struct digest_sum *sum, const struct digest *digest);
bool digest_sum_is_equal(const struct digest_sum *a, const struct digest_sum *b);
/* 16 hex digits and NUL, to compare by eye. */
void digest_sum_format(const struct digest_sum *sum, char ret_text[17]);

#endif
