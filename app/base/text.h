/* SPDX-License-Identifier: Apache-2.0
 * text: slices of bytes, and the strict parsing and formatting of the small forms that options and URLs use. */
#ifndef WEIGATE_BASE_TEXT_H
#define WEIGATE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf;

/* Some bytes owned by somebody else; p may be NULL only when n is 0. */
struct str {
  const char *p;
  size_t n;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_NONE     ((struct str){NULL, 0})
/* For "%.*s". */
#define STR_ARG(s) (int)(s).n, (s).n ? (s).p : ""

static inline struct str str_of(const char *text) {
  return (struct str){text, text ? strlen(text) : 0};
}
static inline struct str str_make(const char *p, size_t n) {
  return (struct str){p, n};
}

bool str_eq(struct str a, struct str b);
bool str_eq_nocase(struct str a, struct str b); /* ASCII only, independent of the locale */
bool str_starts(struct str s, struct str prefix);
bool str_starts_nocase(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
bool str_has(struct str s, char c); /* contains the byte */
/* Contains the text; case of ASCII letters ignored. */
bool str_contains_nocase(struct str s, struct str part);
struct str str_trim(struct str s);                /* without blanks and tabs at both ends */
struct str str_from(struct str s, size_t offset); /* the rest, empty beyond the end */
/* Takes the part up to the separator off *rest and returns true, or false when *rest was exhausted (p == NULL). */
bool str_split(struct str *rest, char separator, struct str *ret_part);
/* Copies as a C string into to[size]; -1 (nothing written but the terminator) if it does not fit or holds a NUL. */
int str_copy(struct str s, char *to, size_t size);
/* A malloced C string, or NULL. Owned by the caller. */
char *str_dup(struct str s);
/* Compares secrets: equal lengths take equal time. */
bool str_eq_secret(struct str a, struct str b);

/* Whole-input parsers: no blanks, no sign unless said, no rest; -1 leaves *ret untouched. */
int text_parse_u64(struct str s, uint64_t max, uint64_t *ret_value);
int text_parse_duration_ms(struct str s, uint64_t *ret_ms);   /* 250ms, 5s, 10m, 2h, 7d; a unit is required, 0 stands alone */
int text_parse_size_bytes(struct str s, uint64_t *ret_bytes); /* 4096, 64K, 256M, 1G (powers of 1024) */
void text_format_duration(struct buf *out, uint64_t ms);      /* the largest unit that divides it */
void text_format_size(struct buf *out, uint64_t bytes);

/* RFC 3986: everything but unreserved characters becomes %XX. */
void text_percent_encode(struct buf *out, struct str s);
/* Decodes %XX (and '+' as a blank if plus_is_blank); -1 on a bad escape. */
int text_percent_decode(struct buf *out, struct str s, bool plus_is_blank);
/* Escapes & < > " ' for HTML text and attribute values. */
void text_html_escape(struct buf *out, struct str s);
/* One line for logs and terminals: control, bidi-override and invalid bytes become \xNN or \u{N}, cut at max_bytes. */
void text_printable(struct buf *out, struct str s, size_t max_bytes);

void text_hex_encode(char *to, const uint8_t *bytes, size_t n); /* 2n + 1 bytes, lower case */
int text_hex_decode(uint8_t *to, size_t n, struct str s);       /* exactly 2n digits */
/* Digits and letters only (WeChat's `state` permits nothing else): fixed length ceil(n * 8 / 5.95) written with a NUL. */
size_t text_base62_length(size_t n);
void text_base62_encode(char *to, const uint8_t *bytes, size_t n);
/* Accepts only the spelling text_base62_encode() gives; -1 otherwise. */
int text_base62_decode(uint8_t *to, size_t n, struct str s);
/* RFC 4648 section 5 without padding; the decoder refuses non-canonical spellings. */
size_t text_base64url_length(size_t n);
void text_base64url_encode(char *to, const uint8_t *bytes, size_t n);
int text_base64url_decode(uint8_t *to, size_t cap, struct str s, size_t *ret_n);
/* RFC 3339 in UTC, "2026-11-22T09:33:00Z"; to needs 32 bytes. */
void text_rfc3339(char *to, int64_t unix_s);

#endif
