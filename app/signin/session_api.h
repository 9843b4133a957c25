/* SPDX-License-Identifier: Apache-2.0
 * session_api: GET, POST /session, /session/refresh, /session/verify, /authorize: what programs in the browser call. */
#ifndef WEIGATE_SIGNIN_SESSION_API_H
#define WEIGATE_SIGNIN_SESSION_API_H

#include "signin/complete.h"

/* Who am I: 200 session JSON, or 401. Coroutine; may suspend. */
void session_show_wait(struct job *job);
/* {"code","state"} from a single-page app: 200 session JSON and the cookie. Coroutine; may suspend. */
void session_create_wait(struct job *job);
/* Refreshes the token, pulls the profile again, stores it. Coroutine; may suspend. */
void session_refresh_wait(struct job *job);
/* Asks WeChat whether the token is still good; refreshes once if not. Coroutine; may suspend. */
void session_verify_wait(struct job *job);
/* The authorize link as JSON, for an app that receives the code itself. Reactor only. */
void authorize_run(struct job *job);

/* True if the request comes from our own pages or an allowed origin, as far as the browser tells (Origin, Sec-Fetch-Site,
 * Referer). Any thread. */
bool request_is_same_site(const struct job *job);

#endif
