/* SPDX-License-Identifier: Apache-2.0
 * test_exchange: what we rely on in libfcgi: the hand-over through members that its header calls internal, and that nothing ever
 * blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/reactor.h"
#include "records.h"

static struct exchange_pipe carrier;
static struct fcgi_exchange *exchange;
static struct buf request, pairs, answer;
static int ends[2];

static int start(void **state) {
  (void)state;
  buf_init(&request, 1 << 18);
  buf_init(&pairs, 1 << 18);
  buf_init(&answer, 1 << 18);
  exchange = exchange_new(NULL, NULL);
  if (!exchange || exchange_init_library(NULL) != 0 || exchange_pipe_open(&carrier, 1 << 17, NULL) != 0) return -1;
  return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends);
}

static int finish(void **state) {
  (void)state;
  exchange_drop(exchange);
  exchange_free(exchange);
  exchange_pipe_close(&carrier);
  close(ends[0]);
  if (ends[1] >= 0) close(ends[1]);
  buf_done(&request);
  buf_done(&pairs);
  buf_done(&answer);
  return 0;
}

static int take(void) {
  return exchange_take(exchange, &carrier, (const uint8_t *)request.data, request.len, ends[0]);
}

static void read_answer(void) {
  char *to = buf_reserve(&answer, 100000);
  ssize_t n = read(ends[1], to, 100000);
  assert_true(n > 0);
  buf_grew(&answer, (size_t)n);
}

static void assert_param(const char *name, const char *value) {
  struct str got = fcgi_param(exchange, name);
  assert_non_null(got.p);
  assert_int_equal(got.n, strlen(value));
  assert_memory_equal(got.p, value, got.n);
}

static void a_request_is_handed_over_and_answered(void **state) {
  int ended;
  struct buf out;
  (void)state;
  pairs_add_get(&pairs, "/weixin/auth");
  request_add(&request, 1, KEEP, buf_str(&pairs), STR("hello"));
  assert_int_equal(take(), 0);
  assert_int_equal(fcgi_params_count(exchange), 4);
  assert_param("SCRIPT_NAME", "/weixin/auth");
  assert_param("QUERY_STRING", "");
  assert_null(fcgi_param(exchange, "FCGI_ROLE").p);
  assert_true(str_eq(fcgi_body(exchange), STR("hello")));
  assert_int_equal(exchange_write(exchange, STR("Status: 204 No Content\r\n\r\n"), STR_NONE), 0);
  read_answer();
  buf_init(&out, 1000);
  answer_read(buf_str(&answer), 1, &out, &ended);
  assert_string_equal(buf_text(&out), "Status: 204 No Content\r\n\r\n");
  assert_int_equal(ended, 0);
  buf_done(&out);
}

static void the_descriptor_stays_open_whatever_was_asked(void **state) {
  (void)state;
  for (uint8_t flags = CLOSE; flags <= KEEP; flags++) {
    buf_clear(&request);
    request_add(&request, 1, flags, STR_NONE, STR_NONE);
    assert_int_equal(take(), 0);
    assert_int_equal(exchange_write(exchange, STR("\r\n"), STR_NONE), 0);
    assert_true(fcntl(ends[0], F_GETFD) >= 0);
    assert_true(fcntl(carrier.read_fd, F_GETFD) >= 0);
  }
}

static void an_exchange_is_used_again(void **state) {
  (void)state;
  for (int i = 0; i < 100; i++) {
    buf_clear(&request);
    request_add(&request, (uint16_t)(i + 1), KEEP, STR("\1\1A0"), STR("x"));
    assert_int_equal(take(), 0);
    assert_int_equal(fcgi_body(exchange).n, 1);
    assert_int_equal(exchange_write(exchange, STR("\r\n"), STR_NONE), 0);
    read_answer();
    assert_int_equal(records_count(buf_str(&answer), END, i + 1), 1);
    buf_clear(&answer);
  }
}

/* frames/ lets none of these through; if it did, libfcgi must neither block nor take the socket along. */
static void what_libfcgi_does_not_take_is_an_error_and_does_not_block(void **state) {
  (void)state;
  const struct {
    const char *bytes;
    size_t n;
  } bad[] = {{"\2\1\0\1\0\10\0\0\0\1\1\0\0\0\0\0", 16}, {"\1\1\0\1\0\10\0\0\0\1\1\0\0\0\0\0", 16}, {"\1\1", 2}};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    buf_clear(&request);
    buf_add(&request, bad[i].bytes, bad[i].n);
    assert_int_equal(take(), -1);
    assert_true(fcntl(ends[0], F_GETFD) >= 0);
    buf_clear(&request);
    request_add(&request, 1, KEEP, STR_NONE, STR_NONE);
    assert_int_equal(take(), 0);
    exchange_drop(exchange);
  }
}

static void a_reply_larger_than_libfcgis_buffer_arrives_whole(void **state) {
  static char body[100000];
  struct buf out;
  int ended = -1;
  (void)state;
  memset(body, 'b', sizeof body);
  request_add(&request, 1, KEEP, STR_NONE, STR_NONE);
  assert_int_equal(take(), 0);
  assert_int_equal(exchange_write(exchange, STR("\r\n"), str_make(body, sizeof body)), 0);
  buf_init(&out, 1 << 18);
  buf_clear(&answer);
  read_answer();
  read_answer();
  answer_read(buf_str(&answer), 1, &out, &ended);
  assert_int_equal(out.len, sizeof body + 2);
  assert_int_equal(ended, 0);
  buf_done(&out);
}

static void F28_a_peer_that_has_gone_is_an_error_and_no_signal(void **state) {
  (void)state;
  request_add(&request, 1, KEEP, STR_NONE, STR_NONE);
  assert_int_equal(take(), 0);
  close(ends[1]);
  ends[1] = -1;
  assert_int_equal(exchange_write(exchange, STR("\r\n"), STR_NONE), -1);
}

static void a_peer_that_reads_nothing_is_an_error_and_does_not_block(void **state) {
  static char body[FCGI_REPLY_MAX_BYTES];
  int status = 0;
  (void)state;
  for (int i = 0; i < 10 && status == 0; i++) {
    buf_clear(&request);
    request_add(&request, 1, KEEP, STR_NONE, STR_NONE);
    assert_int_equal(take(), 0);
    status = exchange_write(exchange, STR("\r\n"), str_make(body, sizeof body));
  }
  assert_int_equal(status, -1);
}

static void a_dropped_request_writes_nothing(void **state) {
  char byte;
  (void)state;
  request_add(&request, 1, KEEP, STR_NONE, STR_NONE);
  assert_int_equal(take(), 0);
  exchange_drop(exchange);
  assert_int_equal(read(ends[1], &byte, 1), -1);
}

static void odd_names_and_values_are_read_without_a_fault(void **state) {
  (void)state;
  pair_add(&pairs, STR(""), STR("x"));
  pair_add(&pairs, STR("A\0B"), STR("x"));
  pair_add(&pairs, STR("C"), STR("y\0z"));
  request_add(&request, 1, KEEP, buf_str(&pairs), STR_NONE);
  assert_int_equal(take(), 0);
  assert_int_equal(fcgi_params_count(exchange), 3);
  assert_int_equal(fcgi_param_at(exchange, 0).name.n, 0);
  assert_true(str_eq(fcgi_param_at(exchange, 1).name, STR("A")));
  assert_param("C", "y");
}

static void signal_handlers_stay_but_for_SIGPIPE(void **state) {
  struct sigaction action;
  (void)state;
  assert_int_equal(sigaction(SIGTERM, NULL, &action), 0);
  assert_true(action.sa_handler == SIG_DFL);
  assert_int_equal(sigaction(SIGUSR1, NULL, &action), 0);
  assert_true(action.sa_handler == SIG_DFL);
  assert_int_equal(sigaction(SIGPIPE, NULL, &action), 0);
  assert_true(action.sa_handler == SIG_IGN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_request_is_handed_over_and_answered),
      TEST(the_descriptor_stays_open_whatever_was_asked),
      TEST(an_exchange_is_used_again),
      TEST(what_libfcgi_does_not_take_is_an_error_and_does_not_block),
      TEST(a_reply_larger_than_libfcgis_buffer_arrives_whole),
      TEST(F28_a_peer_that_has_gone_is_an_error_and_no_signal),
      TEST(a_peer_that_reads_nothing_is_an_error_and_does_not_block),
      TEST(a_dropped_request_writes_nothing),
      TEST(odd_names_and_values_are_read_without_a_fault),
      TEST(signal_handlers_stay_but_for_SIGPIPE),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
