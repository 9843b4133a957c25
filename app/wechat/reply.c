/* SPDX-License-Identifier: Apache-2.0
 * reply: reads the answers to code, refresh and auth; any thread. */
#include "wechat/reply.h"

#include <cjson/cJSON.h>

#include "base/json.h"
#include "wechat/answer.h"

/* A token lives 7,200 s; a day is more than WeChat ever gave. */
#define EXPIRES_IN_MAX_S     86400
#define EXPIRES_IN_DEFAULT_S 7200

static bool is_token(struct str s) {
  if (s.n < 1 || s.n > WECHAT_TOKEN_MAX_BYTES) return false;
  for (size_t i = 0; i < s.n; i++)
    if (s.p[i] <= 0x20 || s.p[i] >= 0x7f) return false;
  return true;
}

static bool is_scope(struct str s) {
  for (size_t i = 0; i < s.n; i++) {
    char c = s.p[i];
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ',')) return false;
  }
  return true;
}

/* Missing or odd: the two hours that WeChat documents. Out of range: the nearest end. */
static int64_t read_expires_in(const cJSON *object) {
  const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, "expires_in");
  int64_t seconds = EXPIRES_IN_DEFAULT_S;
  if (cJSON_IsNumber(member)) {
    if (member->valuedouble <= 0) return 0;
    return member->valuedouble >= EXPIRES_IN_MAX_S ? EXPIRES_IN_MAX_S : (int64_t)member->valuedouble;
  }
  if (answer_read_int(object, "expires_in", INT64_MIN, INT64_MAX, &seconds) != JSON_GOT) return EXPIRES_IN_DEFAULT_S;
  if (seconds < 0) return 0;
  return seconds > EXPIRES_IN_MAX_S ? EXPIRES_IN_MAX_S : seconds;
}

/* Only a flag that is plainly off means a real person: a snapshot user taken for one would be stored. */
static bool read_is_snapshot(const cJSON *object) {
  for (const cJSON *member = object->child; member; member = member->next) {
    if (strcmp(member->string, "is_snapshotuser") != 0) continue;
    bool is_off = cJSON_IsFalse(member) || cJSON_IsNull(member) || (cJSON_IsNumber(member) && member->valuedouble == 0);
    if (cJSON_IsString(member)) is_off = !*member->valuestring || strcmp(member->valuestring, "0") == 0;
    if (!is_off) return true;
  }
  return false;
}

/* Reads what both token answers hold; returns what is wrong with it, or NULL. */
static const char *read_token(const cJSON *object, struct wechat_token *token) {
  struct str text;
  if (answer_read_openid(object, token->openid) != 0) return "openid is missing or malformed";
  if (json_get_string(object, "access_token", &text) != JSON_GOT || !is_token(text))
    return "access_token is missing or malformed";
  (void)str_copy(text, token->access_token, sizeof token->access_token);
  if (json_get_string(object, "refresh_token", &text) == JSON_GOT && is_token(text))
    (void)str_copy(text, token->refresh_token, sizeof token->refresh_token);
  if (json_get_string(object, "scope", &text) == JSON_GOT && is_scope(text))
    (void)str_copy(text, token->scope, sizeof token->scope);
  token->expires_in_s = read_expires_in(object);
  return NULL;
}

/* Not inlined: its 2.6 KiB would stand under the JSON parser, on the stack of every sign-in. */
static __attribute__((noinline)) const char *take_token(const cJSON *object, enum wechat_call call,
                                                        struct wechat_token *ret_token) {
  struct wechat_token token = {0};
  const char *wrong = read_token(object, &token);
  if (!wrong && call == WECHAT_CALL_TOKEN) {
    token.is_snapshot = read_is_snapshot(object);
    if (answer_read_unionid(object, token.unionid) != 0) wrong = "unionid is malformed";
  }
  if (!wrong) *ret_token = token;
  return wrong;
}

static void parse_token(struct str body, enum wechat_call call, struct wechat_token *ret_token,
                        struct wechat_answer *ret_answer) {
  cJSON *object = answer_open(body, call, ret_answer);
  if (!object) return;
  const char *wrong = take_token(object, call, ret_token);
  if (wrong) answer_refuse(ret_answer, wrong);
  json_free(object);
}

void wechat_token_parse(struct str body, struct wechat_token *ret_token, struct wechat_answer *ret_answer) {
  parse_token(body, WECHAT_CALL_TOKEN, ret_token, ret_answer);
}

void wechat_refresh_parse(struct str body, struct wechat_token *ret_token, struct wechat_answer *ret_answer) {
  parse_token(body, WECHAT_CALL_REFRESH, ret_token, ret_answer);
}

void wechat_auth_parse(struct str body, struct wechat_answer *ret_answer) {
  json_free(answer_open(body, WECHAT_CALL_AUTH, ret_answer));
}
