/* SPDX-License-Identifier: Apache-2.0
 * json_repair: bounds a document from outside and mends its strings in one pass, so that neither depth, NUL, bad UTF-8 nor a lone
 * surrogate reaches cJSON; any thread. */
#include "base/json_repair.h"

#include <stdbool.h>

#include "base/json.h"
#include "base/utf8.h"

#define REPLACEMENT_BYTES  "\xEF\xBF\xBD"
#define REPLACEMENT_ESCAPE "\\uFFFD"
#define ESCAPE_LENGTH      6 /* \uXXXX */

struct walk {
  struct str rest;
  struct buf *out;
  unsigned depth, item_count;
  const char *why;
};

static int refuse(struct walk *walk, const char *why) {
  walk->why = why;
  return -1;
}

/* The code unit of a \uXXXX at the start of s, or -1. */
static int32_t parse_unit(struct str s) {
  uint8_t bytes[2];
  if (s.n < ESCAPE_LENGTH || s.p[0] != '\\' || s.p[1] != 'u') return -1;
  if (text_hex_decode(bytes, sizeof bytes, str_make(s.p + 2, 4)) != 0) return -1;
  return bytes[0] << 8 | bytes[1];
}

static void copy(struct walk *walk, size_t n) {
  buf_add(walk->out, walk->rest.p, n);
  walk->rest = str_from(walk->rest, n);
}

static void skip(struct walk *walk, size_t n) {
  walk->rest = str_from(walk->rest, n);
}

static int repair_unit_escape(struct walk *walk) {
  int32_t unit = parse_unit(walk->rest);
  if (unit < 0) return refuse(walk, "a broken escape in a string");
  if (unit == 0) {
    buf_add_char(walk->out, JSON_NUL_MARK);
    skip(walk, ESCAPE_LENGTH);
  } else if (unit < 0xD800 || unit > 0xDFFF) {
    copy(walk, ESCAPE_LENGTH);
  } else {
    int32_t second = parse_unit(str_from(walk->rest, ESCAPE_LENGTH));
    if (unit < 0xDC00 && second >= 0xDC00 && second <= 0xDFFF) {
      copy(walk, 2 * ESCAPE_LENGTH);
    } else {
      buf_add_text(walk->out, REPLACEMENT_ESCAPE);
      skip(walk, ESCAPE_LENGTH);
    }
  }
  return 0;
}

static int repair_escape(struct walk *walk) {
  if (walk->rest.n < 2) return refuse(walk, "it ends inside a string");
  if (walk->rest.p[1] == 'u') return repair_unit_escape(walk);
  if (!str_has(STR("\"\\/bfnrt"), walk->rest.p[1])) return refuse(walk, "a broken escape in a string");
  copy(walk, 2);
  return 0;
}

static void repair_bytes(struct walk *walk) {
  uint32_t code_point;
  size_t bad = 0, used = utf8_decode(walk->rest.p, walk->rest.n, &code_point, &bad);
  if (used) {
    copy(walk, used);
  } else {
    buf_add_text(walk->out, REPLACEMENT_BYTES);
    skip(walk, bad);
  }
}

/* How many bytes may be copied as they are: printable ASCII but for quote and backslash. */
static size_t count_plain(struct str s) {
  size_t n = 0;
  while (n < s.n && s.p[n] >= 0x20 && s.p[n] < 0x7f && s.p[n] != '"' && s.p[n] != '\\') n++;
  return n;
}

static int repair_string(struct walk *walk) {
  copy(walk, 1);
  while (walk->rest.n > 0) {
    unsigned char c = (unsigned char)walk->rest.p[0];
    if (c == '"') {
      copy(walk, 1);
      return 0;
    }
    if (c == '\\') {
      if (repair_escape(walk) != 0) return -1;
    } else if (c < 0x20) {
      copy(walk, 1); /* as \u00XX would: dropping it would turn one openid into another */
    } else if (c >= 0x7f) {
      repair_bytes(walk);
    } else {
      copy(walk, count_plain(walk->rest));
    }
  }
  return refuse(walk, "it ends inside a string");
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Blanks become one, which keeps "1 2" two tokens. */
static void shrink_blanks(struct walk *walk) {
  while (walk->rest.n > 0 && is_blank(walk->rest.p[0])) skip(walk, 1);
  buf_add_char(walk->out, ' ');
}

static int open_level(struct walk *walk) {
  if (++walk->depth > JSON_DEPTH_MAX) return refuse(walk, "too many levels");
  return ++walk->item_count > JSON_ITEMS_MAX ? refuse(walk, "too many members") : 0;
}

/* One token, or the part of one, that is no string. cJSON judges the grammar; here only what bounds it counts. */
static int pass_token(struct walk *walk) {
  unsigned char c = (unsigned char)walk->rest.p[0];
  if (c < 0x20) return refuse(walk, "a control byte between tokens");
  if (c >= 0x7f) return refuse(walk, "a byte that is not ASCII between tokens");
  if ((c == '{' || c == '[') && open_level(walk) != 0) return -1;
  if (c == ',' && ++walk->item_count > JSON_ITEMS_MAX) return refuse(walk, "too many members");
  if (c == '}' || c == ']') walk->depth--;
  copy(walk, 1);
  return 0;
}

static int repair_object(struct walk *walk) {
  if (walk->rest.n == 0 || walk->rest.p[0] != '{') return refuse(walk, "it is not an object");
  do {
    int result = 0;
    if (walk->rest.p[0] == '"')
      result = repair_string(walk);
    else if (is_blank(walk->rest.p[0]))
      shrink_blanks(walk);
    else
      result = pass_token(walk);
    if (result != 0) return -1;
  } while (walk->depth > 0 && walk->rest.n > 0);
  return walk->depth > 0 ? refuse(walk, "it ends too early") : 0;
}

static void skip_blanks(struct walk *walk) {
  while (walk->rest.n > 0 && is_blank(walk->rest.p[0])) skip(walk, 1);
}

int json_repair(struct str text, struct buf *out, const char **ret_why) {
  struct walk walk = {.rest = text, .out = out};
  int result = 0;
  if (str_has(text, '\0')) result = refuse(&walk, "a NUL byte");
  if (str_starts(text, STR("\xEF\xBB\xBF"))) skip(&walk, 3);
  skip_blanks(&walk);
  if (result == 0) result = repair_object(&walk);
  skip_blanks(&walk);
  if (result == 0 && walk.rest.n > 0) result = refuse(&walk, "more text behind the object");
  if (result == 0 && out->failed) result = refuse(&walk, "out of memory");
  if (result != 0) *ret_why = walk.why;
  return result;
}
