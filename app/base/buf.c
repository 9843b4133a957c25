/* SPDX-License-Identifier: Apache-2.0
 * buf: growing bytes with a maximum; each buffer belongs to one thread at a time. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* The first allocation: one cache line's worth holds most header values, and a page reaches its size in seven doublings. */
#define BUF_FIRST_BYTES 64

/* Makes cap at least `needed`; one byte beyond max is allowed, for the terminator of buf_text(). */
static int grow_to(struct buf *buf, size_t needed) {
  if (needed <= buf->cap) return 0;
  size_t limit = buf->max + 1;
  size_t cap = buf->cap ? buf->cap : BUF_FIRST_BYTES;
  while (cap < needed && cap <= limit / 2) cap *= 2;
  if (cap < needed || cap > limit) cap = limit;
  if (cap < needed) cap = needed;
  char *data = realloc(buf->data, cap);
  if (!data) return -1;
  buf->data = data;
  buf->cap = cap;
  return 0;
}

void buf_init(struct buf *buf, size_t max_bytes) {
  *buf = (struct buf){.max = max_bytes < SIZE_MAX ? max_bytes : SIZE_MAX - 1};
}

void buf_done(struct buf *buf) {
  free(buf->data);
  *buf = (struct buf){.max = buf->max};
}

void buf_clear(struct buf *buf) {
  buf->len = 0;
  buf->failed = false;
}

char *buf_reserve(struct buf *buf, size_t len) {
  if (len > buf->max - buf->len || grow_to(buf, buf->len + (len ? len : 1)) != 0) {
    buf->failed = true;
    return NULL;
  }
  return buf->data + buf->len;
}

void buf_grew(struct buf *buf, size_t len) {
  buf->len += len;
}

void buf_add(struct buf *buf, const void *bytes, size_t len) {
  if (len == 0) return;
  char *to = buf_reserve(buf, len);
  if (!to) return;
  memcpy(to, bytes, len);
  buf->len += len;
}

void buf_add_str(struct buf *buf, struct str text) {
  buf_add(buf, text.p, text.n);
}

void buf_add_text(struct buf *buf, const char *text) {
  buf_add(buf, text, strlen(text));
}

void buf_add_char(struct buf *buf, char c) {
  buf_add(buf, &c, 1);
}

void buf_addf(struct buf *buf, const char *format, ...) {
  char small[256]; /* most formatted pieces are numbers and short lines; longer ones are formatted twice */
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int n = vsnprintf(small, sizeof small, format, args);
  va_end(args);
  if (n < 0) {
    buf->failed = true;
  } else if ((size_t)n < sizeof small) {
    buf_add(buf, small, (size_t)n);
  } else if ((size_t)n > buf->max - buf->len || grow_to(buf, buf->len + (size_t)n + 1) != 0) {
    buf->failed = true;
  } else {
    vsnprintf(buf->data + buf->len, (size_t)n + 1, format, again);
    buf->len += (size_t)n;
  }
  va_end(again);
}

struct str buf_str(const struct buf *buf) {
  return (struct str){buf->data, buf->len};
}

const char *buf_text(struct buf *buf) {
  if (buf->len == 0 || grow_to(buf, buf->len + 1) != 0) return "";
  buf->data[buf->len] = '\0';
  return buf->data;
}

void buf_take(struct buf *to, struct buf *from) {
  free(to->data);
  *to = *from;
  *from = (struct buf){.max = from->max};
}
