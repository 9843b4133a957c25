/* SPDX-License-Identifier: Apache-2.0
 * login: starts a sign-in: return address, attempt, state, and the way to WeChat. */
#ifndef WEIGATE_SIGNIN_LOGIN_H
#define WEIGATE_SIGNIN_LOGIN_H

#include "signin/attempt.h"
#include "signin/job.h"

/* Longest authorize link: base, appid and a percent-encoded callback address, state. */
#define LOGIN_LINK_MAX_BYTES 4096

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

/* Begins an attempt as the start says; -1 without random bytes. Any thread. */
int login_begin(const struct login_start *start, struct attempt *ret_attempt);
/* The link to WeChat for the attempt, coming back to redirect_uri. Any thread. */
void login_add_link(const struct account *account, const struct attempt *attempt, struct str redirect_uri, struct buf *out);
/* Begins one and answers 302 to WeChat, counted as `outcome`. Any thread. */
void login_redirect(struct job *job, const struct login_start *start, enum outcome outcome);
/* The same attempt once more: same destination, one restart later. Any thread. */
void login_restart(struct job *job, const struct attempt *attempt, enum outcome outcome);

#endif
