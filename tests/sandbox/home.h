/* SPDX-License-Identifier: Apache-2.0
 * home: the sandbox's own page, which an application developer reads. */
#ifndef WEIGATE_SANDBOX_HOME_H
#define WEIGATE_SANDBOX_HOME_H

#include "exchange.h"

/* GET /sandbox/: who there is, what is set, how to steer. Any thread. */
void home_serve(struct exchange *exchange);
/* GET / and /sandbox: 302 to there. Any thread. */
void home_redirect(struct exchange *exchange);

#endif
