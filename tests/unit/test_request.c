/* SPDX-License-Identifier: Apache-2.0
 * test_request: what a FastCGI request means as HTTP, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "records.h"
#include "web/request.h"

static struct buf pairs, value;
static struct fcgi_exchange *exchange;
static struct request request;
static const char *why;

static int start(void **state) {
  (void)state;
  buf_init(&pairs, 65536);
  buf_init(&value, 4096);
  return 0;
}

static void end_exchange(void) {
  if (exchange) exchange_drop(exchange);
  exchange_free(exchange);
  exchange = NULL;
}

static int finish(void **state) {
  (void)state;
  end_exchange();
  buf_done(&pairs);
  buf_done(&value);
  return 0;
}

static int read_with_body(struct str body) {
  end_exchange();
  exchange = exchange_of(buf_str(&pairs), body);
  return request_read(exchange, &request, &why);
}

static int read(void) {
  return read_with_body(STR_NONE);
}

static void add(const char *name, const char *text) {
  pair_add(&pairs, str_of(name), str_of(text));
}

static void assert_str(struct str got, const char *expected) {
  if (!str_eq(got, str_of(expected))) fail_msg("\"%.*s\" is not \"%s\"", STR_ARG(got), expected);
}

static void a_request_is_read(void **state) {
  (void)state;
  add("REQUEST_METHOD", "POST");
  add("QUERY_STRING", "a=1");
  add("REQUEST_URI", "/original?x");
  add("SCRIPT_NAME", "/weixin/session");
  add("CONTENT_LENGTH", "2");
  add("HTTP_COOKIE", "a=b");
  add("HTTP_HOST", "www.example.com");
  add("HTTP_X_ANYTHING", "else");
  add("WEIGATE_STATUS", "on");
  assert_int_equal(read_with_body(STR("{}")), 0);
  assert_int_equal(request.method, WEB_POST);
  assert_str(request.path, "/weixin/session");
  assert_str(request.query, "a=1");
  assert_str(request.original_uri, "/original?x");
  assert_str(request.cookie, "a=b");
  assert_str(request.host, "www.example.com");
  assert_str(request.status_gate, "on");
  assert_str(request.body, "{}");
}

static void every_method_has_its_value(void **state) {
  static const struct {
    const char *name;
    enum web_method method;
  } methods[] = {{"GET", WEB_GET},       {"HEAD", WEB_HEAD},      {"POST", WEB_POST}, {"DELETE", WEB_DELETE},
                 {"OPTIONS", WEB_OTHER}, {"PROPFIND", WEB_OTHER}, {"get", WEB_OTHER}, {"", WEB_OTHER}};
  (void)state;
  for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
    buf_clear(&pairs);
    add("REQUEST_METHOD", methods[i].name);
    add("QUERY_STRING", "");
    add("REQUEST_URI", "/");
    add("SCRIPT_NAME", "/");
    assert_int_equal(read(), 0);
    assert_int_equal(request.method, methods[i].method);
  }
}

static void the_path_is_script_name_and_path_info(void **state) {
  static char half[300];
  (void)state;
  memset(half, 'a', sizeof half - 1);
  half[0] = '/';
  add("REQUEST_METHOD", "GET");
  add("QUERY_STRING", "");
  add("REQUEST_URI", "/elsewhere");
  size_t before = pairs.len;
  add("SCRIPT_NAME", "/weixin");
  add("PATH_INFO", "/login");
  assert_int_equal(read(), 0);
  assert_str(request.path, "/weixin/login");
  pairs.len = before;
  add("SCRIPT_NAME", "");
  add("PATH_INFO", "/weixin/login");
  assert_int_equal(read(), 0);
  assert_str(request.path, "/weixin/login");
  pairs.len = before;
  assert_int_equal(read(), 400);
  add("SCRIPT_NAME", half);
  add("PATH_INFO", half);
  assert_int_equal(read(), 400);
}

static void F20_method_and_query_twice_are_refused(void **state) {
  static const char *const names[] = {"REQUEST_METHOD", "QUERY_STRING",   "REQUEST_URI", "SCRIPT_NAME",
                                      "CONTENT_LENGTH", "WEIGATE_STATUS", "HTTP_ORIGIN", "HTTP_HOST"};
  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    buf_clear(&pairs);
    pairs_add_get(&pairs, "/weixin/auth");
    add("CONTENT_LENGTH", "0");
    add("WEIGATE_STATUS", "");
    add("HTTP_ORIGIN", "https://a");
    add("HTTP_HOST", "a");
    assert_int_equal(read(), 0);
    add(names[i], "");
    assert_int_equal(read(), 400);
    assert_str(request.path, "/weixin/auth");
  }
}

static void F20_two_cookie_headers_are_both_there_and_three_refused(void **state) {
  (void)state;
  pairs_add_get(&pairs, "/");
  add("HTTP_COOKIE", "a=1");
  add("HTTP_COOKIE", "b=2");
  assert_int_equal(read(), 0);
  assert_str(request.cookie, "a=1");
  assert_str(request.cookie_second, "b=2");
  add("HTTP_COOKIE", "c=3");
  assert_int_equal(read(), 400);
}

static void a_header_that_decides_nothing_may_be_there_twice(void **state) {
  (void)state;
  pairs_add_get(&pairs, "/");
  add("HTTP_ACCEPT", "text/html");
  add("HTTP_ACCEPT", "application/json");
  assert_int_equal(read(), 0);
  assert_str(request.accept, "text/html");
}

static void F22_a_NUL_is_refused_and_the_path_still_known(void **state) {
  (void)state;
  pairs_add_get(&pairs, "/weixin/auth");
  pair_add(&pairs, STR("HTTP_COOKIE"), STR("a=b\0c"));
  assert_int_equal(read(), 400);
  assert_str(request.path, "/weixin/auth");
}

static void F07_an_empty_name_is_refused(void **state) {
  (void)state;
  pairs_add_get(&pairs, "/");
  add("", "x");
  assert_int_equal(read(), 400);
}

static void F23_a_missing_method_address_or_query_is_refused(void **state) {
  static const char *const needed[] = {"REQUEST_METHOD", "REQUEST_URI", "QUERY_STRING"};
  (void)state;
  for (size_t missing = 0; missing < 3; missing++) {
    buf_clear(&pairs);
    add("SCRIPT_NAME", "/");
    for (size_t i = 0; i < 3; i++)
      if (i != missing) add(needed[i], "GET");
    assert_int_equal(read(), 400);
  }
  buf_clear(&pairs);
  assert_int_equal(read(), 400);
}

static void F14_F15_a_length_that_is_not_the_bodys_is_refused(void **state) {
  static const struct {
    const char *length;
    int status;
  } lengths[] = {{"4294967296", 413},
                 {"18446744073709551616", 400},
                 {"65537", 413},
                 {"-1", 400},
                 {"0x10", 400},
                 {"1e9", 400},
                 {" 5", 400},
                 {"5 ", 400},
                 {"+5", 400},
                 {"4", 400},
                 {"6", 400},
                 {"100", 400},
                 {"", 400},
                 {"0", 400},
                 {"5", 0},
                 {"05", 0}};
  (void)state;
  for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
    buf_clear(&pairs);
    pairs_add_get(&pairs, "/");
    add("CONTENT_LENGTH", lengths[i].length);
    if (read_with_body(STR("12345")) != lengths[i].status) fail_msg("CONTENT_LENGTH \"%s\"", lengths[i].length);
  }
  buf_clear(&pairs);
  pairs_add_get(&pairs, "/");
  assert_int_equal(read_with_body(STR("12345")), 400);
  add("CONTENT_LENGTH", "");
  assert_int_equal(read(), 0);
}

static enum web_value find(const char *query, const char *name) {
  buf_clear(&value);
  return query_value(str_of(query), name, &value);
}

static void a_query_member_is_found_by_its_exact_name(void **state) {
  (void)state;
  assert_int_equal(find("next=%2Fa%3Fb%3D1&lang=en+GB", "next"), WEB_VALUE_ONE);
  assert_string_equal(buf_text(&value), "/a?b=1");
  assert_int_equal(find("next=%2Fa&lang=en+GB", "lang"), WEB_VALUE_ONE);
  assert_string_equal(buf_text(&value), "en GB");
  assert_int_equal(find("a&next", "next"), WEB_VALUE_ONE);
  assert_string_equal(buf_text(&value), "");
  assert_int_equal(find("", "next"), WEB_VALUE_NONE);
  assert_int_equal(find("&&=&=next&", "next"), WEB_VALUE_NONE);
}

static void R16_other_spellings_are_other_names_and_two_are_too_many(void **state) {
  (void)state;
  assert_int_equal(find("NEXT=/a&next[]=/b&next%5B%5D=/c&nex=/d&nextt=/e", "next"), WEB_VALUE_NONE);
  assert_int_equal(find("next=/a&next=/b", "next"), WEB_VALUE_MANY);
  assert_int_equal(find("next=/a&next=/a", "next"), WEB_VALUE_MANY);
  assert_int_equal(find("next=/a&next", "next"), WEB_VALUE_MANY);
  assert_int_equal(value.len, 0);
}

static void R17_a_bare_question_mark_takes_the_rest_along(void **state) {
  (void)state;
  assert_int_equal(find("next=/a?x=1&scope=evil&next=/b", "scope"), WEB_VALUE_NONE);
  assert_int_equal(find("lang=en&next=/a?x=1&scope=evil&next=/b", "next"), WEB_VALUE_ONE);
  assert_string_equal(buf_text(&value), "/a?x=1&scope=evil&next=/b");
  assert_int_equal(find("lang=en&next=/a?x=1", "lang"), WEB_VALUE_ONE);
}

static void bad_escapes_and_NUL_are_bad(void **state) {
  static const char *const bad[] = {"a=%", "a=%2", "a=%zz", "a=%00", "a=b%00c", "a=%2%30"};
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_int_equal(find(bad[i], "a"), WEB_VALUE_BAD);
    assert_int_equal(value.len, 0);
  }
}

static void R05_a_value_is_decoded_once(void **state) {
  (void)state;
  assert_int_equal(find("next=%252f%252fevil", "next"), WEB_VALUE_ONE);
  assert_string_equal(buf_text(&value), "%2f%2fevil");
}

static void programs_are_told_from_page_loads(void **state) {
  (void)state;
  request = (struct request){0};
  assert_false(request_is_api(&request));
  request.accept = STR("text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8");
  assert_false(request_is_api(&request));
  request.accept = STR("*/*");
  assert_false(request_is_api(&request));
  request.accept = STR("text/plain, application/json;charset=utf-8");
  assert_true(request_is_api(&request));
  request = (struct request){.requested_with = STR("XMLHttpRequest")};
  assert_true(request_is_api(&request));
  request = (struct request){.requested_with = STR("com.tencent.mm")};
  assert_false(request_is_api(&request));
  request = (struct request){.fetch_mode = STR("cors")};
  assert_true(request_is_api(&request));
  request = (struct request){.fetch_mode = STR("navigate")};
  assert_false(request_is_api(&request));
}

static void WeChat_and_prefetches_are_recognised(void **state) {
  (void)state;
  request = (struct request){.user_agent = STR("Mozilla/5.0 (iPhone) MicroMessenger/8.0.50 Language/zh_CN")};
  assert_true(request_is_wechat(&request));
  assert_false(request_is_prefetch(&request));
  request = (struct request){.user_agent = STR("Mozilla/5.0"), .purpose = STR("prefetch;prerender")};
  assert_false(request_is_wechat(&request));
  assert_true(request_is_prefetch(&request));
}

static void S17_the_old_prefetch_header_counts_too(void **state) {
  (void)state;
  pairs_add_get(&pairs, "/");
  add("HTTP_PURPOSE", "prefetch");
  assert_int_equal(read(), 0);
  assert_true(request_is_prefetch(&request));
}

static void the_language_follows_the_weights(void **state) {
  static const struct {
    const char *header;
    bool is_chinese;
  } rows[] = {{"", true},
              {"zh-CN,zh;q=0.9,en;q=0.8", true},
              {"en-US,en;q=0.9,zh-CN;q=0.8", false},
              {"en;q=0.5, zh-TW;q=0.7", true},
              {"en;q=0.7, zh-TW;q=0.70", false},
              {"zh,en", true},
              {"en,zh", false},
              {"fr", false},
              {"fr,zh;q=0.3", true},
              {"zh;q=0", false},
              {"en, zh;q=0", false},
              {"*", true},
              {"de,*;q=0.1", true},
              {"ZH-hant-HK", true},
              {"zhx", false},
              {"zh;q=0.001,en;q=0.002", false},
              {";;;,,,", true},
              {"zh;q=banana,en;q=0.9", true}};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    request = (struct request){.accept_language = str_of(rows[i].header)};
    if (request_wants_chinese(&request) != rows[i].is_chinese) fail_msg("Accept-Language \"%s\"", rows[i].header);
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_request_is_read),
      TEST(every_method_has_its_value),
      TEST(the_path_is_script_name_and_path_info),
      TEST(F20_method_and_query_twice_are_refused),
      TEST(F20_two_cookie_headers_are_both_there_and_three_refused),
      TEST(a_header_that_decides_nothing_may_be_there_twice),
      TEST(F22_a_NUL_is_refused_and_the_path_still_known),
      TEST(F07_an_empty_name_is_refused),
      TEST(F23_a_missing_method_address_or_query_is_refused),
      TEST(F14_F15_a_length_that_is_not_the_bodys_is_refused),
      TEST(a_query_member_is_found_by_its_exact_name),
      TEST(R16_other_spellings_are_other_names_and_two_are_too_many),
      TEST(R17_a_bare_question_mark_takes_the_rest_along),
      TEST(bad_escapes_and_NUL_are_bad),
      TEST(R05_a_value_is_decoded_once),
      TEST(programs_are_told_from_page_loads),
      TEST(WeChat_and_prefetches_are_recognised),
      TEST(S17_the_old_prefetch_header_counts_too),
      TEST(the_language_follows_the_weights),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
