/* SPDX-License-Identifier: Apache-2.0
 * json: strict access to WeChat's answers through cJSON, and quoting; any thread. */
#include "base/json.h"

#include "base/utf8.h"

/* The escape of a character that may not stand raw in a string, or NULL. `hex` has room for \u00XX. */
static const char *find_escape(uint32_t code_point, char hex[8]) {
  static const char digits[] = "0123456789abcdef";
  switch (code_point) {
  case '"':
    return "\\\"";
  case '\\':
    return "\\\\";
  case '\n':
    return "\\n";
  case '\r':
    return "\\r";
  case '\t':
    return "\\t";
  case 0x2028:
    return "\\u2028"; /* line ends in older JavaScript */
  case 0x2029:
    return "\\u2029";
  }
  if (code_point >= 0x20 && code_point != 0x7f) return NULL;
  memcpy(hex, "\\u00", 4);
  hex[4] = digits[code_point >> 4];
  hex[5] = digits[code_point & 15];
  hex[6] = '\0';
  return hex;
}

void json_add_string(struct buf *out, struct str text) {
  buf_add_char(out, '"');
  while (text.n > 0) {
    uint32_t code_point;
    size_t bad = 0, used = utf8_decode(text.p, text.n, &code_point, &bad);
    char hex[8];
    const char *escape = find_escape(code_point, hex);
    if (escape)
      buf_add_text(out, escape);
    else if (used)
      buf_add(out, text.p, used);
    else
      buf_add_text(out, "\xEF\xBF\xBD");
    text = str_from(text, used ? used : bad);
  }
  buf_add_char(out, '"');
}
