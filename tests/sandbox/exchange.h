/* SPDX-License-Identifier: Apache-2.0
 * exchange: one HTTP request and its reply, and the sandbox they belong to. An exchange is used by one thread at a time. */
#ifndef WEIGATE_SANDBOX_EXCHANGE_H
#define WEIGATE_SANDBOX_EXCHANGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/text.h"
#include "faults.h"
#include "grants.h"
#include "ledger.h"
#include "options.h"
#include "timer.h"

struct MHD_Connection;
struct steering;

/* More rows than the table of people has. */
#define SIGN_INS_MAX 128
/* Content-Type, Location, Retry-After, a few security headers, and what a fault adds. */
#define HEADERS_MAX 32

/* Everything that is shared; each member locks itself. */
struct sandbox {
  struct options options;
  struct grants *grants;
  struct faults *faults;
  struct ledger *ledger;
  struct steering *steering;
  struct timer *timer;
  _Atomic int64_t clock_offset_s;
  _Atomic uint64_t latency_ms, jitter_ms;
  atomic_uint sign_ins[SIGN_INS_MAX]; /* codes exchanged per row of the table, for the unionid that comes later */
};

struct header {
  const char *name; /* static, or of the fault */
  char *value;      /* owned */
};

struct reply {
  unsigned status;
  struct header headers[HEADERS_MAX];
  size_t headers_count;
  struct buf body;
};

enum exchange_phase {
  PHASE_HEAD,    /* nothing seen but the request line */
  PHASE_BODY,    /* collecting the body of a control request */
  PHASE_WAITING, /* the reply is ready and its delay runs: the timer holds the exchange */
  PHASE_RAW,     /* the timer writes raw bytes to the socket */
  PHASE_CLOSING, /* to be closed without an answer */
  PHASE_REPLY,   /* handed to libmicrohttpd */
};

struct exchange {
  struct sandbox *sandbox;
  struct MHD_Connection *connection;
  enum exchange_phase phase;
  bool tls, reused, counted; /* counted: it is among the API calls in flight */
  uint16_t port;
  char *uri;              /* as sent, owned */
  struct str path, query; /* raw, in uri */
  const char *method;
  struct buf body;
  struct reply reply;
  struct fault *fault;       /* a reference, or NULL */
  struct ledger_query lines; /* GET /sandbox/ledger streams */
  uint64_t delay_us;
  struct timer_item timer;
  bool dripped;  /* the next byte of a dripping body is due */
  size_t raw_at; /* written of raw, then of raw_repeat */
  bool raw_repeating;
};

/* WeChat's clock: ours, moved by POST /sandbox/clock. Any thread. */
int64_t sandbox_now_s(struct sandbox *sandbox);

/* A query parameter, decoded, or NULL; and the same as a slice (empty when missing). */
const char *exchange_param(const struct exchange *exchange, const char *name);
struct str exchange_param_str(const struct exchange *exchange, const char *name);
const char *exchange_cookie(const struct exchange *exchange, const char *name);
const char *exchange_header(const struct exchange *exchange, const char *name);

/* Starts the reply; the type must be static or NULL for none. */
void reply_set(struct exchange *exchange, unsigned status, const char *content_type);
/* Adds or replaces a header; the name must outlive the exchange. Bytes below 0x20 in the value become blanks. */
void reply_header(struct exchange *exchange, const char *name, struct str value);
/* A control answer of one member: {"error": sentence}. */
void reply_error(struct exchange *exchange, unsigned status, const char *sentence);

#endif
