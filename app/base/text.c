/* SPDX-License-Identifier: Apache-2.0
 * text: slices, and the small forms that options are written in; any thread. */
#include "base/text.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/buf.h"

struct unit {
  const char *name;
  uint64_t factor;
};

/* From small to large: formatting takes the last one that divides the value. */
static const struct unit durations[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
static const struct unit sizes[] = {{"", 1}, {"K", 1024}, {"M", 1024UL * 1024}, {"G", 1024UL * 1024 * 1024}};

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static unsigned char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : (unsigned char)c;
}

static bool equal_nocase(const char *a, const char *b, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

static size_t count_digits(struct str s) {
  size_t n = 0;
  while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9') n++;
  return n;
}

/* Digits followed by one of the units, as a product that fits. */
static int parse_with_unit(struct str s, const struct unit *units, size_t count, uint64_t *ret_value) {
  size_t digits = count_digits(s);
  uint64_t value;
  if (text_parse_u64(str_make(s.p, digits), UINT64_MAX, &value) != 0) return -1;
  for (size_t i = 0; i < count; i++) {
    if (!str_eq(str_from(s, digits), str_of(units[i].name))) continue;
    if (value > UINT64_MAX / units[i].factor) return -1;
    *ret_value = value * units[i].factor;
    return 0;
  }
  return -1;
}

static void format_with_unit(struct buf *out, uint64_t value, const struct unit *units, size_t count) {
  size_t i = count - 1;
  while (i > 0 && value % units[i].factor != 0) i--;
  buf_addf(out, "%llu%s", (unsigned long long)(value / units[i].factor), units[i].name);
}

bool str_eq(struct str a, struct str b) {
  return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_eq_nocase(struct str a, struct str b) {
  return a.n == b.n && equal_nocase(a.p, b.p, a.n);
}

bool str_starts(struct str s, struct str prefix) {
  return s.n >= prefix.n && str_eq(str_make(s.p, prefix.n), prefix);
}

bool str_starts_nocase(struct str s, struct str prefix) {
  return s.n >= prefix.n && equal_nocase(s.p, prefix.p, prefix.n);
}

bool str_ends(struct str s, struct str suffix) {
  return s.n >= suffix.n && str_eq(str_from(s, s.n - suffix.n), suffix);
}

bool str_has(struct str s, char c) {
  return s.n > 0 && memchr(s.p, c, s.n) != NULL;
}

bool str_contains_nocase(struct str s, struct str part) {
  for (size_t i = 0; i + part.n <= s.n; i++)
    if (equal_nocase(s.p + i, part.p, part.n)) return true;
  return false;
}

struct str str_trim(struct str s) {
  while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) s = str_from(s, 1);
  while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t')) s.n--;
  return s;
}

struct str str_from(struct str s, size_t offset) {
  if (s.p == NULL) return STR_NONE;
  if (offset > s.n) offset = s.n;
  return str_make(s.p + offset, s.n - offset);
}

bool str_split(struct str *rest, char separator, struct str *ret_part) {
  if (rest->p == NULL) return false;
  const char *at = rest->n ? memchr(rest->p, separator, rest->n) : NULL;
  if (at) {
    *ret_part = str_make(rest->p, (size_t)(at - rest->p));
    *rest = str_from(*rest, ret_part->n + 1);
  } else {
    *ret_part = *rest;
    *rest = STR_NONE;
  }
  return true;
}

int str_copy(struct str s, char *to, size_t size) {
  if (size == 0) return -1;
  to[0] = '\0';
  if (s.n >= size || str_has(s, '\0')) return -1;
  if (s.n > 0) memcpy(to, s.p, s.n);
  to[s.n] = '\0';
  return 0;
}

char *str_dup(struct str s) {
  char *text = malloc(s.n + 1);
  if (!text) return NULL;
  if (s.n > 0) memcpy(text, s.p, s.n);
  text[s.n] = '\0';
  return text;
}

bool str_eq_secret(struct str a, struct str b) {
  return a.n == b.n && (a.n == 0 || sodium_memcmp(a.p, b.p, a.n) == 0);
}

int text_parse_u64(struct str s, uint64_t max, uint64_t *ret_value) {
  if (s.n == 0 || count_digits(s) != s.n) return -1;
  uint64_t value = 0;
  for (size_t i = 0; i < s.n; i++) {
    uint64_t digit = (uint64_t)(s.p[i] - '0');
    if (value > (UINT64_MAX - digit) / 10) return -1;
    value = value * 10 + digit;
  }
  if (value > max) return -1;
  *ret_value = value;
  return 0;
}

int text_parse_duration_ms(struct str s, uint64_t *ret_ms) {
  if (str_eq(s, STR("0"))) {
    *ret_ms = 0;
    return 0;
  }
  return parse_with_unit(s, durations, COUNT_OF(durations), ret_ms);
}

int text_parse_size_bytes(struct str s, uint64_t *ret_bytes) {
  return parse_with_unit(s, sizes, COUNT_OF(sizes), ret_bytes);
}

void text_format_duration(struct buf *out, uint64_t ms) {
  if (ms == 0)
    buf_add_char(out, '0');
  else
    format_with_unit(out, ms, durations, COUNT_OF(durations));
}

void text_format_size(struct buf *out, uint64_t bytes) {
  if (bytes == 0)
    buf_add_char(out, '0');
  else
    format_with_unit(out, bytes, sizes, COUNT_OF(sizes));
}
