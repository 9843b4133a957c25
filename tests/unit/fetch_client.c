/* SPDX-License-Identifier: Apache-2.0
 * fetch_client: what the tests of fetch/ share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fetch_client.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

/* Enough to fill a backlog of one. */
#define FILLERS 8

struct loop *client_loop;
struct coro_pool *client_pool;
struct fetch *client_fetch;
bool client_forbid_private;
const char *client_ca_file;

static int backlog_fds[FILLERS + 1];

unsigned client_patience(void) {
  const char *text = getenv("WEIGATE_TEST_PATIENCE");
  unsigned patience = text ? (unsigned)strtoul(text, NULL, 10) : 1;
  return patience > 0 && patience <= 100 ? patience : 1;
}

int client_open(void **state) {
  struct fetch_settings settings = {
      .ca_file = client_ca_file, .connect_timeout_ms = CLIENT_CONNECT_TIMEOUT_MS, .signins_max = CLIENT_CALLS_MAX};
  (void)state;
  client_forbid_private = false;
  return loop_new(&client_loop, NULL) || coro_pool_new(client_loop, CLIENT_CALLS_MAX + 1, &client_pool, NULL) ||
         fetch_new(client_loop, &settings, &client_fetch, NULL);
}

int client_close(void **state) {
  (void)state;
  clock_release();
  fetch_free(client_fetch);
  coro_pool_free(client_pool);
  loop_free(client_loop);
  return 0;
}

static void run_job(void *arg) {
  struct client_job *job = arg;
  fetch_wait(client_fetch, str_of(job->url), job->allow_private, job->timeout_ms, &job->reply);
  job->done = true;
}

void client_start_within(struct client_job *job, const char *host, unsigned port, uint64_t timeout_ms) {
  *job = (struct client_job){.allow_private = !client_forbid_private, .timeout_ms = timeout_ms};
  snprintf(job->url, sizeof job->url, "%s:%u/sns/x?secret=" CLIENT_SECRET, host, port);
  assert_int_equal(coro_start(client_pool, run_job, job), 0);
}

void client_start(struct client_job *job, const char *host, unsigned port) {
  client_start_within(job, host, port, CLIENT_TIMEOUT_MS);
}

static void run_until_done(struct client_job *job) {
  while (!job->done) loop_turn(client_loop, -1);
  assert_null(strstr(job->reply.problem, CLIENT_SECRET));
}

void client_finish(struct client_job *job) {
  run_until_done(job);
  fetch_reply_done(&job->reply);
}

enum fetch_result client_call_host(const char *host, unsigned port, struct client_job *job) {
  client_start(job, host, port);
  client_finish(job);
  return job->reply.result;
}

enum fetch_result client_call(struct scripted_server *server, struct client_job *job) {
  return client_call_host("http://127.0.0.1", scripted_server_port(server), job);
}

void client_assert_script(const struct script_step *script, enum fetch_result wanted, int status, const char *body) {
  struct client_job job;
  struct scripted_server *server = scripted_server_start(script, NULL);
  client_start(&job, "http://127.0.0.1", scripted_server_port(server));
  run_until_done(&job);
  assert_int_equal(job.reply.result, wanted);
  assert_int_equal(job.reply.http_status, status);
  if (body) assert_string_equal(buf_text(&job.reply.body), body);
  if (wanted != FETCH_ANSWERED) assert_string_not_equal(job.reply.problem, "");
  fetch_reply_done(&job.reply);
  scripted_server_stop(server);
}

unsigned client_open_full_backlog(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  backlog_fds[0] = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(bind(backlog_fds[0], (struct sockaddr *)&address, size), 0);
  assert_int_equal(listen(backlog_fds[0], 0), 0);
  assert_int_equal(getsockname(backlog_fds[0], (struct sockaddr *)&address, &size), 0);
  for (int i = 1; i <= FILLERS; i++) {
    backlog_fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    (void)connect(backlog_fds[i], (struct sockaddr *)&address, size);
  }
  return ntohs(address.sin_port);
}

void client_close_full_backlog(void) {
  for (int i = 0; i <= FILLERS; i++) close(backlog_fds[i]);
}
