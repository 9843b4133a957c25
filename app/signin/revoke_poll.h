/* SPDX-License-Identifier: Apache-2.0
 * revoke_poll: reads revocation tickets every two seconds and brings them to the reactor's table. */
#ifndef WEIGATE_SIGNIN_REVOKE_POLL_H
#define WEIGATE_SIGNIN_REVOKE_POLL_H

#include "base/coro.h"
#include "base/loop.h"
#include "signin/revoke.h"
#include "store/store.h"

struct revoke_poll;

/* Sets up the poll, whose coroutine runs on `loop`; `table` belongs to reactor_loop's thread. Before threads start. */
int revoke_poll_new(struct loop *loop, struct loop *reactor_loop, struct revoke_table *table, struct store *store,
                    struct revoke_poll **ret_poll);
/* Starts its coroutine. The loop's thread. */
int revoke_poll_start(struct revoke_poll *poll, struct coro_pool *pool);
/* Waits until the tickets that were there at start are in the table, at most timeout_ms; false where the store did not answer.
 * Before the reactor runs. */
bool revoke_poll_wait_first(struct revoke_poll *poll, uint64_t timeout_ms);
/* Ends the coroutine, then stops its loop: after the store's deadline at the latest. Any thread. */
void revoke_poll_stop(struct revoke_poll *poll);
/* Adds one to the table now, in front of any reply posted later. Any thread. */
void revoke_poll_add(struct revoke_poll *poll, const struct revocation *revocation);
void revoke_poll_free(struct revoke_poll *poll);

#endif
