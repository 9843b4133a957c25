/* SPDX-License-Identifier: Apache-2.0
 * sockets: curl's sockets in the loop's epoll set. A kept connection stays in it between two calls, which saves two system calls
 * a call. Inside fetch/ only; the loop's thread. */
#ifndef WEIGATE_FETCH_SOCKETS_H
#define WEIGATE_FETCH_SOCKETS_H

#include "fetch/call.h"

/* Called with what epoll saw on a socket that curl waits for. */
typedef void sockets_ready_fn(struct lane *lane, curl_socket_t fd, int curl_events);

void sockets_init(struct sockets *sockets, struct loop *loop, sockets_ready_fn *ready);
/* curl has closed every socket. */
void sockets_done(struct sockets *sockets);
/* A socket of the lane was made; -1 without memory (then it is not ours). */
int sockets_add(struct sockets *sockets, struct lane *lane, curl_socket_t fd);
/* Forgets and closes it. */
int sockets_close(struct sockets *sockets, curl_socket_t fd);
/* What curl waits for now: CURL_POLL_*. Takes sockets that were never added too: curl makes some for its resolver threads. Where
 * memory is refused nothing is watched, and the calls end with their deadlines. */
void sockets_want(struct sockets *sockets, struct lane *lane, curl_socket_t fd, int what);

#endif
