/* SPDX-License-Identifier: Apache-2.0
 * exchange: everything that touches libfcgi (2.4.2; tests/unit/test_exchange.c holds what we rely on). Reactor's thread, but for
 * the readers. */
#include "fcgi/exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "fcgi/reactor.h"

/* Body and replies keep their memory between requests up to this much: forms and JSON answers are below 4 KiB. */
#define KEPT_BUF_MAX_BYTES 16384

/* FCGX_Init() puts its own handlers on these where it finds the default or "ignore"; SIGUSR1 and SIGTERM would make it refuse all
 * reads. */
static const int touched_signals[] = {SIGPIPE, SIGUSR1, SIGTERM};
#define TOUCHED_COUNT (sizeof touched_signals / sizeof touched_signals[0])

int exchange_init_library(struct err *err) {
  struct sigaction before[TOUCHED_COUNT];
  for (size_t i = 0; i < TOUCHED_COUNT; i++) sigaction(touched_signals[i], NULL, &before[i]);
  int status = FCGX_Init();
  for (size_t i = 0; i < TOUCHED_COUNT; i++) sigaction(touched_signals[i], &before[i], NULL);
  signal(SIGPIPE, SIG_IGN);
  if (status != 0) return err_set(err, "libfcgi cannot be initialised (%d): out of memory", status);
  return 0;
}

int exchange_pipe_open(struct exchange_pipe *ret_pipe, size_t min_bytes, struct err *err) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
    return err_set(err, "cannot make a pipe: %m; raise the limit of open files (ulimit -n)");
  int capacity = fcntl(ends[1], F_SETPIPE_SZ, (int)min_bytes);
  if (capacity < 0 || (size_t)capacity < min_bytes) {
    err_set(err, "cannot make a pipe of %zu bytes: %m; raise fs.pipe-user-pages-soft", min_bytes);
    close(ends[0]);
    close(ends[1]);
    return -1;
  }
  *ret_pipe = (struct exchange_pipe){ends[0], ends[1], (size_t)capacity};
  return 0;
}

void exchange_pipe_close(struct exchange_pipe *pipe) {
  if (pipe->read_fd >= 0) close(pipe->read_fd);
  if (pipe->write_fd >= 0) close(pipe->write_fd);
  pipe->read_fd = pipe->write_fd = -1;
}

struct fcgi_exchange *exchange_new(struct reactor *reactor, void (*replied)(struct loop_task *task)) {
  struct fcgi_exchange *exchange = calloc(1, sizeof *exchange);
  if (!exchange) return NULL;
  exchange->reactor = reactor;
  exchange->reply_task = (struct loop_task){.run = replied, .arg = exchange};
  buf_init(&exchange->body, FCGI_REQUEST_MAX_BYTES);
  buf_init(&exchange->reply_head, FCGI_REPLY_MAX_BYTES);
  buf_init(&exchange->reply_body, FCGI_REPLY_MAX_BYTES);
  return exchange;
}

void exchange_free(struct fcgi_exchange *exchange) {
  if (!exchange) return;
  buf_done(&exchange->body);
  buf_done(&exchange->reply_head);
  buf_done(&exchange->reply_body);
  free(exchange);
}

static void empty_buf(struct buf *buf) {
  if (buf->cap > KEPT_BUF_MAX_BYTES)
    buf_done(buf);
  else
    buf_clear(buf);
}

static int write_request(const struct exchange_pipe *pipe, const uint8_t *bytes, size_t n) {
  ssize_t written;
  do written = write(pipe->write_fd, bytes, n);
  while (written < 0 && errno == EINTR);
  return written == (ssize_t)n ? 0 : -1;
}

/* STDIN to its end: what stays unread would be found by the next request. */
static int read_body(FCGX_Stream *in, struct buf *body) {
  for (;;) {
    char bytes[4096];
    int n = FCGX_GetStr(bytes, sizeof bytes, in);
    if (n > 0) buf_add(body, bytes, (size_t)n);
    if (n < (int)sizeof bytes) break;
  }
  return FCGX_GetError(in) || body->failed ? -1 : 0;
}

static size_t count_params(char **envp) {
  size_t count = 0;
  while (envp[count]) count++;
  return count;
}

/* After a failure: libfcgi may have closed its end, and what is left in the pipe belongs to nobody. */
static void renew_pipe(struct exchange_pipe *pipe) {
  struct err err;
  size_t capacity = pipe->capacity_bytes;
  exchange_pipe_close(pipe);
  if (exchange_pipe_open(pipe, capacity, &err) != 0) log_error("fcgi: %s", err.text);
}

static int parse(FCGX_Request *fcgx, struct exchange_pipe *pipe, struct buf *body) {
  FCGX_InitRequest(fcgx, -1, 0);
  fcgx->ipcFd = pipe->read_fd;
  fcgx->keepConnection = 1;
  if (FCGX_Accept_r(fcgx) == 0) return read_body(fcgx->in, body);
  pipe->read_fd = -1; /* libfcgi has closed it */
  return -1;
}

int exchange_take(struct fcgi_exchange *exchange, struct exchange_pipe *pipe, const uint8_t *bytes, size_t n, int socket_fd) {
  if (write_request(pipe, bytes, n) != 0 || parse(&exchange->fcgx, pipe, &exchange->body) != 0) {
    exchange_drop(exchange);
    renew_pipe(pipe);
    return -1;
  }
  FCGX_FreeStream(&exchange->fcgx.in); /* 8 KiB that a sign-in would hold while it waits; the body is ours already */
  exchange->fcgx.ipcFd = socket_fd;
  exchange->params_count = count_params(exchange->fcgx.envp) - 1; /* the first is libfcgi's own FCGI_ROLE */
  atomic_store_explicit(&exchange->is_gone, false, memory_order_relaxed);
  return 0;
}

static int put(FCGX_Stream *out, struct str text) {
  return text.n == 0 || FCGX_PutStr(text.p, (int)text.n, out) == (int)text.n ? 0 : -1;
}

int exchange_write(struct fcgi_exchange *exchange, struct str head, struct str body) {
  FCGX_Request *fcgx = &exchange->fcgx;
  int status = put(fcgx->out, head);
  if (status == 0) status = put(fcgx->out, body);
  /* err first: closed last it would cost a write of its own. Not FCGX_Finish_r(), which closes with a wait of up to 2 s. */
  if (FCGX_FClose(fcgx->err) != 0) status = -1;
  if (FCGX_FClose(fcgx->out) != 0) status = -1;
  exchange_drop(exchange);
  return status;
}

void exchange_drop(struct fcgi_exchange *exchange) {
  FCGX_Free(&exchange->fcgx, 0);
  empty_buf(&exchange->body);
  empty_buf(&exchange->reply_head);
  empty_buf(&exchange->reply_body);
}

size_t fcgi_params_count(const struct fcgi_exchange *exchange) {
  return exchange->params_count;
}

struct fcgi_param fcgi_param_at(const struct fcgi_exchange *exchange, size_t index) {
  const char *pair = exchange->fcgx.envp[index + 1];
  const char *sign = strchr(pair, '='); /* libfcgi has put one there, but a NUL in the name hides it */
  if (!sign) return (struct fcgi_param){str_of(pair), STR("")};
  return (struct fcgi_param){str_make(pair, (size_t)(sign - pair)), str_of(sign + 1)};
}

struct str fcgi_param(const struct fcgi_exchange *exchange, const char *name) {
  size_t n = strlen(name);
  for (char **pair = exchange->fcgx.envp + 1; *pair; pair++)
    if (strncmp(*pair, name, n) == 0 && (*pair)[n] == '=') return str_of(*pair + n + 1);
  return STR_NONE;
}

bool fcgi_is_odd(const struct fcgi_exchange *exchange) {
  return exchange->is_odd;
}

struct str fcgi_body(const struct fcgi_exchange *exchange) {
  return buf_str(&exchange->body);
}

bool fcgi_is_gone(const struct fcgi_exchange *exchange) {
  return atomic_load_explicit(&exchange->is_gone, memory_order_acquire);
}

uint64_t fcgi_arrived_us(const struct fcgi_exchange *exchange) {
  return exchange->arrived_us;
}
