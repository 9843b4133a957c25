/* SPDX-License-Identifier: Apache-2.0
 * test_fetch: whatever a peer does, the call ends in time with the right word for it, and the next one works. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/coro.h"
#include "fetch/fetch.h"
#include "scripted_server.h"

#define OK_ANSWER   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
#define SECRET      "s3cr3t-in-the-url"
#define SIGNINS_MAX 300

static struct loop *loop;
static struct coro_pool *pool;
static struct fetch *fetch;

/* One call in a coroutine of its own. */
struct job {
  char url[256];
  bool allow_private;
  uint64_t timeout_ms;
  bool done;
  struct fetch_reply reply;
};

static void run_job(void *arg) {
  struct job *job = arg;
  fetch_wait(fetch, str_of(job->url), job->allow_private, job->timeout_ms, &job->reply);
  job->done = true;
}

static void start_job(struct job *job, const char *host, unsigned port) {
  *job = (struct job){.allow_private = true, .timeout_ms = 5000};
  snprintf(job->url, sizeof job->url, "%s:%u/sns/x?secret=" SECRET, host, port);
  assert_int_equal(coro_start(pool, run_job, job), 0);
}

static void finish_job(struct job *job) {
  while (!job->done) loop_turn(loop, -1);
  assert_null(strstr(job->reply.problem, SECRET));
}

static enum fetch_result call_port(unsigned port, struct job *job) {
  start_job(job, "http://127.0.0.1", port);
  finish_job(job);
  return job->reply.result;
}

static enum fetch_result call(struct scripted_server *server, struct job *job) {
  return call_port(scripted_server_port(server), job);
}

/* Plays one script to one call. */
static void assert_result(const struct script_step *script, enum fetch_result wanted, int status, const char *body) {
  struct job job;
  struct scripted_server *server = scripted_server_start(script, NULL);
  assert_int_equal(call(server, &job), wanted);
  assert_int_equal(job.reply.http_status, status);
  if (wanted == FETCH_ANSWERED)
    assert_string_equal(buf_text(&job.reply.body), body);
  else
    assert_string_not_equal(job.reply.problem, "");
  fetch_reply_done(&job.reply);
  scripted_server_stop(server);
}

static int open_client(void **state) {
  struct fetch_settings settings = {.connect_timeout_ms = 500, .signins_max = SIGNINS_MAX};
  (void)state;
  return loop_new(&loop, NULL) || coro_pool_new(loop, SIGNINS_MAX + 1, &pool, NULL) || fetch_new(loop, &settings, &fetch, NULL);
}

static int close_client(void **state) {
  (void)state;
  clock_release();
  fetch_free(fetch);
  coro_pool_free(pool);
  loop_free(loop);
  return 0;
}

static void answer_comes_with_status_and_body(void **state) {
  (void)state;
  static const struct script_step script[] = {DO_READ, DO_SEND(OK_ANSWER), DO_HOLD};
  assert_result(script, FETCH_ANSWERED, 200, "{}");
}

static void connection_is_used_again(void **state) {
  (void)state;
  static const struct script_step script[] = {DO_READ, DO_SEND(OK_ANSWER), DO_AGAIN};
  struct job job;
  struct scripted_server *server = scripted_server_start(script, NULL);
  for (int i = 0; i < 5; i++) {
    assert_int_equal(call(server, &job), FETCH_ANSWERED);
    fetch_reply_done(&job.reply);
  }
  assert_int_equal(scripted_server_connections(server), 1);
  scripted_server_stop(server);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(answer_comes_with_status_and_body, open_client, close_client),
      cmocka_unit_test_setup_teardown(connection_is_used_again, open_client, close_client),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
