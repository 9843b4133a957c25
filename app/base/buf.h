/* SPDX-License-Identifier: Apache-2.0
 * buf: bytes that grow up to a maximum given at birth. A failed append is remembered, so that a whole page can be written
 * without a check per line and asked once at the end. */
#ifndef WEIGATE_BASE_BUF_H
#define WEIGATE_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

struct buf {
  char *data; /* never NULL-terminated by promise; buf_text() gives a terminated view */
  size_t len, cap;
  size_t max;  /* the birth limit, bytes */
  bool failed; /* an append did not fit or memory was refused; sticky until buf_clear() */
};

/* An empty buffer that will never hold more than max_bytes; allocates nothing yet. Any thread. */
void buf_init(struct buf *buf, size_t max_bytes);
/* Releases the bytes; the buffer may be initialised again. Accepts an already released one. Any thread. */
void buf_done(struct buf *buf);
/* Empties it and keeps the memory. */
void buf_clear(struct buf *buf);

/* Appends; on overflow or lack of memory nothing is appended and `failed` is set. */
void buf_add(struct buf *buf, const void *bytes, size_t len);
void buf_add_str(struct buf *buf, struct str text);
void buf_add_text(struct buf *buf, const char *text);
void buf_add_char(struct buf *buf, char c);
void buf_addf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Makes room for len more bytes and returns where to write them, or NULL (and failed); follow with buf_grew(). */
char *buf_reserve(struct buf *buf, size_t len);
void buf_grew(struct buf *buf, size_t len);

/* The bytes as a slice, valid until the next append. */
struct str buf_str(const struct buf *buf);
/* The bytes as a C string, terminated in place; "" when empty or failed for want of memory. */
const char *buf_text(struct buf *buf);
/* Moves the bytes from `from` into the initialised empty `to`. */
void buf_take(struct buf *to, struct buf *from);

#endif
