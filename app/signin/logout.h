/* SPDX-License-Identifier: Apache-2.0
 * logout: ends a session everywhere. */
#ifndef WEIGATE_SIGNIN_LOGOUT_H
#define WEIGATE_SIGNIN_LOGOUT_H

#include "signin/job.h"

/* DELETE /session and POST /logout. Coroutine; may suspend. */
void logout_run_wait(struct job *job);

#endif
