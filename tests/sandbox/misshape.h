/* SPDX-License-Identifier: Apache-2.0
 * misshape: what a fault does to a finished reply, as far as HTTP can express it. */
#ifndef WEIGATE_SANDBOX_MISSHAPE_H
#define WEIGATE_SANDBOX_MISSHAPE_H

#include "exchange.h"

/* Applies status, headers, body, padding and compression of exchange->fault; nothing without one. Any thread. */
void misshape_reply(struct exchange *exchange);

#endif
