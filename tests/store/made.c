/* SPDX-License-Identifier: Apache-2.0
 * made: everything about a person follows from the number. */
#include "made.h"

#include <stdio.h>
#include <string.h>

#define DAY_US INT64_C(86400000000)

/* splitmix64 */
static uint64_t mix(uint64_t x) {
  x += UINT64_C(0x9e3779b97f4a7c15);
  x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
  return x ^ x >> 31;
}

static void fill_letters(char *to, size_t count, uint64_t seed) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (size_t i = 0; i < count; i++) {
    if (i % 10 == 0) seed = mix(seed);
    to[i] = letters[seed >> (6 * (i % 10)) & 63];
  }
  to[count] = '\0';
}

static struct weigate_text text_of(const char *text) {
  return (struct weigate_text){text, strlen(text)};
}

void made_openid(uint64_t number, char ret_openid[29]) {
  fill_letters(ret_openid, 28, mix(number));
  ret_openid[0] = 'o';
}

static struct weigate_stamp stamp_of(uint64_t number, uint64_t round, int64_t at_us) {
  struct weigate_stamp stamp = {.at_us = at_us};
  uint64_t id[2] = {mix(number), mix(round + 1)};
  memcpy(stamp.id, id, sizeof(stamp.id));
  return stamp;
}

static void fill_person(struct made *made, uint64_t number, uint64_t round, int64_t at_us) {
  static const char *const cities[] = {"深圳", "广州", "上海", "成都", ""};
  struct weigate_stamp stamp = stamp_of(number, round, at_us);
  uint64_t dice = mix(number ^ 77);
  bool has_region = dice % 5 != 4;
  made->person = (struct weigate_person){
      .struct_size = sizeof(made->person),
      .has = WEIGATE_PERSON_PROFILE | WEIGATE_PERSON_SCOPE | WEIGATE_PERSON_UNIONID | WEIGATE_PERSON_TOKEN |
             (has_region ? WEIGATE_PERSON_REGION : 0) | (dice % 3 ? WEIGATE_PERSON_SEX : 0),
      .appid = text_of(MADE_APPID),
      .openid = text_of(made->openid),
      .first_seen_us = at_us,
      .last_seen_us = at_us,
      .profile_stamp = stamp,
      .nickname = text_of(made->nickname),
      .headimgurl = text_of(made->url),
      .privilege = text_of("[]"),
      .language = text_of("zh_CN"),
      .scope_stamp = stamp,
      .scope = text_of("snsapi_userinfo"),
      .unionid_stamp = stamp,
      .unionid = text_of(made->unionid),
      .sex_stamp = stamp,
      .sex = (int32_t)(dice % 3),
      .region_stamp = stamp,
      .province = text_of("广东"),
      .city = text_of(cities[dice % 5]),
      .country = text_of("中国"),
      .token_stamp = stamp,
      .token_sealed = {made->sealed, sizeof(made->sealed)},
      .token_access_expires_us = at_us + DAY_US / 12,
      .token_refresh_expires_us = at_us + 30 * DAY_US,
  };
}

static void fill_event(struct made *made, uint64_t number, uint64_t round, int64_t at_us) {
  struct weigate_stamp stamp = stamp_of(number, round, at_us);
  made->event = (struct weigate_event){
      .struct_size = sizeof(made->event),
      .flags = WEIGATE_EVENT_LOGIN,
      .event_at_us = at_us,
      .event_day = (int32_t)((at_us + DAY_US / 3) / DAY_US),
      .latency_ms = 40 + (uint32_t)(number % 100),
      .appid = text_of(MADE_APPID),
      .openid = text_of(made->openid),
      .outcome = text_of("signed_in"),
      .stage = text_of("done"),
      .scope = text_of("snsapi_userinfo"),
      .channel = text_of("wechat"),
      .network = text_of("203.0.113.0/24"),
      .node = text_of("made"),
  };
  memcpy(made->event.event_id, stamp.id, sizeof(stamp.id));
}

void made_signin(struct made *made, uint64_t number, uint64_t round, int64_t at_us) {
  made_openid(number, made->openid);
  fill_letters(made->unionid, 28, mix(number ^ 1));
  fill_letters(made->key, 32, mix(number ^ round << 32 ^ 2));
  snprintf(made->nickname, sizeof(made->nickname), "小明 %llu.%llu", (unsigned long long)number, (unsigned long long)round);
  snprintf(made->url, sizeof(made->url), "https://thirdwx.qlogo.cn/mmopen/vi_32/%s%s%s/132", made->openid, made->unionid,
           made->key);
  memset(made->sealed, (int)(mix(number ^ round) & 255), sizeof(made->sealed));
  fill_person(made, number, round, at_us);
  fill_event(made, number, round, at_us);
  made->ticket = (struct weigate_ticket){.struct_size = sizeof(made->ticket),
                                         .kind = text_of("code"),
                                         .key = text_of(made->key),
                                         .value = {made->sealed, 120},
                                         .expires_at_us = at_us + INT64_C(1200000000)};
  made->signin = (struct weigate_signin){
      .struct_size = sizeof(made->signin), .person = &made->person, .event = &made->event, .ticket = &made->ticket};
}
