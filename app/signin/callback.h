/* SPDX-License-Identifier: Apache-2.0
 * callback: where WeChat sends the browser back to. */
#ifndef WEIGATE_SIGNIN_CALLBACK_H
#define WEIGATE_SIGNIN_CALLBACK_H

#include "signin/complete.h"

/* GET /callback?code&state. Coroutine; may suspend. */
void callback_run_wait(struct job *job);

#endif
