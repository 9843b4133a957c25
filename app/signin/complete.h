/* SPDX-License-Identifier: Apache-2.0
 * complete: the heart: from a code to a stored person and a session, once per code, whoever else has the same one. */
#ifndef WEIGATE_SIGNIN_COMPLETE_H
#define WEIGATE_SIGNIN_COMPLETE_H

#include "signin/attempt.h"
#include "signin/job.h"
#include "signin/session.h"

/* WeChat's codes have 32 characters; the documents name no limit. */
#define COMPLETE_CODE_MAX_BYTES 512

/* One sign-in being completed. */
struct completion {
  struct job *job;
  struct str code;
  const struct attempt *attempt; /* NULL where account.code_without_state lets a code come alone */
  const char *channel;           /* "wechat", "qr", "qrconnect", "spa" */

  /* Filled on the way. */
  struct session session;      /* with OUTCOME_SIGNED_IN and OUTCOME_SIGNED_IN_GUEST */
  struct wechat_answer wechat; /* WeChat's last word */
  const char *stage;           /* where it ended */
  const char *why;             /* for the log */
};

/* [A-Za-z0-9_-], 1 to COMPLETE_CODE_MAX_BYTES. */
bool complete_is_code(struct str code);

/* Claims the code, exchanges it, pulls the profile, records the sign-in and makes the session; or gives the outcome of whoever
 * claimed it first. Every end is recorded as an event. Coroutine; may suspend. */
enum outcome complete_wait(struct completion *completion);

/* How a sign-in ends where WeChat answered so. */
enum outcome complete_outcome_of(const struct wechat_answer *answer);

/* Registers the stage times. Before metrics_start(). */
void complete_register(void);

#endif
