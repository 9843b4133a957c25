/* SPDX-License-Identifier: Apache-2.0
 * fuzz_conn (F34): a whole connection on a socket pair, its handler answering at once, later or after the peer has left;
 * afterwards nothing is left over. The first two bytes choose the size of the pieces and the handler's manners. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/loop.h"
#include "fcgi/conn.h"
#include "fuzz.h"

enum manners { AT_ONCE, AFTER_A_PIECE, AT_THE_END };

static struct loop *loop;
static struct reactor *reactor;
static struct fcgi_exchange *waiting;
static enum manners manners;

static void reply_now(void) {
  struct fcgi_exchange *exchange = waiting;
  waiting = NULL;
  if (exchange) fcgi_reply(exchange, STR("Status: 200 OK\r\n\r\n"), fcgi_body(exchange));
}

static void handle(struct fcgi_exchange *exchange, void *arg) {
  (void)arg;
  for (size_t i = 0; i < fcgi_params_count(exchange); i++)
    FUZZ_CHECK(fcgi_param_at(exchange, i).value.n <= FCGI_REQUEST_MAX_BYTES);
  reply_now(); /* that of an earlier request whose peer has aborted it */
  waiting = exchange;
  if (manners == AT_ONCE) reply_now();
}

/* An address without a file; nobody ever connects to it. */
static void start_once(void) {
  const struct fcgi_settings settings = {.connections_max = 8, .head_deadline_ms = 5000, .idle_deadline_ms = 60000};
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (loop) return;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  FUZZ_CHECK(bind(fd, (struct sockaddr *)&address, sizeof address.sun_family) == 0 && listen(fd, 1) == 0);
  FUZZ_CHECK(loop_new(&loop, NULL) == 0 && reactor_new(loop, fd, &settings, handle, NULL, &reactor, NULL) == 0);
}

static void drop_answers(int fd) {
  char bytes[65536];
  ssize_t n;
  do n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
  while (n > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  int ends[2];
  if (size < 2) return 0;
  start_once();
  size_t piece = data[0] ? data[0] : 65536;
  manners = data[1] % 3;
  FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
  conn_open(reactor, ends[0]);
  for (size_t at = 2; at < size; at += piece) {
    if (send(ends[1], data + at, piece < size - at ? piece : size - at, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EPIPE) break;
    loop_turn(loop, 0);
    if (manners == AFTER_A_PIECE) reply_now();
    drop_answers(ends[1]);
  }
  if (data[1] & 0x80) shutdown(ends[1], SHUT_WR);
  loop_turn(loop, 0);
  close(ends[1]);
  for (int i = 0; i < 8 && reactor_connections_count(reactor) > 0; i++) loop_turn(loop, 0);
  reply_now();
  FUZZ_CHECK(reactor_connections_count(reactor) == 0 && reactor_requests_count(reactor) == 0);
  FUZZ_CHECK(reactor->held_bytes == 0);
  return 0;
}
