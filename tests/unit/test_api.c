/* SPDX-License-Identifier: Apache-2.0
 * test_api: which calls are repeated, where, how often, and what is told afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/coro.h"
#include "base/log.h"
#include "scripted_server.h"
#include "wechat/api.h"

#define SIGNINS_MAX 64
#define APPID       "wx0123456789abcdef"
#define SECRET      "0123456789abcdef0123456789abcdef"
#define CODE        "061kSQ0w3wXm4X2a"
/* The body ends with the connection. */
#define BODY(json) "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n" json
#define TOKEN_BODY                                                                                                               \
  BODY("{\"access_token\":\"AT-12345678\",\"expires_in\":7200,\"refresh_token\":\"RT-12345678\",\"openid\":\"oA\","              \
       "\"scope\":\"snsapi_userinfo\"}")
#define PROFILE_BODY BODY("{\"openid\":\"oA\",\"nickname\":\"n\"}")
#define BUSY_BODY    BODY("{\"errcode\":-1,\"errmsg\":\"system error\"}")

static const struct script_step gives_token[] = {DO_READ, DO_SEND(TOKEN_BODY), DO_END};
static const struct script_step gives_profile[] = {DO_READ, DO_SEND(PROFILE_BODY), DO_END};
static const struct script_step is_busy[] = {DO_READ, DO_SEND(BUSY_BODY), DO_END};
static const struct script_step cuts[] = {DO_READ, DO_END};
static const struct script_step is_silent[] = {DO_READ, DO_HOLD};
static const struct script_step bad_gateway[] = {DO_READ, DO_SEND("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"),
                                                 DO_END};

static struct loop *loop;
static struct coro_pool *pool;
static struct fetch *fetch;
static struct wechat *wechat;
static struct wechat_settings settings;
static const char *code = CODE;
static char log_file[] = "/tmp/test-api-log-XXXXXX"; /* everything down to debug */
static char urls[2][64];
static const char *api_urls[2] = {urls[0], urls[1]};

struct job {
  enum wechat_call call;
  bool done;
  struct wechat_token token;
  struct wechat_profile profile;
  struct wechat_answer answer;
};

static void run_job(void *arg) {
  struct job *job = arg;
  switch (job->call) {
  case WECHAT_CALL_TOKEN:
    wechat_token_wait(wechat, str_of(code), &job->token, &job->answer);
    break;
  case WECHAT_CALL_REFRESH:
    wechat_refresh_wait(wechat, &job->token, &job->answer);
    break;
  case WECHAT_CALL_USERINFO:
    wechat_profile_wait(wechat, &job->token, STR("en"), &job->profile, &job->answer);
    break;
  case WECHAT_CALL_AUTH:
    wechat_auth_wait(wechat, &job->token, &job->answer);
    break;
  }
  job->done = true;
}

/* One call with a token of oA where it needs one. */
static struct wechat_answer call(enum wechat_call which, struct job *job) {
  *job = (struct job){
      .call = which,
      .token = {.access_token = "AT&=", .refresh_token = "RT-old", .openid = "oA", .unionid = "uA", .is_snapshot = true}};
  assert_int_equal(coro_start(pool, run_job, job), 0);
  while (!job->done) loop_turn(loop, -1);
  wechat_profile_done(&job->profile);
  return job->answer;
}

/* Makes the account with one or two hosts. */
static void open_account(unsigned first_port, unsigned second_port) {
  snprintf(urls[0], sizeof urls[0], "http://127.0.0.1:%u", first_port);
  snprintf(urls[1], sizeof urls[1], "http://localhost:%u", second_port);
  settings = (struct wechat_settings){
      .appid = APPID, .secret = SECRET, .api_urls = api_urls, .api_urls_count = second_port ? 2 : 1, .request_timeout_ms = 2000};
  assert_int_equal(wechat_new(fetch, &settings, &wechat, NULL), 0);
}

static int open_client(void **state) {
  struct fetch_settings fetch_settings = {.connect_timeout_ms = 500, .signins_max = SIGNINS_MAX};
  (void)state;
  return loop_new(&loop, NULL) || coro_pool_new(loop, SIGNINS_MAX, &pool, NULL) || fetch_new(loop, &fetch_settings, &fetch, NULL);
}

static int close_client(void **state) {
  (void)state;
  clock_release();
  wechat_free(wechat);
  wechat = NULL;
  fetch_free(fetch);
  coro_pool_free(pool);
  loop_free(loop);
  return 0;
}

/* Nothing listens there: the server that had the port is gone. */
static unsigned find_dead_port(void) {
  struct scripted_server *server = scripted_server_start(cuts, NULL);
  unsigned port = scripted_server_port(server);
  scripted_server_stop(server);
  return port;
}

static void code_is_exchanged_with_the_parameters_in_documented_order(void **state) {
  (void)state;
  struct job job;
  struct scripted_server *server = scripted_server_start(gives_token, NULL);
  open_account(scripted_server_port(server), 0);
  assert_int_equal(call(WECHAT_CALL_TOKEN, &job).action, WECHAT_OK);
  assert_string_equal(job.token.access_token, "AT-12345678");
  assert_true(scripted_server_saw(server, "GET /sns/oauth2/access_token?appid=" APPID "&secret=" SECRET "&code=" CODE
                                          "&grant_type=authorization_code HTTP/1.1\r\n"));
  assert_true(scripted_server_saw(server, "Accept-Encoding: identity\r\n"));
  scripted_server_stop(server);
}

/* C02 */
static void odd_code_cannot_change_the_address(void **state) {
  (void)state;
  struct job job;
  struct scripted_server *server = scripted_server_start(gives_token, NULL);
  open_account(scripted_server_port(server), 0);
  code = "a&secret=x#../%00\r\nX: y";
  assert_int_equal(call(WECHAT_CALL_TOKEN, &job).action, WECHAT_OK);
  code = CODE;
  assert_true(scripted_server_saw(server, "&secret=" SECRET
                                          "&code=a%26secret%3Dx%23..%2F%2500%0D%0AX%3A%20y&grant_type=authorization_code "));
  scripted_server_stop(server);
}

static void refresh_keeps_unionid_and_snapshot_flag(void **state) {
  (void)state;
  struct job job;
  struct scripted_server *server = scripted_server_start(gives_token, NULL);
  open_account(scripted_server_port(server), 0);
  assert_int_equal(call(WECHAT_CALL_REFRESH, &job).action, WECHAT_OK);
  assert_true(scripted_server_saw(server, "GET /sns/oauth2/refresh_token?appid=" APPID
                                          "&grant_type=refresh_token&refresh_token=RT-old "));
  assert_string_equal(job.token.access_token, "AT-12345678");
  assert_string_equal(job.token.unionid, "uA");
  assert_true(job.token.is_snapshot);
  scripted_server_stop(server);
}

/* J26 */
static void tokens_are_percent_encoded(void **state) {
  (void)state;
  struct job job;
  struct scripted_server *server = scripted_server_start(gives_profile, NULL);
  open_account(scripted_server_port(server), 0);
  assert_int_equal(call(WECHAT_CALL_USERINFO, &job).action, WECHAT_OK);
  assert_true(scripted_server_saw(server, "GET /sns/userinfo?access_token=AT%26%3D&openid=oA&lang=en HTTP/1.1\r\n"));
  scripted_server_stop(server);
}

static void profile_of_another_person_is_refused(void **state) {
  (void)state;
  static const struct script_step script[] = {DO_READ, DO_SEND(BODY("{\"openid\":\"oB\"}")), DO_END};
  struct job job;
  struct scripted_server *server = scripted_server_start(script, NULL);
  open_account(scripted_server_port(server), 0);
  struct wechat_answer answer = call(WECHAT_CALL_USERINFO, &job);
  assert_int_equal(answer.action, WECHAT_RETRY);
  assert_int_equal(answer.upstream, WECHAT_UPSTREAM_BAD_BODY);
  assert_string_equal(job.profile.openid, "");
  scripted_server_stop(server);
}

static void refreshed_token_of_another_person_is_refused(void **state) {
  (void)state;
  static const struct script_step script[] = {DO_READ, DO_SEND(BODY("{\"openid\":\"oB\",\"access_token\":\"x\"}")), DO_END};
  struct job job;
  struct scripted_server *server = scripted_server_start(script, NULL);
  open_account(scripted_server_port(server), 0);
  assert_int_equal(call(WECHAT_CALL_REFRESH, &job).upstream, WECHAT_UPSTREAM_BAD_BODY);
  assert_string_equal(job.token.access_token, "AT&=");
  scripted_server_stop(server);
}

/* T24 */
static void busy_is_repeated_once(void **state) {
  (void)state;
  struct job job;
  struct scripted_server *server = scripted_server_start(is_busy, NULL);
  open_account(scripted_server_port(server), 0);
  struct wechat_answer answer = call(WECHAT_CALL_TOKEN, &job);
  assert_int_equal(answer.action, WECHAT_RETRY);
  assert_int_equal(answer.errcode, -1);
  assert_int_equal(answer.upstream, WECHAT_UPSTREAM_FINE);
  assert_int_equal(scripted_server_requests(server), 2);
  scripted_server_stop(server);
}

static void second_try_after_busy_may_succeed(void **state) {
  (void)state;
  struct job job;
  struct scripted_server *server = scripted_server_start_two(is_busy, gives_token, NULL);
  open_account(scripted_server_port(server), 0);
  assert_int_equal(call(WECHAT_CALL_TOKEN, &job).action, WECHAT_OK);
  scripted_server_stop(server);
}

static void used_code_after_our_own_repeat_is_told_as_used(void **state) {
  (void)state;
  static const struct script_step used[] = {DO_READ, DO_SEND(BODY("{\"errcode\":40163,\"errmsg\":\"code been used\"}")), DO_END};
  struct job job;
  struct scripted_server *server = scripted_server_start_two(is_busy, used, NULL);
  open_account(scripted_server_port(server), 0);
  assert_int_equal(call(WECHAT_CALL_TOKEN, &job).action, WECHAT_CODE_USED);
  scripted_server_stop(server);
}

/* T18 */
static void code_is_not_sent_again_after_a_cut(void **state) {
  (void)state;
  struct job job;
  struct scripted_server *server = scripted_server_start_two(cuts, gives_token, NULL);
  open_account(scripted_server_port(server), scripted_server_port(server));
  struct wechat_answer answer = call(WECHAT_CALL_TOKEN, &job);
  assert_int_equal(answer.action, WECHAT_RETRY);
  assert_int_equal(answer.upstream, WECHAT_UPSTREAM_UNREACHABLE);
  assert_int_equal(scripted_server_requests(server), 1);
  scripted_server_stop(server);
}

static void userinfo_goes_to_the_other_host_once_after_a_cut(void **state) {
  (void)state;
  struct job job;
  struct scripted_server *first = scripted_server_start(cuts, NULL), *second = scripted_server_start(gives_profile, NULL);
  open_account(scripted_server_port(first), scripted_server_port(second));
  assert_int_equal(call(WECHAT_CALL_USERINFO, &job).action, WECHAT_OK);
  assert_int_equal(scripted_server_requests(first), 1);
  assert_int_equal(scripted_server_requests(second), 1);
  scripted_server_stop(first);
  scripted_server_stop(second);
}

/* T18 */
static void userinfo_is_not_repeated_twice(void **state) {
  (void)state;
  struct job job;
  struct scripted_server *server = scripted_server_start(bad_gateway, NULL);
  open_account(scripted_server_port(server), 0);
  struct wechat_answer answer = call(WECHAT_CALL_USERINFO, &job);
  assert_int_equal(answer.upstream, WECHAT_UPSTREAM_HTTP_STATUS);
  assert_string_equal(answer.errmsg, "HTTP status 502");
  assert_int_equal(scripted_server_requests(server), 2);
  scripted_server_stop(server);
}

static void code_goes_to_the_next_host_when_the_first_refuses_connections(void **state) {
  (void)state;
  struct job job;
  struct scripted_server *server = scripted_server_start(gives_token, NULL);
  open_account(find_dead_port(), scripted_server_port(server));
  assert_int_equal(call(WECHAT_CALL_TOKEN, &job).action, WECHAT_OK);
  scripted_server_stop(server);
}

static void host_that_failed_is_left_alone(void **state) {
  (void)state;
  struct job job;
  struct scripted_server *server = scripted_server_start(gives_token, NULL);
  unsigned dead = find_dead_port();
  open_account(dead, scripted_server_port(server));
  assert_int_equal(call(WECHAT_CALL_TOKEN, &job).action, WECHAT_OK);
  for (int i = 0; i < 3; i++) assert_int_equal(call(WECHAT_CALL_TOKEN, &job).action, WECHAT_OK);
  assert_int_equal(scripted_server_requests(server), 4);
  scripted_server_stop(server);
}

/* T01 */
static void refused_connection_is_told_within_a_second(void **state) {
  (void)state;
  struct job job;
  open_account(find_dead_port(), 0);
  uint64_t before = clock_mono_ms();
  assert_int_equal(call(WECHAT_CALL_TOKEN, &job).upstream, WECHAT_UPSTREAM_UNREACHABLE);
  assert_true(clock_mono_ms() - before < 1000);
}

/* T05, T18 */
static void silent_host_costs_the_budget_and_no_more(void **state) {
  (void)state;
  struct job job;
  struct scripted_server *server = scripted_server_start(is_silent, NULL);
  open_account(scripted_server_port(server), 0);
  settings.request_timeout_ms = 200;
  uint64_t before = clock_mono_ms();
  assert_int_equal(call(WECHAT_CALL_USERINFO, &job).upstream, WECHAT_UPSTREAM_TIMEOUT);
  assert_true(clock_mono_ms() - before < 1000);
  assert_int_equal(scripted_server_requests(server), 1);
  scripted_server_stop(server);
}

/* T23 */
static void five_failures_stop_the_calls(void **state) {
  (void)state;
  struct job job;
  const char *why;
  struct scripted_server *server = scripted_server_start(cuts, NULL);
  open_account(scripted_server_port(server), 0);
  for (int i = 0; i < 5; i++) {
    assert_int_equal(wechat_breaker_state(wechat, &why), WECHAT_BREAKER_CLOSED);
    assert_int_equal(call(WECHAT_CALL_TOKEN, &job).upstream, WECHAT_UPSTREAM_UNREACHABLE);
  }
  struct wechat_answer answer = call(WECHAT_CALL_TOKEN, &job);
  assert_int_equal(answer.upstream, WECHAT_UPSTREAM_BREAKER);
  assert_int_equal(answer.action, WECHAT_RETRY);
  assert_true(answer.retry_after_s >= 1);
  assert_int_equal(wechat_breaker_state(wechat, &why), WECHAT_BREAKER_OPEN);
  assert_string_not_equal(why, "");
  assert_int_equal(scripted_server_requests(server), 5);
  scripted_server_stop(server);
}

/* T24 */
static void minute_quota_is_not_repeated_and_stops_that_call_only(void **state) {
  (void)state;
  static const struct script_step quota[] = {
      DO_READ, DO_SEND(BODY("{\"errcode\":45011,\"errmsg\":\"api minute-quota reach limit\"}")), DO_END};
  struct job job;
  struct scripted_server *server = scripted_server_start_two(quota, gives_profile, NULL);
  open_account(scripted_server_port(server), 0);
  assert_int_equal(call(WECHAT_CALL_TOKEN, &job).action, WECHAT_QUOTA_MINUTE);
  struct wechat_answer answer = call(WECHAT_CALL_TOKEN, &job);
  assert_int_equal(answer.action, WECHAT_QUOTA_MINUTE);
  assert_int_equal(answer.upstream, WECHAT_UPSTREAM_BREAKER);
  assert_int_equal(answer.errcode, 45011);
  assert_true(answer.retry_after_s >= 1 && answer.retry_after_s <= 61);
  assert_int_equal(scripted_server_requests(server), 1);
  assert_int_equal(call(WECHAT_CALL_USERINFO, &job).action, WECHAT_OK);
  scripted_server_stop(server);
}

/* T26 */
static void message_that_repeats_the_secret_is_withheld(void **state) {
  (void)state;
  static const struct script_step echo[] = {
      DO_READ, DO_SEND(BODY("{\"errcode\":40125,\"errmsg\":\"invalid appsecret " SECRET "\"}")), DO_END};
  struct job job;
  struct scripted_server *server = scripted_server_start(echo, NULL);
  open_account(scripted_server_port(server), 0);
  struct wechat_answer answer = call(WECHAT_CALL_TOKEN, &job);
  assert_int_equal(answer.action, WECHAT_CONFIG);
  assert_null(strstr(answer.errmsg, "0123456789"));
  scripted_server_stop(server);
}

/* How often the log so far holds the text. */
static int count_logged(const char *text) {
  static char log[1 << 20];
  int count = 0, fd = open(log_file, O_RDONLY);
  ssize_t n = read(fd, log, sizeof log - 1);
  close(fd);
  assert_true(n > 0);
  log[n] = '\0';
  for (const char *at = log; (at = strstr(at, text)); at++) count++;
  return count;
}

/* T25 */
static void wrong_secret_raises_one_alarm(void **state) {
  (void)state;
  static const struct script_step wrong[] = {DO_READ, DO_SEND(BODY("{\"errcode\":40001,\"errmsg\":\"invalid credential\"}")),
                                             DO_END};
  struct job job;
  struct scripted_server *server = scripted_server_start(wrong, NULL);
  open_account(scripted_server_port(server), 0);
  int before = count_logged("errcode 40001");
  for (int i = 0; i < 20; i++) assert_int_equal(call(WECHAT_CALL_TOKEN, &job).action, WECHAT_CONFIG);
  assert_int_equal(count_logged("errcode 40001") - before, 1);
  assert_int_equal(scripted_server_requests(server), 5);
  scripted_server_stop(server);
}

/* T26; the last test, so that the log is that of all */
static void nothing_secret_was_logged(void **state) {
  (void)state;
  static const char *const secrets[] = {SECRET, CODE, "AT-12345678", "RT-12345678", "RT-old", "AT&=", "AT%26", "access_token="};
  assert_true(count_logged("again") > 0); /* a line of level debug */
  for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) assert_int_equal(count_logged(secrets[i]), 0);
}

static void assert_url_refused(const char *url, const char *hint) {
  struct err err;
  const char *list[] = {url};
  struct wechat *unused;
  struct wechat_settings wrong = {
      .appid = APPID, .secret = SECRET, .api_urls = list, .api_urls_count = 1, .request_timeout_ms = 1};
  assert_int_equal(wechat_new(fetch, &wrong, &unused, &err), -1);
  assert_non_null(strstr(err.text, hint));
}

/* T04 */
static void addresses_that_would_leak_or_lead_astray_are_refused(void **state) {
  (void)state;
  assert_url_refused("http://api.weixin.qq.com", "in the clear");
  assert_url_refused("http://127.0.0.1.evil.example", "in the clear");
  assert_url_refused("ftp://api.weixin.qq.com", "no address");
  assert_url_refused("https://user@api.weixin.qq.com", "no address");
  assert_url_refused("https://", "no address");
  assert_url_refused("https://api.weixin.qq.com/sns", "end after the host");
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define WITH_CLIENT(test) cmocka_unit_test_setup_teardown(test, open_client, close_client)
      WITH_CLIENT(code_is_exchanged_with_the_parameters_in_documented_order),
      WITH_CLIENT(refresh_keeps_unionid_and_snapshot_flag),
      WITH_CLIENT(tokens_are_percent_encoded),
      WITH_CLIENT(profile_of_another_person_is_refused),
      WITH_CLIENT(refreshed_token_of_another_person_is_refused),
      WITH_CLIENT(busy_is_repeated_once),
      WITH_CLIENT(second_try_after_busy_may_succeed),
      WITH_CLIENT(used_code_after_our_own_repeat_is_told_as_used),
      WITH_CLIENT(code_is_not_sent_again_after_a_cut),
      WITH_CLIENT(userinfo_goes_to_the_other_host_once_after_a_cut),
      WITH_CLIENT(userinfo_is_not_repeated_twice),
      WITH_CLIENT(code_goes_to_the_next_host_when_the_first_refuses_connections),
      WITH_CLIENT(host_that_failed_is_left_alone),
      WITH_CLIENT(refused_connection_is_told_within_a_second),
      WITH_CLIENT(silent_host_costs_the_budget_and_no_more),
      WITH_CLIENT(five_failures_stop_the_calls),
      WITH_CLIENT(minute_quota_is_not_repeated_and_stops_that_call_only),
      WITH_CLIENT(message_that_repeats_the_secret_is_withheld),
      WITH_CLIENT(odd_code_cannot_change_the_address),
      WITH_CLIENT(wrong_secret_raises_one_alarm),
      WITH_CLIENT(addresses_that_would_leak_or_lead_astray_are_refused),
      WITH_CLIENT(nothing_secret_was_logged),
  };
  close(mkstemp(log_file));
  struct log_settings everything = {.level = LOG_LEVEL_DEBUG, .format = LOG_FORMAT_TEXT, .destination = log_file};
  struct err err;
  if (log_open(&everything, &err) != 0) return 99;
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  unlink(log_file);
  return failed;
}
