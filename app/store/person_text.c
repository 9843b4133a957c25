/* SPDX-License-Identifier: Apache-2.0
 * person_text: the table of a record's fields, and how each kind of field is written and read; pure, any thread. */
#include "store/person_text.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/scope.h"
#include "base/text_time.h"
#include "base/utf8.h"

static const void *field_of(const struct weigate_person *person, const struct person_column *column) {
  return (const char *)person + column->offset;
}

static struct str text_field(const struct weigate_person *person, const struct person_column *column) {
  const struct weigate_text *text = field_of(person, column);
  return str_make(text->bytes, text->size);
}

static bool is_there(const struct weigate_person *person, const struct person_column *column) {
  return column->group == 0 || (person->has & column->group) != 0;
}

/* --- writing ---------------------------------------------------------------------------------------------------------------- */

static void add_time(struct buf *out, int64_t at_us) {
  char text[TEXT_TIME_BYTES];
  if (at_us == 0) return;
  text_time_format(text, at_us);
  buf_add_text(out, text);
}

static void add_stamp(struct buf *out, const struct weigate_stamp *stamp) {
  char hex[2 * sizeof stamp->id + 1];
  if (stamp->at_us == 0) return;
  add_time(out, stamp->at_us);
  text_hex_encode(hex, stamp->id, sizeof stamp->id);
  buf_addf(out, " %s", hex);
}

static void add_hash(struct buf *out, const uint8_t hash[32]) {
  char hex[65];
  text_hex_encode(hex, hash, 32);
  buf_add_text(out, hex);
}

void person_text_add_plain(struct buf *out, const struct weigate_person *person, const struct person_column *column) {
  const void *field = field_of(person, column);
  if (!is_there(person, column)) return;
  switch (column->kind) {
  case PERSON_TEXT:
  case PERSON_JSON:
    buf_add_str(out, text_field(person, column));
    break;
  case PERSON_SEX:
    buf_addf(out, "%d", (int)*(const int32_t *)field);
    break;
  case PERSON_TIME:
  case PERSON_COUNT_TIME:
    add_time(out, *(const int64_t *)field);
    break;
  case PERSON_STAMP:
    add_stamp(out, field);
    break;
  case PERSON_HASH:
    add_hash(out, field);
    break;
  case PERSON_COUNT:
    buf_addf(out, "%llu", (unsigned long long)*(const uint64_t *)field);
    break;
  }
}

/* Stored JSON goes into the line as it stands where it is what it should be, and as a string where not. */
static void add_json_value(struct buf *out, struct str stored, bool as_string) {
  bool is_nested = stored.n > 0 && (stored.p[0] == '[' || stored.p[0] == '{') && !str_has(stored, '\n') && !str_has(stored, '\r');
  if (stored.n == 0)
    buf_add_text(out, "null");
  else if (is_nested && !as_string)
    buf_add_str(out, stored);
  else
    json_add_string(out, stored);
}

static void add_member(struct buf *out, const struct weigate_person *person, const struct person_column *column, bool as_string) {
  SCOPE_BUF struct buf text;
  buf_init(&text, PERSON_TEXT_MAX_BYTES);
  person_text_add_plain(&text, person, column);
  struct str value = buf_str(&text);
  bool is_number = column->kind == PERSON_SEX || column->kind == PERSON_COUNT;
  if (column->kind == PERSON_JSON)
    add_json_value(out, value, as_string);
  else if (column->kind == PERSON_TEXT)
    json_add_string(out, value);
  else if (value.n == 0)
    buf_add_text(out, is_number ? "0" : "null");
  else if (is_number)
    buf_add_str(out, value);
  else
    json_add_string(out, value);
}

static void add_object(struct buf *out, const struct weigate_person *person, bool as_string) {
  for (size_t i = 0; i < person_columns_count; i++) {
    buf_addf(out, "%s\"%s\":", i == 0 ? "{" : ",", person_columns[i].name);
    add_member(out, person, &person_columns[i], as_string);
  }
  buf_add_char(out, '}');
}

/* What somebody wrote into the store by hand may be no JSON, or so deep that no reader takes it. */
void person_text_add_json(struct buf *out, const struct weigate_person *person) {
  struct cJSON *parsed = NULL;
  const char *why = NULL;
  size_t at = out->len;
  add_object(out, person, false);
  struct str line = str_from(buf_str(out), at);
  if (out->failed || (utf8_is_valid(line) && json_parse_object(line, &parsed, &why) == 0)) {
    json_free(parsed);
    return;
  }
  out->len = at;
  add_object(out, person, true);
}

/* --- reading ---------------------------------------------------------------------------------------------------------------- */

struct reading {
  const struct cJSON *object;
  struct str line;
  struct weigate_person *person;
};

static size_t skip_string(struct str s, size_t i) {
  for (i++; i < s.n && s.p[i] != '"'; i++)
    if (s.p[i] == '\\') i++;
  return i + 1;
}

/* Where the value that begins at i ends: at the comma or brace behind it. */
static size_t skip_value(struct str s, size_t i) {
  for (size_t depth = 0; i < s.n;) {
    char c = s.p[i];
    if (c == '"') {
      i = skip_string(s, i);
      continue;
    }
    if (depth == 0 && (c == ',' || c == '}')) break;
    depth += c == '[' || c == '{';
    depth -= c == ']' || c == '}';
    i++;
  }
  return i;
}

/* The member's value as it stands in the line, which has been parsed: its numbers keep their spelling. */
static struct str find_value(struct str line, const char *name) {
  size_t i = 0;
  while (i < line.n && line.p[i] != '{') i++;
  for (i++; i < line.n;) {
    while (i < line.n && line.p[i] != '"') i++;
    size_t from = i + 1;
    i = skip_string(line, i);
    bool is_it = i > from && str_eq(str_make(line.p + from, i - 1 - from), str_of(name));
    while (i < line.n && line.p[i] != ':') i++;
    size_t value = ++i;
    if (value >= line.n) break;
    i = skip_value(line, value);
    if (is_it) return str_trim(str_make(line.p + value, i - value));
  }
  return STR_NONE;
}

static void *place_of(const struct reading *reading, const struct person_column *column) {
  return (char *)reading->person + column->offset;
}

static const char *read_text(const struct reading *reading, const struct person_column *column, const struct cJSON *member) {
  struct str text;
  if (!cJSON_IsString(member) || json_get_string(reading->object, column->name, &text) != JSON_GOT)
    return "is no text, or holds a NUL";
  *(struct weigate_text *)place_of(reading, column) = (struct weigate_text){text.p, text.n};
  return NULL;
}

static const char *read_json(const struct reading *reading, const struct person_column *column, const struct cJSON *member) {
  if (cJSON_IsString(member)) return read_text(reading, column, member);
  if (!cJSON_IsArray(member) && !cJSON_IsObject(member)) return "is neither an array nor an object";
  struct str value = find_value(reading->line, column->name);
  if (value.n == 0) return "has a name that is spelt with escapes";
  *(struct weigate_text *)place_of(reading, column) = (struct weigate_text){value.p, value.n};
  return NULL;
}

static const char *read_sex(const struct reading *reading, const struct person_column *column, const struct cJSON *member) {
  int64_t sex = 0;
  uint64_t number = 0;
  bool is_text = cJSON_IsString(member) && text_parse_u64(str_of(member->valuestring), 2, &number) == 0;
  if (!is_text && json_get_int(reading->object, column->name, 0, 2, &sex) != JSON_GOT) return "is none of 0, 1 and 2";
  *(int32_t *)place_of(reading, column) = is_text ? (int32_t)number : (int32_t)sex;
  return NULL;
}

static const char *read_time(const struct reading *reading, const struct person_column *column, const struct cJSON *member) {
  if (!cJSON_IsString(member) || text_time_parse(str_of(member->valuestring), place_of(reading, column)) != 0)
    return "is no time (2026-11-22T09:33:00Z)";
  return NULL;
}

static const char *read_stamp(const struct reading *reading, const struct person_column *column, const struct cJSON *member) {
  struct weigate_stamp *stamp = place_of(reading, column);
  struct str rest = str_of(cJSON_IsString(member) ? member->valuestring : ""), time;
  str_split(&rest, ' ', &time);
  if (text_time_parse(time, &stamp->at_us) != 0 || text_hex_decode(stamp->id, sizeof stamp->id, rest) != 0)
    return "is no stamp (a time, a blank, 32 hex digits)";
  reading->person->has |= column->group;
  return NULL;
}

static const char *read_hash(const struct reading *reading, const struct person_column *column, const struct cJSON *member) {
  bool is_hash = cJSON_IsString(member) && text_hex_decode(place_of(reading, column), 32, str_of(member->valuestring)) == 0;
  return is_hash ? NULL : "is not 64 hex digits";
}

static const char *read_nothing(const struct reading *reading, const struct person_column *column, const struct cJSON *member) {
  (void)reading, (void)column, (void)member;
  return NULL;
}

static const char *(*const readers[])(const struct reading *reading, const struct person_column *column,
                                      const struct cJSON *member) = {
    [PERSON_TEXT] = read_text,   [PERSON_JSON] = read_json, [PERSON_SEX] = read_sex,       [PERSON_TIME] = read_time,
    [PERSON_STAMP] = read_stamp, [PERSON_HASH] = read_hash, [PERSON_COUNT] = read_nothing, [PERSON_COUNT_TIME] = read_nothing,
};

static const struct person_column *find_column(const char *name) {
  for (size_t i = 0; i < person_columns_count; i++)
    if (str_eq(str_of(person_columns[i].name), str_of(name))) return &person_columns[i];
  return NULL;
}

static int read_member(const struct reading *reading, const struct cJSON *member, uint64_t *seen, struct err *err) {
  const struct person_column *column = find_column(member->string);
  if (!column) return err_set(err, "unknown member \"%s\"", member->string);
  uint64_t bit = UINT64_C(1) << (column - person_columns);
  if (*seen & bit) return err_set(err, "%s is there twice", column->name);
  *seen |= bit;
  if (cJSON_IsNull(member)) return 0;
  const char *wrong = readers[column->kind](reading, column, member);
  return wrong ? err_set(err, "%s %s", column->name, wrong) : 0;
}

/* A field that says something needs the stamp that says when; an empty array says nothing. */
static int check_groups(struct weigate_person *person, struct err *err) {
  for (size_t i = 0; i < person_columns_count; i++) {
    const struct person_column *column = &person_columns[i];
    if (is_there(person, column)) continue;
    struct str text = column->kind == PERSON_TEXT || column->kind == PERSON_JSON ? text_field(person, column) : STR_NONE;
    bool says = (text.n > 0 && !str_eq(text, STR("[]"))) || (column->kind == PERSON_SEX && person->sex != 0);
    if (says) return err_set(err, "%s is given without the stamp of when it was observed", column->name);
  }
  return 0;
}

static int check_ids(const struct weigate_person *person, struct err *err) {
  if (person->has & WEIGATE_PERSON_ERASED) return 0;
  if (person->appid.size == 0) return err_set(err, "appid is missing");
  if (!person_is_openid(str_make(person->openid.bytes, person->openid.size)))
    return err_set(err, "openid is missing, or is none (1 to %d letters, digits, \"-\" and \"_\")", WEIGATE_OPENID_MAX);
  if (person->first_seen_us <= 0 || person->last_seen_us <= 0) return err_set(err, "first_seen_at or last_seen_at is missing");
  return 0;
}

int person_text_read(struct str line, struct person_text *ret_text, struct err *err) {
  struct person_text text = {.person = {.struct_size = sizeof text.person}};
  const char *why = NULL;
  uint64_t seen = 0;
  if (!utf8_is_valid(line)) return err_set(err, "it is not valid UTF-8");
  if (json_parse_object(line, &text.object, &why) != 0) return err_set(err, "%s", why);
  if (!(text.line = str_dup(line))) {
    json_free(text.object);
    return err_set(err, "out of memory, or it holds a NUL");
  }
  const struct reading reading = {text.object, str_make(text.line, line.n), &text.person};
  int result = 0;
  for (const cJSON *member = text.object->child; member && result == 0; member = member->next)
    result = read_member(&reading, member, &seen, err);
  if (result == 0) result = check_groups(&text.person, err);
  if (result == 0) result = check_ids(&text.person, err);
  if (result == 0)
    *ret_text = text;
  else
    person_text_done(&text);
  return result;
}

void person_text_done(struct person_text *text) {
  json_free(text->object);
  free(text->line);
  *text = (struct person_text){0};
}

bool person_text_is_stamp(struct str name) {
  return str_ends(name, STR("_stamp"));
}

bool person_is_openid(struct str openid) {
  for (size_t i = 0; i < openid.n; i++) {
    char c = openid.p[i];
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_')) return false;
  }
  return openid.n > 0 && openid.n <= WEIGATE_OPENID_MAX;
}

#define AT(member) offsetof(struct weigate_person, member)
/* clang-format off */
const struct person_column person_columns[] = {
  {"appid",         PERSON_TEXT,       AT(appid),         0},
  {"openid",        PERSON_TEXT,       AT(openid),        0},
  {"unionid",       PERSON_TEXT,       AT(unionid),       WEIGATE_PERSON_UNIONID},
  {"nickname",      PERSON_TEXT,       AT(nickname),      WEIGATE_PERSON_PROFILE},
  {"sex",           PERSON_SEX,        AT(sex),           WEIGATE_PERSON_SEX},
  {"province",      PERSON_TEXT,       AT(province),      WEIGATE_PERSON_REGION},
  {"city",          PERSON_TEXT,       AT(city),          WEIGATE_PERSON_REGION},
  {"country",       PERSON_TEXT,       AT(country),       WEIGATE_PERSON_REGION},
  {"headimgurl",    PERSON_TEXT,       AT(headimgurl),    WEIGATE_PERSON_PROFILE},
  {"privilege",     PERSON_JSON,       AT(privilege),     WEIGATE_PERSON_PROFILE},
  {"language",      PERSON_TEXT,       AT(language),      WEIGATE_PERSON_PROFILE},
  {"raw",           PERSON_JSON,       AT(raw),           WEIGATE_PERSON_PROFILE},
  {"scope",         PERSON_TEXT,       AT(scope),         WEIGATE_PERSON_SCOPE},
  {"first_seen_at", PERSON_TIME,       AT(first_seen_us), 0},
  {"last_seen_at",  PERSON_TIME,       AT(last_seen_us),  0},
  {"profile_stamp", PERSON_STAMP,      AT(profile_stamp), WEIGATE_PERSON_PROFILE},
  {"scope_stamp",   PERSON_STAMP,      AT(scope_stamp),   WEIGATE_PERSON_SCOPE},
  {"unionid_stamp", PERSON_STAMP,      AT(unionid_stamp), WEIGATE_PERSON_UNIONID},
  {"sex_stamp",     PERSON_STAMP,      AT(sex_stamp),     WEIGATE_PERSON_SEX},
  {"region_stamp",  PERSON_STAMP,      AT(region_stamp),  WEIGATE_PERSON_REGION},
  {"erased_stamp",  PERSON_STAMP,      AT(erased_stamp),  WEIGATE_PERSON_ERASED},
  {"erased_hash",   PERSON_HASH,       AT(erased_hash),   WEIGATE_PERSON_ERASED},
  {"login_count",   PERSON_COUNT,      AT(login_count),   WEIGATE_PERSON_COUNTS},
  {"login_days",    PERSON_COUNT,      AT(login_days),    WEIGATE_PERSON_COUNTS},
  {"last_login_at", PERSON_COUNT_TIME, AT(last_login_us), WEIGATE_PERSON_COUNTS},
};
/* clang-format on */
const size_t person_columns_count = sizeof person_columns / sizeof person_columns[0];
