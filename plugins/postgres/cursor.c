/* SPDX-License-Identifier: Apache-2.0
 * cursor: one letter for the table, the last key in hex, and four bytes of digest over both in hex. Storage threads; no state. */
#include "cursor.h"

#include <string.h>

#include "text.h"

#define CHECK_BYTES 4
_Static_assert(1 + 2 * (CURSOR_KEY_MAX + CHECK_BYTES) <= WEIGATE_CURSOR_MAX, "the longest cursor fits");

void cursor_set(struct cursor *cursor, enum cursor_table table, const void *key, size_t size) {
  cursor->table = table;
  cursor->key_size = size;
  memcpy(cursor->key, key, size);
}

static void make_check(const struct cursor *cursor, const struct weigate_host *host, uint8_t ret_check[CHECK_BYTES]) {
  uint8_t bytes[1 + CURSOR_KEY_MAX], hash[32];
  bytes[0] = (uint8_t)cursor->table;
  memcpy(bytes + 1, cursor->key, cursor->key_size);
  host->digest(bytes, 1 + cursor->key_size, hash);
  memcpy(ret_check, hash, CHECK_BYTES);
}

static char *write_hex(char *to, const uint8_t *bytes, size_t count) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < count; i++) {
    *to++ = digits[bytes[i] >> 4];
    *to++ = digits[bytes[i] & 15];
  }
  return to;
}

void cursor_write(const struct cursor *cursor, const struct weigate_host *host, struct weigate_scan *scan) {
  uint8_t check[CHECK_BYTES];
  make_check(cursor, host, check);
  scan->cursor[0] = (char)cursor->table;
  char *end = write_hex(scan->cursor + 1, cursor->key, cursor->key_size);
  end = write_hex(end, check, sizeof(check));
  scan->cursor_size = (uint32_t)(end - scan->cursor);
}

static bool is_hex(const char *digits, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (!(digits[i] >= '0' && digits[i] <= '9') && !(digits[i] >= 'a' && digits[i] <= 'f')) return false;
  return true;
}

bool cursor_read(const struct weigate_scan *scan, const struct weigate_host *host, struct cursor *ret_cursor) {
  uint8_t bytes[CURSOR_KEY_MAX + CHECK_BYTES], right[CHECK_BYTES];
  char digits[WEIGATE_CURSOR_MAX + 1];
  size_t size = scan->cursor_size;
  if (size > sizeof(scan->cursor) || size < 1 + 2 * CHECK_BYTES || (size - 1) % 2) return false;
  size_t count = (size - 1) / 2;
  if (count > sizeof(bytes) || !is_hex(scan->cursor + 1, size - 1)) return false;
  memcpy(digits, scan->cursor + 1, size - 1);
  digits[size - 1] = '\0';
  text_unhex(digits, bytes, count);
  cursor_set(ret_cursor, (enum cursor_table)scan->cursor[0], bytes, count - CHECK_BYTES);
  make_check(ret_cursor, host, right);
  return memcmp(bytes + ret_cursor->key_size, right, CHECK_BYTES) == 0;
}
