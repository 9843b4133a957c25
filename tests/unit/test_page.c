/* SPDX-License-Identifier: Apache-2.0
 * test_page: what a page says and lets a browser do. With PAGES_DIR set the pages are left there to be looked at in a browser. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "web/page.h"

#define LONG_LINK "https://www.example.com/weixin/login?handover=7hK2m9QpL4xV8sT1nB6wE3rY5uZ0cA7dF2gJ4kM6qP8sV1xZ3bN5mQ7w"

static struct response response;
static char text[131072];

static int start(void **state) {
  (void)state;
  response_init(&response);
  return 0;
}

static int finish(void **state) {
  (void)state;
  random_fail_next(0);
  response_done(&response);
  return 0;
}

static void leave_for_viewing(const char *name) {
  char path[512];
  const char *dir = getenv("PAGES_DIR");
  if (!dir) return;
  snprintf(path, sizeof path, "%s/%s.html", dir, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_int_equal(fwrite(response.body.data, 1, response.body.len, file), response.body.len);
  assert_int_equal(fclose(file), 0);
}

static const char *write_page(const char *name, const struct page *page) {
  page_write(&response, page);
  assert_false(response.refused || response.head.failed || response.body.failed);
  assert_int_equal(str_copy(buf_str(&response.body), text, sizeof text), 0);
  leave_for_viewing(name);
  return text;
}

static const char *head(void) {
  return buf_text(&response.head);
}

static void a_calm_page_has_a_title_a_sentence_and_ways_on(void **state) {
  (void)state;
  const char *page =
      write_page("denied", &(struct page){.status = 403,
                                          .is_chinese = true,
                                          .icon = PAGE_ICON_DENIED,
                                          .title = STR("您没有同意授权"),
                                          .sentence = STR("没有关系，没有任何信息被读取。需要登录时可以再次选择。"),
                                          .button = STR("重新登录"),
                                          .button_href = STR("/weixin/login"),
                                          .second = STR("返回首页"),
                                          .second_href = STR("/"),
                                          .detail = STR("denied")});
  assert_non_null(strstr(page, "<html lang=\"zh-CN\">"));
  assert_non_null(strstr(page, "<h1>您没有同意授权</h1>"));
  assert_non_null(strstr(page, "<a class=\"button\" href=\"/weixin/login\">重新登录</a>"));
  assert_null(strstr(page, "<script"));
}

static void the_header_permits_nothing_else(void **state) {
  (void)state;
  write_page("done", &(struct page){.status = 200,
                                    .icon = PAGE_ICON_DONE,
                                    .title = STR("Signed in on the computer"),
                                    .sentence = STR("Please go on at the computer. You can close this page on the phone.")});
  assert_non_null(strstr(head(), "Status: 200 OK\r\n"));
  assert_non_null(strstr(head(), "\r\nContent-Security-Policy: default-src 'none'; style-src 'nonce-"));
  assert_non_null(strstr(head(), "; form-action 'self'; frame-ancestors 'none'; base-uri 'none'\r\n"));
  assert_null(strstr(head(), "script-src"));
  assert_non_null(strstr(head(), "\r\nX-Frame-Options: DENY\r\n"));
  assert_non_null(strstr(head(), "\r\nX-Content-Type-Options: nosniff\r\n"));
  assert_non_null(strstr(head(), "\r\nCache-Control: no-store\r\n"));
  assert_non_null(strstr(head(), "\r\nReferrer-Policy: no-referrer\r\n"));
}

static void nothing_foreign_is_loaded(void **state) {
  (void)state;
  const char *page =
      write_page("error", &(struct page){.status = 502,
                                         .icon = PAGE_ICON_ERROR,
                                         .title = STR("WeChat could not be reached"),
                                         .sentence = STR("WeChat did not answer in time. This is usually over in a minute."),
                                         .button = STR("Try again"),
                                         .button_href = STR("/weixin/login"),
                                         .detail = STR("upstream_timeout · rid 6489e1f3-4b6e2a0c-1f0e9d33")});
  assert_null(strstr(page, "http:"));
  assert_null(strstr(page, "https:"));
  assert_null(strstr(page, "src="));
}

static void K29_texts_are_escaped(void **state) {
  (void)state;
  const char *page = write_page("escaped", &(struct page){.status = 400,
                                                          .icon = PAGE_ICON_ERROR,
                                                          .title = STR("<script>alert(1)</script>"),
                                                          .sentence = STR("</pre><script>x</script>\"'&"),
                                                          .button = STR("</a>"),
                                                          .button_href = STR("/\"onclick=\"x"),
                                                          .post_button = STR("<b>"),
                                                          .post_href = STR("/a'\"><x>"),
                                                          .post_fields = STR("a%22=%3Cscript%3E&b=%zz&c=1+2&"),
                                                          .detail = STR("<img>")});
  assert_null(strstr(page, "<script"));
  assert_null(strstr(page, "<img"));
  assert_null(strstr(page, "<x>"));
  assert_null(strstr(page, "\"onclick"));
  assert_non_null(strstr(page, "name=\"a&quot;\" value=\"&lt;script&gt;\""));
  assert_non_null(strstr(page, "name=\"b\" value=\"\""));
  assert_non_null(strstr(page, "name=\"c\" value=\"1 2\""));
}

static void a_code_is_drawn_without_a_foreign_image(void **state) {
  (void)state;
  const char *page =
      write_page("qr", &(struct page){.status = 200,
                                      .is_chinese = true,
                                      .title = STR("微信扫码登录"),
                                      .sentence = STR("打开手机微信扫一扫，核对数字 4827 后确认，这里会自动登录。"),
                                      .qr_text = STR(LONG_LINK),
                                      .button = STR("我已在手机上确认"),
                                      .button_href = STR("/weixin/handover?state=x"),
                                      .script = STR("setTimeout(function(){},1);")});
  assert_non_null(strstr(page, "<svg class=\"qr\""));
  assert_null(strstr(page, "class=\"icon"));
  assert_non_null(strstr(head(), "script-src 'nonce-"));
  assert_non_null(strstr(head(), "connect-src 'self'"));
  assert_true(response.head.len < RESPONSE_HEAD_MAX_BYTES / 4);
}

static void the_largest_code_fits_a_reply(void **state) {
  static char longest[2331];
  (void)state;
  memset(longest, 'x', sizeof longest);
  const char *page =
      write_page("qr-largest", &(struct page){.status = 200, .title = STR("x"), .qr_text = str_make(longest, sizeof longest)});
  assert_non_null(strstr(page, "<svg class=\"qr\""));
}

static void a_text_too_long_for_a_code_leaves_the_page_without_one(void **state) {
  static char longer[2332];
  (void)state;
  memset(longer, 'x', sizeof longer);
  const char *page =
      write_page("qr-too-long", &(struct page){.status = 200, .title = STR("x"), .qr_text = str_make(longer, sizeof longer)});
  assert_null(strstr(page, "<svg class=\"qr\""));
  assert_non_null(strstr(page, "<h1>x</h1>"));
}

static void a_form_posts_its_hidden_fields(void **state) {
  (void)state;
  const char *page =
      write_page("confirm", &(struct page){.status = 200,
                                           .is_chinese = true,
                                           .icon = PAGE_ICON_INFO,
                                           .title = STR("在电脑上登录？"),
                                           .sentence = STR("请确认您的电脑屏幕上显示的数字是 4827。如果不是，请不要确认。"),
                                           .post_button = STR("确认登录"),
                                           .post_href = STR("/weixin/handover"),
                                           .post_fields = STR("state=abc"),
                                           .second = STR("不是我"),
                                           .second_href = STR("/")});
  assert_non_null(strstr(page, "<form method=\"post\" action=\"/weixin/handover\">"));
  assert_non_null(strstr(page, "<input type=\"hidden\" name=\"state\" value=\"abc\">"));
}

static void a_waiting_page_loads_itself_again(void **state) {
  (void)state;
  const char *page = write_page("wait", &(struct page){.status = 503,
                                                       .icon = PAGE_ICON_WAIT,
                                                       .title = STR("Many people are signing in"),
                                                       .sentence = STR("This page tries again by itself in a moment."),
                                                       .refresh_s = 5});
  assert_non_null(strstr(page, "<meta http-equiv=\"refresh\" content=\"5\">"));
}

static void nonces_do_not_repeat(void **state) {
  char first[1024];
  (void)state;
  write_page("nonce", &(struct page){.status = 200, .title = STR("x")});
  snprintf(first, sizeof first, "%s", head());
  write_page("nonce", &(struct page){.status = 200, .title = STR("x")});
  assert_string_not_equal(first, head());
}

static void S22_without_random_bytes_the_page_is_plain(void **state) {
  (void)state;
  random_fail_next(1);
  const char *page = write_page("plain", &(struct page){.status = 503, .title = STR("x"), .script = STR("y()")});
  assert_null(strstr(page, "<style"));
  assert_null(strstr(page, "<script"));
  assert_null(strstr(head(), "nonce-"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_calm_page_has_a_title_a_sentence_and_ways_on, start, finish),
      cmocka_unit_test_setup_teardown(the_header_permits_nothing_else, start, finish),
      cmocka_unit_test_setup_teardown(nothing_foreign_is_loaded, start, finish),
      cmocka_unit_test_setup_teardown(K29_texts_are_escaped, start, finish),
      cmocka_unit_test_setup_teardown(a_code_is_drawn_without_a_foreign_image, start, finish),
      cmocka_unit_test_setup_teardown(the_largest_code_fits_a_reply, start, finish),
      cmocka_unit_test_setup_teardown(a_text_too_long_for_a_code_leaves_the_page_without_one, start, finish),
      cmocka_unit_test_setup_teardown(a_form_posts_its_hidden_fields, start, finish),
      cmocka_unit_test_setup_teardown(a_waiting_page_loads_itself_again, start, finish),
      cmocka_unit_test_setup_teardown(nonces_do_not_repeat, start, finish),
      cmocka_unit_test_setup_teardown(S22_without_random_bytes_the_page_is_plain, start, finish),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
