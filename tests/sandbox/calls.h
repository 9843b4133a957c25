/* SPDX-License-Identifier: Apache-2.0
 * calls: the API calls under /sns/, with WeChat's answers and errors. */
#ifndef WEIGATE_SANDBOX_CALLS_H
#define WEIGATE_SANDBOX_CALLS_H

#include "exchange.h"

/* Each answers one call: GET /sns/oauth2/access_token, /sns/oauth2/refresh_token, /sns/userinfo, /sns/auth. Any thread. */
void call_access_token(struct exchange *exchange);
void call_refresh_token(struct exchange *exchange);
void call_userinfo(struct exchange *exchange);
void call_auth(struct exchange *exchange);

#endif
