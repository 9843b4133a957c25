/* SPDX-License-Identifier: Apache-2.0
 * fetch: one curl_multi in the sign-in loop; fetch_wait() suspends the coroutine that calls it until the answer is there. */
#ifndef WEIGATE_FETCH_FETCH_H
#define WEIGATE_FETCH_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/text.h"

/* Largest decoded answer; WeChat's largest is a profile of about 2 KiB. Counted in the write callback, after decompression. */
#define FETCH_BODY_MAX_BYTES    65536
#define FETCH_HEADERS_MAX_BYTES 16384

struct fetch_settings {
  const char *ca_file; /* NULL: the system's store */
  uint64_t connect_timeout_ms;
  size_t signins_max; /* calls in flight; bounds handles and connections */
};

struct fetch;

/* What became of a call. Everything but FETCH_ANSWERED is "the upstream did not answer", never "the person is wrong". */
enum fetch_result {
  FETCH_ANSWERED,  /* an HTTP status and a whole body */
  FETCH_NOT_SENT,  /* resolving, connecting, TLS or certificate failed: nothing of the request left; safe to repeat elsewhere */
  FETCH_TIMEOUT,   /* the budget ran out after sending */
  FETCH_CUT,       /* the connection broke, or what came was not HTTP */
  FETCH_TOO_LARGE, /* headers or decoded body above the limit */
  FETCH_OVERLOADED /* no handle left or memory refused */
};

struct fetch_reply {
  enum fetch_result result;
  int http_status;
  uint32_t retry_after_s; /* Retry-After in seconds, 0 if none; capped at 3600 */
  struct buf body;
  char problem[160]; /* for the log: curl's words, never the URL */
};

/* Makes the client in the loop: a curl_multi per host, made when first called. No proxy, CA, netrc or key-log setting is taken
 * from the environment (the variables are removed). Refused when ca_file holds no certificate. Idle connections are dropped after
 * 30 s, any after 300 s; connections per host are bounded; HTTP/2 is taken when offered. The settings' ca_file is copied. Before
 * threads start (curl_global_init), then the loop's thread. */
int fetch_new(struct loop *loop, const struct fetch_settings *settings, struct fetch **ret_fetch, struct err *err);
/* Every call must have returned. */
void fetch_free(struct fetch *fetch);

/* GETs the URL within timeout_ms (connect included). Addresses of loopback and private networks are refused unless allow_private
 * (set for URLs whose configured host is loopback). It returns at the deadline even while the name is being resolved. Redirects
 * are not followed. The reply is initialised here and released with fetch_reply_done(). Coroutine; may suspend. */
void fetch_wait(struct fetch *fetch, struct str url, bool allow_private, uint64_t timeout_ms, struct fetch_reply *ret_reply);
void fetch_reply_done(struct fetch_reply *reply);

/* Makes the counters known. Before metrics_start(). */
void fetch_metrics_register(void);

#endif
