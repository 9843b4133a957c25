/* SPDX-License-Identifier: Apache-2.0
 * server: libmicrohttpd's side: listeners, connections, the life of an exchange, and the table of paths. */
#ifndef WEIGATE_SANDBOX_SERVER_H
#define WEIGATE_SANDBOX_SERVER_H

#include "base/err.h"
#include "exchange.h"

struct server;

/* Opens one listener and serves it with two threads. Any thread. */
int server_start(struct sandbox *sandbox, const struct listen_address *listen, struct server **ret_server, struct err *err);
/* The address to print: "http://127.0.0.1:8090". */
const char *server_address(const struct server *server);
/* Closes the connections; the timer must have been stopped before, so that none is suspended. NULL is fine. */
void server_stop(struct server *server);

#endif
