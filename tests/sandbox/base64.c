/* SPDX-License-Identifier: Apache-2.0
 * base64: lenient about alphabet and padding, unlike base/text, which reads what weigate itself wrote; any thread. */
#include "base64.h"

static int find_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  if (c == '/' || c == '_') return 63;
  return -1;
}

int base64_decode(uint8_t *to, struct str text, size_t *ret_n) {
  uint32_t bits = 0;
  size_t n = 0, have = 0;
  while (text.n > 0 && text.p[text.n - 1] == '=') text.n--;
  for (size_t i = 0; i < text.n; i++) {
    int value = find_value(text.p[i]);
    if (value < 0) return -1;
    bits = bits << 6 | (uint32_t)value;
    have += 6;
    if (have < 8) continue;
    have -= 8;
    to[n++] = (uint8_t)(bits >> have);
  }
  *ret_n = n;
  return 0;
}
