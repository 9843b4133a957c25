/* SPDX-License-Identifier: Apache-2.0
 * import_record: own records as they are, foreign ones through the reader of WeChat's answers, which cleans them the same way;
 * the program's only thread. */
#include "ctl/import_record.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/scope.h"
#include "base/seal.h"
#include "base/text_time.h"

/* Members of a foreign line that are ours and not part of the profile. */
struct extras {
  struct buf appid;
  int64_t observed_us, first_seen_us, last_seen_us; /* 0: not said */
};

static struct weigate_text text_of(struct str s) {
  return (struct weigate_text){s.p, s.n};
}

/* Accounts and their website apps. */
static const char *find_appid(const struct conf *conf, struct str appid) {
  for (size_t i = 0; i < conf->accounts_count; i++) {
    const struct account_settings *account = &conf->accounts[i];
    if (str_eq(appid, str_of(account->appid))) return account->appid;
    if (account->qrconnect_appid && str_eq(appid, str_of(account->qrconnect_appid))) return account->qrconnect_appid;
  }
  return NULL;
}

static int check_appid(const struct import_rules *rules, struct str appid, const char **ret_appid, struct err *err) {
  const char *known = find_appid(rules->conf, appid);
  if (!known) return err_set(err, "appid %.*s belongs to no account of %s", STR_ARG(appid), rules->conf->path);
  if (rules->is_chosen && !str_eq(appid, rules->appid)) return err_set(err, "it belongs to another account than --account says");
  *ret_appid = known;
  return 0;
}

/* --- what another system wrote ------------------------------------------------------------------------------------------------
 */

/* "nickname=nick_name" of --field: the member of that name is the one of ours. */
static void rename_members(const struct ctl *ctl, cJSON *object) {
  for (size_t i = 0; i < ctl->list_count; i++) {
    struct str theirs = str_of(ctl->list[i].text), ours;
    if (ctl->list[i].option != CTL_FIELD || !str_split(&theirs, '=', &ours)) continue;
    cJSON *member = cJSON_DetachItemFromObjectCaseSensitive(object, theirs.p ? theirs.p : "");
    SCOPE_FREE char *name = str_dup(ours);
    if (member && name)
      cJSON_AddItemToObject(object, name, member);
    else
      cJSON_Delete(member);
  }
}

/* Takes a time off the object: text, or seconds since 1970 as a number. -1: it is none. */
static int take_time(cJSON *object, const char *name, int64_t *ret_us) {
  cJSON *member = cJSON_DetachItemFromObjectCaseSensitive(object, name);
  int result = 0;
  if (cJSON_IsNumber(member) && member->valuedouble >= 0 && member->valuedouble < 253402300800.0)
    *ret_us = (int64_t)(member->valuedouble * 1e6);
  else if (cJSON_IsString(member))
    result = text_time_parse(str_of(member->valuestring), ret_us);
  else if (member && !cJSON_IsNull(member))
    result = -1;
  cJSON_Delete(member);
  return result;
}

static int take_extras(cJSON *object, struct extras *extras, struct err *err) {
  static const char *const names[] = {"observed_at", "first_seen_at", "last_seen_at", "subscribe_time"};
  int64_t subscribed_us = 0;
  int64_t *const places[] = {&extras->observed_us, &extras->first_seen_us, &extras->last_seen_us, &subscribed_us};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (take_time(object, names[i], places[i]) != 0) return err_set(err, "%s is no time (2026-11-22T09:33:00Z)", names[i]);
  if (extras->first_seen_us == 0) extras->first_seen_us = subscribed_us;
  cJSON *appid = cJSON_DetachItemFromObjectCaseSensitive(object, "appid");
  if (cJSON_IsString(appid)) buf_add_text(&extras->appid, appid->valuestring);
  cJSON_Delete(appid);
  return 0;
}

static void fill_person(struct import_record *record, struct weigate_stamp stamp, bool has_profile) {
  struct weigate_person *person = &record->person;
  const struct wechat_profile *profile = &record->profile;
  person->openid = text_of(str_of(profile->openid));
  if (has_profile) {
    person->has |= WEIGATE_PERSON_PROFILE;
    person->profile_stamp = stamp;
    person->nickname = text_of(profile->nickname);
    person->headimgurl = text_of(profile->headimgurl);
    person->privilege = text_of(profile->privilege);
    person->language = text_of(profile->language);
    person->raw = text_of(profile->raw);
  }
  if (profile->unionid[0]) {
    person->has |= WEIGATE_PERSON_UNIONID;
    person->unionid_stamp = stamp;
    person->unionid = text_of(str_of(profile->unionid));
  }
  if (profile->sex) {
    person->has |= WEIGATE_PERSON_SEX;
    person->sex_stamp = stamp;
    person->sex = profile->sex;
  }
  if (profile->province.n || profile->city.n || profile->country.n) {
    person->has |= WEIGATE_PERSON_REGION;
    person->region_stamp = stamp;
    person->province = text_of(profile->province);
    person->city = text_of(profile->city);
    person->country = text_of(profile->country);
  }
}

/* The same line is the same write, however often it is imported. */
static int stamp_person(const struct import_rules *rules, struct str json, const struct extras *extras, bool has_profile,
                        struct import_record *record, struct err *err) {
  int64_t observed_us = extras->observed_us    ? extras->observed_us
                        : extras->last_seen_us ? extras->last_seen_us
                                               : rules->observed_us;
  int64_t last_us = extras->last_seen_us ? extras->last_seen_us : observed_us;
  int64_t first_us = extras->first_seen_us && extras->first_seen_us < last_us ? extras->first_seen_us : last_us;
  struct weigate_stamp stamp = {.at_us = observed_us};
  if (observed_us > clock_wall_us() + WEIGATE_FUTURE_MAX_US) return err_set(err, "it was observed in the future");
  seal_fingerprint(SEAL_TOKEN, STR("import"), json, stamp.id);
  record->person.first_seen_us = first_us;
  record->person.last_seen_us = last_us;
  fill_person(record, stamp, has_profile);
  return 0;
}

static int read_profile(cJSON *object, struct import_record *record, struct err *err) {
  struct wechat_answer answer = {.action = WECHAT_OK};
  char *text = cJSON_PrintUnformatted(object);
  if (!text) return err_set(err, "out of memory");
  wechat_profile_parse(str_of(text), &record->profile, &answer);
  cJSON_free(text);
  if (answer.action == WECHAT_OK) return 0;
  if (answer.errcode) return err_set(err, "it is no person but an error of WeChat's: %d %s", answer.errcode, answer.errmsg);
  return err_set(err, "%s", answer.errmsg);
}

static int read_foreign(const struct import_rules *rules, struct str json, cJSON *object, struct extras *extras,
                        struct import_record *record, struct err *err) {
  const char *appid = rules->appid.p;
  rename_members(rules->ctl, object);
  if (cJSON_HasObjectItem(object, "profile"))
    return err_set(err, "this is what people list and show print; people export writes what can be read back");
  if (take_extras(object, extras, err) != 0) return -1;
  if (extras->appid.len > 0 && check_appid(rules, buf_str(&extras->appid), &appid, err) != 0) return -1;
  if (!appid || !*appid) return err_set(err, "it does not say which account it is of; --account does");
  bool has_profile = cJSON_HasObjectItem(object, "nickname") || cJSON_HasObjectItem(object, "headimgurl");
  if (read_profile(object, record, err) != 0) return -1;
  record->person.appid = text_of(str_of(appid));
  return stamp_person(rules, json, extras, has_profile, record, err);
}

/* --- either -------------------------------------------------------------------------------------------------------------------
 */

static bool is_own(const cJSON *object) {
  for (const cJSON *member = object->child; member; member = member->next)
    if (person_text_is_stamp(str_of(member->string))) return true;
  return false;
}

static int read_own(const struct import_rules *rules, struct str json, struct import_record *record, struct err *err) {
  const char *appid;
  if (person_text_read(json, &record->text, err) != 0) return -1;
  record->person = record->text.person;
  if (record->person.has & WEIGATE_PERSON_ERASED) return 0;
  return check_appid(rules, str_make(record->person.appid.bytes, record->person.appid.size), &appid, err);
}

int import_record_read(const struct import_rules *rules, struct str json, struct import_record *record, struct err *err) {
  cJSON *object = NULL;
  struct extras extras = {.observed_us = 0};
  const char *why = NULL;
  *record = (struct import_record){.person = {.struct_size = sizeof record->person}, .line = record->line};
  if (json_parse_object(json, &object, &why) != 0) return err_set(err, "%s", why);
  buf_init(&extras.appid, WEIGATE_APPID_MAX);
  int result = is_own(object) ? read_own(rules, json, record, err) : read_foreign(rules, json, object, &extras, record, err);
  buf_done(&extras.appid);
  json_free(object);
  if (result != 0) import_record_done(record);
  return result;
}

void import_record_done(struct import_record *record) {
  person_text_done(&record->text);
  wechat_profile_done(&record->profile);
}
