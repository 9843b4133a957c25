/* SPDX-License-Identifier: Apache-2.0
 * fault: what a SQLSTATE, or a connection that broke, means for the call. */
#ifndef WEIGATE_POSTGRES_FAULT_H
#define WEIGATE_POSTGRES_FAULT_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <weigate/storage.h>

/* The class of a SQLSTATE on a live connection: the transaction was rolled back. */
int fault_class(const char *state);
/* True for those that end the session, so that they may come from between us and the server, or from behind a commit: after a
 * write was sent its outcome is not known. */
bool fault_ends_session(const char *state);
/* Fills in the call for an error the server sent. Returns its class. */
int fault_result(const PGresult *result, struct weigate_call *call, const char *doing);
/* Fills in the call for a connection that could not be made. Returns its class. */
int fault_connection(PGconn *conn, struct weigate_call *call);

#endif
