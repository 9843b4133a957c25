/* SPDX-License-Identifier: Apache-2.0
 * test_fetch: whatever a peer does, the call ends in time with the right word for it, and the next one works. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "fetch_client.h"
#include "scripted_server.h"

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
#define BYTES_64  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define BYTES_256 BYTES_64 BYTES_64 BYTES_64 BYTES_64
#define KILOBYTE  BYTES_256 BYTES_256 BYTES_256 BYTES_256

static const struct script_step answers_and_keeps[] = {DO_READ, DO_SEND(OK_ANSWER), DO_AGAIN};
static const struct script_step is_silent[] = {DO_READ, DO_HOLD};

static void answer_comes_with_status_and_body(void **state) {
  (void)state;
  static const struct script_step script[] = {DO_READ, DO_SEND(OK_ANSWER), DO_HOLD};
  client_assert_script(script, FETCH_ANSWERED, 200, "{}");
}

static void connection_is_used_again(void **state) {
  (void)state;
  struct client_job job;
  struct scripted_server *server = scripted_server_start(answers_and_keeps, NULL);
  for (int i = 0; i < 5; i++) assert_int_equal(client_call(server, &job), FETCH_ANSWERED);
  assert_int_equal(scripted_server_connections(server), 1);
  scripted_server_stop(server);
}

static void request_names_no_more_than_needed(void **state) {
  (void)state;
  struct client_job job;
  struct scripted_server *server = scripted_server_start(answers_and_keeps, NULL);
  client_call(server, &job);
  assert_true(scripted_server_saw(server, "GET /sns/x?secret=" CLIENT_SECRET " HTTP/1.1\r\n"));
  assert_true(scripted_server_saw(server, "Accept-Encoding: identity\r\n"));
  assert_false(scripted_server_saw(server, "Cookie"));
  assert_false(scripted_server_saw(server, "Referer"));
  scripted_server_stop(server);
}

/* T13 */
static void statuses_are_told_and_not_interpreted(void **state) {
  (void)state;
  static const struct {
    struct script_step script[4];
    int status;
  } rows[] = {
      {{DO_READ, DO_SEND("HTTP/1.1 401 x\r\nContent-Length: 6\r\nWWW-Authenticate: Basic realm=x\r\n\r\n<html>"), DO_HOLD}, 401},
      {{DO_READ, DO_SEND("HTTP/1.1 403 x\r\nContent-Length: 6\r\n\r\n<html>"), DO_HOLD}, 403},
      {{DO_READ, DO_SEND("HTTP/1.1 404 x\r\nContent-Length: 6\r\n\r\n<html>"), DO_HOLD}, 404},
      {{DO_READ, DO_SEND("HTTP/1.1 407 x\r\nContent-Length: 6\r\n\r\n<html>"), DO_HOLD}, 407},
      {{DO_READ, DO_SEND("HTTP/1.1 500 x\r\nContent-Length: 6\r\n\r\n<html>"), DO_HOLD}, 500},
      {{DO_READ, DO_SEND("HTTP/1.1 502 x\r\nContent-Length: 6\r\n\r\n<html>"), DO_HOLD}, 502},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    client_assert_script(rows[i].script, FETCH_ANSWERED, rows[i].status, "<html>");
}

/* T13 */
static void retry_after_is_read_and_capped(void **state) {
  (void)state;
  static const struct {
    struct script_step script[4];
    uint32_t seconds;
  } rows[] = {
      {{DO_READ, DO_SEND("HTTP/1.1 429 x\r\nContent-Length: 0\r\nRetry-After: 7\r\n\r\n"), DO_HOLD}, 7},
      {{DO_READ, DO_SEND("HTTP/1.1 503 x\r\nContent-Length: 0\r\nRetry-After: 999999999\r\n\r\n"), DO_HOLD}, 3600},
      {{DO_READ, DO_SEND("HTTP/1.1 503 x\r\nContent-Length: 0\r\nRetry-After: -5\r\n\r\n"), DO_HOLD}, 0},
      {{DO_READ, DO_SEND("HTTP/1.1 503 x\r\nContent-Length: 0\r\nRetry-After: soon\r\n\r\n"), DO_HOLD}, 0},
      {{DO_READ, DO_SEND("HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n"), DO_HOLD}, 0},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct client_job job;
    struct scripted_server *server = scripted_server_start(rows[i].script, NULL);
    client_call(server, &job);
    assert_int_equal(job.reply.retry_after_s, rows[i].seconds);
    scripted_server_stop(server);
  }
}

/* T12 */
static void redirects_are_not_followed(void **state) {
  (void)state;
  static const struct {
    struct script_step script[4];
  } rows[] = {
      {{DO_READ, DO_SEND("HTTP/1.1 302 x\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"), DO_HOLD}},
      {{DO_READ, DO_SEND("HTTP/1.1 302 x\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"), DO_HOLD}},
      {{DO_READ, DO_SEND("HTTP/1.1 302 x\r\nLocation: gopher://127.0.0.1/\r\nContent-Length: 0\r\n\r\n"), DO_HOLD}},
      {{DO_READ, DO_SEND("HTTP/1.1 302 x\r\nLocation: /same\r\nContent-Length: 0\r\n\r\n"), DO_AGAIN}},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) client_assert_script(rows[i].script, FETCH_ANSWERED, 302, "");
}

/* T01 */
static void refused_connection_is_not_sent(void **state) {
  (void)state;
  struct client_job job;
  struct scripted_server *server = scripted_server_start(is_silent, NULL);
  unsigned port = scripted_server_port(server);
  scripted_server_stop(server);
  uint64_t before = clock_mono_ms();
  assert_int_equal(client_call_host("http://127.0.0.1", port, &job), FETCH_NOT_SENT);
  assert_true(clock_mono_ms() - before < 1000);
}

/* T02 */
static void swallowed_syn_costs_the_connect_limit(void **state) {
  (void)state;
  struct client_job job;
  unsigned port = client_open_full_backlog();
  uint64_t before = clock_mono_ms();
  assert_int_equal(client_call_host("http://127.0.0.1", port, &job), FETCH_NOT_SENT);
  uint64_t took = clock_mono_ms() - before;
  assert_true(took >= CLIENT_CONNECT_TIMEOUT_MS - 10 && took < CLIENT_CONNECT_TIMEOUT_MS + 1000);
  client_close_full_backlog();
}

/* T05 */
static void silence_ends_at_the_deadline(void **state) {
  (void)state;
  struct client_job job;
  struct scripted_server *server = scripted_server_start(is_silent, NULL);
  clock_hold(1700000000, 1000);
  client_start(&job, "http://127.0.0.1", scripted_server_port(server));
  while (scripted_server_requests(server) == 0) loop_turn(client_loop, 1);
  clock_advance_ms(CLIENT_TIMEOUT_MS - 1);
  loop_turn(client_loop, 0);
  assert_false(job.done);
  clock_advance_ms(1);
  client_finish(&job);
  assert_int_equal(job.reply.result, FETCH_TIMEOUT);
  scripted_server_stop(server);
}

/* T27 */
static void jump_of_the_wall_clock_moves_no_deadline(void **state) {
  (void)state;
  struct client_job job;
  struct scripted_server *server = scripted_server_start(is_silent, NULL);
  clock_hold(1700000000, 1000);
  client_start(&job, "http://127.0.0.1", scripted_server_port(server));
  while (scripted_server_requests(server) == 0) loop_turn(client_loop, 1);
  clock_hold(1700000000 + 3600, 1000);
  loop_turn(client_loop, 0);
  clock_hold(1700000000 - 3600, 1000);
  loop_turn(client_loop, 0);
  assert_false(job.done);
  clock_advance_ms(CLIENT_TIMEOUT_MS);
  client_finish(&job);
  assert_int_equal(job.reply.result, FETCH_TIMEOUT);
  scripted_server_stop(server);
}

/* T06 */
static void dripping_body_ends_at_the_total_deadline(void **state) {
  (void)state;
  static const struct script_step script[] = {DO_READ, DO_SEND("HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n"),
                                              DO_DRIP(KILOBYTE), DO_END};
  struct client_job job;
  struct scripted_server *server = scripted_server_start(script, NULL);
  client_start_within(&job, "http://127.0.0.1", scripted_server_port(server), 200);
  uint64_t before = clock_mono_ms();
  client_finish(&job);
  assert_int_equal(job.reply.result, FETCH_TIMEOUT);
  assert_true(clock_mono_ms() - before < 1200);
  scripted_server_stop(server);
}

/* T07 */
static void endless_headers_are_cut(void **state) {
  (void)state;
  static const struct script_step script[] = {DO_READ, DO_SEND("HTTP/1.1 200 OK\r\n"), DO_FLOOD("X-More: and more of it\r\n")};
  client_assert_script(script, FETCH_TOO_LARGE, 0, NULL);
}

/* T07 */
static void endless_header_line_is_cut(void **state) {
  (void)state;
  static const struct script_step script[] = {DO_READ, DO_SEND("HTTP/1.1 200 OK\r\nX-Long: "), DO_FLOOD(KILOBYTE)};
  struct rusage before, after;
  getrusage(RUSAGE_SELF, &before);
  struct client_job job;
  struct scripted_server *server = scripted_server_start(script, NULL);
  assert_int_not_equal(client_call(server, &job), FETCH_ANSWERED);
  scripted_server_stop(server);
  getrusage(RUSAGE_SELF, &after);
  assert_true(after.ru_maxrss - before.ru_maxrss < 16 * 1024);
}

/* T07 */
static void endless_interim_answers_are_cut(void **state) {
  (void)state;
  static const struct script_step script[] = {DO_READ, DO_FLOOD("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")};
  client_assert_script(script, FETCH_TOO_LARGE, 0, NULL);
}

/* T08 */
static void endless_chunks_are_cut(void **state) {
  (void)state;
  static const struct script_step script[] = {DO_READ, DO_SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
                                              DO_FLOOD("400\r\n" KILOBYTE "\r\n")};
  client_assert_script(script, FETCH_TOO_LARGE, 0, NULL);
}

/* T08 */
static void body_without_length_is_cut_at_the_limit(void **state) {
  (void)state;
  static const struct script_step script[] = {DO_READ, DO_SEND("HTTP/1.1 200 OK\r\n\r\n"), DO_FLOOD(KILOBYTE)};
  client_assert_script(script, FETCH_TOO_LARGE, 0, NULL);
}

/* T08 */
static void announced_length_above_the_limit_is_refused_at_once(void **state) {
  (void)state;
  static const struct script_step script[] = {DO_READ, DO_SEND("HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n{}"), DO_HOLD};
  client_assert_script(script, FETCH_TOO_LARGE, 0, NULL);
}

/* T09 */
static void body_shorter_than_its_length_is_an_error(void **state) {
  (void)state;
  static const struct script_step script[] = {DO_READ, DO_SEND("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}"), DO_END};
  client_assert_script(script, FETCH_CUT, 0, NULL);
}

/* T09 */
static void bytes_behind_the_length_are_not_taken(void **state) {
  (void)state;
  static const struct script_step script[] = {DO_READ, DO_SEND("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}<html>"), DO_HOLD};
  client_assert_script(script, FETCH_ANSWERED, 200, "{}");
}

/* T10, T11 */
static void compressed_body_is_an_error(void **state) {
  (void)state;
  static const struct {
    struct script_step script[4];
  } rows[] = {
      {{DO_READ, DO_SEND("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x01"), DO_HOLD}},
      {{DO_READ, DO_SEND("HTTP/1.1 200 OK\r\ncontent-encoding:br\r\nContent-Length: 2\r\n\r\n{}"), DO_HOLD}},
      {{DO_READ, DO_SEND("HTTP/1.1 200 OK\r\nContent-Encoding: identity, gzip\r\nContent-Length: 2\r\n\r\n{}"), DO_HOLD}},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) client_assert_script(rows[i].script, FETCH_CUT, 0, NULL);
}

/* T14 */
static void what_is_not_http_is_an_error(void **state) {
  (void)state;
  static const struct {
    struct script_step script[4];
  } rows[] = {
      {{DO_READ, DO_SEND("<html>welcome</html>"), DO_END}},
      {{DO_READ, DO_SEND("SSH-2.0-OpenSSH_9.2\r\n"), DO_END}},
      {{DO_READ, DO_SEND("\x15\x03\x01\x00\x02\x02\x16"), DO_END}},
      {{DO_READ, DO_SEND("HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n{}"), DO_END}},
      {{DO_READ, DO_SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), DO_END}},
      {{DO_READ, DO_SEND("HTTP/1.1 200 OK\r\nContent-Le"), DO_RESET}},
      {{DO_READ, DO_SEND("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}"), DO_RESET}},
      {{DO_READ, DO_END}},
      {{DO_READ, DO_RESET}},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) client_assert_script(rows[i].script, FETCH_CUT, 0, NULL);
}

static void kept_connection_that_died_is_replaced_silently(void **state) {
  (void)state;
  static const struct script_step dies[] = {DO_READ, DO_SEND(OK_ANSWER), DO_READ, DO_END};
  struct client_job job;
  struct scripted_server *server = scripted_server_start_two(dies, answers_and_keeps, NULL);
  assert_int_equal(client_call(server, &job), FETCH_ANSWERED);
  assert_int_equal(client_call(server, &job), FETCH_ANSWERED);
  assert_int_equal(scripted_server_connections(server), 2);
  scripted_server_stop(server);
}

static void next_call_works_after_each_failure(void **state) {
  (void)state;
  static const struct script_step dies[] = {DO_READ, DO_SEND("HTTP/1.1 200"), DO_RESET};
  struct client_job job;
  struct scripted_server *server = scripted_server_start_two(dies, answers_and_keeps, NULL);
  assert_int_equal(client_call(server, &job), FETCH_CUT);
  assert_int_equal(client_call(server, &job), FETCH_ANSWERED);
  scripted_server_stop(server);
}

/* T20 */
static void private_address_is_refused_unless_allowed(void **state) {
  (void)state;
  struct client_job job;
  struct scripted_server *server = scripted_server_start(answers_and_keeps, NULL);
  client_start(&job, "http://127.0.0.1", scripted_server_port(server));
  client_finish(&job);
  assert_int_equal(job.reply.result, FETCH_ANSWERED);
  client_forbid_private = true;
  client_start(&job, "http://localhost", scripted_server_port(server));
  client_finish(&job);
  assert_int_equal(job.reply.result, FETCH_NOT_SENT);
  assert_non_null(strstr(job.reply.problem, "private"));
  assert_int_equal(scripted_server_connections(server), 1);
  scripted_server_stop(server);
}

static void addresses_that_are_none_are_refused(void **state) {
  (void)state;
  static const char *const urls[] = {"ftp://127.0.0.1", "file:///etc/passwd#", "http://", "http://user@127.0.0.1",
                                     "http://127.0.0.1 "};
  struct client_job job;
  for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) assert_int_equal(client_call_host(urls[i], 1, &job), FETCH_OVERLOADED);
}

/* T22 */
static void calls_beyond_the_limit_are_refused_at_once(void **state) {
  (void)state;
  static struct client_job jobs[CLIENT_CALLS_MAX], one_more;
  static const struct script_step gated[] = {DO_READ, DO_GATE, DO_SEND(OK_ANSWER), DO_AGAIN};
  struct scripted_server *server = scripted_server_start(gated, NULL);
  for (size_t i = 0; i < CLIENT_CALLS_MAX; i++) client_start(&jobs[i], "http://127.0.0.1", scripted_server_port(server));
  client_start(&one_more, "http://127.0.0.1", scripted_server_port(server));
  assert_true(one_more.done);
  assert_int_equal(one_more.reply.result, FETCH_OVERLOADED);
  fetch_reply_done(&one_more.reply);
  scripted_server_open_gate(server);
  for (size_t i = 0; i < CLIENT_CALLS_MAX; i++) {
    client_finish(&jobs[i]);
    assert_int_equal(jobs[i].reply.result, FETCH_ANSWERED);
  }
  scripted_server_stop(server);
}

/* T22 */
static void cold_burst_opens_connections_in_waves(void **state) {
  (void)state;
  static struct client_job jobs[CLIENT_CALLS_MAX];
  static const struct script_step gated[] = {DO_READ, DO_GATE, DO_SEND(OK_ANSWER), DO_AGAIN};
  struct scripted_server *server = scripted_server_start(gated, NULL);
  clock_hold(1700000000, clock_mono_ms()); /* the window widens with time */
  for (size_t i = 0; i < CLIENT_CALLS_MAX; i++) client_start(&jobs[i], "http://127.0.0.1", scripted_server_port(server));
  while (scripted_server_requests(server) < 64) loop_turn(client_loop, 10);
  for (int i = 0; i < 20; i++) loop_turn(client_loop, 1);
  assert_int_equal(scripted_server_connections(server), 64);
  clock_release();
  scripted_server_open_gate(server);
  for (size_t i = 0; i < CLIENT_CALLS_MAX; i++) client_finish(&jobs[i]);
  assert_true(scripted_server_connections(server) <= CLIENT_CALLS_MAX);
  scripted_server_stop(server);
}

static void calls_that_wait_for_a_dead_host_end_with_the_first(void **state) {
  (void)state;
  static struct client_job jobs[CLIENT_CALLS_MAX];
  unsigned port = client_open_full_backlog();
  uint64_t before = clock_mono_ms();
  for (size_t i = 0; i < CLIENT_CALLS_MAX; i++) client_start(&jobs[i], "http://127.0.0.1", port);
  for (size_t i = 0; i < CLIENT_CALLS_MAX; i++) {
    client_finish(&jobs[i]);
    assert_int_equal(jobs[i].reply.result, FETCH_NOT_SENT);
  }
  assert_true(clock_mono_ms() - before < CLIENT_CONNECT_TIMEOUT_MS + 1000);
  client_close_full_backlog();
}

/* Calls one after another, each with a path of its own. */
#define CHAIN_CALLS 40
#define CHAINS      250

static struct scripted_server *echo_server;
static int chains_left;

static void run_chain(void *arg) {
  size_t chain = (size_t)arg;
  for (int i = 0; i < CHAIN_CALLS; i++) {
    char url[128];
    struct fetch_reply reply;
    int head = snprintf(url, sizeof url, "http://127.0.0.1:%u", scripted_server_port(echo_server));
    snprintf(url + head, sizeof url - (size_t)head, "/%zu/%d/%zu", chain, i, chain * 7919 + (size_t)i);
    fetch_wait(client_fetch, str_of(url), true, 10000, &reply);
    assert_int_equal(reply.result, FETCH_ANSWERED);
    assert_string_equal(buf_text(&reply.body), url + head);
    fetch_reply_done(&reply);
  }
  chains_left--;
}

/* T17 */
static void parallel_answers_are_never_mixed_up(void **state) {
  (void)state;
  static const struct script_step echoes[] = {DO_READ, DO_ECHO, DO_AGAIN};
  echo_server = scripted_server_start(echoes, NULL);
  chains_left = CHAINS;
  for (size_t i = 0; i < CHAINS; i++) assert_int_equal(coro_start(client_pool, run_chain, (void *)i), 0);
  while (chains_left > 0) loop_turn(client_loop, -1);
  scripted_server_stop(echo_server);
}

/* F24, F25 */
static void settings_of_the_environment_are_ignored(void **state) {
  (void)state;
  static const char *const variables[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"};
  struct client_job job;
  struct scripted_server *server = scripted_server_start(answers_and_keeps, NULL);
  client_close(NULL);
  for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) setenv(variables[i], "http://127.0.0.1:1", 1);
  setenv("SSLKEYLOGFILE", "/tmp/weigate-test-keylog", 1);
  setenv("CURL_CA_BUNDLE", "/nonexistent", 1);
  client_open(NULL);
  assert_null(getenv("SSLKEYLOGFILE"));
  assert_null(getenv("https_proxy"));
  setenv("http_proxy", "http://127.0.0.1:1", 1); /* even set later */
  assert_int_equal(client_call(server, &job), FETCH_ANSWERED);
  unsetenv("http_proxy");
  assert_int_equal(access("/tmp/weigate-test-keylog", F_OK), -1);
  scripted_server_stop(server);
}

static void no_descriptor_or_connection_is_lost(void **state) {
  (void)state;
  static const struct script_step dies[] = {DO_READ, DO_RESET};
  struct client_job job;
  struct scripted_server *server = scripted_server_start(dies, NULL);
  client_call(server, &job);
  int before = dup(0);
  close(before);
  for (int i = 0; i < 20; i++) client_call(server, &job);
  while (scripted_server_open_connections(server) > 0) loop_turn(client_loop, 1);
  int after = dup(0);
  close(after);
  assert_true(after <= before + 1);
  scripted_server_stop(server);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define WITH_CLIENT(test) cmocka_unit_test_setup_teardown(test, client_open, client_close)
      WITH_CLIENT(answer_comes_with_status_and_body),
      WITH_CLIENT(connection_is_used_again),
      WITH_CLIENT(request_names_no_more_than_needed),
      WITH_CLIENT(statuses_are_told_and_not_interpreted),
      WITH_CLIENT(retry_after_is_read_and_capped),
      WITH_CLIENT(redirects_are_not_followed),
      WITH_CLIENT(refused_connection_is_not_sent),
      WITH_CLIENT(swallowed_syn_costs_the_connect_limit),
      WITH_CLIENT(silence_ends_at_the_deadline),
      WITH_CLIENT(jump_of_the_wall_clock_moves_no_deadline),
      WITH_CLIENT(dripping_body_ends_at_the_total_deadline),
      WITH_CLIENT(endless_headers_are_cut),
      WITH_CLIENT(endless_header_line_is_cut),
      WITH_CLIENT(endless_interim_answers_are_cut),
      WITH_CLIENT(endless_chunks_are_cut),
      WITH_CLIENT(body_without_length_is_cut_at_the_limit),
      WITH_CLIENT(announced_length_above_the_limit_is_refused_at_once),
      WITH_CLIENT(body_shorter_than_its_length_is_an_error),
      WITH_CLIENT(bytes_behind_the_length_are_not_taken),
      WITH_CLIENT(compressed_body_is_an_error),
      WITH_CLIENT(what_is_not_http_is_an_error),
      WITH_CLIENT(kept_connection_that_died_is_replaced_silently),
      WITH_CLIENT(next_call_works_after_each_failure),
      WITH_CLIENT(private_address_is_refused_unless_allowed),
      WITH_CLIENT(addresses_that_are_none_are_refused),
      WITH_CLIENT(calls_beyond_the_limit_are_refused_at_once),
      WITH_CLIENT(cold_burst_opens_connections_in_waves),
      WITH_CLIENT(calls_that_wait_for_a_dead_host_end_with_the_first),
      WITH_CLIENT(parallel_answers_are_never_mixed_up),
      WITH_CLIENT(settings_of_the_environment_are_ignored),
      WITH_CLIENT(no_descriptor_or_connection_is_lost),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
