/* SPDX-License-Identifier: Apache-2.0
 * signin: the story of a sign-in as the worker starts it: what it is told (settings), how it is started and drained. */
#ifndef WEIGATE_SIGNIN_SIGNIN_H
#define WEIGATE_SIGNIN_SIGNIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/seal.h"
#include "fcgi/reactor.h"
#include "fetch/fetch.h"
#include "store/store.h"
#include "web/url.h"
#include "wechat/api.h"

enum signin_scope { SIGNIN_SCOPE_BASE, SIGNIN_SCOPE_USERINFO, SIGNIN_SCOPE_AUTO };
enum signin_outside { SIGNIN_OUTSIDE_QR, SIGNIN_OUTSIDE_QRCONNECT, SIGNIN_OUTSIDE_AUTHORIZE };
enum signin_snapshot { SIGNIN_SNAPSHOT_PAGE, SIGNIN_SNAPSHOT_GUEST, SIGNIN_SNAPSHOT_REFUSE };

/* Accounts in one process; each has its prefix, and a request looks at all of them. */
#define SIGNIN_ACCOUNTS_MAX 64
/* Origins one account may return to besides its own. */
#define SIGNIN_ORIGINS_MAX 32

/* One [account NAME]. All texts outlive the process' threads; addresses are checked by conf/. */
struct account_settings {
  char id[33]; /* the section's name, "default" for plain [account]: [a-z0-9_-]{1,32} */
  const char *appid;
  const char *secret; /* from secret_file */
  struct origin public_url;
  const char *prefix; /* "/weixin": begins with '/', no trailing one */
  enum signin_scope scope;
  const char *lang; /* zh_CN | zh_TW | en */
  const char *default_next;
  struct origin allowed_origins[SIGNIN_ORIGINS_MAX];
  size_t allowed_origins_count;
  enum signin_outside outside_wechat;
  enum signin_snapshot snapshot;
  uint64_t profile_max_age_ms; /* scope auto: ask for the profile again after it; 0: never */
  bool code_without_state;     /* POST /session accepts a code without state */
  int32_t time_zone_minutes;   /* east of UTC, for the day of an event */
  const char *authorize_url;
  const char *qrconnect_url;
  const char *qrconnect_appid; /* website app, for outside_wechat = qrconnect; NULL without */
  const char *qrconnect_secret;
  const char *api_urls[WECHAT_HOSTS_MAX];
  size_t api_urls_count;
  const char *ca_file; /* NULL: system store */
  uint64_t connect_timeout_ms;
  uint64_t request_timeout_ms;
};

struct session_settings {
  struct seal_keys *keys;
  uint64_t lifetime_ms;
  uint64_t idle_ms;
};

struct signin_settings {
  const struct account_settings *accounts;
  size_t accounts_count;
  struct session_settings session;
  size_t signins_max; /* in flight per worker */
  struct store_settings store;
  const char *node; /* host name, written with events */
};

struct signin;

/* Registers the counters of signin and the modules it stands on. Before metrics_start(). */
void signin_register_metrics(void);

/* Starts the sign-in thread (its loop, upstream clients, coroutines) and the store. Answers that need no waiting are given on
 * `reactor_loop`'s thread. The settings must outlive it. In a worker, before its reactor runs. */
int signin_start(struct loop *reactor_loop, const struct signin_settings *settings, struct signin **ret_signin, struct err *err);
/* The reactor's handler; arg is the struct signin. Reactor only. */
void signin_handle(struct fcgi_exchange *exchange, void *arg);
/* /status/ready says draining from now on. Reactor only. */
void signin_drain(struct signin *signin);
/* Ends the threads; the reactor has answered everything, or gives up on what is left. */
void signin_stop(struct signin *signin);

/* What an admin wants to know of this worker, as members of a JSON object: "store":{…},"accounts":[…],"signins_in_flight":n. Any
 * thread. */
void signin_status_add(const struct signin *signin, struct buf *out);
/* True when sign-ins can be completed: a store or the spool takes them, and the worker is not draining. *ret_why names what is
 * missing; with true it may be something that is bridged, or is "". Any thread. */
bool signin_is_ready(const struct signin *signin, const char **ret_why);

#endif
