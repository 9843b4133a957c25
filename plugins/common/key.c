/* SPDX-License-Identifier: Apache-2.0
 * key: no text holds a NUL, so a NUL behind a text keeps the order of the texts. Storage threads; no state. */
#include "key.h"

#include <string.h>

struct key key_of(enum table table) {
  struct key key;
  key.size = 1;
  key.bytes[0] = (uint8_t)table;
  return key;
}

void key_add(struct key *key, const void *bytes, size_t size) {
  if (size > sizeof(key->bytes) - key->size) size = sizeof(key->bytes) - key->size;
  if (size) memcpy(key->bytes + key->size, bytes, size);
  key->size += size;
}

void key_add_text(struct key *key, struct weigate_text text) {
  key_add(key, text.bytes, text.size);
  key_add(key, "", 1);
}

void key_add_number(struct key *key, uint64_t number) {
  uint8_t bytes[8];
  for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(number >> (56 - 8 * i));
  key_add(key, bytes, sizeof(bytes));
}

static void add_pair(struct key *key, struct weigate_text appid, struct weigate_text openid) {
  key_add_text(key, appid);
  key_add(key, openid.bytes, openid.size);
}

struct key key_meta(char letter) {
  struct key key = key_of(TABLE_META);
  key_add(&key, &letter, 1);
  return key;
}

struct key key_person(struct weigate_text appid, struct weigate_text openid) {
  struct key key = key_of(TABLE_PERSON);
  add_pair(&key, appid, openid);
  return key;
}

struct key key_event(int64_t at_us, const uint8_t id[16]) {
  struct key key = key_of(TABLE_EVENT);
  key_add_number(&key, (uint64_t)at_us);
  key_add(&key, id, 16);
  return key;
}

struct key key_person_event(struct weigate_text appid, struct weigate_text openid, int64_t at_us, const uint8_t id[16]) {
  struct key key = key_of(TABLE_PERSON_EVENT);
  key_add_text(&key, appid);
  key_add_text(&key, openid);
  key_add_number(&key, (uint64_t)at_us);
  key_add(&key, id, 16);
  return key;
}

struct key key_day(struct weigate_text appid, struct weigate_text openid, int32_t day) {
  struct key key = key_of(TABLE_DAY);
  key_add_text(&key, appid);
  key_add_text(&key, openid);
  key_add_number(&key, (uint64_t)((int64_t)day - INT32_MIN));
  return key;
}

struct key key_seen(int64_t last_seen_us, struct weigate_text appid, struct weigate_text openid) {
  struct key key = key_of(TABLE_SEEN);
  key_add_number(&key, (uint64_t)last_seen_us);
  add_pair(&key, appid, openid);
  return key;
}

struct key key_unionid(struct weigate_text unionid, struct weigate_text appid, struct weigate_text openid) {
  struct key key = key_of(TABLE_UNIONID);
  key_add_text(&key, unionid);
  add_pair(&key, appid, openid);
  return key;
}

struct key key_tombstone(const uint8_t hash[32]) {
  struct key key = key_of(TABLE_TOMBSTONE);
  key_add(&key, hash, 32);
  return key;
}

struct key key_ticket(const struct weigate_ticket *ticket) {
  struct key key = key_of(TABLE_TICKET);
  add_pair(&key, ticket->kind, ticket->key);
  return key;
}

struct key key_number(struct weigate_text kind, uint64_t number) {
  struct key key = key_of(TABLE_NUMBER);
  key_add_text(&key, kind);
  key_add_number(&key, number);
  return key;
}

struct map_bytes key_bytes(const struct key *key) {
  struct map_bytes bytes = {key->bytes, key->size};
  return bytes;
}

bool key_is_below(struct map_bytes key, const struct key *prefix) {
  return key.size >= prefix->size && memcmp(key.bytes, prefix->bytes, prefix->size) == 0;
}

uint64_t key_read_number(const uint8_t *bytes) {
  uint64_t number = 0;
  for (int i = 0; i < 8; i++) number = number << 8 | bytes[i];
  return number;
}

bool key_split(struct map_bytes bytes, struct weigate_text *ret_appid, struct weigate_text *ret_openid) {
  const uint8_t *nul = bytes.size ? memchr(bytes.bytes, 0, bytes.size) : NULL;
  if (!nul) return false;
  ret_appid->bytes = (const char *)bytes.bytes;
  ret_appid->size = (size_t)(nul - bytes.bytes);
  ret_openid->bytes = (const char *)nul + 1;
  ret_openid->size = bytes.size - ret_appid->size - 1;
  return true;
}
