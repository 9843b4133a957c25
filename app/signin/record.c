/* SPDX-License-Identifier: Apache-2.0
 * record: fills the store's structs from WeChat's; seals tokens before any plugin sees them. */
#include "signin/record.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "web/request.h"

/* WeChat's refresh tokens live 30 days. */
#define REFRESH_LIFETIME_US (INT64_C(30) * 86400 * 1000000)
#define TOKEN_CONTEXT_BYTES (WEIGATE_APPID_MAX + 1 + WEIGATE_OPENID_MAX + 1)

_Static_assert(WECHAT_ID_MAX_BYTES == WEIGATE_OPENID_MAX && WECHAT_ID_MAX_BYTES == WEIGATE_UNIONID_MAX, "ids");
_Static_assert(WECHAT_NICKNAME_MAX_BYTES == WEIGATE_NICKNAME_MAX && WECHAT_REGION_MAX_BYTES == WEIGATE_REGION_MAX &&
                   WECHAT_URL_MAX_BYTES == WEIGATE_URL_MAX && WECHAT_LANGUAGE_MAX_BYTES == WEIGATE_WORD_MAX &&
                   WECHAT_PRIVILEGE_MAX_BYTES == WEIGATE_PRIVILEGE_MAX && WECHAT_RAW_MAX_BYTES == WEIGATE_RAW_MAX,
               "whatever WeChat's layer lets through, the store takes");
_Static_assert(RECORD_TOKEN_SEALED_MAX <= WEIGATE_SEALED_MAX, "tokens");

static struct weigate_text text_of(struct str s) {
  return (struct weigate_text){s.p, s.n};
}
static struct weigate_text text_of_c(const char *s) {
  return (struct weigate_text){s, strlen(s)};
}

/* Copies with a length byte pair in front; returns the place behind. */
static uint8_t *put_text(uint8_t *to, const char *text) {
  size_t n = strlen(text);
  *to++ = (uint8_t)(n >> 8);
  *to++ = (uint8_t)n;
  memcpy(to, text, n);
  return to + n;
}

static int take_text(const uint8_t **at, const uint8_t *end, char *to, size_t size) {
  if (end - *at < 2) return -1;
  size_t n = (size_t)(*at)[0] << 8 | (*at)[1];
  *at += 2;
  if (n >= size || n > (size_t)(end - *at)) return -1;
  memcpy(to, *at, n);
  to[n] = '\0';
  *at += n;
  return 0;
}

/* Neither id holds a blank. */
static struct str token_context(const struct weigate_person *person, char to[TOKEN_CONTEXT_BYTES]) {
  int n = snprintf(to, TOKEN_CONTEXT_BYTES, "%.*s %.*s", (int)person->appid.size, person->appid.bytes, (int)person->openid.size,
                   person->openid.bytes);
  return str_make(to, n < TOKEN_CONTEXT_BYTES ? (size_t)n : TOKEN_CONTEXT_BYTES - 1);
}

static void write_network4(const uint8_t bytes[4], char to[WEIGATE_NETWORK_MAX]) {
  snprintf(to, WEIGATE_NETWORK_MAX, "%u.%u.%u.0/24", bytes[0], bytes[1], bytes[2]);
}

static void write_network6(struct in6_addr address, char to[WEIGATE_NETWORK_MAX]) {
  char network[INET6_ADDRSTRLEN];
  memset(address.s6_addr + 6, 0, 10);
  if (inet_ntop(AF_INET6, &address, network, sizeof(network))) snprintf(to, WEIGATE_NETWORK_MAX, "%s/48", network);
}

void record_network(struct str address, char to[WEIGATE_NETWORK_MAX]) {
  char text[64];
  uint8_t bytes[4];
  struct in6_addr address6;
  to[0] = '\0';
  if (str_copy(address, text, sizeof(text)) < 0) return;
  if (inet_pton(AF_INET, text, bytes) == 1) return write_network4(bytes, to);
  if (inet_pton(AF_INET6, text, &address6) != 1) return;
  if (IN6_IS_ADDR_V4MAPPED(&address6)) /* how an IPv6 socket names an IPv4 address */
    write_network4(address6.s6_addr + 12, to);
  else
    write_network6(address6, to);
}

int32_t record_day(int32_t time_zone_minutes, int64_t at_us) {
  int64_t local_s = at_us / 1000000 + (int64_t)time_zone_minutes * 60;
  return (int32_t)((local_s - (local_s % 86400 + 86400) % 86400) / 86400);
}

int record_begin(struct record *record) {
  memset(record, 0, offsetof(struct record, token_sealed));
  record->signin.struct_size = sizeof(record->signin);
  record->stamp.at_us = clock_wall_us();
  return random_bytes(record->stamp.id, sizeof(record->stamp.id));
}

void record_person(struct record *record, const char *appid, const struct wechat_token *token) {
  struct weigate_person *person = &record->person;
  *person = (struct weigate_person){
      .struct_size = sizeof(*person),
      .has = WEIGATE_PERSON_SCOPE,
      .appid = text_of_c(appid),
      .openid = text_of_c(token->openid),
      .first_seen_us = record->stamp.at_us,
      .last_seen_us = record->stamp.at_us,
      .scope_stamp = record->stamp,
      .scope = text_of_c(token->scope),
  };
  if (token->unionid[0]) {
    person->has |= WEIGATE_PERSON_UNIONID;
    person->unionid_stamp = record->stamp;
    person->unionid = text_of_c(token->unionid);
  }
  record->signin.person = person;
}

int record_token(struct record *record, const struct account *account, const struct wechat_token *token) {
  uint8_t plain[RECORD_TOKEN_PLAIN_MAX];
  char context[TOKEN_CONTEXT_BYTES];
  struct weigate_person *person = &record->person;
  uint8_t *at = put_text(plain, token->access_token);
  at = put_text(at, token->refresh_token);
  size_t n = (size_t)(at - plain);
  int result = seal_lock_raw(account->session->keys, SEAL_TOKEN, token_context(person, context), plain, n, record->token_sealed);
  explicit_bzero(plain, sizeof(plain));
  if (result < 0) return -1;

  person->has |= WEIGATE_PERSON_TOKEN;
  person->token_stamp = record->stamp;
  person->token_sealed = (struct weigate_text){(const char *)record->token_sealed, n + SEAL_OVERHEAD_BYTES};
  person->token_access_expires_us = record->stamp.at_us + token->expires_in_s * 1000000;
  person->token_refresh_expires_us = record->stamp.at_us + REFRESH_LIFETIME_US;
  return 0;
}

void record_profile(struct record *record, const struct wechat_profile *profile) {
  struct weigate_person *person = &record->person;
  person->has |= WEIGATE_PERSON_PROFILE;
  person->profile_stamp = record->stamp;
  person->nickname = text_of(profile->nickname);
  person->headimgurl = text_of(profile->headimgurl);
  person->privilege = text_of(profile->privilege);
  person->language = text_of(profile->language);
  person->raw = text_of(profile->raw);
  if (profile->sex) {
    person->has |= WEIGATE_PERSON_SEX;
    person->sex_stamp = record->stamp;
    person->sex = profile->sex;
  }
  if (profile->province.n || profile->city.n || profile->country.n) {
    person->has |= WEIGATE_PERSON_REGION;
    person->region_stamp = record->stamp;
    person->province = text_of(profile->province);
    person->city = text_of(profile->city);
    person->country = text_of(profile->country);
  }
  if (profile->unionid[0]) {
    person->has |= WEIGATE_PERSON_UNIONID;
    person->unionid_stamp = record->stamp;
    person->unionid = text_of_c(profile->unionid);
  }
}

void record_event(struct record *record, const struct job *job, const char *appid, const char *openid, enum outcome outcome,
                  const char *stage, const char *scope, const char *channel, int errcode) {
  struct weigate_event *event = &record->event;
  uint64_t took_us = clock_mono_us() - fcgi_arrived_us(job->request.exchange);
  record_network(job->request.remote_addr, record->network);
  *event = (struct weigate_event){
      .struct_size = sizeof(*event),
      .flags = outcome == OUTCOME_SIGNED_IN ? WEIGATE_EVENT_LOGIN : 0,
      .event_at_us = record->stamp.at_us,
      .event_day = record_day(job->account->settings->time_zone_minutes, record->stamp.at_us),
      .errcode = errcode,
      .latency_ms = (uint32_t)(took_us / 1000),
      .appid = text_of_c(appid),
      .openid = text_of_c(openid),
      .outcome = text_of_c(outcome_row(outcome)->word),
      .stage = text_of_c(stage),
      .scope = text_of_c(scope),
      .channel = text_of_c(channel),
      .network = text_of_c(record->network),
      .node = text_of_c(signin_node(job->signin)),
  };
  memcpy(event->event_id, record->stamp.id, sizeof(event->event_id));
  record->signin.event = event;
}

int record_token_open(const struct account *account, const struct weigate_person *person, struct wechat_token *ret_token) {
  uint8_t plain[RECORD_TOKEN_PLAIN_MAX];
  char context[TOKEN_CONTEXT_BYTES];
  size_t n;
  struct wechat_token token = {0};
  struct str openid = str_make(person->openid.bytes, person->openid.size);
  if (!(person->has & WEIGATE_PERSON_TOKEN) || !person->token_sealed.size) return -1;
  if (seal_open_raw(account->session->keys, SEAL_TOKEN, token_context(person, context),
                    (const uint8_t *)person->token_sealed.bytes, person->token_sealed.size, plain, sizeof(plain), &n) < 0)
    return -1;
  const uint8_t *at = plain, *end = plain + n;
  int result = take_text(&at, end, token.access_token, sizeof(token.access_token));
  if (result == 0) result = take_text(&at, end, token.refresh_token, sizeof(token.refresh_token));
  if (result == 0) result = str_copy(openid, token.openid, sizeof(token.openid));
  if (result == 0) result = str_copy(str_make(person->scope.bytes, person->scope.size), token.scope, sizeof(token.scope));
  explicit_bzero(plain, sizeof(plain));
  if (result < 0) return -1;
  str_copy(str_make(person->unionid.bytes, person->unionid.size), token.unionid, sizeof(token.unionid));
  *ret_token = token;
  return 0;
}
