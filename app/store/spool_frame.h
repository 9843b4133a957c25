/* SPDX-License-Identifier: Apache-2.0
 * spool_frame: one write to the spool: entries, sealed, behind a head that says where it ends and whether it is whole. */
#ifndef WEIGATE_STORE_SPOOL_FRAME_H
#define WEIGATE_STORE_SPOOL_FRAME_H

#include "base/buf.h"
#include "base/seal.h"

#define SPOOL_FRAME_VERSION    1u
#define SPOOL_FRAME_HEAD_BYTES 56
/* Plain bytes in one frame: a batch of common sign-ins (1 KiB each) fits whole, of the longest ones about 28. */
#define SPOOL_FRAME_PLAIN_MAX (1024 * 1024)
#define SPOOL_FRAME_MAX_BYTES (SPOOL_FRAME_HEAD_BYTES + SPOOL_FRAME_PLAIN_MAX + SEAL_OVERHEAD_BYTES)

struct spool_frame {
  uint32_t version;
  uint32_t sealed_bytes;
  uint32_t count;   /* entries in it */
  int64_t at_us;    /* when it was written */
  uint8_t hash[16]; /* of the sealed bytes */
};

/* Appends the frame of these plain bytes. -1 without random bytes or where it does not fit. Any thread. */
int spool_frame_add(struct buf *out, const struct seal_keys *keys, struct str plain, uint32_t count, int64_t at_us);
/* Reads a head of SPOOL_FRAME_HEAD_BYTES; -1: it is none. Whether the version is known is for the caller to ask. Any thread. */
int spool_frame_parse(const uint8_t *head, struct spool_frame *ret_frame);
/* Whether the bytes behind the head are those that were written; needs no key. Any thread. */
bool spool_frame_is_whole(const struct spool_frame *frame, struct str sealed);
/* The plain bytes; ret_plain is emptied first. -1: none of the keys opens it. Any thread. */
int spool_frame_open(const struct spool_frame *frame, const uint8_t *head, struct str sealed, const struct seal_keys *keys,
                     struct buf *ret_plain);

#endif
