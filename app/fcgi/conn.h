/* SPDX-License-Identifier: Apache-2.0
 * conn: one connection from nginx: bytes in, verdicts of frames/, one request at a time through an exchange. Inner header of
 * fcgi/; everything here runs on the reactor's thread. */
#ifndef WEIGATE_FCGI_CONN_H
#define WEIGATE_FCGI_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pthread.h>

#include "base/loop.h"
#include "base/metrics.h"
#include "fcgi/exchange.h"
#include "fcgi/frames.h"
#include "fcgi/reactor.h"

/* On the wire: both streams at their limits, and as much again of headers and padding as one stream may have. */
#define CONN_WIRE_MAX_BYTES ((size_t)3 * FCGI_REQUEST_MAX_BYTES)
/* Bytes one recv() takes; a request of nginx is about 1 KiB, with full header buffers 64 KiB. */
#define CONN_READ_BYTES 65536
/* Bytes of unfinished requests that all connections together may hold: 80 of the largest, or 4,096 of 4 KiB. */
#define CONN_HELD_MAX_BYTES ((size_t)16 * 1024 * 1024)
/* Records outside a request (management, strays) that one connection may send between two requests. nginx sends none. */
#define CONN_FOREIGN_MAX_COUNT 64

/* Which list of the reactor a connection stands in follows from its state. */
enum conn_state {
  CONN_IDLE,      /* idle list, the longest waiting first: no byte of a request is there */
  CONN_HEAD,      /* active list: part of a request is there; head deadline */
  CONN_BUSY,      /* active list: exchange != NULL is being answered */
  CONN_LINGERING, /* active list: nothing more to say; what the peer still sends is thrown away until it closes */
  CONN_CLOSING    /* any list: closed as soon as its own call returns */
};

struct conn_list {
  struct conn *first, *last;
};

struct conn {
  struct reactor *reactor;
  struct conn *before, *after;
  struct conn_list *list;
  struct loop_watch watch;
  struct loop_timer timer; /* fires at or before the deadline of the state and is set again then: no timer work per request */
  enum conn_state state;
  bool is_watched;
  bool is_serving;  /* conn_serve() is on the stack */
  bool has_pending; /* the exchange was taken but the handler not yet called */
  bool has_served;  /* at least one whole request came */
  bool is_hung;     /* EPOLLHUP or EPOLLERR: nobody reads what we write */
  bool has_ended;   /* the peer has closed its side */
  bool is_retired;  /* to be closed at the next idle moment */
  bool has_wide_buffer;
  bool keep;
  uint64_t since_ms; /* when the state began */
  size_t foreign_count;
  size_t lingered_bytes;
  struct frames frames;
  struct fcgi_exchange *exchange;
  uint8_t
      *held; /* bytes that arrived and are not yet dealt with; NULL on the usual way, where whole requests come in one piece */
  size_t held_bytes, held_cap;
};

struct reactor {
  struct loop *loop;
  pthread_t thread; /* the one whose replies are written at once */
  struct fcgi_settings settings;
  struct frames_limits limits;
  fcgi_handler handler;
  void *handler_arg;
  struct exchange_pipe pipe;
  struct loop_watch listening;
  struct loop_timer accept_again; /* after EMFILE */
  bool is_accepting, is_draining, is_tcp, is_unix;
  struct conn_list idle, active;
  size_t conns_count, requests_count, held_bytes;
  struct fcgi_exchange *free_exchanges;
  size_t free_count;
  void (*drained)(void *arg);
  void *drained_arg;
  bool is_told;
  struct loop_task drained_task;
  uint8_t read_buffer[CONN_READ_BYTES];
};

/* Takes over the accepted, non-blocking descriptor and serves what is already there. Without memory the descriptor is closed. */
void conn_open(struct reactor *reactor, int fd);
/* Closes now, or when the call that is on the stack returns. A request being answered goes on, its reply is thrown away. */
void conn_close(struct conn *conn);
/* Closes an idle connection so that a request which is just being sent is either served or seen as refused by its sender; one
 * that has not sent its first request yet gets a moment to do so. The connection may be freed. */
void conn_retire(struct conn *conn);
/* Sends a reply on the reactor's thread, gives the exchange back and goes on with the connection. */
void conn_reply(struct fcgi_exchange *exchange, struct str head, struct str body);

/* Takes it out of its list and puts it last into another; NULL for none. */
void conn_list_move(struct conn_list *to, struct conn *conn);

/* Of the reactor: exchanges that are used again and again, and word of a connection that has gone. */
struct fcgi_exchange *reactor_take_exchange(struct reactor *reactor);
void reactor_put_exchange(struct reactor *reactor, struct fcgi_exchange *exchange);
void reactor_conn_closed(struct reactor *reactor);

enum conn_metric {
  CONN_METRIC_OPEN,
  CONN_METRIC_REQUESTS,
  CONN_METRIC_REFUSED,
  CONN_METRIC_ANSWERED,
  CONN_METRIC_LATE,
  CONN_METRIC_GONE,
  CONN_METRIC_UNSENT,
  CONN_METRIC_FULL,
  CONN_METRIC_COUNT
};
extern struct metric conn_metrics[CONN_METRIC_COUNT];

#endif
