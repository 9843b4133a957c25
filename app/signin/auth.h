/* SPDX-License-Identifier: Apache-2.0
 * auth: what nginx's auth_request asks on every protected request. */
#ifndef WEIGATE_SIGNIN_AUTH_H
#define WEIGATE_SIGNIN_AUTH_H

#include "signin/job.h"

/* Any method on /auth: 204 with identity headers, 401, or 403 for a guest where a person is asked for. Reactor only. */
void auth_run(struct job *job);

/* Registers its counters. Before metrics_start(). */
void auth_register(void);

#endif
