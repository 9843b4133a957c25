/* SPDX-License-Identifier: Apache-2.0
 * test_response: what leaves, byte for byte, and what never does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "peers.h"
#include "web/response.h"

static struct response response;
static struct buf sent;
static int peer;

static int begin(void **state) {
  response_init(&response);
  buf_init(&sent, 1 << 20);
  return peers_start(state);
}

static int end(void **state) {
  response_done(&response);
  buf_done(&sent);
  return peers_finish(state);
}

/* Sends the response as the answer to a request of a real peer. */
static const char *send_it(bool is_head) {
  int ended;
  answers_at_once = false;
  peer = dial();
  say_request(peer, 1, CLOSE);
  response_send(&response, waiting[--waiting_count], is_head);
  assert_closed(peer);
  answer_read(buf_str(&answer), 1, &sent, &ended);
  assert_int_equal(ended, 0);
  return buf_text(&sent);
}

static void a_response_is_a_status_headers_and_a_body(void **state) {
  (void)state;
  response_status(&response, 200);
  response_private(&response);
  response_type(&response, "text/plain");
  buf_add_text(&response.body, "hello");
  assert_string_equal(send_it(false),
                      "Status: 200 OK\r\nCache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"
                      "X-Content-Type-Options: nosniff\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello");
}

static void HEAD_has_the_length_and_no_body(void **state) {
  (void)state;
  response_status(&response, 200);
  buf_add_text(&response.body, "hello");
  assert_string_equal(send_it(true), "Status: 200 OK\r\nContent-Length: 5\r\n\r\n");
}

static void no_content_has_neither(void **state) {
  (void)state;
  response_status(&response, 204);
  buf_add_text(&response.body, "hello");
  assert_string_equal(send_it(false), "Status: 204 No Content\r\n\r\n");
}

static void a_redirect_has_one_location(void **state) {
  (void)state;
  response_redirect(&response, 303, STR("/a?b#c"));
  assert_non_null(strstr(send_it(false), "\r\nLocation: /a?b#c\r\n"));
  assert_memory_equal(sent.data, "Status: 303 See Other\r\n", 23);
}

static void a_status_starts_over(void **state) {
  (void)state;
  response_status(&response, 200);
  response_header(&response, "X-First", STR("bad\n"));
  buf_add_text(&response.body, "first");
  response_status(&response, 404);
  assert_string_equal(send_it(false), "Status: 404 Not Found\r\nContent-Length: 0\r\n\r\n");
}

static void F29_no_value_splits_a_header(void **state) {
  static const char *const bad[] = {"a\nX-Accel-Redirect: /x", "a\rb", "a\r\nb", "a\tb", "a\x7f", "\x01"};
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    response_status(&response, 204);
    response_header(&response, "X-Value", str_of(bad[i]));
    assert_true(response.refused);
    response_status(&response, 204);
    response_headerf(&response, "X-Value", "%s", bad[i]);
    assert_true(response.refused);
  }
  response_status(&response, 204);
  response_header(&response, "X-Value", STR("a\0b"));
  assert_true(response.refused);
}

static void F29_what_was_refused_leaves_as_500_without_a_trace(void **state) {
  (void)state;
  response_redirect(&response, 302, STR("/a\r\nSet-Cookie: evil=1"));
  const char *text = send_it(false);
  assert_memory_equal(text, "Status: 500 ", 12);
  assert_null(strstr(text, "evil"));
  assert_null(strstr(text, "Location"));
}

static void F30_a_header_block_too_long_for_nginx_leaves_as_500(void **state) {
  static char value[RESPONSE_HEAD_MAX_BYTES];
  (void)state;
  memset(value, 'v', sizeof value);
  response_status(&response, 204);
  response_header(&response, "X-Value", str_make(value, sizeof value - 60));
  assert_memory_equal(send_it(false), "Status: 204 ", 12);
  assert_true(sent.len <= RESPONSE_HEAD_MAX_BYTES);
  buf_clear(&sent);
  buf_clear(&answer);
  response_status(&response, 204);
  response_header(&response, "X-Value", str_make(value, sizeof value - 20));
  assert_memory_equal(send_it(false), "Status: 500 ", 12);
}

static void a_body_too_long_leaves_as_500(void **state) {
  static char body[FCGI_REPLY_MAX_BYTES];
  (void)state;
  response_status(&response, 200);
  buf_add(&response.body, body, sizeof body);
  assert_memory_equal(send_it(true), "Status: 500 ", 12);
}

static void a_problem_is_json(void **state) {
  (void)state;
  response_problem(&response, 502, "WeChat \"says\" no", "upstream_unavailable", 40029, STR("6489-\n<x>"));
  const char *text = send_it(false);
  assert_non_null(strstr(text, "\r\nContent-Type: application/problem+json\r\n"));
  assert_non_null(strstr(text, "\r\n\r\n{\"type\":\"about:blank\",\"title\":\"WeChat \\\"says\\\" no\",\"status\":502,"
                               "\"error\":\"upstream_unavailable\",\"errcode\":40029,\"rid\":\"6489-"));
}

static void a_problem_leaves_out_what_is_not_there(void **state) {
  (void)state;
  response_problem(&response, 401, "Not signed in", "not_signed_in", 0, STR_NONE);
  assert_non_null(strstr(send_it(false), "\"error\":\"not_signed_in\"}\n"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_response_is_a_status_headers_and_a_body),
      TEST(HEAD_has_the_length_and_no_body),
      TEST(no_content_has_neither),
      TEST(a_redirect_has_one_location),
      TEST(a_status_starts_over),
      TEST(F29_no_value_splits_a_header),
      TEST(F29_what_was_refused_leaves_as_500_without_a_trace),
      TEST(F30_a_header_block_too_long_for_nginx_leaves_as_500),
      TEST(a_body_too_long_leaves_as_500),
      TEST(a_problem_is_json),
      TEST(a_problem_leaves_out_what_is_not_there),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
