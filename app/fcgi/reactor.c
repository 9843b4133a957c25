/* SPDX-License-Identifier: Apache-2.0
 * reactor: accepts, keeps count of connections and exchanges, drains. The worker's main thread; fcgi_reply() from any. */
#include "fcgi/reactor.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "fcgi/conn.h"

/* New connections per wake-up: those that are open get their turn in between. */
#define ACCEPT_MAX_COUNT 16
/* Pause after accept() ran out of descriptors or memory although room was kept. */
#define ACCEPT_PAUSE_MS 100
/* Descriptors kept for everything else (upstream connections, store, logs): a quarter, and at least 64. */
#define RESERVED_MIN_COUNT 64
/* Exchanges kept for use again, about 1 KiB each: as many as sign-ins usually wait at once. */
#define FREE_EXCHANGES_MAX 256

static void start_accepting(struct reactor *reactor) {
  if (reactor->is_accepting || reactor->is_draining || reactor->conns_count >= reactor->settings.connections_max) return;
  /* One worker is woken for a new connection, not all. */
  reactor->is_accepting = loop_watch_add(reactor->loop, &reactor->listening, EPOLLIN | EPOLLEXCLUSIVE) == 0;
  if (!reactor->is_accepting) log_error("fcgi: cannot watch the listening socket: %m");
}

static void stop_accepting(struct reactor *reactor) {
  if (reactor->is_accepting) loop_watch_remove(reactor->loop, &reactor->listening);
  reactor->is_accepting = false;
}

static bool is_allowed(const struct reactor *reactor, int fd) {
  const struct fcgi_settings *settings = &reactor->settings;
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (settings->allowed_uids_count == 0 || !reactor->is_unix) return true;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  for (size_t i = 0; i < settings->allowed_uids_count; i++)
    if (settings->allowed_uids[i] == peer.uid) return true;
  log_warn("fcgi: a connection from user id %u was refused: it is not among the allowed ones", (unsigned)peer.uid);
  return false;
}

static bool is_anybody_waiting(const struct reactor *reactor) {
  struct pollfd listening = {.fd = reactor->listening.fd, .events = POLLIN};
  return poll(&listening, 1, 0) > 0;
}

/* Room for one more, by closing the connection that has been idle longest. */
static bool make_room(struct reactor *reactor) {
  for (struct conn *conn = reactor->idle.first, *next; conn; conn = next) {
    next = conn->after;
    if (!conn->has_served) continue;
    conn_retire(conn);
    return reactor->conns_count < reactor->settings.connections_max;
  }
  return false;
}

static void try_again(struct loop_timer *timer) {
  start_accepting(timer->arg);
}

/* Says whether there may be more to accept. */
static bool accept_one(struct reactor *reactor) {
  bool is_full = reactor->conns_count >= reactor->settings.connections_max;
  if (is_full && !is_anybody_waiting(reactor)) return false;
  if (is_full && !make_room(reactor)) {
    metric_add(&conn_metrics[CONN_METRIC_FULL], 0, 1);
    stop_accepting(reactor); /* until a connection is closed */
    return false;
  }
  int fd = accept4(reactor->listening.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) return errno == ECONNABORTED || errno == EINTR;
    log_error("fcgi: cannot accept: %m; raise the limit of open files or lower the number of connections");
    stop_accepting(reactor);
    loop_timer_set(reactor->loop, &reactor->accept_again, clock_mono_ms() + ACCEPT_PAUSE_MS);
    return false;
  }
  if (!is_allowed(reactor, fd)) {
    close(fd);
    return true;
  }
  if (reactor->is_tcp) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(const int){1}, sizeof(int));
  conn_open(reactor, fd);
  return true;
}

static void accept_some(struct loop_watch *watch, uint32_t events) {
  struct reactor *reactor = watch->arg;
  (void)events;
  for (int i = 0; i < ACCEPT_MAX_COUNT && reactor->is_accepting && accept_one(reactor); i++) continue;
}

static void tell_drained(struct loop_task *task) {
  struct reactor *reactor = task->arg;
  reactor->drained(reactor->drained_arg);
}

/* Posted rather than called: the last to leave may be deep in its own call. */
static void check_drained(struct reactor *reactor) {
  if (!reactor->drained || reactor->is_told || reactor->conns_count > 0 || reactor->requests_count > 0) return;
  reactor->is_told = true;
  loop_post(reactor->loop, &reactor->drained_task);
}

static void bring_home(struct loop_task *task) {
  struct fcgi_exchange *exchange = task->arg;
  if (exchange->reply_head.failed || exchange->reply_body.failed) /* no memory for the copy */
    conn_reply(exchange, STR("Status: 503 Service Unavailable\r\n\r\n"), STR_NONE);
  else
    conn_reply(exchange, buf_str(&exchange->reply_head), buf_str(&exchange->reply_body));
}

static size_t derive_connections_max(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return 65536;
  size_t all = limit.rlim_cur, reserved = all / 4 < RESERVED_MIN_COUNT ? RESERVED_MIN_COUNT : all / 4;
  return all > 2 * reserved ? all - reserved : all / 2;
}

static int inspect_socket(struct reactor *reactor, struct err *err) {
  int fd = reactor->listening.fd, domain = 0, listens = 0;
  socklen_t size = sizeof domain;
  if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 ||
      getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || !listens)
    return err_set(err, "descriptor %d is not a listening socket: start weigate with spawn-fcgi or from its systemd socket", fd);
  reactor->is_unix = domain == AF_UNIX;
  reactor->is_tcp = domain == AF_INET || domain == AF_INET6;
  if (reactor->settings.allowed_uids_count > 0 && !reactor->is_unix)
    return err_set(err,
                   "server.allowed_peers needs a Unix socket, whoever connects over the network shows no user; remove it, or "
                   "start weigate with spawn-fcgi -s");
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
    return err_set(err, "cannot make descriptor %d non-blocking: %m", fd);
  return 0;
}

struct fcgi_exchange *reactor_take_exchange(struct reactor *reactor) {
  struct fcgi_exchange *exchange = reactor->free_exchanges;
  if (exchange) {
    reactor->free_exchanges = exchange->next_free;
    reactor->free_count--;
  } else {
    exchange = exchange_new(reactor, bring_home);
  }
  if (exchange) reactor->requests_count++;
  return exchange;
}

void reactor_put_exchange(struct reactor *reactor, struct fcgi_exchange *exchange) {
  if (!exchange) return;
  reactor->requests_count--;
  if (reactor->free_count < FREE_EXCHANGES_MAX) {
    exchange->next_free = reactor->free_exchanges;
    reactor->free_exchanges = exchange;
    reactor->free_count++;
  } else {
    exchange_free(exchange);
  }
  check_drained(reactor);
}

void reactor_conn_closed(struct reactor *reactor) {
  reactor->conns_count--;
  if (reactor->accept_again.slot == 0) start_accepting(reactor);
  check_drained(reactor);
}

void fcgi_metrics_register(void) {
  metrics_register(conn_metrics, CONN_METRIC_COUNT);
}

int reactor_new(struct loop *loop, int listen_fd, const struct fcgi_settings *settings, fcgi_handler handler, void *arg,
                struct reactor **ret_reactor, struct err *err) {
  struct reactor *reactor = calloc(1, sizeof *reactor);
  if (!reactor) return err_set(err, "out of memory");
  reactor->loop = loop;
  reactor->thread = pthread_self();
  reactor->settings = *settings;
  reactor->limits =
      (struct frames_limits){CONN_WIRE_MAX_BYTES, FCGI_REQUEST_MAX_BYTES, FCGI_PARAMS_MAX_COUNT, FCGI_REQUEST_MAX_BYTES};
  reactor->handler = handler;
  reactor->handler_arg = arg;
  reactor->pipe = (struct exchange_pipe){-1, -1, 0};
  reactor->listening = (struct loop_watch){listen_fd, accept_some, reactor};
  reactor->drained_task = (struct loop_task){.run = tell_drained, .arg = reactor};
  reactor->accept_again = (struct loop_timer){.fired = try_again, .arg = reactor};
  if (reactor->settings.connections_max == 0) reactor->settings.connections_max = derive_connections_max();
  if (inspect_socket(reactor, err) != 0 || exchange_init_library(err) != 0 ||
      exchange_pipe_open(&reactor->pipe, CONN_WIRE_MAX_BYTES, err) != 0) {
    free(reactor);
    return -1;
  }
  start_accepting(reactor);
  if (!reactor->is_accepting) {
    exchange_pipe_close(&reactor->pipe);
    free(reactor);
    return err_set(err, "cannot watch the listening socket: %m");
  }
  *ret_reactor = reactor;
  return 0;
}

void reactor_drain(struct reactor *reactor, void (*done)(void *arg), void *arg) {
  stop_accepting(reactor);
  loop_timer_clear(reactor->loop, &reactor->accept_again);
  reactor->is_draining = true;
  reactor->drained = done;
  reactor->drained_arg = arg;
  for (struct conn *conn = reactor->idle.first, *next; conn; conn = next) {
    next = conn->after;
    conn_retire(conn);
  }
  check_drained(reactor);
}

void reactor_free(struct reactor *reactor) {
  if (!reactor) return;
  stop_accepting(reactor);
  reactor->is_draining = true;
  loop_timer_clear(reactor->loop, &reactor->accept_again);
  while (reactor->idle.first) conn_close(reactor->idle.first);
  while (reactor->active.first) conn_close(reactor->active.first);
  while (reactor->free_exchanges) {
    struct fcgi_exchange *exchange = reactor->free_exchanges;
    reactor->free_exchanges = exchange->next_free;
    exchange_free(exchange);
  }
  exchange_pipe_close(&reactor->pipe);
  free(reactor);
}

size_t reactor_connections_count(const struct reactor *reactor) {
  return reactor->conns_count;
}

size_t reactor_requests_count(const struct reactor *reactor) {
  return reactor->requests_count;
}

void fcgi_reply(struct fcgi_exchange *exchange, struct str head, struct str body) {
  if (pthread_equal(pthread_self(), exchange->reactor->thread)) {
    conn_reply(exchange, head, body);
    return;
  }
  buf_add_str(&exchange->reply_head, head);
  buf_add_str(&exchange->reply_body, body);
  loop_post(exchange->reactor->loop, &exchange->reply_task);
}
