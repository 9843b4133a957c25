/* SPDX-License-Identifier: Apache-2.0
 * cursor: one letter for the table, the last key in hex, and four bytes of digest over both in hex. Storage threads; no state. */
#include "cursor.h"

#include <string.h>

#define CHECK_BYTES 4
#define WANT_ALL    (WEIGATE_WANT_TOKEN | WEIGATE_WANT_COUNTS | WEIGATE_WANT_ERASED)

/* The longest cursor fits, or this does not compile. */
typedef char longest_cursor_fits[1 + 2 * (CURSOR_KEY_MAX + CHECK_BYTES) <= WEIGATE_CURSOR_MAX ? 1 : -1];

static void make_check(const struct weigate_host *host, const struct cursor *cursor, uint8_t ret_check[CHECK_BYTES]) {
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

static int hex_value(char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(uint8_t *to, const char *from, size_t count) {
  for (size_t i = 0; i < count; i++) {
    int high = hex_value(from[2 * i]), low = hex_value(from[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    to[i] = (uint8_t)(high << 4 | low);
  }
  return true;
}

void cursor_set(struct cursor *cursor, char table, const void *key, size_t size) {
  if (size > sizeof(cursor->key)) size = sizeof(cursor->key);
  cursor->table = table;
  cursor->key_size = size;
  memcpy(cursor->key, key, size);
}

void cursor_set_person(struct cursor *cursor, char table, struct weigate_text appid, struct weigate_text openid) {
  char key[CURSOR_KEY_MAX];
  memcpy(key, appid.bytes, appid.size);
  key[appid.size] = '\0';
  memcpy(key + appid.size + 1, openid.bytes, openid.size);
  cursor_set(cursor, table, key, appid.size + 1 + openid.size);
}

void cursor_write(const struct weigate_host *host, const struct cursor *cursor, struct weigate_scan *scan) {
  uint8_t check[CHECK_BYTES];
  make_check(host, cursor, check);
  scan->cursor[0] = cursor->table;
  char *end = write_hex(scan->cursor + 1, cursor->key, cursor->key_size);
  end = write_hex(end, check, sizeof(check));
  scan->cursor_size = (uint32_t)(end - scan->cursor);
}

bool cursor_read(const struct weigate_host *host, const struct weigate_scan *scan, struct cursor *ret_cursor) {
  uint8_t check[CHECK_BYTES], right[CHECK_BYTES];
  size_t size = scan->cursor_size;
  if (size > sizeof(scan->cursor) || size < 1 + 2 * CHECK_BYTES || (size - 1) % 2) return false;
  ret_cursor->table = scan->cursor[0];
  ret_cursor->key_size = (size - 1) / 2 - CHECK_BYTES;
  if (ret_cursor->key_size > CURSOR_KEY_MAX || !read_hex(ret_cursor->key, scan->cursor + 1, ret_cursor->key_size)) return false;
  if (!read_hex(check, scan->cursor + 1 + 2 * ret_cursor->key_size, CHECK_BYTES)) return false;
  make_check(host, ret_cursor, right);
  return memcmp(check, right, CHECK_BYTES) == 0;
}

const char *cursor_check_scan(const struct weigate_scan *scan) {
  if (scan->struct_size < sizeof(*scan)) return "scan: struct_size";
  if (scan->want & ~WANT_ALL) return "scan: unknown bits in want";
  if (scan->limit == 0 || scan->limit > WEIGATE_BATCH_MAX) return "scan: limit";
  if (scan->appid.size > WEIGATE_APPID_MAX || scan->openid.size > WEIGATE_OPENID_MAX || scan->unionid.size > WEIGATE_UNIONID_MAX)
    return "scan: a filter is longer than any key";
  return NULL;
}
