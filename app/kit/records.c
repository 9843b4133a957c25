/* SPDX-License-Identifier: Apache-2.0
 * records: small makers of records and calls with one item; no behaviour of its own. The process of a check. */
#include "kit/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "kit/promise.h"
#include "store/op.h"

/* --- records --- */

struct weigate_text kit_text(const char *text) {
  return (struct weigate_text){text, strlen(text)};
}

int64_t kit_now_us(void) {
  return clock_wall_us();
}

struct weigate_stamp kit_stamp(int64_t at_us, unsigned number) {
  struct weigate_stamp stamp = {.at_us = at_us};
  for (size_t i = 0; i < sizeof(number); i++) stamp.id[i] = (uint8_t)(number >> (24 - 8 * i));
  return stamp;
}

struct weigate_person kit_person(const char *openid, int64_t at_us, unsigned number) {
  struct weigate_stamp stamp = kit_stamp(at_us, number);
  int64_t issued_us = at_us < INT64_MAX / 2 ? at_us : INT64_MAX / 2; /* so that the sums below stay numbers */
  return (struct weigate_person){
      .struct_size = sizeof(struct weigate_person),
      .has = WEIGATE_PERSON_PROFILE | WEIGATE_PERSON_SCOPE | WEIGATE_PERSON_UNIONID | WEIGATE_PERSON_SEX | WEIGATE_PERSON_REGION |
             WEIGATE_PERSON_TOKEN,
      .appid = kit_text(KIT_APPID),
      .openid = kit_text(openid),
      .first_seen_us = at_us,
      .last_seen_us = at_us,
      .profile_stamp = stamp,
      .nickname = kit_text("小明"),
      .headimgurl = kit_text("https://thirdwx.qlogo.cn/mmopen/vi_32/abc/132"),
      .privilege = kit_text("[\"chinaunicom\"]"),
      .language = kit_text("zh_CN"),
      .raw = kit_text("{\"subscribe\":1}"),
      .scope_stamp = stamp,
      .scope = kit_text("snsapi_userinfo"),
      .unionid_stamp = stamp,
      .unionid = kit_text("uA1"),
      .sex_stamp = stamp,
      .sex = 1,
      .region_stamp = stamp,
      .province = kit_text("广东"),
      .city = kit_text("深圳"),
      .country = kit_text("中国"),
      .token_stamp = stamp,
      .token_sealed = kit_text("sealed-bytes"),
      .token_access_expires_us = issued_us + INT64_C(7200000000),
      .token_refresh_expires_us = issued_us + INT64_C(2592000000000),
  };
}

struct weigate_event kit_event(const char *openid, int64_t at_us, unsigned number) {
  struct weigate_event event = {
      .struct_size = sizeof(event),
      .flags = WEIGATE_EVENT_LOGIN,
      .event_at_us = at_us,
      .event_day = (int32_t)(at_us / INT64_C(86400000000)),
      .latency_ms = 120,
      .appid = kit_text(KIT_APPID),
      .openid = kit_text(openid),
      .outcome = kit_text("signed_in"),
      .stage = kit_text("done"),
      .scope = kit_text("snsapi_userinfo"),
      .channel = kit_text("wechat"),
      .network = kit_text("203.0.113.0/24"),
      .node = kit_text("a"),
  };
  memcpy(event.event_id, &number, sizeof(number));
  return event;
}

struct weigate_ticket kit_ticket(const char *kind, const char *key, const char *value) {
  return (struct weigate_ticket){.struct_size = sizeof(struct weigate_ticket),
                                 .kind = kit_text(kind),
                                 .key = kit_text(key),
                                 .value = kit_text(value),
                                 .expires_at_us = kit_now_us() + INT64_C(60000000)};
}

/* --- calls with one item --- */

static struct weigate_result record_one(struct kit *kit, const struct weigate_person *person, const struct weigate_event *event,
                                        const struct weigate_ticket *ticket) {
  struct weigate_signin signin = {.struct_size = sizeof(signin), .person = person, .event = event, .ticket = ticket};
  struct weigate_signins batch = {.struct_size = sizeof(batch), .stride = sizeof(signin), .count = 1, .items = &signin};
  struct weigate_result result = {.struct_size = sizeof(result)};
  int class = kit->plugin.desc->record_signins(kit->handle, kit_call(kit), &batch, &result);
  if (class != WEIGATE_OK) fail_msg("record_signins: %s: %s", plugin_class_name(class), kit->call.message);
  return result;
}

int kit_try_record(struct kit *kit, const struct weigate_person *person, const struct weigate_event *event) {
  struct weigate_signin signin = {.struct_size = sizeof(signin), .person = person, .event = event};
  struct weigate_signins batch = {.struct_size = sizeof(batch), .stride = sizeof(signin), .count = 1, .items = &signin};
  struct weigate_result result = {.struct_size = sizeof(result)};
  return kit->plugin.desc->record_signins(kit->handle, kit_call(kit), &batch, &result);
}

enum weigate_item kit_record(struct kit *kit, const struct weigate_person *person, const struct weigate_event *event,
                             const struct weigate_ticket *ticket) {
  return (enum weigate_item)record_one(kit, person, event, ticket).outcome;
}

const char *kit_refused_field(struct kit *kit, const struct weigate_person *person, const struct weigate_event *event) {
  struct weigate_result result = record_one(kit, person, event, NULL);
  return result.outcome == WEIGATE_ITEM_REJECTED && result.field ? result.field : "";
}

enum weigate_item kit_merge(struct kit *kit, const struct weigate_person *person) {
  struct weigate_people batch = {.struct_size = sizeof(batch), .stride = sizeof(*person), .count = 1, .items = person};
  struct weigate_result result = {.struct_size = sizeof(result)};
  int class = kit->plugin.desc->merge_people(kit->handle, kit_call(kit), &batch, &result);
  if (class != WEIGATE_OK) fail_msg("merge_people: %s: %s", plugin_class_name(class), kit->call.message);
  return (enum weigate_item)result.outcome;
}

enum weigate_item kit_erase(struct kit *kit, const char *openid, struct weigate_stamp stamp) {
  struct weigate_key key = {.struct_size = sizeof(key), .appid = kit_text(KIT_APPID), .openid = kit_text(openid)};
  struct weigate_keys keys = {.struct_size = sizeof(keys), .stride = sizeof(key), .count = 1, .items = &key};
  struct weigate_result result = {.struct_size = sizeof(result)};
  int class = kit->plugin.desc->erase_people(kit->handle, kit_call(kit), &keys, &stamp, &result);
  if (class != WEIGATE_OK) fail_msg("erase_people: %s: %s", plugin_class_name(class), kit->call.message);
  return (enum weigate_item)result.outcome;
}

/* --- reading back --- */

static int keep_person(void *context, size_t index, const struct weigate_person *person) {
  struct op *op = context;
  assert_int_equal(index, 0);
  if (person) op_keep_person(op, person);
  return 0;
}

struct store_person kit_load(struct kit *kit, const char *openid) {
  struct op *op = op_new_load(kit_text(KIT_APPID), kit_text(openid), 0);
  struct weigate_keys keys = {.struct_size = sizeof(keys), .stride = sizeof(op->key), .count = 1, .items = &op->key};
  int class =
      kit->plugin.desc->load_people(kit->handle, kit_call(kit), &keys, WEIGATE_WANT_TOKEN | WEIGATE_WANT_COUNTS, keep_person, op);
  if (class != WEIGATE_OK) fail_msg("load_people: %s: %s", plugin_class_name(class), kit->call.message);
  struct store_person found = op->found;
  op->found = (struct store_person){0};
  op_free(op);
  return found;
}

static void describe_group(struct buf *out, const char *name, const struct weigate_stamp *stamp, const struct weigate_text *texts,
                           size_t count) {
  buf_addf(out, " %s@%lld.%02x%02x%02x%02x", name, (long long)stamp->at_us, stamp->id[0], stamp->id[1], stamp->id[2],
           stamp->id[3]);
  for (size_t i = 0; i < count; i++) buf_addf(out, "|%.*s", (int)texts[i].size, texts[i].size ? texts[i].bytes : "");
}

const char *kit_describe(const struct store_person *found) {
  static char lines[2][32768];
  static size_t turn;
  const struct weigate_person *p = &found->person;
  struct buf out;
  if (!found->is_found) return "nobody";
  buf_init(&out, sizeof(lines[0]) - 1);
  buf_addf(&out, "%.*s/%.*s first %lld last %lld", (int)p->appid.size, p->appid.bytes, (int)p->openid.size, p->openid.bytes,
           (long long)p->first_seen_us, (long long)p->last_seen_us);
  const struct weigate_text profile[] = {p->nickname, p->headimgurl, p->privilege, p->language, p->raw};
  const struct weigate_text region[] = {p->province, p->city, p->country};
  if (p->has & WEIGATE_PERSON_PROFILE) describe_group(&out, "profile", &p->profile_stamp, profile, 5);
  if (p->has & WEIGATE_PERSON_SCOPE) describe_group(&out, "scope", &p->scope_stamp, &p->scope, 1);
  if (p->has & WEIGATE_PERSON_UNIONID) describe_group(&out, "unionid", &p->unionid_stamp, &p->unionid, 1);
  if (p->has & WEIGATE_PERSON_REGION) describe_group(&out, "region", &p->region_stamp, region, 3);
  if (p->has & WEIGATE_PERSON_SEX) describe_group(&out, "sex", &p->sex_stamp, NULL, 0);
  if (p->has & WEIGATE_PERSON_SEX) buf_addf(&out, "|%d", p->sex);
  if (p->has & WEIGATE_PERSON_TOKEN) describe_group(&out, "token", &p->token_stamp, &p->token_sealed, 1);
  if (p->has & WEIGATE_PERSON_COUNTS)
    buf_addf(&out, " logins %llu days %llu last %lld", (unsigned long long)p->login_count, (unsigned long long)p->login_days,
             (long long)p->last_login_us);
  assert_false(out.failed);
  char *line = lines[turn++ % 2];
  snprintf(line, sizeof(lines[0]), "%s", buf_text(&out));
  buf_done(&out);
  return line;
}

const char *kit_state_of(struct kit *kit, const char *openid) {
  struct store_person found = kit_load(kit, openid);
  const char *line = kit_describe(&found);
  store_person_done(&found);
  return line;
}
