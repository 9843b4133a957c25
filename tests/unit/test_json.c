/* SPDX-License-Identifier: Apache-2.0
 * test_json: answers of a server that is right, careless, broken or hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/utf8.h"

static struct cJSON *object;
static struct buf out;

static int make_out(void **state) {
  (void)state;
  object = NULL;
  buf_init(&out, 1 << 20);
  return 0;
}

static int free_all(void **state) {
  (void)state;
  json_free(object);
  buf_done(&out);
  return 0;
}

static void parse_bytes(struct str text) {
  const char *why = "";
  json_free(object);
  object = NULL;
  if (json_parse_object(text, &object, &why) != 0) fail_msg("refused: %s", why);
}

static void parse(const char *text) {
  parse_bytes(str_of(text));
}

/* Why the text is refused. */
static const char *refuse(struct str text) {
  const char *why = NULL;
  struct cJSON *none = NULL;
  if (json_parse_object(text, &none, &why) == 0) fail_msg("accepted: %.*s", STR_ARG(text));
  assert_null(none);
  assert_non_null(why);
  return why;
}

/* The member as strictly typed text, or the word for why there is none. */
static const char *get(const char *name) {
  static char text[256];
  struct str value;
  switch (json_get_string(object, name, &value)) {
  case JSON_MISSING:
    return "missing";
  case JSON_ODD:
    return "odd";
  case JSON_GOT:
    break;
  }
  assert_int_equal(str_copy(value, text, sizeof text), 0);
  return text;
}

static const char *get_loosely(const char *name) {
  buf_clear(&out);
  if (json_get_text(object, name, &out) != JSON_GOT) return "odd";
  return buf_text(&out);
}

static enum json_got get_int(const char *text, int64_t *ret_value) {
  parse(text);
  return json_get_int(object, "errcode", INT32_MIN, INT32_MAX, ret_value);
}

static void J04_numbers_that_are_no_errcode_are_odd(void **state) {
  (void)state;
  static const char *const odd[] = {"{\"errcode\":1e400}",   "{\"errcode\":-1e400}",  "{\"errcode\":4294967296}",
                                    "{\"errcode\":40029.9}", "{\"errcode\":true}",    "{\"errcode\":null}",
                                    "{\"errcode\":{}}",      "{\"errcode\":[40029]}", "{\"errcode\":\"40029\"}",
                                    "{\"errcode\":\"\"}",    "{\"errcode\":1e-5}",    "{\"errcode\":9007199254740993}"};
  int64_t value = 77;
  for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) assert_int_equal(get_int(odd[i], &value), JSON_ODD);
  assert_int_equal(value, 77);
  assert_int_equal(get_int("{}", &value), JSON_MISSING);
}

static void integers_are_read_whole(void **state) {
  (void)state;
  int64_t value = 77;
  assert_int_equal(get_int("{\"errcode\":40029}", &value), JSON_GOT);
  assert_int_equal(value, 40029);
  assert_int_equal(get_int("{\"errcode\":-1}", &value), JSON_GOT);
  assert_int_equal(value, -1);
  assert_int_equal(get_int("{\"errcode\":7.2e3}", &value), JSON_GOT);
  assert_int_equal(value, 7200);
  assert_int_equal(json_get_int(object, "errcode", 0, 7199, &value), JSON_ODD);
  parse("{\"t\":9007199254740991}");
  assert_int_equal(json_get_int(object, "t", INT64_MIN, INT64_MAX, &value), JSON_GOT);
  assert_true(value == 9007199254740991);
}

static void J27_expires_in_out_of_range_is_odd(void **state) {
  (void)state;
  int64_t value;
  static const char *const odd[] = {"-7200", "1e10", "\"7200\"", "7200.5"};
  for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
    char text[64];
    snprintf(text, sizeof text, "{\"expires_in\":%s}", odd[i]);
    parse(text);
    assert_int_equal(json_get_int(object, "expires_in", 0, 86400, &value), JSON_ODD);
  }
}

static void J09_answer_cut_at_each_byte_is_refused(void **state) {
  (void)state;
  struct str text = STR("{\"openid\":\"o\\u00e9\",\"n\":[1,-2.5e3,true,null],\"x\":{\"a\":\"\xE5\xBC\xA0\"}}");
  for (size_t n = 0; n < text.n; n++) {
    char *exact = malloc(n ? n : 1);
    memcpy(exact, text.p, n);
    refuse(str_make(exact, n));
    free(exact);
  }
  parse_bytes(text);
}

static void J10_J11_only_one_object_is_accepted(void **state) {
  (void)state;
  assert_string_equal(refuse(STR("{\"a\":1}<html>")), "more text behind the object");
  assert_string_equal(refuse(STR("{\"a\":1} {\"a\":1}")), "more text behind the object");
  assert_string_equal(refuse(STR("{\"a\":1}}")), "more text behind the object");
  assert_string_equal(refuse(STR("callback({\"a\":1})")), "it is not an object");
  parse("\xEF\xBB\xBF {\"openid\":\"real\"} \r\n\t");
  assert_string_equal(get("openid"), "real");
}

static void J12_other_top_levels_are_refused(void **state) {
  (void)state;
  static const char *const others[] = {
      "", " ", "[]", "\"x\"", "1", "null", "true", "[{\"openid\":\"a\"}]", "<html></html>", "\xEF\xBB\xBF"};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    assert_string_equal(refuse(str_of(others[i])), "it is not an object");
}

static void J13_names_are_case_sensitive(void **state) {
  (void)state;
  parse("{\"OPENID\":\"attacker\",\"openid\":\"real\",\"OpenId\":\"x\"}");
  assert_string_equal(get("openid"), "real");
  parse("{\"OPENID\":\"attacker\"}");
  assert_string_equal(get("openid"), "missing");
}

static void J14_a_name_twice_is_odd(void **state) {
  (void)state;
  parse("{\"openid\":\"a\",\"openid\":\"b\"}");
  assert_string_equal(get("openid"), "odd");
  parse("{\"openid\":\"a\",\"open\\u0069d\":\"a\",\"errcode\":1,\"errcode\":0,\"p\":[],\"p\":[]}");
  assert_string_equal(get("openid"), "odd");
  int64_t value;
  const struct cJSON *array;
  assert_int_equal(json_get_int(object, "errcode", 0, 1, &value), JSON_ODD);
  assert_int_equal(json_get_array(object, "p", &array), JSON_ODD);
}

static void J15_id_with_an_escaped_nul_is_refused_and_a_nickname_is_usable(void **state) {
  (void)state;
  parse("{\"openid\":\"oABC\\u0000evil\",\"nickname\":\"a\\u0000b\\u0000\",\"only\":\"\\u0000\"}");
  assert_string_equal(get("openid"), "odd");
  assert_string_equal(get_loosely("nickname"), "ab");
  assert_string_equal(get_loosely("only"), "");
}

static void name_with_an_escaped_nul_does_not_equal_its_prefix(void **state) {
  (void)state;
  parse("{\"openid\\u0000x\":\"evil\",\"nickname\\u0000\":\"evil\",\"nickname\":\"n\"}");
  assert_string_equal(get("openid"), "missing");
  assert_string_equal(get("nickname"), "n");
}

static void J16_raw_nul_refuses_the_whole(void **state) {
  (void)state;
  assert_string_equal(refuse(STR("{\"openid\":\"a\0b\"}")), "a NUL byte");
  assert_string_equal(refuse(STR("{\"openid\":\"a\"}\0")), "a NUL byte");
  assert_string_equal(refuse(STR("\0{\"openid\":\"a\"}")), "a NUL byte");
}

static void J17_raw_control_bytes_in_a_string_are_read_like_their_escapes(void **state) {
  (void)state;
  for (char c = 1; c < 0x20; c++) {
    char text[] = "{\"nickname\":\"a?b\",\"openid\":\"o\"}";
    *strchr(text, '?') = c;
    parse(text);
    assert_memory_equal(get("nickname"), ((char[]){'a', c, 'b'}), 3); /* an id with one must not become another id */
    assert_string_equal(get("openid"), "o");
  }
  refuse(STR("{\"errcode\"\x01:0}"));
  refuse(STR("{\x0b\"errcode\":0}"));
}

static void J18_lone_surrogates_become_replacements(void **state) {
  (void)state;
  static const struct {
    const char *text, *nickname;
  } cases[] = {
      {"{\"nickname\":\"a\\ud83db\"}", "a\xEF\xBF\xBD"
                                       "b"},
      {"{\"nickname\":\"\\ude00\"}", "\xEF\xBF\xBD"},
      {"{\"nickname\":\"\\ud83d\\ude00\"}", "😀"},
      {"{\"nickname\":\"\\uD83D\\uD83D\\uDE00\"}", "\xEF\xBF\xBD😀"},
      {"{\"nickname\":\"\\ud83d\\u0041\"}", "\xEF\xBF\xBD"
                                            "A"},
      {"{\"nickname\":\"\\ud83d\\n\"}", "\xEF\xBF\xBD\n"},
      {"{\"nickname\":\"\\udbff\\udfff\"}", "\xF4\x8F\xBF\xBF"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    parse(cases[i].text);
    assert_string_equal(get("nickname"), cases[i].nickname);
  }
}

static void J19_J20_ill_formed_bytes_become_replacements(void **state) {
  (void)state;
  parse("{\"city\":\"\xB1\xB1\xBE\xA9\",\"a\":\"\xC0\x80\",\"b\":\"\xED\xA0\xBD\xED\xB8\x80\",\"c\":\"\xF5\x80\",\"openid\":"
        "\"o\"}");
  static const char *const names[] = {"city", "a", "b", "c"};
  for (size_t i = 0; i < 4; i++) {
    assert_true(utf8_is_valid(str_of(get(names[i]))));
    assert_non_null(strstr(get(names[i]), "\xEF\xBF\xBD"));
  }
  assert_string_equal(get("openid"), "o");
  refuse(STR("{\"a\":1\xC2\xA0}"));
}

static void J21_escaped_slashes_are_slashes(void **state) {
  (void)state;
  parse("{\"headimgurl\":\"https:\\/\\/thirdwx.qlogo.cn\\/mmopen\\/x\\/132\"}");
  assert_string_equal(get("headimgurl"), "https://thirdwx.qlogo.cn/mmopen/x/132");
}

static char *nest(unsigned levels, bool closed) {
  char *text = malloc(2 * levels + 16);
  size_t n = (size_t)snprintf(text, 8, "{\"a\":");
  memset(text + n, '[', levels - 1);
  memset(text + n + levels - 1, ']', levels - 1);
  text[n + 2 * (levels - 1)] = '\0';
  if (!closed)
    text[n + levels - 1] = '\0';
  else
    memcpy(text + n + 2 * (levels - 1), "}", 2);
  return text;
}

static void *refuse_deep(void *arg) {
  (void)arg;
  static const unsigned levels[] = {JSON_DEPTH_MAX + 1, 1000, 100000};
  for (size_t i = 0; i < 3; i++) {
    char *closed = nest(levels[i], true), *open = nest(levels[i], false);
    assert_string_equal(refuse(str_of(closed)), "too many levels");
    assert_string_equal(refuse(str_of(open)), "too many levels");
    free(closed);
    free(open);
  }
  char *allowed = nest(JSON_DEPTH_MAX, true);
  parse(allowed);
  free(allowed);
  return NULL;
}

static void J22_nesting_is_bounded_on_a_small_stack(void **state) {
  (void)state;
  pthread_attr_t small;
  pthread_t thread;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 128 * 1024);
  assert_int_equal(pthread_create(&thread, &small, refuse_deep, NULL), 0);
  pthread_join(thread, NULL);
  pthread_attr_destroy(&small);
}

static void J23_members_are_bounded_and_long_strings_pass(void **state) {
  (void)state;
  char *text = malloc(2 << 20);
  for (int count = JSON_ITEMS_MAX; count <= 100000; count += 98976) {
    size_t n = (size_t)snprintf(text, 2, "{");
    for (int i = 0; i < count; i++) n += (size_t)snprintf(text + n, 32, "%s\"k%d\":%d", i ? "," : "", i, i);
    text[n++] = '}';
    if (count == JSON_ITEMS_MAX)
      parse_bytes(str_make(text, n));
    else
      assert_string_equal(refuse(str_make(text, n)), "too many members");
  }
  size_t n = (size_t)snprintf(text, 32, "{\"nickname\":\"");
  memset(text + n, 'x', 1 << 20);
  n += 1 << 20;
  n += (size_t)snprintf(text + n, 32, "\"}");
  parse_bytes(str_make(text, n));
  struct str value;
  assert_int_equal(json_get_string(object, "nickname", &value), JSON_GOT);
  assert_int_equal(value.n, 1 << 20);
  free(text);
}

static void J24_other_types_are_odd(void **state) {
  (void)state;
  static const char *const others[] = {"1", "[\"o\"]", "null", "true", "{}"};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    char text[64];
    snprintf(text, sizeof text, "{\"openid\":%s}", others[i]);
    parse(text);
    assert_string_equal(get("openid"), "odd");
    assert_string_equal(get_loosely("openid"), "odd");
  }
  const struct cJSON *array;
  parse("{\"privilege\":{},\"sex\":\"1\"}");
  assert_int_equal(json_get_array(object, "privilege", &array), JSON_ODD);
  assert_int_equal(json_get_array(object, "nothing", &array), JSON_MISSING);
  assert_string_equal(get("sex"), "1");
}

static void J25_J26_odd_ids_and_tokens_come_through_as_they_are(void **state) {
  (void)state;
  parse("{\"openid\":\"\",\"a\":\" o \",\"b\":\"o\\\"/\",\"access_token\":\"a&b\\r\\nc\"}");
  assert_string_equal(get("openid"), "");
  assert_string_equal(get("a"), " o ");
  assert_string_equal(get("b"), "o\"/");
  assert_string_equal(get("access_token"), "a&b\r\nc");
}

static void J28_order_and_blanks_and_unknown_members_do_not_matter(void **state) {
  (void)state;
  char *text = malloc(100100);
  size_t n = (size_t)snprintf(text, 64, "{\"new\":[{}],\"openid\" ");
  memset(text + n, ' ', 100000);
  n += 100000;
  n += (size_t)snprintf(text + n, 32, ":\n\"real\"\r\n}");
  parse_bytes(str_make(text, n));
  assert_string_equal(get("openid"), "real");
  free(text);
}

static void tokens_do_not_grow_together(void **state) {
  (void)state;
  static const char *const broken[] = {"{\"a\":1 2}", "{\"a\":tr ue}", "{\"a\":1,}",       "{,}",          "{\"a\" 1}",
                                       "{\"a\":}",    "{\"a\":[1}",    "{\"a\":[1}]",      "{a:1}",        "{'a':1}",
                                       "{\"a\":+1}",  "{\"a\":NaN}",   "{\"a\":Infinity}", "{\"a\":0x10}", "{\"a\":1}//c",
                                       "{/**/}"};
  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) refuse(str_of(broken[i]));
}

static void broken_escapes_are_refused(void **state) {
  (void)state;
  static const char *const broken[] = {"{\"a\":\"\\x41\"}", "{\"a\":\"\\u00zz\"}", "{\"a\":\"\\u12\"}",
                                       "{\"a\":\"\\",       "{\"a\":\"\\u",        "{\"a\":\"\\u+041\"}"};
  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) refuse(str_of(broken[i]));
}

/* Compiles a locale into the folder that LOCPATH names; false where Debian's locales package is missing. */
static bool compile_locale(const char *folder, const char *source) {
  char target[128];
  snprintf(target, sizeof target, "%s/%s.UTF-8", folder, source);
  char *arguments[] = {"localedef", "-i", (char *)source, "-f", "UTF-8", target, NULL};
  pid_t child;
  int status;
  if (posix_spawnp(&child, arguments[0], NULL, NULL, arguments, environ) != 0) return false;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void remove_folder(const char *folder) {
  char *arguments[] = {"rm", "-rf", (char *)folder, NULL};
  pid_t child;
  if (posix_spawnp(&child, arguments[0], NULL, NULL, arguments, environ) == 0) waitpid(child, NULL, 0);
}

static void J29_other_locales_read_the_same(void **state) {
  (void)state;
  static const char *const sources[] = {"de_DE", "tr_TR"};
  char folder[] = "/tmp/test_json.XXXXXX";
  int tried = 0;
  assert_non_null(mkdtemp(folder));
  setenv("LOCPATH", folder, 1);
  for (size_t i = 0; i < 2; i++) {
    int64_t value = 0;
    char locale[16];
    snprintf(locale, sizeof locale, "%s.UTF-8", sources[i]);
    if (!compile_locale(folder, sources[i])) continue;
    assert_non_null(setlocale(LC_ALL, locale));
    assert_string_equal(localeconv()->decimal_point, ",");
    assert_int_equal(get_int("{\"errcode\":40029,\"ERRCODE\":1}", &value), JSON_GOT);
    assert_int_equal(value, 40029);
    assert_int_equal(get_int("{\"errcode\":40029.9}", &value), JSON_ODD);
    assert_int_equal(get_int("{\"errcode\":4.0029e4}", &value), JSON_GOT);
    assert_true(str_eq_nocase(STR("TITLE"), STR("title"))); /* no dotless i */
    setlocale(LC_ALL, "C");
    tried++;
  }
  unsetenv("LOCPATH");
  remove_folder(folder);
  if (tried == 0) skip();
}

static void array_of_texts_is_walked_in_order(void **state) {
  (void)state;
  const struct cJSON *array, *element = NULL;
  parse("{\"privilege\":[\"a,b\",\"c\\u0000\\\"d\",7,null,\"e\"]}");
  assert_int_equal(json_get_array(object, "privilege", &array), JSON_GOT);
  while (json_array_next(array, &element)) buf_add_char(&out, json_element_text(element, &out) == JSON_GOT ? '|' : '-');
  assert_string_equal(buf_text(&out), "a,b|c\"d|--e|");
  parse("{\"privilege\":[]}");
  assert_int_equal(json_get_array(object, "privilege", &array), JSON_GOT);
  element = NULL;
  assert_false(json_array_next(array, &element));
}

static void getters_of_nothing_find_nothing(void **state) {
  (void)state;
  struct str text;
  assert_int_equal(json_get_string(NULL, "a", &text), JSON_MISSING);
  json_free(NULL);
}

static void quoted_text_is_json_on_one_line(void **state) {
  (void)state;
  json_add_string(&out, STR("\"\\/\n\r\t\b\0\x1f\x7f<é😀\xFF\xE2\x80\xA8"));
  assert_string_equal(buf_text(&out), "\"\\\"\\\\/\\n\\r\\t\\u0008\\u0000\\u001f\\u007f<é😀\xEF\xBF\xBD\\u2028\"");
}

#define json_test(name) cmocka_unit_test_setup_teardown(name, make_out, free_all)

int main(void) {
  const struct CMUnitTest tests[] = {
      json_test(J04_numbers_that_are_no_errcode_are_odd),
      json_test(integers_are_read_whole),
      json_test(J27_expires_in_out_of_range_is_odd),
      json_test(J09_answer_cut_at_each_byte_is_refused),
      json_test(J10_J11_only_one_object_is_accepted),
      json_test(J12_other_top_levels_are_refused),
      json_test(J13_names_are_case_sensitive),
      json_test(J14_a_name_twice_is_odd),
      json_test(J15_id_with_an_escaped_nul_is_refused_and_a_nickname_is_usable),
      json_test(name_with_an_escaped_nul_does_not_equal_its_prefix),
      json_test(J16_raw_nul_refuses_the_whole),
      json_test(J17_raw_control_bytes_in_a_string_are_read_like_their_escapes),
      json_test(J18_lone_surrogates_become_replacements),
      json_test(J19_J20_ill_formed_bytes_become_replacements),
      json_test(J21_escaped_slashes_are_slashes),
      json_test(J22_nesting_is_bounded_on_a_small_stack),
      json_test(J23_members_are_bounded_and_long_strings_pass),
      json_test(J24_other_types_are_odd),
      json_test(J25_J26_odd_ids_and_tokens_come_through_as_they_are),
      json_test(J28_order_and_blanks_and_unknown_members_do_not_matter),
      json_test(J29_other_locales_read_the_same),
      json_test(tokens_do_not_grow_together),
      json_test(broken_escapes_are_refused),
      json_test(array_of_texts_is_walked_in_order),
      json_test(getters_of_nothing_find_nothing),
      json_test(quoted_text_is_json_on_one_line),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
