/* SPDX-License-Identifier: Apache-2.0
 * utf8: decoding, cleaning and cutting of text from outside; any thread. */
#include "base/utf8.h"

#define REPLACEMENT 0xFFFDu

struct range {
  uint32_t first, last;
};

/* What a first byte announces: bytes in all, and the range of the second byte (the others are 80..BF). RFC 3629, section 4. */
struct lead {
  uint8_t length, second_min, second_max;
};

/* What utf8_clean() drops; ascending. The last two code points of each plane are dropped as well (noncharacters). */
static const struct range hidden[] = {
    {0x0000, 0x001F}, /* C0: line breaks forge log lines, ESC drives terminals */
    {0x007F, 0x009F}, /* DEL and C1: U+0085 is a line break, U+009B starts a terminal sequence */
    {0x2028, 0x202E}, /* line and paragraph separator, bidi embeddings and overrides: they reorder what follows them */
    {0x2066, 0x2069}, /* bidi isolates, for the same reason */
    {0xFDD0, 0xFDEF}, /* noncharacters */
    {0xFEFF, 0xFEFF}, /* BOM */
};

static struct lead describe_lead(unsigned char c) {
  if (c < 0x80) return (struct lead){1, 0, 0};
  if (c >= 0xC2 && c <= 0xDF) return (struct lead){2, 0x80, 0xBF};
  if (c == 0xE0) return (struct lead){3, 0xA0, 0xBF};
  if (c == 0xED) return (struct lead){3, 0x80, 0x9F}; /* no surrogates */
  if (c >= 0xE1 && c <= 0xEF) return (struct lead){3, 0x80, 0xBF};
  if (c == 0xF0) return (struct lead){4, 0x90, 0xBF};
  if (c >= 0xF1 && c <= 0xF3) return (struct lead){4, 0x80, 0xBF};
  if (c == 0xF4) return (struct lead){4, 0x80, 0x8F}; /* no more than U+10FFFF */
  return (struct lead){0, 0, 0};
}

/* The number of bytes at p that still belong to a well-formed sequence; lead.length when it is complete. */
static size_t count_good(const unsigned char *p, size_t n, struct lead lead) {
  size_t good = 1;
  while (good < lead.length && good < n) {
    unsigned char min = good == 1 ? lead.second_min : 0x80, max = good == 1 ? lead.second_max : 0xBF;
    if (p[good] < min || p[good] > max) break;
    good++;
  }
  return good;
}

size_t utf8_decode(const char *p, size_t n, uint32_t *ret, size_t *ret_bad) {
  const unsigned char *at = (const unsigned char *)p;
  struct lead lead = describe_lead(at[0]);
  if (lead.length == 1) {
    *ret = at[0];
    return 1;
  }
  size_t good = lead.length ? count_good(at, n, lead) : 1;
  if (lead.length == 0 || good < lead.length) {
    *ret = REPLACEMENT;
    *ret_bad = good;
    return 0;
  }
  uint32_t code_point = at[0] & (0x7Fu >> lead.length);
  for (size_t i = 1; i < lead.length; i++) code_point = code_point << 6 | (at[i] & 0x3Fu);
  *ret = code_point;
  return lead.length;
}

size_t utf8_encode(char *to, uint32_t code_point) {
  if (code_point < 0x80) {
    to[0] = (char)code_point;
    return 1;
  }
  size_t length = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
  for (size_t i = length; --i > 0; code_point >>= 6) to[i] = (char)(0x80 | (code_point & 0x3F));
  to[0] = (char)((0xF00u >> length) | code_point);
  return length;
}

bool utf8_is_hidden(uint32_t code_point) {
  if ((code_point & 0xFFFE) == 0xFFFE) return true;
  for (size_t i = 0; i < sizeof hidden / sizeof hidden[0] && code_point >= hidden[i].first; i++)
    if (code_point <= hidden[i].last) return true;
  return false;
}

bool utf8_is_valid(struct str s) {
  while (s.n > 0) {
    uint32_t code_point;
    size_t bad, n = utf8_decode(s.p, s.n, &code_point, &bad);
    if (n == 0) return false;
    s = str_from(s, n);
  }
  return true;
}

void utf8_clean(struct buf *out, struct str s, size_t max_bytes) {
  size_t written = 0;
  while (s.n > 0) {
    uint32_t code_point;
    size_t bad = 0, used = utf8_decode(s.p, s.n, &code_point, &bad);
    s = str_from(s, used ? used : bad);
    if (used && utf8_is_hidden(code_point)) continue;
    char bytes[4];
    size_t n = utf8_encode(bytes, code_point);
    if (n > max_bytes - written) return;
    buf_add(out, bytes, n);
    written += n;
  }
}

size_t utf8_cut(struct str s, size_t max_bytes) {
  if (s.n <= max_bytes) return s.n;
  size_t n = max_bytes;
  while (n > 0 && ((unsigned char)s.p[n] & 0xC0) == 0x80) n--;
  return n;
}
