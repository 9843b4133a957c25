/* SPDX-License-Identifier: Apache-2.0
 * job: one request from its parsing to its reply, on whichever thread works on it. */
#ifndef WEIGATE_SIGNIN_JOB_H
#define WEIGATE_SIGNIN_JOB_H

#include <stdbool.h>

#include "base/loop.h"
#include "signin/account.h"
#include "signin/outcome.h"
#include "signin/revoke.h"
#include "signin/session.h"
#include "store/store.h"
#include "web/request.h"
#include "web/response.h"

struct attempt;
struct signin;

struct job {
  struct loop_task task; /* carries it to the sign-in thread, or back */
  struct signin *signin;
  struct account *account;
  struct store *store;
  const struct signin_route *route;
  struct request request;
  struct response response;
  enum session_state session_state; /* read on the reactor's thread, where the revocations are known */
  struct session session;           /* with SESSION_GOOD */
  bool renew_session;
  bool is_api; /* a program asks: JSON instead of pages */
  bool is_chinese;
  struct job *next; /* while it is in the pool */
};

/* A row of the route table: what answers, and whether it may have to wait. */
struct signin_route {
  void (*run)(struct job *job); /* fills job->response; in a coroutine where is_waiting, else on the reactor's thread */
  bool is_waiting;
  bool reads_session; /* job->session is wanted */
};

/* How an answer is told apart from others of its kind. */
struct answer_detail {
  const struct wechat_answer *wechat; /* errcode and rid, or NULL */
  const char *stage;                  /* where it ended, for the log: "state", "code", "token", "profile", "store" */
  const struct attempt *attempt;      /* what "sign in again" repeats; NULL: unknown */
  const char *why;                    /* for the log, NULL for none; never personal data */
};

/* Ends the job with that outcome: counts it, logs it once, writes a page or problem+json, with Retry-After where the row or
 * WeChat names one. Any thread. */
void answer_outcome(struct job *job, enum outcome outcome, const struct answer_detail *detail);
/* 302 or 303 to an address that was judged, with no-store and no-referrer. Counts nothing. */
void answer_redirect(struct job *job, int status, struct str location);
/* 200 with JSON; the caller appends it to what is returned. Counts nothing. */
struct buf *answer_json(struct job *job);
/* A status and no body, for what shall neither consume nor tell anything (HEAD, prefetch) and for 204. Counts nothing. */
void answer_empty(struct job *job, int status);
/* The last page of a sign-in in a window of its own: tells the opener and closes, or offers the way on. Counts nothing. */
void answer_popup(struct job *job, enum outcome outcome, struct str next);
/* Where to go when nothing better is known: the judged `next`, or default_next. */
void answer_add_next(const struct account *account, struct str next, struct buf *out);

/* Lets the reactor's table know of a revocation now, before the reply that follows. Sign-in thread. */
void signin_revoke_now(struct signin *signin, const struct revocation *revocation);
/* The name written with events. */
const char *signin_node(const struct signin *signin);

#endif
