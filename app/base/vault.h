/* SPDX-License-Identifier: Apache-2.0
 * vault: memory for secrets: guarded on both sides, left out of core dumps, read-only, wiped when it is given back. */
#ifndef WEIGATE_BASE_VAULT_H
#define WEIGATE_BASE_VAULT_H

#include <stddef.h>

#include "base/text.h"

/* A terminated copy of the text, which the caller wipes where it came from; NULL without memory. It takes a page and the guards
 * around it. seal_start() comes before. Any thread. */
char *vault_keep(struct str text);
void vault_free(void *secret); /* accepts NULL */

/* Keeps the bytes out of the swap, in this process: a lock does not pass to a child. -1 with errno; ENOMEM and EPERM stand for
 * RLIMIT_MEMLOCK. Any thread. */
int vault_lock(const void *bytes, size_t n);

#endif
