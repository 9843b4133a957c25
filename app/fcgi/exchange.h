/* SPDX-License-Identifier: Apache-2.0
 * exchange: one request in libfcgi's hands, from whole bytes to the written reply. Inner header of fcgi/: nobody else includes
 * it. */
#ifndef WEIGATE_FCGI_EXCHANGE_H
#define WEIGATE_FCGI_EXCHANGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fcgiapp.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/text.h"
#include "fcgi/frames.h"

struct conn;
struct reactor;

/* libfcgi reads from a descriptor. It gets this pipe, filled with exactly one request, and not the socket: from the socket it
 * would read ahead into whatever follows (an ABORT_REQUEST, the next request) and lose it. */
struct exchange_pipe {
  int read_fd, write_fd;
  size_t capacity_bytes;
};

struct fcgi_exchange {
  FCGX_Request fcgx;
  struct conn *conn; /* NULL once the peer has gone or aborted. Reactor only. */
  size_t params_count;
  bool is_odd;
  struct buf body;
  uint64_t arrived_us;
  atomic_bool is_gone;
  struct reactor *reactor;
  struct loop_task reply_task;       /* brings a reply from another thread home */
  struct buf reply_head, reply_body; /* its bytes */
  struct fcgi_exchange *next_free;
};

/* Makes libfcgi ready without letting it keep the signal handlers it installs. Before threads start. */
int exchange_init_library(struct err *err);

/* A pipe that holds at least min_bytes in one write. */
int exchange_pipe_open(struct exchange_pipe *ret_pipe, size_t min_bytes, struct err *err);
void exchange_pipe_close(struct exchange_pipe *pipe);

/* A new exchange whose replies from other threads come home by `replied`; NULL without memory. Reactor only. */
struct fcgi_exchange *exchange_new(struct reactor *reactor, void (*replied)(struct loop_task *task));
void exchange_free(struct fcgi_exchange *exchange);

/* Lets libfcgi parse the n bytes of one whole, packed request and reads STDIN to its end; the reply will go to socket_fd. -1 if
 * libfcgi does not take it (the pipe may then be closed and has to be opened again). Reactor only. */
int exchange_take(struct fcgi_exchange *exchange, struct exchange_pipe *pipe, const uint8_t *bytes, size_t n, int socket_fd);

/* Writes the reply through libfcgi and ends its request, without closing the descriptor. -1 if not all of it could be written.
 * Reactor only. */
int exchange_write(struct fcgi_exchange *exchange, struct str head, struct str body);

/* Ends libfcgi's request without writing a byte. Reactor only. */
void exchange_drop(struct fcgi_exchange *exchange);

#endif
