/* SPDX-License-Identifier: Apache-2.0
 * answer: opens a body of WeChat's and reads what decides over it: errcode, errmsg, identities; any thread. */
#include "wechat/answer.h"

#include <cjson/cJSON.h>

#include "base/scope.h"
#include "base/utf8.h"

static bool is_id(struct str s) {
  static const char extra[] = "_-";
  if (s.n < 1 || s.n > WECHAT_ID_MAX_BYTES) return false;
  for (size_t i = 0; i < s.n; i++) {
    char c = s.p[i];
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!plain && !memchr(extra, c, sizeof extra - 1)) return false;
  }
  return true;
}

static bool is_rid_byte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-';
}

/* WeChat's support asks for the request id that stands at the end of errmsg: "invalid code, rid: 65f0-1a2b". */
static void read_rid(struct str errmsg, char *ret_rid, size_t size) {
  static const struct str label = {"rid:", 4};
  while (errmsg.n > 0 && !str_starts(errmsg, label)) errmsg = str_from(errmsg, 1);
  struct str rid = str_trim(str_from(errmsg, label.n));
  size_t n = 0;
  while (n < rid.n && n < size - 1 && is_rid_byte(rid.p[n])) n++;
  (void)str_copy(str_make(rid.p, n), ret_rid, size);
}

static void read_errmsg(const cJSON *object, struct wechat_answer *answer) {
  struct buf raw SCOPE_BUF, clean SCOPE_BUF;
  buf_init(&raw, 1 << 20); /* cannot be longer than the body, which FETCH_BODY_MAX_BYTES bounds */
  buf_init(&clean, sizeof answer->errmsg - 1);
  if (json_get_text(object, "errmsg", &raw) != JSON_GOT) return;
  utf8_clean(&clean, buf_str(&raw), sizeof answer->errmsg - 1);
  (void)str_copy(buf_str(&clean), answer->errmsg, sizeof answer->errmsg);
  read_rid(buf_str(&raw), answer->rid, sizeof answer->rid);
}

/* An integer in decimal digits with an optional minus, and nothing else. */
static int parse_int(struct str s, int64_t *ret_value) {
  bool negative = s.n > 0 && s.p[0] == '-';
  uint64_t digits;
  if (text_parse_u64(str_from(s, negative ? 1 : 0), INT64_MAX, &digits) != 0) return -1;
  *ret_value = negative ? -(int64_t)digits : (int64_t)digits;
  return 0;
}

enum json_got answer_read_int(const struct cJSON *object, const char *name, int64_t min, int64_t max, int64_t *ret_value) {
  struct str text;
  int64_t value;
  enum json_got got = json_get_int(object, name, min, max, ret_value);
  if (got != JSON_ODD) return got;
  if (json_get_string(object, name, &text) != JSON_GOT || parse_int(text, &value) != 0 || value < min || value > max)
    return JSON_ODD;
  *ret_value = value;
  return JSON_GOT;
}

int answer_read_openid(const struct cJSON *object, char ret_id[WECHAT_ID_MAX_BYTES + 1]) {
  struct str id;
  if (json_get_string(object, "openid", &id) != JSON_GOT || !is_id(id)) return -1;
  return str_copy(id, ret_id, WECHAT_ID_MAX_BYTES + 1);
}

int answer_read_unionid(const struct cJSON *object, char ret_id[WECHAT_ID_MAX_BYTES + 1]) {
  struct str id = STR_NONE;
  const cJSON *first = cJSON_GetObjectItemCaseSensitive(object, "unionid");
  enum json_got got = json_get_string(object, "unionid", &id);
  bool is_twice = false;
  for (const cJSON *rest = first ? first->next : NULL; rest; rest = rest->next) is_twice |= strcmp(rest->string, "unionid") == 0;
  if (got == JSON_ODD && !(cJSON_IsNull(first) && !is_twice)) return -1;
  if (id.n > 0 && !is_id(id)) return -1;
  return str_copy(id, ret_id, WECHAT_ID_MAX_BYTES + 1);
}

void answer_refuse(struct wechat_answer *answer, const char *why) {
  answer->action = WECHAT_RETRY;
  answer->upstream = WECHAT_UPSTREAM_BAD_BODY;
  (void)str_copy(str_of(why), answer->errmsg, sizeof answer->errmsg);
}

struct cJSON *answer_open(struct str body, enum wechat_call call, struct wechat_answer *ret_answer) {
  struct cJSON *object;
  const char *why;
  int64_t errcode = 0;
  *ret_answer = (struct wechat_answer){.action = WECHAT_OK, .upstream = WECHAT_UPSTREAM_FINE};
  if (json_parse_object(body, &object, &why) != 0) {
    answer_refuse(ret_answer, why);
    return NULL;
  }
  enum json_got got = answer_read_int(object, "errcode", INT32_MIN, INT32_MAX, &errcode);
  if (got == JSON_ODD)
    answer_refuse(ret_answer, "errcode is not an integer");
  else if (got == JSON_MISSING && call == WECHAT_CALL_AUTH)
    answer_refuse(ret_answer, "errcode is missing");
  else {
    ret_answer->errcode = (int)errcode;
    ret_answer->action = wechat_errcode_action((int)errcode, call);
    read_errmsg(object, ret_answer);
  }
  if (ret_answer->action == WECHAT_OK) return object;
  json_free(object);
  return NULL;
}
