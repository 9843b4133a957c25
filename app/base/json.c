/* SPDX-License-Identifier: Apache-2.0
 * json: strict access to WeChat's answers through cJSON, and quoting; any thread. */
#include "base/json.h"

#include <cjson/cJSON.h>
#include <stddef.h>

#include "base/json_repair.h"
#include "base/scope.h"
#include "base/utf8.h"

/* Every integer up to here has a double of its own; from 2^53 on two texts may mean the same one. */
#define INT_EXACT_MAX ((double)((1LL << 53) - 1))
/* A repaired document grows most where every byte is an ill-formed one: 3 bytes of U+FFFD each. */
#define REPAIR_GROWTH 3

/* The escape of a character that may not stand raw in a string, or NULL. `hex` has room for \u00XX. */
static const char *find_escape(uint32_t code_point, char hex[8]) {
  static const char digits[] = "0123456789abcdef";
  switch (code_point) {
  case '"':
    return "\\\"";
  case '\\':
    return "\\\\";
  case '\n':
    return "\\n";
  case '\r':
    return "\\r";
  case '\t':
    return "\\t";
  case 0x2028:
    return "\\u2028"; /* line ends in older JavaScript */
  case 0x2029:
    return "\\u2029";
  }
  if (code_point >= 0x20 && code_point != 0x7f) return NULL;
  memcpy(hex, "\\u00", 4);
  hex[4] = digits[code_point >> 4];
  hex[5] = digits[code_point & 15];
  hex[6] = '\0';
  return hex;
}

/* The one member with exactly this name. */
static enum json_got find_member(const cJSON *object, const char *name, const cJSON **ret_member) {
  const cJSON *found = NULL;
  if (!cJSON_IsObject(object)) return object ? JSON_ODD : JSON_MISSING;
  for (const cJSON *member = object->child; member; member = member->next) {
    if (strcmp(member->string, name) != 0) continue;
    if (found) return JSON_ODD;
    found = member;
  }
  if (!found) return JSON_MISSING;
  *ret_member = found;
  return JSON_GOT;
}

int json_parse_object(struct str text, struct cJSON **ret_object, const char **ret_why) {
  SCOPE_BUF struct buf repaired;
  buf_init(&repaired, text.n < SIZE_MAX / REPAIR_GROWTH - 1 ? text.n * REPAIR_GROWTH + 1 : SIZE_MAX);
  if (json_repair(text, &repaired, ret_why) != 0) return -1;
  const char *end;
  size_t length = repaired.len + 1; /* cJSON wants to see the terminator within the length */
  cJSON *object = cJSON_ParseWithLengthOpts(buf_text(&repaired), length, &end, true);
  if (!object) {
    *ret_why = "it is not JSON";
    return -1;
  }
  *ret_object = object;
  return 0;
}

void json_free(struct cJSON *object) {
  cJSON_Delete(object);
}

enum json_got json_get_string(const struct cJSON *object, const char *name, struct str *ret_text) {
  const cJSON *member;
  enum json_got got = find_member(object, name, &member);
  if (got != JSON_GOT) return got;
  if (!cJSON_IsString(member) || strchr(member->valuestring, JSON_NUL_MARK)) return JSON_ODD;
  *ret_text = str_of(member->valuestring);
  return JSON_GOT;
}

enum json_got json_get_text(const struct cJSON *object, const char *name, struct buf *out) {
  const cJSON *member;
  enum json_got got = find_member(object, name, &member);
  return got == JSON_GOT ? json_element_text(member, out) : got;
}

enum json_got json_get_int(const struct cJSON *object, const char *name, int64_t min, int64_t max, int64_t *ret_value) {
  const cJSON *member;
  enum json_got got = find_member(object, name, &member);
  if (got != JSON_GOT) return got;
  if (!cJSON_IsNumber(member)) return JSON_ODD;
  double number = member->valuedouble;
  if (!(number >= -INT_EXACT_MAX && number <= INT_EXACT_MAX)) return JSON_ODD; /* infinite ones too */
  int64_t value = (int64_t)number;
  if ((double)value != number || value < min || value > max) return JSON_ODD;
  *ret_value = value;
  return JSON_GOT;
}

enum json_got json_get_array(const struct cJSON *object, const char *name, const struct cJSON **ret_array) {
  const cJSON *member;
  enum json_got got = find_member(object, name, &member);
  if (got != JSON_GOT) return got;
  if (!cJSON_IsArray(member)) return JSON_ODD;
  *ret_array = member;
  return JSON_GOT;
}

bool json_array_next(const struct cJSON *array, const struct cJSON **element) {
  *element = *element ? (*element)->next : array->child;
  return *element != NULL;
}

enum json_got json_element_text(const struct cJSON *element, struct buf *out) {
  if (!cJSON_IsString(element)) return JSON_ODD;
  struct str rest = str_of(element->valuestring), part;
  while (str_split(&rest, JSON_NUL_MARK, &part)) buf_add_str(out, part);
  return JSON_GOT;
}

void json_add_string(struct buf *out, struct str text) {
  buf_add_char(out, '"');
  while (text.n > 0) {
    uint32_t code_point;
    size_t bad = 0, used = utf8_decode(text.p, text.n, &code_point, &bad);
    char hex[8];
    const char *escape = find_escape(code_point, hex);
    if (escape)
      buf_add_text(out, escape);
    else if (used)
      buf_add(out, text.p, used);
    else
      buf_add_text(out, "\xEF\xBF\xBD");
    text = str_from(text, used ? used : bad);
  }
  buf_add_char(out, '"');
}
