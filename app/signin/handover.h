/* SPDX-License-Identifier: Apache-2.0
 * handover: signs in on a computer with the phone: a QR code there, WeChat's consent and a confirmation on the phone. */
#ifndef WEIGATE_SIGNIN_HANDOVER_H
#define WEIGATE_SIGNIN_HANDOVER_H

#include "signin/attempt.h"
#include "signin/job.h"
#include "signin/login.h"
#include "signin/session.h"

/* On the computer: the page with the QR code, which waits until the phone is done. Reactor only. */
void handover_show_qr(struct job *job, const struct login_start *start);
/* On the phone: GET /login?handover=…, where the QR code leads. Reactor only. */
bool handover_is_asked(const struct job *job);
void handover_begin(struct job *job, struct login_start *start);
/* On the phone, after its own sign-in: asks whether the computer may be signed in too. Coroutine. */
void handover_ask(struct job *job, const struct attempt *attempt);
/* POST /handover from that page. Coroutine; may suspend. */
void handover_confirm_wait(struct job *job);
/* GET /handover?state=… from the computer's page. Coroutine; may suspend. */
void handover_poll_wait(struct job *job);

/* Opens the value of a ticket of KIND_HANDOVER; -1 if it is not this account's. Any thread. */
int handover_read(const struct account *account, const char *key, struct str value, struct session *ret_session);

#endif
