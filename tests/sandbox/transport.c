/* SPDX-License-Identifier: Apache-2.0
 * transport: delivers replies, well or as a fault asks; server threads, and the timer thread where said. */
#include "transport.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/scope.h"

/* A reader of the ledger gets about 100 lines per piece. */
#define PIECE_BYTES 32768
/* Raw bytes written per turn of the timer, and the pause when the socket is full: 64 MB/s at most, nobody else is kept waiting.
 */
#define RAW_TURN_BYTES 65536
#define RAW_PAUSE_US   1000
/* Time for the bytes before a reset to leave, since a reset discards what waits. */
#define RESET_DELAY_US 20000

static int find_socket(struct exchange *exchange) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  return info ? info->connect_fd : -1;
}

/* Connecting a TCP socket to nothing ends its connection with a reset, while the descriptor stays libmicrohttpd's to close. */
static void reset_peer(struct exchange *exchange) {
  struct sockaddr nothing = {.sa_family = AF_UNSPEC};
  int fd = find_socket(exchange);
  if (fd >= 0) (void)connect(fd, &nothing, sizeof nothing);
}

/* Timer thread: lets the server thread go on with the exchange. */
static void resume_exchange(struct timer_item *item) {
  struct exchange *exchange = container_of(item, struct exchange, timer);
  MHD_resume_connection(exchange->connection);
}

static void suspend_for(struct exchange *exchange, uint64_t delay_us, void (*fire)(struct timer_item *item)) {
  MHD_suspend_connection(exchange->connection);
  exchange->timer.fire = fire;
  if (!timer_add(exchange->sandbox->timer, &exchange->timer, delay_us)) MHD_resume_connection(exchange->connection);
}

/* The next bytes of the raw script; 0 at its end. */
static size_t find_raw(struct exchange *exchange, const char **ret_bytes) {
  const struct fault *fault = exchange->fault;
  if (!exchange->raw_repeating && exchange->raw_at < fault->raw.n) {
    *ret_bytes = fault->raw.p + exchange->raw_at;
    return fault->raw.n - exchange->raw_at;
  }
  if (!exchange->raw_repeating || exchange->raw_at == fault->raw_repeat.n) exchange->raw_at = 0;
  exchange->raw_repeating = true;
  *ret_bytes = fault->raw_repeat.p + exchange->raw_at;
  return fault->raw_repeat.n - exchange->raw_at;
}

/* Timer thread: lets the server thread close the connection. */
static void finish_raw(struct exchange *exchange) {
  exchange->phase = PHASE_CLOSING;
  MHD_resume_connection(exchange->connection);
}

/* Timer thread: writes until the socket is full, the script ends or the peer has left. */
static void pump_raw(struct timer_item *item) {
  struct exchange *exchange = container_of(item, struct exchange, timer);
  int fd = find_socket(exchange);
  for (size_t sent = 0; sent < RAW_TURN_BYTES;) {
    const char *bytes;
    size_t n = find_raw(exchange, &bytes);
    ssize_t wrote = n > 0 ? send(fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
    if (wrote < 0 && (errno == EAGAIN || errno == EINTR)) break;
    if (wrote <= 0) {
      finish_raw(exchange);
      return;
    }
    exchange->raw_at += (size_t)wrote;
    sent += (size_t)wrote;
    if (exchange->raw_repeating && exchange->fault->raw_repeat_ms && exchange->raw_at == exchange->fault->raw_repeat.n) break;
  }
  uint64_t pause_us = exchange->raw_repeating ? exchange->fault->raw_repeat_ms * 1000 : 0;
  if (!timer_add(exchange->sandbox->timer, item, pause_us ? pause_us : RAW_PAUSE_US)) finish_raw(exchange);
}

/* Cuts where the fault says: waits until the bytes have left when a reset shall follow. */
static ssize_t cut_body(struct exchange *exchange) {
  if (!exchange->fault->reset) return MHD_CONTENT_READER_END_WITH_ERROR;
  if (!exchange->dripped) {
    exchange->dripped = true;
    suspend_for(exchange, RESET_DELAY_US, resume_exchange);
    return 0;
  }
  reset_peer(exchange);
  return MHD_CONTENT_READER_END_WITH_ERROR;
}

static ssize_t read_misshapen(void *cls, uint64_t position, char *to, size_t max) {
  struct exchange *exchange = cls;
  const struct fault *fault = exchange->fault;
  const struct buf *body = &exchange->reply.body;
  if (position >= fault->truncate_at) return cut_body(exchange);
  if (fault->drip_ms && !exchange->dripped) {
    exchange->dripped = true;
    suspend_for(exchange, fault->drip_ms * 1000, resume_exchange);
    return 0;
  }
  exchange->dripped = false;
  size_t n = fault->drip_ms && max > 1 ? 1 : max;
  if (n > fault->truncate_at - position) n = fault->truncate_at - position;
  if (position < body->len) {
    if (n > body->len - position) n = body->len - position;
    memcpy(to, body->data + position, n);
    return (ssize_t)n;
  }
  if (!fault->endless) return MHD_CONTENT_READER_END_OF_STREAM;
  memset(to, ' ', n);
  return (ssize_t)n;
}

static ssize_t read_ledger(void *cls, uint64_t position, char *to, size_t max) {
  struct exchange *exchange = cls;
  struct buf *body = &exchange->reply.body;
  (void)position;
  if (exchange->raw_at == body->len) {
    buf_clear(body);
    exchange->raw_at = 0;
    ledger_lines(exchange->sandbox->ledger, &exchange->lines, PIECE_BYTES, body);
    if (body->len == 0) return MHD_CONTENT_READER_END_OF_STREAM;
  }
  size_t n = body->len - exchange->raw_at < max ? body->len - exchange->raw_at : max;
  memcpy(to, body->data + exchange->raw_at, n);
  exchange->raw_at += n;
  return (ssize_t)n;
}

static struct MHD_Response *make_response(struct exchange *exchange) {
  const struct fault *fault = exchange->fault;
  struct buf *body = &exchange->reply.body;
  if (exchange->lines.limit) return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE_BYTES, read_ledger, exchange, NULL);
  if (fault && (fault->drip_ms || fault->endless || fault->truncate_at != TRUNCATE_NEVER)) {
    uint64_t size = fault->endless ? MHD_SIZE_UNKNOWN : body->len;
    /* A cut is one only if more was promised. */
    if (!fault->endless && fault->truncate_at != TRUNCATE_NEVER && fault->truncate_at >= size) size = fault->truncate_at + 1;
    return MHD_create_response_from_callback(size, PIECE_BYTES, read_misshapen, exchange, NULL);
  }
  return MHD_create_response_from_buffer(body->len, body->data, MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result queue_reply(struct exchange *exchange) {
  struct reply *reply = &exchange->reply;
  struct MHD_Response *response = make_response(exchange);
  if (!response) return MHD_NO;
  for (size_t i = 0; i < reply->headers_count; i++)
    MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
  exchange->phase = PHASE_REPLY;
  enum MHD_Result queued = MHD_queue_response(exchange->connection, reply->status, response);
  MHD_destroy_response(response);
  return queued;
}

enum MHD_Result transport_start(struct exchange *exchange) {
  if (exchange->delay_us == 0) return transport_continue(exchange);
  exchange->phase = PHASE_WAITING;
  suspend_for(exchange, exchange->delay_us, resume_exchange);
  return MHD_YES;
}

enum MHD_Result transport_continue(struct exchange *exchange) {
  const struct fault *fault = exchange->fault;
  if (exchange->phase == PHASE_CLOSING) return MHD_NO;
  if (fault && (fault->raw.given || fault->raw_repeat.given) && !exchange->tls) {
    if (exchange->phase == PHASE_RAW) return MHD_NO; /* the timer stopped before it wrote anything */
    exchange->phase = PHASE_RAW;
    suspend_for(exchange, 0, pump_raw);
    return MHD_YES;
  }
  if (fault && fault->reset && fault->truncate_at == TRUNCATE_NEVER) reset_peer(exchange);
  if (exchange->reply.status == 0) return MHD_NO;
  return queue_reply(exchange);
}
