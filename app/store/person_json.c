/* SPDX-License-Identifier: Apache-2.0
 * person_json: writes a stored person as JSON; pure, any thread. */
#include "store/person_json.h"

#include <cjson/cJSON.h>

#include "base/json.h"

static struct str slice(struct weigate_text text) {
  return str_make(text.bytes, text.size);
}

static void add_member(struct buf *out, const char *name, struct str text) {
  buf_addf(out, ",\"%s\":", name);
  json_add_string(out, text);
}

/* The array as stored, read and written anew: a store that was edited by hand must not break the line it appears in. */
static void add_privilege(struct buf *out, struct str stored) {
  struct buf document;
  struct cJSON *object = NULL;
  const struct cJSON *array = NULL;
  const char *why = NULL;
  buf_init(&document, stored.n + 16);
  buf_add_text(&document, "{\"p\":");
  buf_add_str(&document, stored);
  buf_add_char(&document, '}');
  buf_add_char(out, '[');
  if (stored.n > 0 && !document.failed && json_parse_object(buf_str(&document), &object, &why) == 0 &&
      json_get_array(object, "p", &array) == JSON_GOT) {
    const char *separator = "";
    for (const cJSON *item = array->child; item; item = item->next) {
      if (!cJSON_IsString(item)) continue;
      buf_add_text(out, separator);
      json_add_string(out, str_of(item->valuestring));
      separator = ",";
    }
  }
  buf_add_char(out, ']');
  json_free(object);
  buf_done(&document);
}

void person_json_add_time(struct buf *out, const char *name, int64_t at_us) {
  char stamp[32];
  text_rfc3339(stamp, at_us / 1000000);
  if (at_us == 0)
    buf_addf(out, "\"%s\":null", name);
  else
    buf_addf(out, "\"%s\":\"%s\"", name, stamp);
}

void person_json_add_identity(struct buf *out, const struct person_identity *identity) {
  buf_add_text(out, "\"appid\":");
  json_add_string(out, identity->appid);
  add_member(out, "openid", identity->openid);
  add_member(out, "unionid", identity->unionid);
  add_member(out, "scope", identity->scope);
  buf_addf(out, ",\"snapshot\":%s", identity->is_snapshot ? "true" : "false");
}

void person_json_add_profile(struct buf *out, const struct weigate_person *person) {
  static const struct weigate_person nobody;
  if (!person) person = &nobody;
  buf_add_text(out, "\"profile\":{\"nickname\":");
  json_add_string(out, slice(person->nickname));
  buf_addf(out, ",\"sex\":%d", person->sex);
  add_member(out, "province", slice(person->province));
  add_member(out, "city", slice(person->city));
  add_member(out, "country", slice(person->country));
  add_member(out, "headimgurl", slice(person->headimgurl));
  buf_add_text(out, ",\"privilege\":");
  add_privilege(out, slice(person->privilege));
  buf_add_char(out, '}');
}

void person_json_add(struct buf *out, const struct weigate_person *person) {
  const struct person_identity identity = {.appid = slice(person->appid),
                                           .openid = slice(person->openid),
                                           .unionid = slice(person->unionid),
                                           .scope = slice(person->scope)};
  buf_add_char(out, '{');
  person_json_add_identity(out, &identity);
  buf_add_char(out, ',');
  person_json_add_profile(out, person);
  buf_add_char(out, ',');
  person_json_add_time(out, "signed_in_at", person->last_login_us);
  buf_add_text(out, ",\"expires_at\":null,");
  person_json_add_time(out, "first_seen_at", person->first_seen_us);
  buf_add_char(out, ',');
  person_json_add_time(out, "last_seen_at", person->last_seen_us);
  buf_addf(out, ",\"login_count\":%llu}", (unsigned long long)person->login_count);
}
