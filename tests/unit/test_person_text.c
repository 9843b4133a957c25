/* SPDX-License-Identifier: Apache-2.0
 * test_person_text: every field of a stored person comes back from JSON and from CSV as it was; what is no record is refused by
 * name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "store/person_csv.h"
#include "store/person_text.h"

#define LITERAL(s)                                                                                                               \
  { (s), sizeof(s) - 1 }
#define TEXT(s) ((struct weigate_text)LITERAL(s))

static const struct weigate_person whole = {
    .struct_size = sizeof(struct weigate_person),
    .has = WEIGATE_PERSON_PROFILE | WEIGATE_PERSON_SCOPE | WEIGATE_PERSON_UNIONID | WEIGATE_PERSON_SEX | WEIGATE_PERSON_REGION |
           WEIGATE_PERSON_COUNTS,
    .appid = LITERAL("wx0123456789abcdef"),
    .openid = LITERAL("-o_6_bmjrPTlm"),
    .first_seen_us = 1700000000000001,
    .last_seen_us = 1795253580123456,
    .profile_stamp = {1795253580123456, {1, 2, 3, 255}},
    .scope_stamp = {1795253580123457, {9}},
    .unionid_stamp = {1795253580123458, {8}},
    .sex_stamp = {1795253580123459, {7}},
    .region_stamp = {1795253580123460, {6}},
    .language = LITERAL("zh_CN"),
    .scope = LITERAL("snsapi_userinfo"),
    .unionid = LITERAL("o6_bmasdasdsad6_2sgVt7hMZOPfL"),
    .sex = 2,
    .province = LITERAL("广东"),
    .city = LITERAL(""),
    .country = LITERAL("中国, \"CN\""),
    .headimgurl = {"https://thirdwx.qlogo.cn/mmopen/"
                   "g3MonUZtNHkdmzicIlibx6iaFqAc56vxLSUfpb6n5WKSYVY0ChQKkiaJSgQ1dZuTOgvLLrhJbERQQ4eMsv84eavHiaiceqxibJxCfHe/46",
                   133},
    .privilege = LITERAL("[\"chinaunicom\",\"a b\"]"),
    .raw = LITERAL("{\"big\":12345678901234567890,\"f\":1.0,\"n\":{\"x\":[1,{}]}}"),
    .login_count = 12,
    .login_days = 3,
    .last_login_us = 1795253580000000,
};

static void check_text(struct weigate_text is, struct weigate_text was) {
  assert_int_equal(is.size, was.size);
  if (was.size > 0) assert_memory_equal(is.bytes, was.bytes, was.size);
}

static void check_equal(const struct weigate_person *is, const struct weigate_person *was) {
  assert_int_equal(is->has, was->has & ~WEIGATE_PERSON_COUNTS);
  for (size_t i = 0; i < person_columns_count; i++) {
    const struct person_column *column = &person_columns[i];
    const char *a = (const char *)is + column->offset, *b = (const char *)was + column->offset;
    if (column->group && !(was->has & column->group)) continue;
    if (column->kind == PERSON_TEXT || column->kind == PERSON_JSON)
      check_text(*(const struct weigate_text *)a, *(const struct weigate_text *)b);
    else if (column->kind == PERSON_STAMP)
      assert_memory_equal(a, b, sizeof(struct weigate_stamp));
    else if (column->kind == PERSON_TIME)
      assert_memory_equal(a, b, sizeof(int64_t));
  }
  assert_int_equal(is->sex, was->sex);
}

static void check_json(const struct weigate_person *person) {
  struct buf out;
  struct person_text text;
  struct err err = {""};
  buf_init(&out, PERSON_TEXT_MAX_BYTES);
  person_text_add_json(&out, person);
  assert_false(out.failed);
  assert_true(utf8_is_valid(buf_str(&out)) && !str_has(buf_str(&out), '\n'));
  if (person_text_read(buf_str(&out), &text, &err) != 0) fail_msg("%s: %s", err.text, buf_text(&out));
  check_equal(&text.person, person);
  person_text_done(&text);
  buf_done(&out);
}

static void check_csv(const struct weigate_person *person) {
  struct buf out, line;
  struct person_csv csv;
  struct person_text text;
  struct err err = {""};
  buf_init(&out, PERSON_TEXT_MAX_BYTES);
  buf_init(&line, PERSON_TEXT_MAX_BYTES);
  person_csv_add_head(&out);
  person_csv_add(&out, person);
  size_t head = person_csv_measure(buf_str(&out), false);
  assert_int_equal(person_csv_read_head(str_make(out.data, head), &csv, &err), 0);
  struct str record = str_from(buf_str(&out), head);
  assert_int_equal(person_csv_measure(record, false), record.n);
  assert_int_equal(person_csv_to_json(&csv, record, &line, &err), 0);
  if (person_text_read(buf_str(&line), &text, &err) != 0) fail_msg("%s: %s", err.text, buf_text(&line));
  check_equal(&text.person, person);
  person_text_done(&text);
  person_csv_done(&csv);
  buf_done(&line);
  buf_done(&out);
}

static void every_field_comes_back_from_both_forms(void **state) {
  (void)state;
  check_json(&whole);
  check_csv(&whole);
}

/* L02, L03 */
static void no_nickname_changes_on_its_way(void **state) {
  static const struct weigate_text names[] = {
      {"", 0},
      TEXT("=1+1"),
      TEXT("+86"),
      TEXT("-1"),
      TEXT("@SUM(A1)"),
      TEXT("\tx"),
      TEXT("\rx"),
      TEXT("\nx"),
      TEXT("'=1"),
      TEXT("'"),
      TEXT("''"),
      TEXT("'a"),
      TEXT("＝1"),
      TEXT("＠x"),
      TEXT("a,b"),
      TEXT("say \"hi\""),
      TEXT("\""),
      TEXT("\"\""),
      TEXT(" blank "),
      TEXT("a\r\nb\nc"),
      TEXT("👨‍👩‍👧‍👦🇨🇳"),
      TEXT("\x1b[2J"),
      TEXT("\x01\x7f"),
      TEXT("\u202e"),
      TEXT("\u2028"),
      TEXT("null"),
      TEXT("[]"),
      TEXT("{}"),
      TEXT("\\u0041"),
      TEXT("\\"),
      TEXT("e\u0301"),
      TEXT("\uFEFFbom"),
      TEXT("0123"),
      TEXT("1e9"),
  };
  struct weigate_person person = whole;
  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    person.nickname = names[i];
    check_json(&person);
    check_csv(&person);
  }
}

/* L02: no cell begins with what a spreadsheet would run */
static void no_cell_is_a_formula(void **state) {
  struct weigate_person person = whole;
  struct buf out;
  (void)state;
  person.nickname = TEXT("=cmd|' /C calc'!A0");
  person.city = TEXT("@x,y");
  buf_init(&out, PERSON_TEXT_MAX_BYTES);
  person_csv_add(&out, &person);
  assert_non_null(strstr(buf_text(&out), ",'=cmd|"));
  assert_non_null(strstr(buf_text(&out), ",\"'@x,y\","));
  assert_non_null(strstr(buf_text(&out), ",'-o_6_bmjrPTlm,"));
  buf_done(&out);
}

static void groups_that_are_not_there_stay_away(void **state) {
  static const uint32_t groups[] = {
      0, WEIGATE_PERSON_PROFILE, WEIGATE_PERSON_SCOPE, WEIGATE_PERSON_UNIONID, WEIGATE_PERSON_SEX, WEIGATE_PERSON_REGION};
  (void)state;
  for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
    struct weigate_person person = whole;
    person.has = groups[i];
    if (groups[i] != WEIGATE_PERSON_SEX) person.sex = 0;
    check_json(&person);
    check_csv(&person);
  }
}

static void a_tombstone_comes_back(void **state) {
  struct weigate_person person = {.struct_size = sizeof person,
                                  .has = WEIGATE_PERSON_ERASED,
                                  .erased_stamp = {1795253580123456, {1}},
                                  .erased_hash = {1, 2, 3}};
  (void)state;
  check_json(&person);
  check_csv(&person);
}

/* L03: a store that somebody wrote to by hand */
static void stored_rubbish_is_still_a_line_of_json(void **state) {
  static const struct weigate_text raws[] = {TEXT("{\"a\":"), TEXT("{} {}"), TEXT("{\"a\":\"\xff\"}"), TEXT("]"),
                                             TEXT("{\"a\":1}\n{\"b\":2}")};
  struct weigate_person person = whole;
  struct cJSON *parsed;
  const char *why;
  (void)state;
  for (size_t i = 0; i < sizeof raws / sizeof raws[0]; i++) {
    struct buf out;
    person.raw = raws[i];
    buf_init(&out, PERSON_TEXT_MAX_BYTES);
    person_text_add_json(&out, &person);
    assert_true(utf8_is_valid(buf_str(&out)) && !str_has(buf_str(&out), '\n'));
    assert_int_equal(json_parse_object(buf_str(&out), &parsed, &why), 0);
    json_free(parsed);
    buf_done(&out);
  }
}

#define START "{\"appid\":\"wx1\",\"openid\":\"o1\",\"first_seen_at\":\"2026-01-01\",\"last_seen_at\":\"2026-01-01\""
#define STAMP "\"2026-01-01T00:00:00Z 000102030405060708090a0b0c0d0e0f\""

static void what_is_no_record_is_refused_by_name(void **state) {
  static const struct {
    const char *line, *said;
  } rows[] = {
      {"", "object"},
      {"[]", "object"},
      {START "} x", ""},
      {START ",\"nick\":\"x\"}", "unknown member \"nick\""},
      {START ",\"nickname\":\"x\"}", "nickname is given without the stamp"},
      {START ",\"sex\":1}", "sex is given without the stamp"},
      {START ",\"sex\":3,\"sex_stamp\":" STAMP "}", "sex is none of"},
      {START ",\"sex_stamp\":\"2026-01-01T00:00:00Z\"}", "sex_stamp is no stamp"},
      {START ",\"scope_stamp\":" STAMP ",\"scope_stamp\":" STAMP "}", "scope_stamp is there twice"},
      {START ",\"profile_stamp\":" STAMP ",\"nickname\":\"a\\u0000b\"}", "nickname is no text"},
      {START ",\"profile_stamp\":" STAMP ",\"privilege\":5}", "privilege is neither"},
      {START ",\"profile_stamp\":" STAMP ",\"nickname\":\"\xff\"}", "not valid UTF-8"},
      {"{\"openid\":\"o1\"}", "appid is missing"},
      {"{\"appid\":\"wx1\",\"openid\":\"o 1\"}", "openid is missing, or is none"},
      {"{\"appid\":\"wx1\",\"openid\":\"o1\"}", "first_seen_at or last_seen_at"},
      {"{\"appid\":\"wx1\",\"openid\":\"o1\",\"first_seen_at\":\"yesterday\"}", "first_seen_at is no time"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct person_text text;
    struct err err = {""};
    assert_int_equal(person_text_read(str_of(rows[i].line), &text, &err), -1);
    if (!strstr(err.text, rows[i].said)) fail_msg("%s: %s", rows[i].line, err.text);
  }
}

static void foreign_csv_is_read_as_spreadsheets_write_it(void **state) {
  static const char file[] =
      "\xEF\xBB\xBFopenid, nickname ,sex,note,privilege\r\no1,\"a \"\"b\"\"\nc\",1,,\"[\"\"p\"\"]\"\r\no2,,,x,y";
  struct str rest = str_of(file);
  struct person_csv csv;
  struct buf line;
  struct err err = {""};
  (void)state;
  buf_init(&line, 4096);
  size_t n = person_csv_measure(rest, false);
  assert_int_equal(person_csv_read_head(str_make(rest.p, n), &csv, &err), 0);
  assert_string_equal(person_csv_name(&csv, 1), "nickname");
  rest = str_from(rest, n);
  n = person_csv_measure(rest, false);
  assert_int_equal(person_csv_to_json(&csv, str_make(rest.p, n), &line, &err), 0);
  assert_string_equal(buf_text(&line),
                      "{ \"openid\":\"o1\",\"nickname\":\"a \\\"b\\\"\\nc\",\"sex\":\"1\",\"privilege\":[\"p\"]}");
  rest = str_from(rest, n);
  assert_int_equal(person_csv_measure(rest, false), 0);
  buf_clear(&line);
  assert_int_equal(person_csv_to_json(&csv, rest, &line, &err), 0);
  assert_string_equal(buf_text(&line), "{ \"openid\":\"o2\",\"note\":\"x\",\"privilege\":\"y\"}");
  buf_clear(&line);
  assert_int_equal(person_csv_to_json(&csv, STR("a,b\n"), &line, &err), -1);
  assert_string_equal(err.text, "2 cells where the first line names 5");
  buf_clear(&line);
  assert_int_equal(person_csv_to_json(&csv, STR("\"a\"b,,,,\n"), &line, &err), -1);
  person_csv_done(&csv);
  buf_done(&line);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_field_comes_back_from_both_forms),
      cmocka_unit_test(no_nickname_changes_on_its_way),
      cmocka_unit_test(no_cell_is_a_formula),
      cmocka_unit_test(groups_that_are_not_there_stay_away),
      cmocka_unit_test(a_tombstone_comes_back),
      cmocka_unit_test(stored_rubbish_is_still_a_line_of_json),
      cmocka_unit_test(what_is_no_record_is_refused_by_name),
      cmocka_unit_test(foreign_csv_is_read_as_spreadsheets_write_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
