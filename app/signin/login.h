/* SPDX-License-Identifier: Apache-2.0
 * login: starts a sign-in: return address, attempt, state, and the way to WeChat. */
#ifndef WEIGATE_SIGNIN_LOGIN_H
#define WEIGATE_SIGNIN_LOGIN_H

#include "signin/attempt.h"
#include "signin/job.h"

/* Longest authorize link: base, appid and a percent-encoded callback address, state. With a longer one Location would not fit
 * into what nginx takes. */
#define LOGIN_LINK_MAX_BYTES 2048
/* Longest link of "sign in again": prefix, wishes and a percent-encoded return address. */
#define LOGIN_AGAIN_MAX_BYTES (256 + 3 * URL_NEXT_MAX_BYTES)

/* What a sign-in is started with. */
struct login_start {
  struct str next; /* judged */
  enum signin_scope scope;
  uint8_t flags; /* ATTEMPT_… */
  uint8_t restarts;
  uint8_t lang;
};

/* GET /login. Reactor only. */
void login_run(struct job *job);

/* What the query wishes for: scope, lang and popup=1; words that are not known leave what is there. Any thread. */
void login_read_wishes(const struct job *job, struct login_start *start);
/* The own part of the query: all of it, or what stands before a `next` that was put in without encoding. Any thread. */
struct str login_own_query(struct str query);
/* Begins an attempt as the start says; -1 without random bytes. Any thread. */
int login_begin(const struct login_start *start, struct attempt *ret_attempt);
/* The link to WeChat for the attempt, coming back to redirect_uri; out->failed where it is longer than `out` permits. Any thread.
 */
void login_add_link(const struct account *account, const struct attempt *attempt, struct str redirect_uri, struct buf *out);
/* Begins one and answers 302 to WeChat, counted as `outcome`. Any thread. */
void login_redirect(struct job *job, const struct login_start *start, enum outcome outcome);
/* "scope=…&lang=…&" as far as the attempt differs from the account's settings, for a query of /login. Any thread. */
void login_add_wishes(const struct account *account, const struct attempt *attempt, struct buf *out);
/* A link on our own site that begins the attempt's sign-in again: destination, scope, language, window and handover as they were.
 * NULL: a plain one. Any thread. */
void login_add_again(const struct account *account, const struct attempt *attempt, struct buf *out);
/* The same attempt once more: same destination, one restart later. Any thread. */
void login_restart(struct job *job, const struct attempt *attempt, enum outcome outcome);

#endif
