/* SPDX-License-Identifier: Apache-2.0
 * cancel: asks the server to give up a statement nobody waits for any more, without waiting for the server. */
#ifndef WEIGATE_POSTGRES_CANCEL_H
#define WEIGATE_POSTGRES_CANCEL_H

#include <libpq-fe.h>

/* Sends the request from a thread of its own: PQcancel() connects anew and blocks as long as the server likes. */
void cancel_start(PGconn *conn);
/* Waits a moment for requests under way. */
void cancel_finish(void);

#endif
