/* SPDX-License-Identifier: Apache-2.0
 * spool_frame: the head has a hash of its own, so that one flipped byte never lets a reader lose the next frame. Any thread.
 *
 *   0 magic · 4 version · 8 sealed bytes · 12 entries · 16 time · 24 hash of the sealed bytes · 40 hash of all before · 56 sealed
 *
 * The first 24 bytes are bound to the seal. */
#include "store/spool_frame.h"

#include <sodium.h>
#include <string.h>

#include "base/bytes.h"

#define MAGIC       0x57475352u /* "WGSR" */
#define BOUND_BYTES 24
#define HASH_BYTES  16

static void hash(uint8_t to[HASH_BYTES], const void *bytes, size_t n) {
  crypto_generichash(to, HASH_BYTES, bytes, n, NULL, 0);
}

static struct str bound(const uint8_t *head) {
  return str_make((const char *)head, BOUND_BYTES);
}

int spool_frame_add(struct buf *out, const struct seal_keys *keys, struct str plain, uint32_t count, int64_t at_us) {
  size_t sealed_bytes = plain.n + SEAL_OVERHEAD_BYTES;
  uint8_t *head = (uint8_t *)buf_reserve(out, SPOOL_FRAME_HEAD_BYTES + sealed_bytes);
  if (!head || plain.n > SPOOL_FRAME_PLAIN_MAX) return -1;
  uint8_t *at = bytes_put_u32(head, MAGIC), *sealed = head + SPOOL_FRAME_HEAD_BYTES;
  at = bytes_put_u32(at, SPOOL_FRAME_VERSION);
  at = bytes_put_u32(at, (uint32_t)sealed_bytes);
  at = bytes_put_u32(at, count);
  at = bytes_put_u64(at, (uint64_t)at_us);
  if (seal_lock_raw(keys, SEAL_SPOOL, bound(head), plain.p, plain.n, sealed) < 0) return -1;
  hash(at, sealed, sealed_bytes);
  hash(at + HASH_BYTES, head, BOUND_BYTES + HASH_BYTES);
  buf_grew(out, SPOOL_FRAME_HEAD_BYTES + sealed_bytes);
  return 0;
}

int spool_frame_parse(const uint8_t *head, struct spool_frame *ret_frame) {
  uint8_t expected[HASH_BYTES];
  if (bytes_get_u32(head) != MAGIC) return -1;
  hash(expected, head, BOUND_BYTES + HASH_BYTES);
  if (memcmp(expected, head + BOUND_BYTES + HASH_BYTES, HASH_BYTES) != 0) return -1;
  *ret_frame = (struct spool_frame){.version = bytes_get_u32(head + 4),
                                    .sealed_bytes = bytes_get_u32(head + 8),
                                    .count = bytes_get_u32(head + 12),
                                    .at_us = (int64_t)bytes_get_u64(head + 16)};
  memcpy(ret_frame->hash, head + BOUND_BYTES, HASH_BYTES);
  return 0;
}

bool spool_frame_is_whole(const struct spool_frame *frame, struct str sealed) {
  uint8_t found[HASH_BYTES];
  hash(found, sealed.p, sealed.n);
  return sealed.n == frame->sealed_bytes && memcmp(found, frame->hash, HASH_BYTES) == 0;
}

int spool_frame_open(const struct spool_frame *frame, const uint8_t *head, struct str sealed, const struct seal_keys *keys,
                     struct buf *ret_plain) {
  size_t n;
  buf_clear(ret_plain);
  if (sealed.n != frame->sealed_bytes || sealed.n < SEAL_OVERHEAD_BYTES) return -1;
  char *to = buf_reserve(ret_plain, sealed.n - SEAL_OVERHEAD_BYTES + 1);
  if (!to || seal_open_raw(keys, SEAL_SPOOL, bound(head), (const uint8_t *)sealed.p, sealed.n, to, sealed.n - SEAL_OVERHEAD_BYTES,
                           &n) < 0)
    return -1;
  buf_grew(ret_plain, n);
  return 0;
}
