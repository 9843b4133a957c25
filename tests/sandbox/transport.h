/* SPDX-License-Identifier: Apache-2.0
 * transport: how a finished reply reaches the peer: at once, late, byte by byte, cut, or not at all. */
#ifndef WEIGATE_SANDBOX_TRANSPORT_H
#define WEIGATE_SANDBOX_TRANSPORT_H

#include <microhttpd.h>

#include "exchange.h"

/* Starts delivering: suspends the connection while a delay runs. MHD_NO closes it. Any thread. */
enum MHD_Result transport_start(struct exchange *exchange);
/* Goes on after the connection was resumed. Any thread. */
enum MHD_Result transport_continue(struct exchange *exchange);

#endif
