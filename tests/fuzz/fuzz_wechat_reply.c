/* SPDX-License-Identifier: Apache-2.0
 * fuzz_wechat_reply: whatever comes as WeChat's answer, what is taken from it keeps its limits and forms, and an answer that is
 * refused leaves nothing behind. The same bytes are read as the answer to each of the four calls. */
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "wechat/reply.h"

static bool is_id(const char *id, size_t min) {
  size_t n = strlen(id);
  return n >= min && n <= WECHAT_ID_MAX_BYTES &&
         strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == n;
}

static void check_answer(const struct wechat_answer *answer) {
  FUZZ_CHECK((answer->upstream == WECHAT_UPSTREAM_FINE) ||
             (answer->upstream == WECHAT_UPSTREAM_BAD_BODY && answer->action == WECHAT_RETRY));
  FUZZ_CHECK(answer->action != WECHAT_OK || (answer->upstream == WECHAT_UPSTREAM_FINE && answer->errcode == 0));
  FUZZ_CHECK(answer->errcode != 0 || answer->action == WECHAT_OK || answer->upstream == WECHAT_UPSTREAM_BAD_BODY);
  FUZZ_CHECK(memchr(answer->errmsg, 0, sizeof answer->errmsg) && memchr(answer->rid, 0, sizeof answer->rid));
  FUZZ_CHECK(utf8_is_valid(str_of(answer->errmsg)));
}

static void check_token(struct str body, void (*parse)(struct str, struct wechat_token *, struct wechat_answer *),
                        bool is_refresh) {
  struct wechat_token token, untouched;
  struct wechat_answer answer;
  memset(&token, 0x5a, sizeof token);
  memcpy(&untouched, &token, sizeof token);
  parse(body, &token, &answer);
  check_answer(&answer);
  if (answer.action != WECHAT_OK) {
    FUZZ_CHECK(memcmp(&token, &untouched, sizeof token) == 0);
    return;
  }
  FUZZ_CHECK(is_id(token.openid, 1) && is_id(token.unionid, 0));
  FUZZ_CHECK(token.access_token[0] && memchr(token.access_token, 0, sizeof token.access_token));
  for (const char *c = token.access_token; *c; c++) FUZZ_CHECK(*c > 0x20 && *c < 0x7f);
  for (const char *c = token.refresh_token; *c; c++) FUZZ_CHECK(*c > 0x20 && *c < 0x7f);
  FUZZ_CHECK(memchr(token.scope, 0, sizeof token.scope));
  FUZZ_CHECK(token.expires_in_s >= 0 && token.expires_in_s <= 86400);
  if (is_refresh) FUZZ_CHECK(!token.unionid[0] && !token.is_snapshot);
}

static void check_text(struct str text, size_t max_bytes) {
  FUZZ_CHECK(text.n <= max_bytes && utf8_is_valid(text) && !str_has(text, '\0') && !str_has(text, '\r') && !str_has(text, '\n'));
}

/* What we wrote as JSON must be JSON that our own reader takes. */
static void check_json(struct str json, bool is_array) {
  struct buf wrapped;
  struct cJSON *object;
  const char *why;
  buf_init(&wrapped, 1 << 16);
  buf_add_text(&wrapped, is_array ? "{\"a\":" : "");
  buf_add_str(&wrapped, json);
  buf_add_text(&wrapped, is_array ? "}" : "");
  FUZZ_CHECK(json_parse_object(buf_str(&wrapped), &object, &why) == 0);
  json_free(object);
  buf_done(&wrapped);
}

static void check_profile(struct str body) {
  struct wechat_profile profile;
  struct wechat_answer answer;
  wechat_profile_parse(body, &profile, &answer);
  check_answer(&answer);
  if (answer.action != WECHAT_OK) return;
  FUZZ_CHECK(is_id(profile.openid, 1) && is_id(profile.unionid, 0));
  FUZZ_CHECK(profile.sex >= 0 && profile.sex <= 2);
  check_text(profile.nickname, WECHAT_NICKNAME_MAX_BYTES);
  check_text(profile.province, WECHAT_REGION_MAX_BYTES);
  check_text(profile.city, WECHAT_REGION_MAX_BYTES);
  check_text(profile.country, WECHAT_REGION_MAX_BYTES);
  check_text(profile.headimgurl, WECHAT_URL_MAX_BYTES);
  check_text(profile.language, WECHAT_LANGUAGE_MAX_BYTES);
  check_text(profile.privilege, WECHAT_PRIVILEGE_MAX_BYTES);
  check_text(profile.raw, WECHAT_RAW_MAX_BYTES);
  FUZZ_CHECK(profile.headimgurl.n == 0 || str_starts_nocase(profile.headimgurl, STR("http")));
  check_json(profile.privilege, true);
  if (profile.raw.n > 0) check_json(profile.raw, false);
  FUZZ_CHECK(!str_contains_nocase(profile.raw, STR("token\":")));
  wechat_profile_done(&profile);
}

static void check_auth(struct str body) {
  struct wechat_answer answer;
  wechat_auth_parse(body, &answer);
  check_answer(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct str body = str_make((const char *)data, size);
  check_token(body, wechat_token_parse, false);
  check_token(body, wechat_refresh_parse, true);
  check_profile(body);
  check_auth(body);
  return 0;
}
