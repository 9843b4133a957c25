/* SPDX-License-Identifier: Apache-2.0
 * check: limits, stamps and well-formed text, item by item. Storage threads; no state. */
#include "check.h"

#include <string.h>

/* Bits that this version of the header gives a meaning. */
#define PERSON_GROUPS                                                                                                            \
  (WEIGATE_PERSON_PROFILE | WEIGATE_PERSON_SCOPE | WEIGATE_PERSON_UNIONID | WEIGATE_PERSON_SEX | WEIGATE_PERSON_REGION |         \
   WEIGATE_PERSON_TOKEN | WEIGATE_PERSON_COUNTS)
#define EVENT_FLAGS (WEIGATE_EVENT_LOGIN | WEIGATE_EVENT_SNAPSHOT)

#define COPY_OF(type, from)                                                                                                      \
  struct type copy = {0};                                                                                                        \
  memcpy(&copy, from, (from)->struct_size < sizeof(copy) ? (from)->struct_size : sizeof(copy));                                  \
  return copy

struct weigate_person check_copy_person(const struct weigate_person *from) {
  COPY_OF(weigate_person, from);
}

struct weigate_event check_copy_event(const struct weigate_event *from) {
  COPY_OF(weigate_event, from);
}

struct weigate_ticket check_copy_ticket(const struct weigate_ticket *from) {
  COPY_OF(weigate_ticket, from);
}

struct weigate_signin check_copy_signin(const struct weigate_signin *from) {
  COPY_OF(weigate_signin, from);
}

struct weigate_key check_copy_key(const struct weigate_key *from) {
  COPY_OF(weigate_key, from);
}

/* Bytes of the UTF-8 sequence at p (RFC 3629, n bytes left), 0 if it is ill-formed. */
static size_t measure_sequence(const unsigned char *p, size_t n) {
  if (p[0] < 0x80) return 1;
  size_t length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
  if (p[0] < 0xc2 || p[0] > 0xf4 || n < length) return 0;
  for (size_t i = 1; i < length; i++)
    if ((p[i] & 0xc0) != 0x80) return 0;
  if (p[0] == 0xe0 && p[1] < 0xa0) return 0; /* overlong */
  if (p[0] == 0xed && p[1] > 0x9f) return 0; /* surrogate */
  if (p[0] == 0xf0 && p[1] < 0x90) return 0;
  if (p[0] == 0xf4 && p[1] > 0x8f) return 0; /* beyond U+10FFFF */
  return length;
}

static bool is_text(struct weigate_text text, size_t max) {
  if (text.size > max) return false;
  if (text.size == 0) return true;
  if (!text.bytes) return false;
  const unsigned char *p = (const unsigned char *)text.bytes, *end = p + text.size;
  while (p < end) {
    size_t length = *p ? measure_sequence(p, (size_t)(end - p)) : 0;
    if (length == 0) return false;
    p += length;
  }
  return true;
}

static bool is_word(struct weigate_text text, size_t max) {
  return text.size > 0 && is_text(text, max);
}

static bool is_time(int64_t at_us, int64_t now_us) {
  return at_us > 0 && at_us <= now_us + WEIGATE_FUTURE_MAX_US;
}

const char *check_stamp(const struct weigate_stamp *stamp, int64_t now_us) {
  return is_time(stamp->at_us, now_us) ? NULL : "at_us";
}

struct member {
  bool is_good;
  const char *name;
};

static const char *first_bad(const struct member *members, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (!members[i].is_good) return members[i].name;
  return NULL;
}

#define FIRST_BAD(members) first_bad(members, sizeof(members) / sizeof((members)[0]))

const char *check_person(const struct weigate_person *person, int64_t now_us) {
  const struct weigate_person *p = person;
  bool has_profile = p->has & WEIGATE_PERSON_PROFILE, has_scope = p->has & WEIGATE_PERSON_SCOPE;
  bool has_unionid = p->has & WEIGATE_PERSON_UNIONID, has_sex = p->has & WEIGATE_PERSON_SEX;
  bool has_region = p->has & WEIGATE_PERSON_REGION, has_token = p->has & WEIGATE_PERSON_TOKEN;
  const struct member members[] = {
      {(p->has & ~PERSON_GROUPS) == 0, "has"},
      {is_word(p->appid, WEIGATE_APPID_MAX), "appid"},
      {is_word(p->openid, WEIGATE_OPENID_MAX), "openid"},
      {is_time(p->first_seen_us, now_us), "first_seen_us"},
      {is_time(p->last_seen_us, now_us), "last_seen_us"},
      {!has_profile || is_time(p->profile_stamp.at_us, now_us), "profile_stamp"},
      {!has_profile || is_text(p->nickname, WEIGATE_NICKNAME_MAX), "nickname"},
      {!has_profile || is_text(p->headimgurl, WEIGATE_URL_MAX), "headimgurl"},
      {!has_profile || is_text(p->privilege, WEIGATE_PRIVILEGE_MAX), "privilege"},
      {!has_profile || is_text(p->language, WEIGATE_WORD_MAX), "language"},
      {!has_profile || is_text(p->raw, WEIGATE_RAW_MAX), "raw"},
      {!has_scope || is_time(p->scope_stamp.at_us, now_us), "scope_stamp"},
      {!has_scope || is_text(p->scope, WEIGATE_SCOPE_MAX), "scope"},
      {!has_unionid || is_time(p->unionid_stamp.at_us, now_us), "unionid_stamp"},
      {!has_unionid || is_text(p->unionid, WEIGATE_UNIONID_MAX), "unionid"},
      {!has_sex || is_time(p->sex_stamp.at_us, now_us), "sex_stamp"},
      {!has_sex || (p->sex >= 0 && p->sex <= 2), "sex"},
      {!has_region || is_time(p->region_stamp.at_us, now_us), "region_stamp"},
      {!has_region || is_text(p->province, WEIGATE_REGION_MAX), "province"},
      {!has_region || is_text(p->city, WEIGATE_REGION_MAX), "city"},
      {!has_region || is_text(p->country, WEIGATE_REGION_MAX), "country"},
      {!has_token || is_time(p->token_stamp.at_us, now_us), "token_stamp"},
      {!has_token || p->token_sealed.size <= WEIGATE_SEALED_MAX, "token_sealed"},
      {p->reserved == 0, "reserved"},
  };
  return FIRST_BAD(members);
}

const char *check_tombstone(const struct weigate_person *person, int64_t now_us) {
  if (person->has != WEIGATE_PERSON_ERASED) return "has";
  return is_time(person->erased_stamp.at_us, now_us) ? NULL : "erased_stamp";
}

const char *check_event(const struct weigate_event *event, int64_t now_us) {
  const struct weigate_event *e = event;
  bool is_login = e->flags & WEIGATE_EVENT_LOGIN, is_snapshot = e->flags & WEIGATE_EVENT_SNAPSHOT;
  const struct member members[] = {
      {(e->flags & ~EVENT_FLAGS) == 0 && !(is_login && is_snapshot), "flags"},
      {is_time(e->event_at_us, now_us), "event_at_us"},
      {e->reserved == 0, "reserved"},
      {is_word(e->appid, WEIGATE_APPID_MAX), "appid"},
      {is_text(e->openid, WEIGATE_OPENID_MAX) && !(is_snapshot && e->openid.size), "openid"},
      {is_text(e->outcome, WEIGATE_WORD_MAX), "outcome"},
      {is_text(e->stage, WEIGATE_WORD_MAX), "stage"},
      {is_text(e->scope, WEIGATE_SCOPE_MAX), "event.scope"},
      {is_text(e->channel, WEIGATE_WORD_MAX), "channel"},
      {is_text(e->network, WEIGATE_NETWORK_MAX), "network"},
      {is_text(e->node, WEIGATE_WORD_MAX), "node"},
  };
  return FIRST_BAD(members);
}

const char *check_ticket(const struct weigate_ticket *ticket) {
  const struct member members[] = {
      {(ticket->flags & ~WEIGATE_TICKET_DURABLE) == 0, "flags"},
      {is_word(ticket->kind, WEIGATE_WORD_MAX), "kind"},
      {is_word(ticket->key, WEIGATE_TICKET_KEY_MAX), "key"},
      {ticket->value.size <= WEIGATE_TICKET_VALUE_MAX && (ticket->value.bytes || !ticket->value.size), "value"},
  };
  return FIRST_BAD(members);
}

const char *check_key(const struct weigate_key *key) {
  const struct member members[] = {
      {key->reserved == 0, "reserved"},
      {is_word(key->appid, WEIGATE_APPID_MAX), "appid"},
      {is_word(key->openid, WEIGATE_OPENID_MAX), "openid"},
  };
  return FIRST_BAD(members);
}

/* An older header's items are shorter than ours; they end behind a member boundary, so eight bytes is the least that can be
 * walked. */
bool check_shape(uint32_t stride, size_t count, uint32_t least_stride) {
  return count <= WEIGATE_BATCH_MAX && (count == 0 || (stride >= least_stride && stride % 8 == 0));
}

void check_set_result(struct weigate_result *results, size_t index, enum weigate_item outcome, const char *field) {
  struct weigate_result *result = (struct weigate_result *)(void *)((char *)results + index * results[0].struct_size);
  result->outcome = outcome;
  result->field = field;
}
