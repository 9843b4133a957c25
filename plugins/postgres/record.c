/* SPDX-License-Identifier: Apache-2.0
 * record: the one place that knows how members and columns correspond. Storage threads; no state. */
#include "record.h"

#include <stdlib.h>
#include <string.h>

void record_hash(const struct weigate_host *host, struct weigate_text appid, struct weigate_text openid, uint8_t ret_hash[32]) {
  char key[WEIGATE_APPID_MAX + 1 + WEIGATE_OPENID_MAX];
  memcpy(key, appid.bytes, appid.size);
  key[appid.size] = '\0';
  memcpy(key + appid.size + 1, openid.bytes, openid.size);
  host->digest(key, appid.size + 1 + openid.size, ret_hash);
}

/* --- out --- */

static void add_key(struct text *text, const struct weigate_host *host, struct weigate_text appid, struct weigate_text openid) {
  uint8_t hash[32];
  json_text(text, "appid", appid);
  json_text(text, "openid", openid);
  if (!openid.size) return;
  record_hash(host, appid, openid, hash);
  json_bytes(text, "key_hash", hash, sizeof(hash));
}

static void add_stamp(struct text *text, const char *at, const char *write, const struct weigate_stamp *stamp) {
  json_time(text, at, stamp->at_us);
  json_uuid(text, write, stamp->id);
}

static void add_token(struct text *text, const struct weigate_person *person) {
  add_stamp(text, "token_at", "token_write", &person->token_stamp);
  json_bytes(text, "token_sealed", person->token_sealed.bytes, person->token_sealed.size);
  json_number(text, "token_access_us", person->token_access_expires_us);
  json_number(text, "token_refresh_us", person->token_refresh_expires_us);
}

static void add_profile(struct text *text, const struct weigate_person *person) {
  add_stamp(text, "profile_at", "profile_write", &person->profile_stamp);
  json_text(text, "nickname", person->nickname);
  json_text(text, "headimgurl", person->headimgurl);
  json_text(text, "privilege", person->privilege);
  json_text(text, "language", person->language);
  json_text(text, "raw", person->raw);
}

static void add_region(struct text *text, const struct weigate_person *person) {
  add_stamp(text, "region_at", "region_write", &person->region_stamp);
  json_text(text, "province", person->province);
  json_text(text, "city", person->city);
  json_text(text, "country", person->country);
}

void record_add_person(struct text *text, const struct weigate_host *host, size_t index, const struct weigate_person *person) {
  const struct weigate_person *p = person;
  json_item(text, index);
  add_key(text, host, p->appid, p->openid);
  json_time(text, "first_seen_at", p->first_seen_us);
  json_time(text, "last_seen_at", p->last_seen_us);
  if (p->has & WEIGATE_PERSON_PROFILE) add_profile(text, p);
  if (p->has & WEIGATE_PERSON_SCOPE) {
    add_stamp(text, "scope_at", "scope_write", &p->scope_stamp);
    json_text(text, "scope", p->scope);
  }
  if (p->has & WEIGATE_PERSON_UNIONID && p->unionid.size) {
    add_stamp(text, "unionid_at", "unionid_write", &p->unionid_stamp);
    json_text(text, "unionid", p->unionid);
  }
  if (p->has & WEIGATE_PERSON_SEX && p->sex) {
    add_stamp(text, "sex_at", "sex_write", &p->sex_stamp);
    json_number(text, "sex", p->sex);
  }
  if (p->has & WEIGATE_PERSON_REGION && (p->province.size || p->city.size || p->country.size)) add_region(text, p);
  if (p->has & WEIGATE_PERSON_TOKEN) add_token(text, p);
  json_item_end(text);
}

void record_add_event(struct text *text, const struct weigate_host *host, size_t index, const struct weigate_event *event) {
  const struct weigate_event *e = event;
  json_item(text, index);
  add_key(text, host, e->appid, e->openid);
  json_time(text, "event_at", e->event_at_us);
  json_uuid(text, "event_id", e->event_id);
  json_number(text, "event_day", e->event_day);
  json_bool(text, "is_login", e->flags & WEIGATE_EVENT_LOGIN);
  json_bool(text, "is_snapshot", e->flags & WEIGATE_EVENT_SNAPSHOT);
  json_text(text, "outcome", e->outcome);
  json_text(text, "stage", e->stage);
  json_number(text, "errcode", e->errcode);
  json_number(text, "latency_ms", e->latency_ms);
  json_text(text, "scope", e->scope);
  json_text(text, "channel", e->channel);
  json_text(text, "network", e->network);
  json_text(text, "node", e->node);
  json_item_end(text);
}

void record_add_ticket(struct text *text, size_t index, const struct weigate_ticket *ticket) {
  json_item(text, index);
  json_text(text, "kind", ticket->kind);
  json_text(text, "key", ticket->key);
  json_bytes(text, "value", ticket->value.bytes, ticket->value.size);
  json_number(text, "expires_at_us", ticket->expires_at_us);
  json_number(text, "flags", ticket->flags);
  json_item_end(text);
}

void record_add_erasure(struct text *text, const struct weigate_host *host, size_t index, const struct weigate_key *key,
                        const struct weigate_stamp *stamp) {
  json_item(text, index);
  add_key(text, host, key->appid, key->openid);
  add_stamp(text, "erased_at", "erased_write", stamp);
  json_item_end(text);
}

void record_add_tombstone(struct text *text, size_t index, const struct weigate_person *tombstone) {
  json_item(text, index);
  json_bytes(text, "key_hash", tombstone->erased_hash, sizeof(tombstone->erased_hash));
  add_stamp(text, "erased_at", "erased_write", &tombstone->erased_stamp);
  json_item_end(text);
}

/* --- in --- */

struct weigate_text record_text(PGresult *result, int row, int column) {
  return (struct weigate_text){PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column)};
}

struct weigate_text record_bytes(PGresult *result, int row, int column) {
  char *value = PQgetvalue(result, row, column);
  return (struct weigate_text){value, text_unhex(value, value, (size_t)PQgetlength(result, row, column))};
}

int64_t record_number(PGresult *result, int row, int column) {
  return text_number(PQgetvalue(result, row, column));
}

/* Reads a stamp from two columns and moves on; false if the group was never observed. */
static bool read_stamp(PGresult *result, int row, int *column, struct weigate_stamp *ret_stamp) {
  bool is_there = !PQgetisnull(result, row, *column);
  if (is_there) {
    ret_stamp->at_us = record_number(result, row, *column);
    text_unhex(PQgetvalue(result, row, *column + 1), ret_stamp->id, sizeof(ret_stamp->id));
  }
  *column += 2;
  return is_there;
}

static void read_texts(PGresult *result, int row, int *column, bool is_there, struct weigate_text *const *texts, size_t count) {
  for (size_t i = 0; i < count; i++, (*column)++)
    if (is_there) *texts[i] = record_text(result, row, *column);
}

void record_read_person(PGresult *result, int row, int first, uint32_t want, struct weigate_person *ret_person) {
  struct weigate_person *p = ret_person;
  int c = first;
  memset(p, 0, sizeof(*p));
  p->struct_size = sizeof(*p);
  p->appid = record_text(result, row, c++);
  p->openid = record_text(result, row, c++);
  p->first_seen_us = record_number(result, row, c++);
  p->last_seen_us = record_number(result, row, c++);
  bool is_there = read_stamp(result, row, &c, &p->profile_stamp);
  struct weigate_text *const profile[] = {&p->nickname, &p->headimgurl, &p->privilege, &p->language, &p->raw};
  read_texts(result, row, &c, is_there, profile, 5);
  if (is_there) p->has |= WEIGATE_PERSON_PROFILE;
  is_there = read_stamp(result, row, &c, &p->scope_stamp);
  read_texts(result, row, &c, is_there, &(struct weigate_text *const){&p->scope}, 1);
  if (is_there) p->has |= WEIGATE_PERSON_SCOPE;
  is_there = read_stamp(result, row, &c, &p->unionid_stamp);
  read_texts(result, row, &c, is_there, &(struct weigate_text *const){&p->unionid}, 1);
  if (is_there) p->has |= WEIGATE_PERSON_UNIONID;
  is_there = read_stamp(result, row, &c, &p->sex_stamp);
  if (is_there) p->sex = (int32_t)record_number(result, row, c);
  if (is_there) p->has |= WEIGATE_PERSON_SEX;
  c++;
  is_there = read_stamp(result, row, &c, &p->region_stamp);
  struct weigate_text *const region[] = {&p->province, &p->city, &p->country};
  read_texts(result, row, &c, is_there, region, 3);
  if (is_there) p->has |= WEIGATE_PERSON_REGION;
  if (read_stamp(result, row, &c, &p->token_stamp)) {
    p->has |= WEIGATE_PERSON_TOKEN;
    p->token_sealed = record_bytes(result, row, c);
    p->token_access_expires_us = record_number(result, row, c + 1);
    p->token_refresh_expires_us = record_number(result, row, c + 2);
  }
  c += 3;
  if (!(want & WEIGATE_WANT_COUNTS)) return;
  p->has |= WEIGATE_PERSON_COUNTS;
  p->login_count = (uint64_t)record_number(result, row, c);
  p->login_days = (uint64_t)record_number(result, row, c + 1);
  p->last_login_us = record_number(result, row, c + 2);
}

void record_read_event(PGresult *result, int row, struct weigate_event *ret_event) {
  struct weigate_event *e = ret_event;
  memset(e, 0, sizeof(*e));
  e->struct_size = sizeof(*e);
  e->event_at_us = record_number(result, row, 0);
  text_unhex(PQgetvalue(result, row, 1), e->event_id, sizeof(e->event_id));
  if (record_number(result, row, 2)) e->flags |= WEIGATE_EVENT_LOGIN;
  if (record_number(result, row, 3)) e->flags |= WEIGATE_EVENT_SNAPSHOT;
  e->event_day = (int32_t)record_number(result, row, 4);
  e->errcode = (int32_t)record_number(result, row, 5);
  e->latency_ms = (uint32_t)record_number(result, row, 6);
  struct weigate_text *const texts[] = {&e->appid, &e->openid,  &e->outcome, &e->stage,
                                        &e->scope, &e->channel, &e->network, &e->node};
  int column = 7;
  read_texts(result, row, &column, true, texts, sizeof(texts) / sizeof(texts[0]));
}

bool record_read_outcomes(const char *array, struct weigate_result *results, size_t count) {
  const char *p = array;
  for (size_t i = 0; i < count; i++) {
    struct weigate_result *result = (struct weigate_result *)(void *)((char *)results + i * results[0].struct_size);
    char *end;
    if (*p != (i == 0 ? '{' : ',')) return false;
    unsigned long outcome = strtoul(p + 1, &end, 10);
    if (end == p + 1 || outcome > WEIGATE_ITEM_TAKEN) return false;
    if (outcome) result->outcome = (uint32_t)outcome;
    if (outcome) result->field = NULL;
    p = end;
  }
  return *p == '}';
}
