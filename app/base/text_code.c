/* SPDX-License-Identifier: Apache-2.0
 * text_code: the encodings of text.h (URL, HTML, log line, hex, base62, base64url, date); any thread. */
#include "base/text.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/utf8.h"

static const char hex_upper[] = "0123456789ABCDEF";
static const char hex_lower[] = "0123456789abcdef";
static const char base62_digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static const char base64url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/* The value of a digit plus one; 0: not a digit. Every cookie of every request goes through it. */
static const uint8_t base64url_ranks[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,  ['I'] = 9,  ['J'] = 10,
    ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20,
    ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30,
    ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49, ['x'] = 50,
    ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56, ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60,
    ['8'] = 61, ['9'] = 62, ['-'] = 63, ['_'] = 64,
};

/* The longest form of one unit of text_printable(): \u{10FFFF}. */
#define PRINTABLE_UNIT_BYTES 10
/* Years that RFC 3339 can write, as seconds: 0000-01-01 to 9999-12-31T23:59:59. */
#define RFC3339_FIRST_S   (-62167219200LL)
#define RFC3339_LAST_S    253402300799LL
#define DAYS_IN_400_YEARS 146097
/* From 1 March of the year -400 to 1 January of the year 0: 400 years less January and February of a leap year. */
#define YEAR_0_OFFSET_DAYS (DAYS_IN_400_YEARS - 60)

static bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_unreserved(char c) {
  return is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

static int base62_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  if (c >= 'a' && c <= 'z') return c - 'a' + 36;
  return -1;
}

static const char *html_entity(char c) {
  switch (c) {
  case '&':
    return "&amp;";
  case '<':
    return "&lt;";
  case '>':
    return "&gt;";
  case '"':
    return "&quot;";
  case '\'':
    return "&#39;";
  default:
    return NULL;
  }
}

/* Writes the next unit of s as it may stand in a log line; returns its length in `to`, and in *ret_used what it took of s. */
static size_t make_printable(struct str s, char to[PRINTABLE_UNIT_BYTES + 1], size_t *ret_used) {
  uint32_t code_point;
  size_t bad = 0;
  size_t n = utf8_decode(s.p, s.n, &code_point, &bad);
  *ret_used = n ? n : 1;
  if (n == 0 || code_point < 0x20 || code_point == 0x7f)
    return (size_t)snprintf(to, PRINTABLE_UNIT_BYTES + 1, "\\x%02x", (unsigned char)s.p[0]);
  if (utf8_is_hidden(code_point)) return (size_t)snprintf(to, PRINTABLE_UNIT_BYTES + 1, "\\u{%X}", (unsigned)code_point);
  memcpy(to, s.p, n);
  return n;
}

void text_percent_encode(struct buf *out, struct str s) {
  for (size_t i = 0; i < s.n; i++) {
    unsigned char c = (unsigned char)s.p[i];
    if (is_unreserved((char)c)) {
      buf_add_char(out, (char)c);
    } else {
      char escape[3] = {'%', hex_upper[c >> 4], hex_upper[c & 15]};
      buf_add(out, escape, sizeof escape);
    }
  }
}

int text_percent_decode(struct buf *out, struct str s, bool plus_is_blank) {
  for (size_t i = 0; i < s.n; i++) {
    char c = s.p[i];
    if (c == '%') {
      int high = i + 2 < s.n ? hex_value(s.p[i + 1]) : -1;
      int low = i + 2 < s.n ? hex_value(s.p[i + 2]) : -1;
      if (high < 0 || low < 0) return -1;
      c = (char)(high << 4 | low);
      i += 2;
    } else if (c == '+' && plus_is_blank) {
      c = ' ';
    }
    buf_add_char(out, c);
  }
  return 0;
}

void text_html_escape(struct buf *out, struct str s) {
  size_t from = 0;
  for (size_t i = 0; i < s.n; i++) {
    const char *entity = html_entity(s.p[i]);
    if (!entity) continue;
    buf_add(out, s.p + from, i - from);
    buf_add_text(out, entity);
    from = i + 1;
  }
  buf_add_str(out, str_from(s, from));
}

void text_printable(struct buf *out, struct str s, size_t max_bytes) {
  size_t written = 0;
  while (s.n > 0) {
    char unit[PRINTABLE_UNIT_BYTES + 1];
    size_t used;
    size_t n = make_printable(s, unit, &used);
    if (n > max_bytes - written) return;
    buf_add(out, unit, n);
    written += n;
    s = str_from(s, used);
  }
}

void text_hex_encode(char *to, const uint8_t *bytes, size_t n) {
  for (size_t i = 0; i < n; i++) {
    to[2 * i] = hex_lower[bytes[i] >> 4];
    to[2 * i + 1] = hex_lower[bytes[i] & 15];
  }
  to[2 * n] = '\0';
}

int text_hex_decode(uint8_t *to, size_t n, struct str s) {
  if (s.n != 2 * n) return -1;
  for (size_t i = 0; i < n; i++) {
    int high = hex_value(s.p[2 * i]), low = hex_value(s.p[2 * i + 1]);
    if (high < 0 || low < 0) return -1;
    to[i] = (uint8_t)(high << 4 | low);
  }
  return 0;
}

size_t text_base62_length(size_t n) {
  return (n * 800 + 594) / 595;
}

void text_base62_encode(char *to, const uint8_t *bytes, size_t n) {
  size_t length = text_base62_length(n);
  memset(to, 0, length + 1);
  for (size_t i = 0; i < n; i++) { /* to = to * 256 + byte, the most significant digit first */
    unsigned carry = bytes[i];
    for (size_t k = length; k-- > 0;) {
      carry += (unsigned)(unsigned char)to[k] << 8;
      to[k] = (char)(carry % 62);
      carry /= 62;
    }
  }
  for (size_t k = 0; k < length; k++) to[k] = base62_digits[(unsigned char)to[k]];
}

int text_base62_decode(uint8_t *to, size_t n, struct str s) {
  if (s.n != text_base62_length(n)) return -1;
  memset(to, 0, n);
  for (size_t i = 0; i < s.n; i++) {
    int digit = base62_value(s.p[i]);
    if (digit < 0) return -1;
    unsigned carry = (unsigned)digit;
    for (size_t k = n; k-- > 0;) {
      carry += (unsigned)to[k] * 62;
      to[k] = (uint8_t)carry;
      carry >>= 8;
    }
    if (carry != 0) return -1; /* more than n bytes can hold: not our spelling */
  }
  return 0;
}

size_t text_base64url_length(size_t n) {
  return n / 3 * 4 + (n % 3 ? n % 3 + 1 : 0);
}

void text_base64url_encode(char *to, const uint8_t *bytes, size_t n) {
  while (n > 0) {
    size_t group = n < 3 ? n : 3;
    uint32_t bits = (uint32_t)bytes[0] << 16;
    if (group > 1) bits |= (uint32_t)bytes[1] << 8;
    if (group > 2) bits |= bytes[2];
    for (size_t k = 0; k <= group; k++) *to++ = base64url_digits[bits >> (18 - 6 * k) & 63];
    bytes += group;
    n -= group;
  }
  *to = '\0';
}

/* Up to four digits as bits, the first one highest; -1 if one of them is none. */
static int32_t base64url_bits(const char *digits, size_t count) {
  uint32_t bits = 0, least = 64;
  for (size_t i = 0; i < count; i++) {
    uint32_t rank = base64url_ranks[(unsigned char)digits[i]];
    if (rank < least) least = rank;
    bits = bits << 6 | (rank - 1);
  }
  return least ? (int32_t)(bits & 0xffffff) : -1;
}

int text_base64url_decode(uint8_t *to, size_t cap, struct str s, size_t *ret_n) {
  size_t rest = s.n % 4, n = s.n / 4 * 3 + (rest ? rest - 1 : 0);
  if (rest == 1 || n > cap) return -1;
  for (size_t i = 0; i < s.n - rest; i += 4) {
    int32_t bits = base64url_bits(s.p + i, 4);
    if (bits < 0) return -1;
    *to++ = (uint8_t)(bits >> 16);
    *to++ = (uint8_t)(bits >> 8);
    *to++ = (uint8_t)bits;
  }
  if (rest > 0) {
    int32_t bits = base64url_bits(s.p + s.n - rest, rest);
    unsigned spare = rest == 2 ? 4 : 2; /* they must be zero, or several texts would mean the same bytes */
    if (bits < 0 || (bits & ((1 << spare) - 1)) != 0) return -1;
    bits >>= spare;
    if (rest == 3) *to++ = (uint8_t)(bits >> 8);
    *to++ = (uint8_t)bits;
  }
  *ret_n = n;
  return 0;
}

void text_rfc3339(char *to, int64_t unix_s) {
  if (unix_s < RFC3339_FIRST_S) unix_s = RFC3339_FIRST_S;
  if (unix_s > RFC3339_LAST_S) unix_s = RFC3339_LAST_S;
  int64_t second = unix_s - RFC3339_FIRST_S;
  int64_t day = second / 86400 + YEAR_0_OFFSET_DAYS; /* since 1 March of the year -400: a leap day ends its year */
  second %= 86400;
  int64_t era = day / DAYS_IN_400_YEARS, of_era = day % DAYS_IN_400_YEARS;
  int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t month = (5 * of_year + 2) / 153; /* 0 is March */
  int64_t of_month = of_year - (153 * month + 2) / 5 + 1;
  int64_t year = year_of_era + (era - 1) * 400 + (month >= 10);
  snprintf(to, 32, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)year, (unsigned)(month < 10 ? month + 3 : month - 9),
           (unsigned)of_month, (unsigned)(second / 3600), (unsigned)(second / 60 % 60), (unsigned)(second % 60));
}
