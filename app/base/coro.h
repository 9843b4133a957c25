/* SPDX-License-Identifier: Apache-2.0
 * coro: straight-line code that waits without a thread of its own. A coroutine runs on its loop's thread until it suspends;
 * a function whose name ends in _wait may suspend. Stacks are guarded and come from a bounded pool. */
#ifndef WEIGATE_BASE_CORO_H
#define WEIGATE_BASE_CORO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"

struct coro_pool;
struct coro;

/* A pool for at most count coroutines at once. Stacks (256 KiB of address space each, cJSON's depth cap times its frame with room
 * to spare; only touched pages are memory) are mapped when first needed, with a guard page below, and kept for reuse. Before
 * threads start. */
int coro_pool_new(struct loop *loop, size_t count, struct coro_pool **ret_pool, struct err *err);
void coro_pool_free(struct coro_pool *pool); /* every coroutine must have ended */

/* Runs fn(arg) in a new coroutine until it first suspends or ends; -1 when all are in use or memory is refused. Loop's thread. */
int coro_start(struct coro_pool *pool, void (*fn)(void *arg), void *arg);
size_t coro_running_count(const struct coro_pool *pool);

/* The running coroutine, or NULL outside of one. */
struct coro *coro_self(void);
struct loop *coro_loop(const struct coro *coro);
/* Gives the thread back to the loop until coro_resume(). Coroutine; may suspend. */
void coro_suspend_wait(void);
/* Lets a suspended coroutine go on, now, on this stack's top; returns when it suspends again or ends. Loop's thread, outside
 * coroutines. */
void coro_resume(struct coro *coro);
/* Lets a suspended coroutine go on in its loop's next round: for work that ends on another thread or inside another coroutine.
 * Once per suspension, and not together with coro_resume(). Any thread. */
void coro_wake(struct coro *coro);
/* Suspends for that long. Coroutine; may suspend. */
void coro_pause_wait(uint64_t ms);

#endif
