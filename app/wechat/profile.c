/* SPDX-License-Identifier: Apache-2.0
 * profile: reads the answer to userinfo: strict about who, tolerant about everything else; any thread. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>

#include "base/json.h"
#include "base/scope.h"
#include "base/utf8.h"
#include "wechat/answer.h"
#include "wechat/reply.h"

/* Every text at its limit; those limits stand in reply.h. */
#define TEXTS_MAX_BYTES                                                                                                          \
  (WECHAT_NICKNAME_MAX_BYTES + 3 * WECHAT_REGION_MAX_BYTES + WECHAT_URL_MAX_BYTES + WECHAT_LANGUAGE_MAX_BYTES +                  \
   WECHAT_PRIVILEGE_MAX_BYTES + WECHAT_RAW_MAX_BYTES)
/* WeChat's privileges are words such as "chinaunicom". */
#define PRIVILEGE_ITEM_MAX_BYTES 256
/* WeChat has sent one member without a field of ours so far; 64 is room for a decade of additions. */
#define RAW_MEMBERS_MAX    64
#define RAW_NAME_MAX_BYTES 64
#define RAW_TEXT_MAX_BYTES 1024
#define INT_EXACT_MAX      9007199254740991.0 /* 2^53 - 1 */

/* A place in the profile's memory while that may still move. */
struct span {
  size_t at, n;
};

enum text_field { NICKNAME, PROVINCE, CITY, COUNTRY, HEADIMGURL, LANGUAGE, PRIVILEGE, RAW, TEXT_FIELDS };

/* The members that have a field, and those of the other answers, which never belong into raw. */
static bool is_known_member(const char *name) {
  static const char *const known[] = {"openid",     "unionid",  "nickname",  "sex",     "province", "city",           "country",
                                      "headimgurl", "language", "privilege", "errcode", "errmsg",   "is_snapshotuser"};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcmp(name, known[i]) == 0) return true;
  return false;
}

static bool is_secret_member(struct str name) {
  return str_contains_nocase(name, STR("token")) || str_contains_nocase(name, STR("secret")) ||
         str_contains_nocase(name, STR("ticket")) || str_contains_nocase(name, STR("session_key"));
}

static bool is_member_name(struct str name) {
  if (name.n < 1 || name.n > RAW_NAME_MAX_BYTES) return false;
  for (size_t i = 0; i < name.n; i++) {
    char c = name.p[i];
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.'))
      return false;
  }
  return true;
}

static bool is_url_byte(char c) {
  return c > 0x20 && c < 0x7f && !strchr("\"<>\\^`{|}", c);
}

/* http or https with a host; nothing that could end an attribute, a header or a line. */
static bool is_picture_url(struct str s) {
  struct str rest = str_starts_nocase(s, STR("https://"))  ? str_from(s, 8)
                    : str_starts_nocase(s, STR("http://")) ? str_from(s, 7)
                                                           : STR_NONE;
  if (rest.n == 0 || rest.p[0] == '/' || rest.p[0] == '?' || rest.p[0] == '#') return false;
  for (size_t i = 0; i < rest.n; i++)
    if (!is_url_byte(rest.p[i])) return false;
  return true;
}

static bool is_language(struct str s) {
  for (size_t i = 0; i < s.n; i++) {
    char c = s.p[i];
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-')) return false;
  }
  return true;
}

static struct span end_span(const struct buf *memory, size_t at) {
  return (struct span){at, memory->len - at};
}

static struct span add_text(struct buf *memory, const cJSON *object, const char *name, size_t max_bytes) {
  SCOPE_BUF struct buf text;
  size_t at = memory->len;
  buf_init(&text, TEXTS_MAX_BYTES * 4); /* longer than FETCH_BODY_MAX_BYTES: a text of the body fits */
  if (json_get_text(object, name, &text) == JSON_GOT) utf8_clean(memory, buf_str(&text), max_bytes);
  return end_span(memory, at);
}

static struct span add_checked(struct buf *memory, const cJSON *object, const char *name, size_t max_bytes,
                               bool (*is_good)(struct str)) {
  struct str text;
  size_t at = memory->len;
  if (json_get_string(object, name, &text) == JSON_GOT && text.n <= max_bytes && is_good(text)) buf_add_str(memory, text);
  return end_span(memory, at);
}

static struct span add_privilege(struct buf *memory, const cJSON *object) {
  const struct cJSON *array = NULL, *element = NULL;
  size_t at = memory->len;
  bool has = json_get_array(object, "privilege", &array) == JSON_GOT;
  buf_add_char(memory, '[');
  while (has && json_array_next(array, &element)) {
    struct buf raw SCOPE_BUF, clean SCOPE_BUF, quoted SCOPE_BUF;
    buf_init(&raw, TEXTS_MAX_BYTES * 4);
    buf_init(&clean, PRIVILEGE_ITEM_MAX_BYTES);
    buf_init(&quoted, WECHAT_PRIVILEGE_MAX_BYTES);
    if (json_element_text(element, &raw) != JSON_GOT) continue;
    utf8_clean(&clean, buf_str(&raw), PRIVILEGE_ITEM_MAX_BYTES);
    json_add_string(&quoted, buf_str(&clean));
    if (memory->len - at + quoted.len + 2 > WECHAT_PRIVILEGE_MAX_BYTES) break; /* "," and "]" */
    if (memory->len - at > 1) buf_add_char(memory, ',');
    buf_add_str(memory, buf_str(&quoted));
  }
  buf_add_char(memory, ']');
  return end_span(memory, at);
}

/* Writes "name":value for the kinds that raw takes; false for the others. */
static bool write_member(struct buf *out, const cJSON *member) {
  struct buf text SCOPE_BUF, clean SCOPE_BUF;
  buf_init(&text, TEXTS_MAX_BYTES * 4);
  buf_init(&clean, RAW_TEXT_MAX_BYTES);
  json_add_string(out, str_of(member->string));
  buf_add_char(out, ':');
  if (cJSON_IsBool(member)) {
    buf_add_text(out, cJSON_IsTrue(member) ? "true" : "false");
  } else if (cJSON_IsString(member)) {
    if (json_element_text(member, &text) != JSON_GOT) return false;
    utf8_clean(&clean, buf_str(&text), RAW_TEXT_MAX_BYTES);
    json_add_string(out, buf_str(&clean));
  } else if (cJSON_IsNumber(member) && fabs(member->valuedouble) <= INT_EXACT_MAX &&
             trunc(member->valuedouble) == member->valuedouble) {
    buf_addf(out, "%" PRId64, (int64_t)member->valuedouble);
  } else {
    return false;
  }
  return !out->failed;
}

/* The first of equal names stands, as everywhere else an odd second one is not believed. */
static bool is_repeated(const cJSON *object, const cJSON *member) {
  for (const cJSON *other = object->child; other != member; other = other->next)
    if (strcmp(other->string, member->string) == 0) return true;
  return false;
}

static struct span add_raw(struct buf *memory, const cJSON *object) {
  size_t at = memory->len, count = 0;
  for (const cJSON *member = object->child; member && count < RAW_MEMBERS_MAX; member = member->next) {
    SCOPE_BUF struct buf text;
    buf_init(&text, WECHAT_RAW_MAX_BYTES);
    struct str name = str_of(member->string);
    if (is_known_member(member->string) || !is_member_name(name) || is_secret_member(name) || is_repeated(object, member))
      continue;
    if (!write_member(&text, member) || memory->len - at + text.len + 2 > WECHAT_RAW_MAX_BYTES) continue;
    buf_add_char(memory, count++ == 0 ? '{' : ',');
    buf_add_str(memory, buf_str(&text));
  }
  if (count > 0) buf_add_char(memory, '}');
  return end_span(memory, at);
}

static void read_texts(const cJSON *object, struct buf *memory, struct span spans[TEXT_FIELDS]) {
  spans[NICKNAME] = add_text(memory, object, "nickname", WECHAT_NICKNAME_MAX_BYTES);
  spans[PROVINCE] = add_text(memory, object, "province", WECHAT_REGION_MAX_BYTES);
  spans[CITY] = add_text(memory, object, "city", WECHAT_REGION_MAX_BYTES);
  spans[COUNTRY] = add_text(memory, object, "country", WECHAT_REGION_MAX_BYTES);
  spans[HEADIMGURL] = add_checked(memory, object, "headimgurl", WECHAT_URL_MAX_BYTES, is_picture_url);
  spans[LANGUAGE] = add_checked(memory, object, "language", WECHAT_LANGUAGE_MAX_BYTES, is_language);
  spans[PRIVILEGE] = add_privilege(memory, object);
  spans[RAW] = add_raw(memory, object);
}

static void point_texts(struct wechat_profile *profile, const struct span spans[TEXT_FIELDS]) {
  struct str *const fields[TEXT_FIELDS] = {
      [NICKNAME] = &profile->nickname,
      [PROVINCE] = &profile->province,
      [CITY] = &profile->city,
      [COUNTRY] = &profile->country,
      [HEADIMGURL] = &profile->headimgurl,
      [LANGUAGE] = &profile->language,
      [PRIVILEGE] = &profile->privilege,
      [RAW] = &profile->raw,
  };
  for (size_t i = 0; i < TEXT_FIELDS; i++) *fields[i] = str_make(profile->memory.data + spans[i].at, spans[i].n);
}

/* 1 and 2, as number or text; everything else is "not said". */
static int read_sex(const cJSON *object) {
  int64_t sex = 0;
  return answer_read_int(object, "sex", 0, 2, &sex) == JSON_GOT ? (int)sex : 0;
}

void wechat_profile_parse(struct str body, struct wechat_profile *ret_profile, struct wechat_answer *ret_answer) {
  cJSON *object = answer_open(body, WECHAT_CALL_USERINFO, ret_answer);
  if (!object) return;
  struct wechat_profile profile = {0};
  struct span spans[TEXT_FIELDS];
  const char *wrong = NULL;
  buf_init(&profile.memory, TEXTS_MAX_BYTES);
  if (answer_read_openid(object, profile.openid) != 0) wrong = "openid is missing or malformed";
  if (!wrong && answer_read_unionid(object, profile.unionid) != 0) wrong = "unionid is malformed";
  if (!wrong) read_texts(object, &profile.memory, spans);
  if (!wrong && profile.memory.failed) wrong = "no memory for the profile";
  if (wrong) {
    answer_refuse(ret_answer, wrong);
    buf_done(&profile.memory);
  } else {
    profile.sex = read_sex(object);
    point_texts(&profile, spans);
    *ret_profile = profile;
  }
  json_free(object);
}

void wechat_profile_done(struct wechat_profile *profile) {
  buf_done(&profile->memory);
  *profile = (struct wechat_profile){0};
}
