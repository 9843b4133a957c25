/* SPDX-License-Identifier: Apache-2.0
 * conn: the life of one connection, from accepted to closed. Reactor's thread. */
#include "fcgi/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define WATCHED_EVENTS (EPOLLIN | EPOLLRDHUP | EPOLLET)
/* Looks at one connection before the others get their turn: a peer that never stops sending has at most 4 x 64 KiB of attention.
 */
#define ROUNDS_MAX 4
/* A refused body is thrown away up to twice nginx's default client_max_body_size (1 MiB), and no longer than this. */
#define LINGER_MAX_BYTES ((size_t)2 * 1024 * 1024)
#define LINGER_MAX_MS    2000
/* A slow request's first buffer: four times a usual request. */
#define HELD_FIRST_BYTES 4096
/* While draining, a connection that has not sent a byte yet: nginx sends right behind connect(). */
#define DRAIN_SILENT_MS 1000
/* A reply beyond this may not fit a TCP socket's first send buffer (16 KiB); the wide one holds FCGI_REPLY_MAX_BYTES with the
 * kernel's overhead. */
#define WIDE_REPLY_BYTES  8192
#define WIDE_BUFFER_BYTES (2 * FCGI_REPLY_MAX_BYTES)

enum got { GOT_ALL, GOT_MORE, GOT_END };

/* What has arrived: the reactor's read buffer, or held bytes with the new ones behind them. */
struct view {
  uint8_t *bytes;
  size_t n;
};

static void count(enum conn_metric metric, size_t label) {
  metric_add(&conn_metrics[metric], label, 1);
}

static uint64_t find_deadline_ms(const struct conn *conn) {
  const struct fcgi_settings *settings = &conn->reactor->settings;
  switch (conn->state) {
  case CONN_IDLE:
    if (conn->has_served) return conn->since_ms + settings->idle_deadline_ms;
    return conn->since_ms + (conn->reactor->is_draining ? DRAIN_SILENT_MS : settings->head_deadline_ms);
  case CONN_HEAD:
    return conn->since_ms + settings->head_deadline_ms;
  case CONN_LINGERING:
    return conn->since_ms + LINGER_MAX_MS;
  case CONN_BUSY:
  case CONN_CLOSING:
    break;
  }
  return UINT64_MAX;
}

/* Makes sure that the timer fires no later than the deadline; an earlier time is left, it costs one look. */
static void arm_timer(struct conn *conn) {
  uint64_t at_ms = find_deadline_ms(conn);
  if (at_ms == UINT64_MAX || (conn->timer.slot != 0 && conn->timer.at_ms <= at_ms)) return;
  if (loop_timer_set(conn->reactor->loop, &conn->timer, at_ms) != 0) conn_close(conn);
}

static void enter(struct conn *conn, enum conn_state state) {
  if (conn->state == CONN_CLOSING) return;
  conn->state = state;
  conn->since_ms = clock_mono_ms();
  conn_list_move(state == CONN_IDLE ? &conn->reactor->idle : &conn->reactor->active, conn);
}

static void free_held(struct conn *conn) {
  conn->reactor->held_bytes -= conn->held_cap;
  free(conn->held);
  conn->held = NULL;
  conn->held_bytes = conn->held_cap = 0;
}

/* Room for more bytes behind the held ones; within the limits of the connection and of all together. */
static int make_held_room(struct conn *conn, size_t room) {
  size_t needed = conn->held_bytes + room, cap = conn->held_cap ? conn->held_cap : HELD_FIRST_BYTES;
  if (needed <= conn->held_cap) return 0;
  while (cap < needed) cap *= 2;
  if (conn->reactor->held_bytes + cap - conn->held_cap > CONN_HELD_MAX_BYTES) return -1;
  uint8_t *held = realloc(conn->held, cap);
  if (!held) return -1;
  conn->reactor->held_bytes += cap - conn->held_cap;
  conn->held = held;
  conn->held_cap = cap;
  return 0;
}

/* Drops a connection that nothing can be said to. */
static void refuse(struct conn *conn, enum frames_why why) {
  count(CONN_METRIC_REFUSED, why);
  log_debug("fcgi: connection closed: %s", frames_why_word(why));
  conn_close(conn);
}

/* Nothing more is sent. Bytes still under way would turn an ordinary close into a reset, which can overtake the answer. */
static void linger(struct conn *conn) {
  shutdown(conn->watch.fd, SHUT_WR);
  conn->lingered_bytes = conn->held_bytes;
  free_held(conn);
  enter(conn, CONN_LINGERING);
}

static void send_answer(struct conn *conn, const struct frames *frames) {
  count(CONN_METRIC_ANSWERED, frames->why);
  if (frames->answer_bytes == 0) return;
  ssize_t n = send(conn->watch.fd, frames->answer, frames->answer_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n != (ssize_t)frames->answer_bytes) conn_close(conn); /* the peer reads nothing: 200 KiB of answers wait for it */
}

/* Lets the request go on without its connection; the reply will be thrown away. */
static void let_go(struct conn *conn) {
  struct fcgi_exchange *exchange = conn->exchange;
  if (!exchange) return;
  count(CONN_METRIC_GONE, 0);
  conn->exchange = NULL;
  exchange->conn = NULL;
  atomic_store_explicit(&exchange->is_gone, true, memory_order_release);
  if (!conn->has_pending) return;
  conn->has_pending = false; /* nobody has seen it yet */
  exchange_drop(exchange);
  reactor_put_exchange(conn->reactor, exchange);
}

static void end_request(struct conn *conn) {
  frames_start(&conn->frames);
  if (!conn->keep || conn->reactor->is_draining || conn->has_ended)
    conn_close(conn);
  else
    enter(conn, CONN_IDLE);
}

static bool is_flooding(struct conn *conn, enum frames_why why) {
  if (why == FRAMES_ABORTED || ++conn->foreign_count <= CONN_FOREIGN_MAX_COUNT) return false;
  refuse(conn, why);
  return true;
}

/* While a request is being answered: what else came? Returns how many bytes are dealt with, 0 to wait. */
static size_t look_busy(struct conn *conn, struct view view) {
  struct frames frames;
  frames_look_busy(&frames, view.bytes, view.n, conn->frames.request_id);
  if (frames.verdict == FRAMES_REFUSE) refuse(conn, frames.why);
  if (frames.verdict != FRAMES_ANSWER || is_flooding(conn, frames.why)) return 0;
  send_answer(conn, &frames);
  if (frames.why == FRAMES_ABORTED) {
    let_go(conn);
    end_request(conn);
  }
  return frames.size_bytes;
}

/* One whole request stands at the front of the view. Frames of a kept copy stay readable in conn->frames until the reply. */
static size_t take_request(struct conn *conn, struct view view) {
  struct reactor *reactor = conn->reactor;
  struct frames *frames = &conn->frames;
  size_t size = frames->size_bytes, packed = frames->is_packed ? size : frames_pack(frames, view.bytes);
  struct fcgi_exchange *exchange = reactor_take_exchange(reactor);
  if (!exchange || exchange_take(exchange, &reactor->pipe, view.bytes, packed, conn->watch.fd) != 0) {
    reactor_put_exchange(reactor, exchange);
    log_error("fcgi: a request of %zu bytes was refused by libfcgi or for want of memory", size);
    conn_close(conn);
    return size;
  }
  count(CONN_METRIC_REQUESTS, 0);
  exchange->conn = conn;
  exchange->is_odd = frames->is_odd;
  exchange->arrived_us = clock_mono_us();
  conn->exchange = exchange;
  conn->has_pending = conn->has_served = true;
  conn->keep = frames->keep_connection;
  conn->foreign_count = 0;
  enter(conn, CONN_BUSY);
  return size;
}

static size_t look(struct conn *conn, struct view view) {
  struct frames *frames = &conn->frames;
  if (view.n == 0) return 0;
  if (conn->state == CONN_IDLE) enter(conn, CONN_HEAD);
  frames_look(frames, view.bytes, view.n, &conn->reactor->limits);
  switch (frames->verdict) {
  case FRAMES_MORE:
    break;
  case FRAMES_REQUEST:
    return take_request(conn, view);
  case FRAMES_REFUSE:
    refuse(conn, frames->why);
    break;
  case FRAMES_ANSWER:
    if (is_flooding(conn, frames->why)) break;
    send_answer(conn, frames);
    if (frames->then_close && conn->state != CONN_CLOSING) linger(conn);
    return frames->size_bytes;
  }
  return 0;
}

static void call_handler(struct conn *conn) {
  conn->has_pending = false;
  conn->reactor->handler(conn->exchange, conn->reactor->handler_arg);
}

/* One look at the front of what is left; false when there is nothing to do but wait. */
static bool judge_front(struct conn *conn, struct view rest, size_t *used) {
  if (conn->state == CONN_BUSY) {
    size_t step = look_busy(conn, rest);
    *used += step;
    if (step > 0 || !conn->has_pending) return step > 0;
    if (conn->state == CONN_BUSY) call_handler(conn);
    return true;
  }
  if (rest.n == 0) return false;
  *used += look(conn, rest);
  return conn->frames.verdict != FRAMES_MORE;
}

/* Deals with as much of the view as can be dealt with now; returns how many bytes that was. */
static size_t judge(struct conn *conn, struct view view) {
  size_t used = 0;
  while (conn->state <= CONN_BUSY && judge_front(conn, (struct view){view.bytes + used, view.n - used}, &used)) continue;
  return used;
}

/* The rest waits for its other half. */
static void hold_rest(struct conn *conn, struct view view, size_t used) {
  size_t rest = view.n - used;
  bool is_held = view.bytes == conn->held;
  if (conn->state >= CONN_LINGERING || rest == 0) {
    if (conn->held) free_held(conn);
    if (conn->state == CONN_HEAD) enter(conn, CONN_IDLE);
    return;
  }
  if (!is_held && make_held_room(conn, rest) != 0) {
    refuse(conn, FRAMES_TOO_LONG);
    return;
  }
  memmove(conn->held, view.bytes + used, rest);
  conn->held_bytes = rest;
}

/* Reads what has arrived behind what is held. */
static enum got receive(struct conn *conn, struct view *ret_view) {
  struct view view = {conn->reactor->read_buffer, 0};
  size_t room = CONN_READ_BYTES;
  if (conn->held_bytes > CONN_WIRE_MAX_BYTES) {
    *ret_view = (struct view){conn->held, conn->held_bytes}; /* only behind a request that is being answered: the rest can wait */
    return GOT_ALL;
  }
  if (conn->held_bytes > 0) {
    if (make_held_room(conn, HELD_FIRST_BYTES) != 0) refuse(conn, FRAMES_TOO_LONG);
    view = (struct view){conn->held, conn->held_bytes};
    room = conn->held_cap - conn->held_bytes;
  }
  ssize_t n = conn->state == CONN_CLOSING ? 0 : recv(conn->watch.fd, view.bytes + view.n, room, MSG_DONTWAIT);
  if (n > 0) view.n += (size_t)n;
  *ret_view = view;
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return GOT_ALL;
  if (n < 0) conn->is_hung = true;
  if (n <= 0) return GOT_END;
  return (size_t)n == room ? GOT_MORE : GOT_ALL;
}

static enum got throw_away(struct conn *conn) {
  uint8_t *to = conn->reactor->read_buffer;
  ssize_t n = recv(conn->watch.fd, to, CONN_READ_BYTES, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return GOT_ALL;
  if (n > 0) conn->lingered_bytes += (size_t)n;
  if (n <= 0 || conn->lingered_bytes > LINGER_MAX_BYTES) conn_close(conn);
  return GOT_MORE;
}

/* The peer sends nothing more. A request that is whole is still answered, unless nobody reads. */
static void meet_end(struct conn *conn) {
  conn->has_ended = true;
  if (conn->state == CONN_HEAD) {
    frames_end(&conn->frames);
    count(CONN_METRIC_REFUSED, FRAMES_CUT_SHORT);
    if (conn->frames.verdict == FRAMES_ANSWER) send_answer(conn, &conn->frames);
  }
  if (conn->state != CONN_BUSY || conn->is_hung) conn_close(conn);
}

static void watch(struct conn *conn) {
  if (conn->is_watched) return;
  conn->is_watched = loop_watch_add(conn->reactor->loop, &conn->watch, WATCHED_EVENTS) == 0;
  if (!conn->is_watched) conn_close(conn);
}

static void release(struct conn *conn) {
  struct reactor *reactor = conn->reactor;
  if (conn->is_watched) loop_watch_remove(reactor->loop, &conn->watch);
  loop_timer_clear(reactor->loop, &conn->timer);
  conn_list_move(NULL, conn);
  close(conn->watch.fd);
  let_go(conn);
  free_held(conn);
  free(conn);
  metric_add(&conn_metrics[CONN_METRIC_OPEN], 0, -1);
  reactor_conn_closed(reactor);
}

/* Reads and deals with what is there, until there is nothing more or others must have their turn. The connection may be freed. */
static void serve(struct conn *conn) {
  enum got got = GOT_MORE;
  conn->is_serving = true;
  if (conn->is_hung) conn_close(conn);
  for (int round = 0; round < ROUNDS_MAX && got == GOT_MORE && conn->state != CONN_CLOSING; round++) {
    if (conn->state == CONN_LINGERING) {
      got = throw_away(conn);
      continue;
    }
    struct view view;
    got = receive(conn, &view);
    hold_rest(conn, view, judge(conn, view));
    if (got == GOT_END && conn->state != CONN_CLOSING) meet_end(conn);
  }
  if (conn->is_retired && conn->state == CONN_IDLE) conn_close(conn);
  if (conn->state != CONN_CLOSING) watch(conn);
  if (conn->state != CONN_CLOSING) arm_timer(conn);
  /* Edge-triggered: what was left unread is told again only after a change. */
  if (got == GOT_MORE && conn->state != CONN_CLOSING) loop_watch_change(conn->reactor->loop, &conn->watch, WATCHED_EVENTS);
  conn->is_serving = false;
  if (conn->state == CONN_CLOSING) release(conn);
}

static void be_ready(struct loop_watch *watched, uint32_t events) {
  struct conn *conn = watched->arg;
  if (events & (EPOLLHUP | EPOLLERR)) conn->is_hung = true;
  serve(conn);
}

static void meet_deadline(struct loop_timer *timer) {
  struct conn *conn = timer->arg;
  if (clock_mono_ms() < find_deadline_ms(conn)) {
    arm_timer(conn);
    return;
  }
  if (conn->state != CONN_IDLE || !conn->has_served) count(CONN_METRIC_LATE, 0);
  conn_close(conn);
}

void conn_list_move(struct conn_list *to, struct conn *conn) {
  struct conn_list *from = conn->list;
  if (from) {
    *(conn->before ? &conn->before->after : &from->first) = conn->after;
    *(conn->after ? &conn->after->before : &from->last) = conn->before;
  }
  conn->list = to;
  if (!to) return;
  conn->before = to->last;
  conn->after = NULL;
  *(to->last ? &to->last->after : &to->first) = conn;
  to->last = conn;
}

void conn_open(struct reactor *reactor, int fd) {
  struct conn *conn = calloc(1, sizeof *conn);
  if (!conn) {
    close(fd);
    return;
  }
  conn->reactor = reactor;
  conn->watch = (struct loop_watch){.fd = fd, .ready = be_ready, .arg = conn};
  conn->timer = (struct loop_timer){.fired = meet_deadline, .arg = conn};
  frames_start(&conn->frames);
  reactor->conns_count++;
  metric_add(&conn_metrics[CONN_METRIC_OPEN], 0, 1);
  enter(conn, CONN_IDLE);
  serve(conn); /* the request is usually there: a connection that is used once never enters the epoll set */
}

void conn_close(struct conn *conn) {
  conn->state = CONN_CLOSING;
  if (!conn->is_serving) release(conn);
}

void conn_retire(struct conn *conn) {
  if (!conn->has_served) {
    arm_timer(conn); /* its first request is on the way, and its sender would not try another connection */
    return;
  }
  /* On a Unix socket nothing can arrive from here on: the sender gets EPIPE and takes another connection. What came before is
   * served. */
  if (conn->reactor->is_unix) shutdown(conn->watch.fd, SHUT_RD);
  conn->is_retired = true;
  serve(conn);
}

/* libfcgi writes it; then the connection waits for its next request, or goes. */
static void reply_here(struct fcgi_exchange *exchange, struct str head, struct str body) {
  struct conn *conn = exchange->conn;
  if (head.n + body.n > WIDE_REPLY_BYTES && !conn->has_wide_buffer) {
    const int bytes = WIDE_BUFFER_BYTES;
    conn->has_wide_buffer = setsockopt(conn->watch.fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes) == 0;
  }
  conn->exchange = NULL;
  if (exchange_write(exchange, head, body) != 0) {
    count(CONN_METRIC_UNSENT, 0);
    conn->keep = false;
  }
  bool is_nested = conn->is_serving;
  conn->is_serving = true;
  end_request(conn);
  if (!is_nested) serve(conn);
}

void conn_reply(struct fcgi_exchange *exchange, struct str head, struct str body) {
  struct reactor *reactor = exchange->reactor;
  if (exchange->conn)
    reply_here(exchange, head, body);
  else
    exchange_drop(exchange);
  exchange->conn = NULL;
  reactor_put_exchange(reactor, exchange);
}

#define COUNTER(metric_name, text)                                                                                               \
  { .name = metric_name, .help = text, .type = METRIC_COUNTER, .count = 1 }
#define COUNTER_BY_REASON(metric_name, text)                                                                                     \
  {                                                                                                                              \
    .name = metric_name, .help = text, .type = METRIC_COUNTER, .label = "reason", .values = frames_why_words,                    \
    .count = FRAMES_WHY_COUNT                                                                                                    \
  }

struct metric conn_metrics[CONN_METRIC_COUNT] = {
    [CONN_METRIC_OPEN] = {.name = "fcgi_connections", .help = "Open FastCGI connections.", .type = METRIC_GAUGE, .count = 1},
    [CONN_METRIC_REQUESTS] = COUNTER("fcgi_requests_total", "Whole FastCGI requests received."),
    [CONN_METRIC_REFUSED] = COUNTER_BY_REASON("fcgi_refused_total", "FastCGI connections closed for what they sent."),
    [CONN_METRIC_ANSWERED] =
        COUNTER_BY_REASON("fcgi_records_answered_total", "FastCGI records answered or dropped outside a request."),
    [CONN_METRIC_LATE] =
        COUNTER("fcgi_late_requests_total", "FastCGI connections closed because a request did not arrive in time."),
    [CONN_METRIC_GONE] = COUNTER("fcgi_abandoned_requests_total", "Requests whose peer aborted or left before the answer."),
    [CONN_METRIC_UNSENT] = COUNTER("fcgi_unsent_replies_total", "Replies that could not be written."),
    [CONN_METRIC_FULL] = COUNTER("fcgi_full_total", "Times that accepting paused because every connection was in use."),
};
