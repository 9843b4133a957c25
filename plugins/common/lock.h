/* SPDX-License-Identifier: Apache-2.0
 * lock: the queue of writers of one database, fair, with a time limit, across all processes of the host. */
#ifndef WEIGATE_COMMON_LOCK_H
#define WEIGATE_COMMON_LOCK_H

#include <stdint.h>

struct writer_lock;

/* Maps the lock file (made if missing, mode 0600). -1 with errno. */
int lock_open(const char *path, struct writer_lock **ret_lock);
void lock_close(struct writer_lock *lock);
/* Waits in line. 0, or an error number: ETIMEDOUT, ESTALE when the lock file was replaced. */
int lock_take(struct writer_lock *lock, uint64_t timeout_ms);
void lock_give(struct writer_lock *lock);

#endif
