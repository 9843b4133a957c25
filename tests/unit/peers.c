/* SPDX-License-Identifier: Apache-2.0
 * peers: see peers.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "peers.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

struct loop *loop;
struct reactor *reactor;
struct fcgi_settings settings;
int listen_fd;
struct buf request, pairs, answer;
bool answers_at_once;
struct fcgi_exchange *waiting[WAITING_MAX];
size_t waiting_count, handled_count;
static struct sockaddr_storage address;
static socklen_t address_size;
static char directory[] = "/tmp/weigate-test-XXXXXX";

void handle_request(struct fcgi_exchange *exchange, void *arg) {
  assert_ptr_equal(arg, &settings);
  handled_count++;
  if (answers_at_once) {
    fcgi_reply(exchange, STR(REPLY), fcgi_body(exchange));
  } else {
    assert_true(waiting_count < WAITING_MAX);
    waiting[waiting_count++] = exchange;
  }
}

static void listen_on_unix(void) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  snprintf(at.sun_path, sizeof at.sun_path, "%s/s", directory);
  unlink(at.sun_path);
  memcpy(&address, &at, sizeof at);
  address_size = sizeof at;
}

void listen_on_tcp(void) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  memcpy(&address, &at, sizeof at);
  address_size = sizeof at;
}

void start_reactor(void) {
  struct err err;
  listen_fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(listen_fd, (struct sockaddr *)&address, address_size), 0);
  assert_int_equal(getsockname(listen_fd, (struct sockaddr *)&address, &address_size), 0);
  assert_int_equal(listen(listen_fd, 511), 0);
  if (reactor_new(loop, listen_fd, &settings, handle_request, &settings, &reactor, &err) != 0) fail_msg("%s", err.text);
}

int peers_prepare(void **state) {
  (void)state;
  clock_hold(1800000000, 1000000);
  settings =
      (struct fcgi_settings){.connections_max = 64, .head_deadline_ms = HEAD_DEADLINE_MS, .idle_deadline_ms = IDLE_DEADLINE_MS};
  answers_at_once = true;
  waiting_count = handled_count = 0;
  reactor = NULL;
  buf_init(&request, 1 << 20);
  buf_init(&pairs, 1 << 20);
  buf_init(&answer, 1 << 20);
  pairs_add_get(&pairs, "/weixin/auth");
  if (!mkdtemp(directory)) return -1;
  listen_on_unix();
  return loop_new(&loop, NULL);
}

int peers_start(void **state) {
  if (peers_prepare(state) != 0) return -1;
  start_reactor();
  return 0;
}

int peers_finish(void **state) {
  (void)state;
  while (waiting_count > 0) fcgi_reply(waiting[--waiting_count], STR(REPLY), STR_NONE);
  reactor_free(reactor);
  loop_free(loop);
  close(listen_fd);
  clock_release();
  char path[64];
  snprintf(path, sizeof path, "%s/s", directory);
  unlink(path);
  rmdir(directory);
  memcpy(directory + sizeof directory - 7, "XXXXXX", 6);
  buf_done(&request);
  buf_done(&pairs);
  buf_done(&answer);
  return 0;
}

/* --- the web server's side ------------------------------------------------------------------------------------------------- */

int dial(void) {
  int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&address, address_size), 0);
  return fd;
}

void turn(void) {
  for (int i = 0; i < 3; i++) loop_turn(loop, 0);
}

void say(int fd, struct str bytes) {
  assert_int_equal(send(fd, bytes.p, bytes.n, MSG_NOSIGNAL | MSG_DONTWAIT), bytes.n);
  turn();
}

void say_request(int fd, uint16_t id, uint8_t flags) {
  buf_clear(&request);
  request_add(&request, id, flags, buf_str(&pairs), STR_NONE);
  say(fd, buf_str(&request));
}

/* Everything that has come back so far; true once the reactor has closed the connection. */
bool hear(int fd) {
  turn();
  for (;;) {
    char *to = buf_reserve(&answer, 65536);
    ssize_t n = recv(fd, to, 65536, MSG_DONTWAIT);
    if (n <= 0) return n == 0 || errno == ECONNRESET;
    buf_grew(&answer, (size_t)n);
  }
}

void assert_open(int fd) {
  assert_false(hear(fd));
}

void assert_closed(int fd) {
  bool is_closed = false;
  for (int i = 0; i < 20 && !is_closed; i++) is_closed = hear(fd);
  assert_true(is_closed);
}

size_t count_ended(uint16_t id) {
  return records_count(buf_str(&answer), END, id);
}

/* The next normal request succeeds. */
void assert_serves(void) {
  int fd = dial();
  bool before = answers_at_once;
  answers_at_once = true;
  buf_clear(&answer);
  say_request(fd, 1, CLOSE);
  assert_closed(fd);
  assert_int_equal(count_ended(1), 1);
  answers_at_once = before;
  close(fd);
}

void wait_ms(int64_t ms) {
  turn();
  clock_advance_ms(ms);
  turn();
}
