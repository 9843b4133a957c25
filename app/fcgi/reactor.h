/* SPDX-License-Identifier: Apache-2.0
 * reactor: owns the listening socket and every connection of a worker; hands each whole request to one handler and sends what
 * that answers. Runs on the worker's main thread. */
#ifndef WEIGATE_FCGI_REACTOR_H
#define WEIGATE_FCGI_REACTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/text.h"

struct fcgi_settings {
  size_t connections_max;       /* per worker; derived from RLIMIT_NOFILE when 0 */
  uint64_t head_deadline_ms;    /* from a request's first byte to its last: 5 s */
  uint64_t idle_deadline_ms;    /* of a kept connection between requests: 1 h (nginx closes its own first) */
  const uint32_t *allowed_uids; /* who may connect to a Unix socket, by peer credentials; everybody when the count is 0 */
  size_t allowed_uids_count;
};

/* PARAMS, and again STDIN: nginx sends at most 4 x 8 KiB of headers, twice (as param and in Cookie); 64 KiB holds it. */
#define FCGI_REQUEST_MAX_BYTES 65536
#define FCGI_PARAMS_MAX_COUNT  256
/* Largest answer: the QR page with its SVG is about 60 KiB; below the kernel's default send buffer (208 KiB), so that writing
 * never waits. */
#define FCGI_REPLY_MAX_BYTES 131072

struct reactor;

/* One request and its answer, from the handler's call to fcgi_reply(). */
struct fcgi_exchange;

struct fcgi_param {
  struct str name, value;
};

/* Called on the reactor's thread for each request; must call fcgi_reply() once, now or later, from any thread. */
typedef void (*fcgi_handler)(struct fcgi_exchange *exchange, void *arg);

/* Announces the metrics of this module. Before metrics_start(). */
void fcgi_metrics_register(void);

/* Listens on listen_fd (made non-blocking, stays the caller's) with the loop, on the thread that will run it. SIGPIPE is ignored
 * afterwards; other signal handlers stay as they were. The allowed_uids are not copied. Before threads start. */
int reactor_new(struct loop *loop, int listen_fd, const struct fcgi_settings *settings, fcgi_handler handler, void *arg,
                struct reactor **ret_reactor, struct err *err);
/* Stops accepting, closes idle connections, lets answers in flight go out and tells `done` on the loop when the last one left. */
void reactor_drain(struct reactor *reactor, void (*done)(void *arg), void *arg);
/* Closes what is left. Every exchange must have been answered. */
void reactor_free(struct reactor *reactor);
/* Open connections and requests being answered, for status. */
size_t reactor_connections_count(const struct reactor *reactor);
size_t reactor_requests_count(const struct reactor *reactor);

/* The request's parameters, as libfcgi parsed them; valid until fcgi_reply(). Any thread. */
size_t fcgi_params_count(const struct fcgi_exchange *exchange);
struct fcgi_param fcgi_param_at(const struct fcgi_exchange *exchange, size_t index);
/* First parameter of that name, p == NULL if there is none. */
struct str fcgi_param(const struct fcgi_exchange *exchange, const char *name);
/* A parameter has a NUL byte, an empty name, or '=' in its name: its text above is not what was sent, and the answer is 400. Any
 * thread. */
bool fcgi_is_odd(const struct fcgi_exchange *exchange);
/* The whole STDIN stream (at most FCGI_REQUEST_MAX_BYTES). */
struct str fcgi_body(const struct fcgi_exchange *exchange);
/* The peer has aborted or closed: what is not yet done need not be done. Any thread. */
bool fcgi_is_gone(const struct fcgi_exchange *exchange);
/* When its last byte was seen, clock_mono_us(). */
uint64_t fcgi_arrived_us(const struct fcgi_exchange *exchange);

/* Sends header block and body and ends the exchange; the pointer is dead afterwards. On the reactor's thread it is written at
 * once and the buffers stay the caller's (no copy); from any other thread the bytes are copied and handed over. */
void fcgi_reply(struct fcgi_exchange *exchange, struct str head, struct str body);

#endif
