/* SPDX-License-Identifier: Apache-2.0
 * spool_record: three tables say which members of which struct are written, in which order; two loops write and read them.
 *
 *   entry   kind (1 byte), size of the rest (4), parts
 *   part    which (1 byte), size of the rest (4), members in the order of its table
 *   member  numbers as 4 or 8 bytes, ids and hashes as they are, texts with their size (4) in front
 *
 * A later version may add members at a table's end: what an older one wrote then ends early, and the rest is zero. */
#include "store/spool_record.h"

#include <string.h>

#include "base/bytes.h"

enum member_type { MEMBER_U32, MEMBER_U64, MEMBER_BYTES, MEMBER_TEXT };

struct member {
  enum member_type type;
  size_t offset;
  size_t size; /* BYTES: how many; TEXT: at most */
};

enum part { PART_PERSON = 1, PART_EVENT, PART_TICKET, PART_KEY };
#define HEAD_BYTES 5

#define NUMBER(s, m)                                                                                                             \
  { sizeof(((struct s *)0)->m) == 8 ? MEMBER_U64 : MEMBER_U32, offsetof(struct s, m), 0 }
#define BYTES(s, m)                                                                                                              \
  { MEMBER_BYTES, offsetof(struct s, m), sizeof(((struct s *)0)->m) }
#define TEXT(s, m, max)                                                                                                          \
  { MEMBER_TEXT, offsetof(struct s, m), max }
#define STAMP(s, m) NUMBER(s, m.at_us), BYTES(s, m.id)
#define PERSON      weigate_person
#define EVENT       weigate_event

static const struct member person_members[] = {
    NUMBER(PERSON, has),
    TEXT(PERSON, appid, WEIGATE_APPID_MAX),
    TEXT(PERSON, openid, WEIGATE_OPENID_MAX),
    NUMBER(PERSON, first_seen_us),
    NUMBER(PERSON, last_seen_us),
    STAMP(PERSON, profile_stamp),
    TEXT(PERSON, nickname, WEIGATE_NICKNAME_MAX),
    TEXT(PERSON, headimgurl, WEIGATE_URL_MAX),
    TEXT(PERSON, privilege, WEIGATE_PRIVILEGE_MAX),
    TEXT(PERSON, language, WEIGATE_WORD_MAX),
    TEXT(PERSON, raw, WEIGATE_RAW_MAX),
    STAMP(PERSON, scope_stamp),
    TEXT(PERSON, scope, WEIGATE_SCOPE_MAX),
    STAMP(PERSON, unionid_stamp),
    TEXT(PERSON, unionid, WEIGATE_UNIONID_MAX),
    STAMP(PERSON, sex_stamp),
    NUMBER(PERSON, sex),
    STAMP(PERSON, region_stamp),
    TEXT(PERSON, province, WEIGATE_REGION_MAX),
    TEXT(PERSON, city, WEIGATE_REGION_MAX),
    TEXT(PERSON, country, WEIGATE_REGION_MAX),
    STAMP(PERSON, token_stamp),
    TEXT(PERSON, token_sealed, WEIGATE_SEALED_MAX),
    NUMBER(PERSON, token_access_expires_us),
    NUMBER(PERSON, token_refresh_expires_us),
};

static const struct member event_members[] = {
    NUMBER(EVENT, flags),
    BYTES(EVENT, event_id),
    NUMBER(EVENT, event_at_us),
    NUMBER(EVENT, event_day),
    NUMBER(EVENT, errcode),
    NUMBER(EVENT, latency_ms),
    TEXT(EVENT, appid, WEIGATE_APPID_MAX),
    TEXT(EVENT, openid, WEIGATE_OPENID_MAX),
    TEXT(EVENT, outcome, WEIGATE_WORD_MAX),
    TEXT(EVENT, stage, WEIGATE_WORD_MAX),
    TEXT(EVENT, scope, WEIGATE_SCOPE_MAX),
    TEXT(EVENT, channel, WEIGATE_WORD_MAX),
    TEXT(EVENT, network, WEIGATE_NETWORK_MAX),
    TEXT(EVENT, node, WEIGATE_WORD_MAX),
};

static const struct member ticket_members[] = {
    NUMBER(weigate_ticket, flags),
    TEXT(weigate_ticket, kind, WEIGATE_WORD_MAX),
    TEXT(weigate_ticket, key, WEIGATE_TICKET_KEY_MAX),
    TEXT(weigate_ticket, value, WEIGATE_TICKET_VALUE_MAX),
    NUMBER(weigate_ticket, expires_at_us),
};

static const struct member key_members[] = {
    TEXT(spool_entry, key.appid, WEIGATE_APPID_MAX),
    TEXT(spool_entry, key.openid, WEIGATE_OPENID_MAX),
    STAMP(spool_entry, stamp),
};

#define ALL(table) table, sizeof(table) / sizeof((table)[0])

/* --- writing --- */

/* The size stands in front of what it measures: room first, then the number. */
static size_t begin(struct buf *out, uint8_t which) {
  static const char no_size[4];
  buf_add_char(out, (char)which);
  buf_add(out, no_size, sizeof(no_size));
  return out->len;
}

static void end(struct buf *out, size_t began) {
  if (!out->failed) bytes_put_u32((uint8_t *)out->data + began - 4, (uint32_t)(out->len - began));
}

static void add_number(struct buf *out, uint64_t value, size_t size) {
  uint8_t bytes[8];
  if (size == 4)
    bytes_put_u32(bytes, (uint32_t)value);
  else
    bytes_put_u64(bytes, value);
  buf_add(out, bytes, size);
}

static void add_member(struct buf *out, const struct member *member, const char *from) {
  uint32_t word;
  uint64_t number;
  struct weigate_text text;
  switch (member->type) {
  case MEMBER_U32:
    memcpy(&word, from, sizeof(word));
    return add_number(out, word, 4);
  case MEMBER_U64:
    memcpy(&number, from, sizeof(number));
    return add_number(out, number, 8);
  case MEMBER_BYTES:
    return buf_add(out, from, member->size);
  case MEMBER_TEXT:
    memcpy(&text, from, sizeof(text));
    add_number(out, text.size, 4);
    return buf_add(out, text.bytes, text.size);
  }
}

static void add_part(struct buf *out, enum part part, const void *from, const struct member *members, size_t count) {
  if (!from) return;
  size_t began = begin(out, (uint8_t)part);
  for (size_t i = 0; i < count; i++) add_member(out, &members[i], (const char *)from + members[i].offset);
  end(out, began);
}

void spool_record_add(struct buf *out, const struct spool_entry *entry) {
  size_t began = begin(out, (uint8_t)entry->kind);
  switch (entry->kind) {
  case SPOOL_SIGNIN:
    add_part(out, PART_PERSON, entry->signin.person, ALL(person_members));
    add_part(out, PART_EVENT, entry->signin.event, ALL(event_members));
    add_part(out, PART_TICKET, entry->signin.ticket, ALL(ticket_members));
    break;
  case SPOOL_TICKET:
  case SPOOL_CLAIM:
    add_part(out, PART_TICKET, &entry->ticket, ALL(ticket_members));
    break;
  case SPOOL_ERASE:
    add_part(out, PART_KEY, entry, ALL(key_members));
  }
  end(out, began);
}

/* --- reading --- */

static int take(struct str *rest, size_t size, struct str *ret_bytes) {
  if (rest->n < size) return -1;
  *ret_bytes = str_make(rest->p, size);
  *rest = str_from(*rest, size);
  return 0;
}

/* What begin() and end() wrote. */
static int take_block(struct str *rest, uint8_t *ret_which, struct str *ret_block) {
  struct str head;
  if (take(rest, HEAD_BYTES, &head) != 0) return -1;
  *ret_which = (uint8_t)head.p[0];
  return take(rest, bytes_get_u32((const uint8_t *)head.p + 1), ret_block);
}

static int take_text(struct str *rest, size_t max, struct weigate_text *ret_text) {
  struct str size, bytes;
  if (take(rest, 4, &size) != 0) return -1;
  size_t n = bytes_get_u32((const uint8_t *)size.p);
  if (n > max || take(rest, n, &bytes) != 0) return -1;
  *ret_text = (struct weigate_text){n ? bytes.p : "", n};
  return 0;
}

static int take_member(struct str *rest, const struct member *member, char *to) {
  struct weigate_text text;
  struct str bytes;
  size_t size = member->type == MEMBER_U32 ? 4 : member->type == MEMBER_U64 ? 8 : member->size;
  if (member->type == MEMBER_TEXT) {
    if (take_text(rest, member->size, &text) != 0) return -1;
    memcpy(to, &text, sizeof(text));
    return 0;
  }
  if (take(rest, size, &bytes) != 0) return -1;
  uint32_t word = size == 4 ? bytes_get_u32((const uint8_t *)bytes.p) : 0;
  uint64_t number = size == 8 ? bytes_get_u64((const uint8_t *)bytes.p) : 0;
  memcpy(to, member->type == MEMBER_BYTES ? bytes.p : size == 4 ? (const char *)&word : (const char *)&number, size);
  return 0;
}

static int take_members(struct str rest, void *to, const struct member *members, size_t count) {
  for (size_t i = 0; i < count && rest.n; i++)
    if (take_member(&rest, &members[i], (char *)to + members[i].offset) != 0) return -1;
  return 0;
}

static int take_part(struct str *rest, struct spool_entry *entry, unsigned *seen) {
  uint8_t part;
  struct str block;
  if (take_block(rest, &part, &block) != 0 || part < PART_PERSON || part > PART_KEY || *seen & 1u << part) return -1;
  *seen |= 1u << part;
  switch ((enum part)part) {
  case PART_PERSON:
    return take_members(block, &entry->person, ALL(person_members));
  case PART_EVENT:
    return take_members(block, &entry->event, ALL(event_members));
  case PART_TICKET:
    return take_members(block, &entry->ticket, ALL(ticket_members));
  case PART_KEY:
    return take_members(block, entry, ALL(key_members));
  }
  return -1;
}

/* Each kind has its parts and no others. */
static bool fits_kind(const struct spool_entry *entry, unsigned seen) {
  switch (entry->kind) {
  case SPOOL_SIGNIN:
    return seen && !(seen & 1u << PART_KEY);
  case SPOOL_TICKET:
  case SPOOL_CLAIM:
    return seen == 1u << PART_TICKET;
  case SPOOL_ERASE:
    return seen == 1u << PART_KEY;
  }
  return false;
}

int spool_record_next(struct str *rest, struct spool_entry *ret_entry) {
  uint8_t kind;
  struct str block;
  unsigned seen = 0;
  if (!rest->n) return 0;
  if (take_block(rest, &kind, &block) != 0) return -1;
  *ret_entry = (struct spool_entry){
      .kind = (enum spool_kind)kind,
      .signin = {.struct_size = sizeof(ret_entry->signin)},
      .person = {.struct_size = sizeof(ret_entry->person)},
      .event = {.struct_size = sizeof(ret_entry->event)},
      .ticket = {.struct_size = sizeof(ret_entry->ticket)},
      .key = {.struct_size = sizeof(ret_entry->key)},
  };
  while (block.n)
    if (take_part(&block, ret_entry, &seen) != 0) return -1;
  if (!fits_kind(ret_entry, seen)) return -1;
  if (seen & 1u << PART_PERSON) ret_entry->signin.person = &ret_entry->person;
  if (seen & 1u << PART_EVENT) ret_entry->signin.event = &ret_entry->event;
  if (seen & 1u << PART_TICKET) ret_entry->signin.ticket = &ret_entry->ticket;
  return 1;
}
