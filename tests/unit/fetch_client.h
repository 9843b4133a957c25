/* SPDX-License-Identifier: Apache-2.0
 * fetch_client: a loop, coroutines and a client for the tests of fetch/; setup and teardown of each test.
 *
 *   struct client_job job;
 *   assert_int_equal(client_call(server, &job), FETCH_ANSWERED);    // one call, start to end
 *   client_start(&job, "http://127.0.0.1", port); … client_finish(&job);
 */
#ifndef WEIGATE_FETCH_CLIENT_H
#define WEIGATE_FETCH_CLIENT_H

#include "base/coro.h"
#include "fetch/fetch.h"
#include "scripted_server.h"

#define CLIENT_SECRET             "s3cr3t-in-the-url"
#define CLIENT_CALLS_MAX          300
#define CLIENT_CONNECT_TIMEOUT_MS (500 * client_patience())
#define CLIENT_TIMEOUT_MS         (5000 * client_patience())

/* 1, or what WEIGATE_TEST_PATIENCE says: valgrind makes a TLS handshake take a second. */
unsigned client_patience(void);

struct client_job {
  char url[256];
  uint64_t timeout_ms;
  bool allow_private;
  bool done;
  struct fetch_reply reply; /* its body is released by client_finish() */
};

extern struct loop *client_loop;
extern struct coro_pool *client_pool;
extern struct fetch *client_fetch;
/* Calls from now on; reset by client_open(). */
extern bool client_forbid_private;
extern const char *client_ca_file;

int client_open(void **state);
int client_close(void **state);

/* Calls host:port/sns/x?secret=… in a coroutine. */
void client_start(struct client_job *job, const char *host, unsigned port);
void client_start_within(struct client_job *job, const char *host, unsigned port, uint64_t timeout_ms);
/* Runs the loop until the call is over, and sees to it that its problem names no secret. */
void client_finish(struct client_job *job);
enum fetch_result client_call_host(const char *host, unsigned port, struct client_job *job);
enum fetch_result client_call(struct scripted_server *server, struct client_job *job);
/* One call to a server with this script. body NULL: any. */
void client_assert_script(const struct script_step *script, enum fetch_result wanted, int status, const char *body);

/* A port whose connection attempts get no answer at all. */
unsigned client_open_full_backlog(void);
void client_close_full_backlog(void);

#endif
