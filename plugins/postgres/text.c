/* SPDX-License-Identifier: Apache-2.0
 * text: values never become part of a statement; they are members of one JSON parameter. Storage threads; no state. */
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* First piece of memory: a batch of a few sign-ins. */
#define ROOM_FIRST 8192

void text_clear(struct text *text) {
  text->size = 0;
  text->failed = false;
}

void text_free(struct text *text) {
  free(text->bytes);
  *text = (struct text){0};
}

void text_wipe(struct text *text, const struct weigate_host *host) {
  if (text->bytes && host->wipe) host->wipe(text->bytes, text->room);
  text_clear(text);
}

static bool make_room(struct text *text, size_t more) {
  size_t room = text->room ? text->room : ROOM_FIRST;
  if (text->failed) return false;
  while (room - text->size < more + 1) room *= 2;
  if (room == text->room) return true;
  char *bytes = realloc(text->bytes, room);
  text->failed = bytes == NULL;
  if (text->failed) return false;
  text->bytes = bytes;
  text->room = room;
  return true;
}

void text_add(struct text *text, const char *bytes, size_t size) {
  if (!make_room(text, size)) return;
  if (size) memcpy(text->bytes + text->size, bytes, size);
  text->size += size;
  text->bytes[text->size] = '\0';
}

static void add_word(struct text *text, const char *word) {
  text_add(text, word, strlen(word));
}

static void add_hex(struct text *text, const void *bytes, size_t size) {
  static const char digits[] = "0123456789abcdef";
  const uint8_t *p = bytes;
  if (!make_room(text, 2 * size)) return;
  for (size_t i = 0; i < size; i++) {
    text->bytes[text->size++] = digits[p[i] >> 4];
    text->bytes[text->size++] = digits[p[i] & 15];
  }
  text->bytes[text->size] = '\0';
}

/* --- JSON --- */

void json_open(struct text *text) {
  text_clear(text);
  add_word(text, "[");
}

void json_item(struct text *text, size_t index) {
  char head[48];
  snprintf(head, sizeof(head), "%s{\"i\":%zu", text->size > 1 ? "," : "", index);
  add_word(text, head);
}

void json_item_end(struct text *text) {
  add_word(text, "}");
}

void json_close(struct text *text) {
  add_word(text, "]");
}

static void add_key(struct text *text, const char *key) {
  add_word(text, ",\"");
  add_word(text, key);
  add_word(text, "\":");
}

void json_text(struct text *text, const char *key, struct weigate_text value) {
  add_key(text, key);
  add_word(text, "\"");
  size_t start = 0;
  for (size_t i = 0; i < value.size; i++) {
    unsigned char c = (unsigned char)value.bytes[i];
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    char escaped[8];
    snprintf(escaped, sizeof(escaped), "\\u%04x", c);
    text_add(text, value.bytes + start, i - start);
    text_add(text, escaped, 6);
    start = i + 1;
  }
  if (value.size > start) text_add(text, value.bytes + start, value.size - start);
  add_word(text, "\"");
}

void json_number(struct text *text, const char *key, int64_t value) {
  char digits[24];
  add_key(text, key);
  snprintf(digits, sizeof(digits), "%" PRId64, value);
  add_word(text, digits);
}

void json_bool(struct text *text, const char *key, bool value) {
  add_key(text, key);
  add_word(text, value ? "true" : "false");
}

void json_bytes(struct text *text, const char *key, const void *bytes, size_t size) {
  add_key(text, key);
  add_word(text, "\"\\\\x");
  add_hex(text, bytes, size);
  add_word(text, "\"");
}

void json_uuid(struct text *text, const char *key, const uint8_t id[16]) {
  add_key(text, key);
  add_word(text, "\"");
  add_hex(text, id, 16);
  add_word(text, "\"");
}

/* Times were checked before: later than 1970 and not far in the future. */
void json_time(struct text *text, const char *key, int64_t at_us) {
  time_t at_s = (time_t)(at_us / 1000000);
  struct tm tm;
  char spelled[64];
  gmtime_r(&at_s, &tm);
  snprintf(spelled, sizeof(spelled), "\"%04d-%02d-%02d %02d:%02d:%02d.%06d+00\"", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
           tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(at_us % 1000000));
  add_key(text, key);
  add_word(text, spelled);
}

/* --- reading --- */

int64_t text_number(const char *value) {
  return (int64_t)strtoll(value, NULL, 10);
}

static int hex_value(char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t text_unhex(const char *from, void *to, size_t room) {
  uint8_t *bytes = to;
  size_t count = 0;
  if (from[0] == '\\' && from[1] == 'x') from += 2;
  while (*from && count < room) {
    if (*from == '-') {
      from++;
      continue;
    }
    int high = hex_value(from[0]), low = high < 0 ? -1 : hex_value(from[1]);
    if (low < 0) break;
    bytes[count++] = (uint8_t)(high << 4 | low);
    from += 2;
  }
  return count;
}
