/* SPDX-License-Identifier: Apache-2.0
 * authorize: what happens between the authorize link and the callback. */
#ifndef WEIGATE_SANDBOX_AUTHORIZE_H
#define WEIGATE_SANDBOX_AUTHORIZE_H

#include "exchange.h"

/* GET /connect/oauth2/authorize and GET /connect/qrconnect: back at once when the answer is known or nobody is asked, else the
 * page that asks. Any thread. */
void authorize_serve(struct exchange *exchange);
void authorize_serve_qr(struct exchange *exchange);
/* GET /connect/confirm: a button of that page. Any thread. */
void authorize_confirm(struct exchange *exchange);

#endif
