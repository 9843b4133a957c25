/* SPDX-License-Identifier: Apache-2.0
 * fuzz_json: whatever a server answers, parsing stays within its limits, getters are consistent, and quoted text comes back as it
 * was. */
#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/utf8.h"
#include "fuzz.h"

static const char *const names[] = {"openid", "nickname", "errcode", "privilege", "headimgurl", ""};

static void check_member(const struct cJSON *object, const char *name) {
  struct str text = STR_NONE;
  struct buf shown;
  const struct cJSON *array, *element = NULL;
  int64_t value;
  buf_init(&shown, 1u << 24);
  enum json_got strict = json_get_string(object, name, &text), loose = json_get_text(object, name, &shown);
  FUZZ_CHECK(strict == loose || (strict == JSON_ODD && loose == JSON_GOT));
  if (strict == JSON_GOT) FUZZ_CHECK(str_eq(text, buf_str(&shown)) && utf8_is_valid(text));
  if (loose == JSON_GOT) FUZZ_CHECK(utf8_is_valid(buf_str(&shown)) && !str_has(buf_str(&shown), '\0'));
  if (json_get_int(object, name, -1000, 100000, &value) == JSON_GOT) FUZZ_CHECK(value >= -1000 && value <= 100000);
  if (json_get_array(object, name, &array) == JSON_GOT)
    while (json_array_next(array, &element)) json_element_text(element, &shown);
  buf_done(&shown);
}

static void check_answer(struct str text) {
  struct cJSON *object = NULL;
  const char *why = NULL;
  if (json_parse_object(text, &object, &why) != 0) {
    FUZZ_CHECK(object == NULL && why != NULL);
    return;
  }
  FUZZ_CHECK(cJSON_IsObject(object));
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) check_member(object, names[i]);
  json_free(object);
}

static void check_quoting(struct str text) {
  struct buf document, mended;
  struct cJSON *object;
  const char *why;
  buf_init(&document, 1u << 24);
  buf_init(&mended, 1u << 24);
  buf_add_text(&document, "{\"v\":");
  json_add_string(&document, text);
  buf_add_char(&document, '}');
  FUZZ_CHECK(utf8_is_valid(buf_str(&document)) && !str_has(buf_str(&document), '\n'));
  FUZZ_CHECK(json_parse_object(buf_str(&document), &object, &why) == 0);
  FUZZ_CHECK(json_get_text(object, "v", &mended) == JSON_GOT);
  if (utf8_is_valid(text) && !str_has(text, '\0')) FUZZ_CHECK(str_eq(buf_str(&mended), text));
  json_free(object);
  buf_done(&document);
  buf_done(&mended);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct str text = str_make((const char *)data, size);
  check_answer(text);
  check_quoting(text);
  return 0;
}
