/* SPDX-License-Identifier: Apache-2.0
 * test_tls: only the right certificate opens a connection, and a CA file that is none stops the start. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>

#include "fetch_client.h"
#include "scripted_tls.h"

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

static const struct script_step answers[] = {DO_READ, DO_SEND(OK_ANSWER), DO_AGAIN};

/* One call to `host` of a server with this identity. */
static enum fetch_result call_identity(const struct tls_identity *identity, const char *host, const struct script_step *script) {
  struct client_job job;
  struct scripted_tls *tls = scripted_tls_new(identity);
  struct scripted_server *server = scripted_server_start(script, scripted_tls_context(tls));
  client_ca_file = scripted_tls_ca_file(tls);
  assert_int_equal(client_open(NULL), 0);
  client_call_host(host, scripted_server_port(server), &job);
  if (job.reply.result == FETCH_NOT_SENT) assert_int_equal(scripted_server_requests(server), 0);
  client_close(NULL);
  client_ca_file = NULL;
  scripted_server_stop(server);
  scripted_tls_free(tls);
  return job.reply.result;
}

static void certificate_with_the_name_is_accepted(void **state) {
  (void)state;
  struct tls_identity name = {.alt_name = "DNS:localhost", .days_valid = 1},
                      address = {.alt_name = "IP:127.0.0.1", .days_valid = 1};
  assert_int_equal(call_identity(&name, "https://localhost", answers), FETCH_ANSWERED);
  assert_int_equal(call_identity(&address, "https://127.0.0.1", answers), FETCH_ANSWERED);
}

/* T03 */
static void certificate_of_another_name_is_refused(void **state) {
  (void)state;
  struct tls_identity identity = {.alt_name = "DNS:other.test", .days_valid = 1};
  assert_int_equal(call_identity(&identity, "https://localhost", answers), FETCH_NOT_SENT);
}

/* T03 */
static void name_in_the_common_name_only_is_refused(void **state) {
  (void)state;
  struct tls_identity identity = {.common_name = "localhost", .days_valid = 1};
  assert_int_equal(call_identity(&identity, "https://localhost", answers), FETCH_NOT_SENT);
}

/* T03 */
static void self_signed_certificate_is_refused(void **state) {
  (void)state;
  struct tls_identity identity = {.alt_name = "DNS:localhost", .days_valid = 1, .is_self_signed = true};
  assert_int_equal(call_identity(&identity, "https://localhost", answers), FETCH_NOT_SENT);
}

/* T03 */
static void expired_certificate_is_refused(void **state) {
  (void)state;
  struct tls_identity identity = {.alt_name = "DNS:localhost", .days_from_now = -10, .days_valid = 5};
  assert_int_equal(call_identity(&identity, "https://localhost", answers), FETCH_NOT_SENT);
}

/* T03 */
static void certificate_of_the_future_is_refused(void **state) {
  (void)state;
  struct tls_identity identity = {.alt_name = "DNS:localhost", .days_from_now = 5, .days_valid = 5};
  assert_int_equal(call_identity(&identity, "https://localhost", answers), FETCH_NOT_SENT);
}

static void peer_without_tls_is_not_sent_anything(void **state) {
  (void)state;
  static const struct script_step talks_http[] = {DO_SEND("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), DO_HOLD};
  struct client_job job;
  struct scripted_server *server = scripted_server_start(talks_http, NULL);
  assert_int_equal(client_open(NULL), 0);
  assert_int_equal(client_call_host("https://localhost", scripted_server_port(server), &job), FETCH_NOT_SENT);
  client_close(NULL);
  scripted_server_stop(server);
}

/* SETTINGS, then GOAWAY that took no stream. T14 */
static void http2_peer_that_goes_away_is_an_error(void **state) {
  (void)state;
  static const struct script_step goes_away[] = {DO_READ,
                                                 DO_SEND("\0\0\0\4\0\0\0\0\0"
                                                         "\0\0\x08\7\0\0\0\0\0"
                                                         "\0\0\0\0"
                                                         "\0\0\0\1"),
                                                 DO_HOLD};
  struct tls_identity identity = {.alt_name = "DNS:localhost", .days_valid = 1, .speaks_h2 = true};
  enum fetch_result result = call_identity(&identity, "https://localhost", goes_away);
  assert_true(result == FETCH_CUT || result == FETCH_NOT_SENT);
}

static void http2_peer_that_speaks_http1_is_an_error(void **state) {
  (void)state;
  struct tls_identity identity = {.alt_name = "DNS:localhost", .days_valid = 1, .speaks_h2 = true};
  enum fetch_result result = call_identity(&identity, "https://localhost", answers);
  assert_true(result == FETCH_CUT || result == FETCH_NOT_SENT);
}

static void assert_ca_refused(const char *path) {
  struct err err;
  struct loop *loop;
  struct fetch *fetch;
  struct fetch_settings settings = {.ca_file = path, .connect_timeout_ms = 100, .signins_max = 1};
  assert_int_equal(loop_new(&loop, &err), 0);
  assert_int_equal(fetch_new(loop, &settings, &fetch, &err), -1);
  assert_non_null(strstr(err.text, path));
  loop_free(loop);
}

/* T29 */
static void ca_file_that_is_none_stops_the_start(void **state) {
  (void)state;
  char path[] = "/tmp/broken-ca-XXXXXX";
  int fd = mkstemp(path);
  assert_ca_refused("/nonexistent/ca.pem");
  assert_ca_refused(path);
  static const char broken[] = "-----BEGIN CERTIFICATE-----\nTm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";
  assert_int_equal(write(fd, broken, sizeof broken - 1), sizeof broken - 1);
  assert_ca_refused(path);
  close(fd);
  unlink(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(certificate_with_the_name_is_accepted),    cmocka_unit_test(certificate_of_another_name_is_refused),
      cmocka_unit_test(name_in_the_common_name_only_is_refused),  cmocka_unit_test(self_signed_certificate_is_refused),
      cmocka_unit_test(expired_certificate_is_refused),           cmocka_unit_test(certificate_of_the_future_is_refused),
      cmocka_unit_test(peer_without_tls_is_not_sent_anything),    cmocka_unit_test(http2_peer_that_goes_away_is_an_error),
      cmocka_unit_test(http2_peer_that_speaks_http1_is_an_error), cmocka_unit_test(ca_file_that_is_none_stops_the_start),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
