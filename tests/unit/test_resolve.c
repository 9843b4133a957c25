/* SPDX-License-Identifier: Apache-2.0
 * test_resolve: names that do not resolve, or not in time, or to where no call may go. This program brings its own getaddrinfo(),
 * which libcurl's resolver threads call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "fetch_client.h"

static const struct script_step answers[] = {DO_READ, DO_SEND("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), DO_AGAIN};

/* Names and what they lead to; NULL: no answer until release_resolver(). */
static const struct {
  const char *name, *address;
  int error;
} names[] = {
    {"hangs.test", NULL, 0},        {"missing.test", NULL, EAI_NONAME},       {"fails.test", NULL, EAI_AGAIN},
    {"local.test", "127.0.0.1", 0}, {"private.test", "10.1.2.3", 0},          {"link.test", "169.254.169.254", 0},
    {"six.test", "::1", 0},         {"mapped.test", "::ffff:192.168.0.1", 0},
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool may_hang;
static int hanging, asked; /* asked: for local.test */

static void hang(void) {
  pthread_mutex_lock(&lock);
  hanging++;
  pthread_cond_broadcast(&changed);
  while (may_hang) pthread_cond_wait(&changed, &lock);
  hanging--;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

/* From now on names of that kind hang; a thread that comes after release_resolver() does not. */
static void block_resolver(void) {
  pthread_mutex_lock(&lock);
  may_hang = true;
  pthread_mutex_unlock(&lock);
}

static void release_resolver(void) {
  pthread_mutex_lock(&lock);
  may_hang = false;
  pthread_cond_broadcast(&changed);
  while (hanging > 0) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
}

static int count_hanging(void) {
  pthread_mutex_lock(&lock);
  int count = hanging;
  pthread_mutex_unlock(&lock);
  return count;
}

static int make_entry(const char *address, const char *service, struct addrinfo **ret_entry) {
  struct {
    struct addrinfo entry;
    union {
      struct sockaddr any;
      struct sockaddr_in v4;
      struct sockaddr_in6 v6;
    } peer;
  } *made = calloc(1, sizeof *made);
  if (!made) return EAI_MEMORY;
  in_port_t port = htons((in_port_t)strtoul(service ? service : "0", NULL, 10));
  bool is_v6 = inet_pton(AF_INET6, address, &made->peer.v6.sin6_addr) == 1;
  if (is_v6) {
    made->peer.v6.sin6_family = AF_INET6;
    made->peer.v6.sin6_port = port;
  } else {
    made->peer.v4.sin_family = AF_INET;
    made->peer.v4.sin_port = port;
    inet_pton(AF_INET, address, &made->peer.v4.sin_addr);
  }
  made->entry = (struct addrinfo){.ai_family = is_v6 ? AF_INET6 : AF_INET,
                                  .ai_socktype = SOCK_STREAM,
                                  .ai_addr = &made->peer.any,
                                  .ai_addrlen = is_v6 ? sizeof made->peer.v6 : sizeof made->peer.v4};
  *ret_entry = &made->entry;
  return 0;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret) {
  (void)hints;
  pthread_mutex_lock(&lock);
  if (strcmp(node, "local.test") == 0) asked++;
  pthread_mutex_unlock(&lock);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (strcmp(node, names[i].name) != 0) continue;
    if (names[i].error) return names[i].error;
    if (names[i].address) return make_entry(names[i].address, service, ret);
    hang();
  }
  return EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *entry) {
  free(entry);
}

/* T19 */
static void missing_name_is_not_sent(void **state) {
  (void)state;
  struct client_job job;
  assert_int_equal(client_call_host("http://missing.test", 80, &job), FETCH_NOT_SENT);
  assert_int_equal(client_call_host("http://fails.test", 80, &job), FETCH_NOT_SENT);
}

/* T19 */
static void hanging_resolver_costs_the_connect_limit_and_no_more(void **state) {
  (void)state;
  struct client_job job;
  block_resolver();
  uint64_t before = clock_mono_ms();
  assert_int_equal(client_call_host("http://hangs.test", 80, &job), FETCH_NOT_SENT);
  assert_true(clock_mono_ms() - before < CLIENT_CONNECT_TIMEOUT_MS + 1000);
  release_resolver();
}

/* T19 */
static void deadline_holds_while_the_resolver_hangs(void **state) {
  (void)state;
  struct client_job job;
  block_resolver();
  uint64_t before = clock_mono_ms();
  client_start_within(&job, "http://hangs.test", 80, 100);
  while (count_hanging() == 0) loop_turn(client_loop, 1);
  client_finish(&job);
  assert_int_equal(job.reply.result, FETCH_NOT_SENT);
  assert_true(clock_mono_ms() - before < 1100);
  release_resolver();
}

static void client_closes_while_a_resolver_hangs(void **state) {
  (void)state;
  struct client_job job;
  block_resolver();
  client_start_within(&job, "http://hangs.test", 80, 100);
  while (count_hanging() == 0) loop_turn(client_loop, 1);
  client_finish(&job);
  uint64_t before = clock_mono_ms();
  client_close(NULL);
  assert_true(clock_mono_ms() - before < 1000);
  release_resolver();
  assert_int_equal(client_open(NULL), 0);
}

static volatile sig_atomic_t alarms;

static void count_alarm(int signal_number) {
  (void)signal_number;
  alarms++;
}

/* T28 */
static void burst_behind_a_hanging_name_ends_in_time(void **state) {
  (void)state;
  static struct client_job jobs[CLIENT_CALLS_MAX];
  block_resolver();
  signal(SIGALRM, count_alarm);
  uint64_t before = clock_mono_ms();
  for (size_t i = 0; i < CLIENT_CALLS_MAX; i++) client_start_within(&jobs[i], "https://hangs.test", 443, 300);
  for (size_t i = 0; i < CLIENT_CALLS_MAX; i++) client_finish(&jobs[i]);
  assert_true(clock_mono_ms() - before < 1300);
  assert_true(count_hanging() <= 64);
  assert_int_equal(alarms, 0);
  release_resolver();
}

static void name_is_asked_for_once_a_minute(void **state) {
  (void)state;
  static const struct script_step leaves[] = {DO_READ, DO_SEND("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), DO_END};
  struct client_job job;
  struct scripted_server *server = scripted_server_start(leaves, NULL);
  int before = asked;
  for (int i = 0; i < 5; i++)
    assert_int_equal(client_call_host("http://local.test", scripted_server_port(server), &job), FETCH_ANSWERED);
  assert_int_equal(asked - before, 1);
  scripted_server_stop(server);
}

/* T20 */
static void name_that_leads_into_a_private_network_is_refused(void **state) {
  (void)state;
  static const char *const urls[] = {"http://local.test", "http://private.test", "http://link.test", "http://six.test",
                                     "http://mapped.test"};
  struct client_job job;
  struct scripted_server *server = scripted_server_start(answers, NULL);
  client_forbid_private = true;
  for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
    assert_int_equal(client_call_host(urls[i], scripted_server_port(server), &job), FETCH_NOT_SENT);
    assert_non_null(strstr(job.reply.problem, "private"));
  }
  assert_int_equal(scripted_server_connections(server), 0);
  scripted_server_stop(server);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define WITH_CLIENT(test) cmocka_unit_test_setup_teardown(test, client_open, client_close)
      WITH_CLIENT(missing_name_is_not_sent),
      WITH_CLIENT(hanging_resolver_costs_the_connect_limit_and_no_more),
      WITH_CLIENT(deadline_holds_while_the_resolver_hangs),
      WITH_CLIENT(client_closes_while_a_resolver_hangs),
      WITH_CLIENT(burst_behind_a_hanging_name_ends_in_time),
      WITH_CLIENT(name_is_asked_for_once_a_minute),
      WITH_CLIENT(name_that_leads_into_a_private_network_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
