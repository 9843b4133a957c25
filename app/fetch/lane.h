/* SPDX-License-Identifier: Apache-2.0
 * lane: the way to one host: how many calls it gets at once, and the glue between its curl_multi and the loop. Inside fetch/
 * only; the loop's thread. */
#ifndef WEIGATE_FETCH_LANE_H
#define WEIGATE_FETCH_LANE_H

#include "fetch/call.h"

/* The lane of the URL's origin, made when first needed; NULL when the URL is none of http(s) or memory is refused. */
struct lane *lane_find(struct fetch *fetch, struct str url);
void lane_free(struct lane *lane);
/* Sends the call on its way, now or when its turn comes. It may have ended on return. */
void lane_enter(struct fetch_call *call);
/* Lets curl look at the socket and brings what it finished to an end; a sockets_ready_fn. */
void lane_run(struct lane *lane, curl_socket_t fd, int curl_events);
/* Takes the call off its way with this result, and lets those that waited for its place begin. */
void lane_drop(struct fetch_call *call, enum fetch_result result, const char *problem);

#endif
