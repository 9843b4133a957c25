/* SPDX-License-Identifier: Apache-2.0
 * utf8: text from outside is cleaned once, before anything keeps it, so that every store holds the same bytes. */
#ifndef WEIGATE_BASE_UTF8_H
#define WEIGATE_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/text.h"

/* True for well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF). */
bool utf8_is_valid(struct str s);

/* True for the code points of the table in utf8.c: those that are invisible or move other text and have no place in one line of
 * it (C0, DEL, C1, U+2028/9, noncharacters, bidi embeddings, overrides and isolates, BOM). Any thread. */
bool utf8_is_hidden(uint32_t code_point);

/* Appends s as one line of clean text: every ill-formed sequence replaced by one U+FFFD per maximal subpart (Unicode 15, 3.9),
 * hidden code points dropped (tab and newline too). Appends at most max_bytes and never part of a code point. Emoji, joiners,
 * combining marks and private use are kept. Any thread. */
void utf8_clean(struct buf *out, struct str s, size_t max_bytes);

/* Length in bytes of the longest prefix that is at most max_bytes and ends at a code point. s must be valid. */
size_t utf8_cut(struct str s, size_t max_bytes);

/* Decodes one code point of valid or invalid text; returns its length in bytes, or 0 with *ret = U+FFFD and the length of the
 * maximal ill-formed subpart in *ret_bad. n must be at least 1. */
size_t utf8_decode(const char *p, size_t n, uint32_t *ret, size_t *ret_bad);
/* Writes a code point as 1 to 4 bytes and returns how many. */
size_t utf8_encode(char *to, uint32_t code_point);

#endif
