/* SPDX-License-Identifier: Apache-2.0
 * look: one request, step by step: how far it came and what each step took, for an admin who wants to know why. */
#ifndef WEIGATE_FETCH_LOOK_H
#define WEIGATE_FETCH_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/text.h"

/* The step at which a request ended. */
enum look_step {
  LOOK_NAME,        /* the host's name leads nowhere */
  LOOK_CONNECT,     /* nobody accepts the connection */
  LOOK_CERTIFICATE, /* the host's certificate is not good */
  LOOK_TLS,         /* or TLS fails otherwise */
  LOOK_ANSWER,      /* no whole HTTP answer came */
  LOOK_DONE
};

struct look_request {
  struct str url;
  const char *ca_file; /* NULL: the system's store */
  bool allow_private;  /* as in fetch_wait() */
  uint64_t connect_timeout_ms, timeout_ms;
};

/* How it ended, and what was learned on the way. */
struct look {
  enum look_step ended_at;
  char problem[256];                               /* curl's words, never the URL; "" with LOOK_DONE */
  char address[64];                                /* of the peer, once connected */
  uint32_t name_ms, connect_ms, tls_ms, answer_ms; /* since the beginning */
  int64_t certificate_ends_s;                      /* since 1970; 0 without TLS */
  int64_t date_s, date_read_s;                     /* the Date header, and our clock when it came; 0 without one */
  int http_status;
  struct buf body;
};

/* GETs the URL under the rules of the client in the loop. Blocks; the look is initialised here and released with look_done().
 * Before threads start. */
void look_run(const struct look_request *request, struct look *ret_look);
void look_done(struct look *look);

#endif
