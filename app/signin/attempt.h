/* SPDX-License-Identifier: Apache-2.0
 * attempt: one sign-in under way, kept in the browser: a sealed login cookie that the state has to match. */
#ifndef WEIGATE_SIGNIN_ATTEMPT_H
#define WEIGATE_SIGNIN_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "signin/account.h"
#include "signin/state.h"
#include "web/cookie.h"

/* Attempts that one browser keeps at a time: a few open tabs. */
#define ATTEMPTS_MAX 5
/* All login cookies together: with the session cookie they stay below half of the 8 KB that nginx takes for a Cookie header. */
#define ATTEMPTS_MAX_BYTES 3072

#define ATTEMPT_POPUP     0x01 /* the sign-in runs in a window of its own, which tells its opener and closes */
#define ATTEMPT_WEBSITE   0x02 /* through the website app (qrconnect) */
#define ATTEMPT_ESCALATED 0x04 /* the profile is asked for after a silent sign-in found none */
#define ATTEMPT_SPA       0x08 /* a single-page app takes the code and posts it to /session */
#define ATTEMPT_HANDOVER  0x10 /* a phone signs in for a computer that shows the QR code */
#define ATTEMPT_USERINFO  0x20 /* snsapi_userinfo was asked for, else snsapi_base */
#define ATTEMPT_AUTO      0x40 /* scope auto: silent first, the profile only where none is stored */

enum attempt_lang { ATTEMPT_LANG_ACCOUNT, ATTEMPT_LANG_ZH_CN, ATTEMPT_LANG_ZH_TW, ATTEMPT_LANG_EN };

struct attempt {
  uint8_t nonce[STATE_NONCE_BYTES];
  uint8_t secret[STATE_SECRET_BYTES];
  uint32_t made_at_s;
  uint8_t flags;    /* ATTEMPT_… */
  uint8_t restarts; /* silent restarts that led here */
  uint8_t lang;     /* of the profile: enum attempt_lang */
  char next[URL_NEXT_MAX_BYTES + 1];
};

enum attempt_match { ATTEMPT_MATCH, ATTEMPT_NO_STATE, ATTEMPT_BAD_STATE, ATTEMPT_NO_COOKIE, ATTEMPT_MISMATCH, ATTEMPT_EXPIRED };

/* Fills nonce, secret and time; -1 without random bytes. The caller sets flags, restarts and next. */
int attempt_begin(struct attempt *attempt, int64_t now_s);
/* The state that belongs to it. */
void attempt_format_state(const struct account *account, const struct attempt *attempt, char ret_state[STATE_TEXT_BYTES]);
/* Sets its login cookie and deletes the oldest and broken ones beyond ATTEMPTS_MAX and ATTEMPTS_MAX_BYTES. -1 without random
 * bytes. */
int attempt_set_cookie(const struct account *account, const struct request *request, const struct attempt *attempt, int64_t now_s,
                       struct response *response);
void attempt_clear_cookie(const struct account *account, const struct attempt *attempt, struct response *response);

/* Finds the attempt that the state belongs to. With NO_COOKIE, MISMATCH and EXPIRED *ret_state is filled, with MATCH both are.
 * Any thread. */
enum attempt_match attempt_find(const struct account *account, const struct request *request, struct str state_text,
                                int64_t now_s, struct attempt *ret_attempt, struct state *ret_state);

#endif
