/* SPDX-License-Identifier: Apache-2.0
 * process: what this process inherited, looked at and put right before anything else happens. */
#ifndef WEIGATE_MASTER_PROCESS_H
#define WEIGATE_MASTER_PROCESS_H

#include <stdbool.h>

#include "base/err.h"
#include "base/loop.h"

/* Is fd a listening stream socket? The sentence says how weigate is started. Before threads start. */
int process_check_listener(int fd, struct err *err);
/* root is refused unless as_root. Before threads start. */
int process_check_user(bool as_root, struct err *err);
/* No core dumps, no ptrace by others, as many descriptors as permitted, no proxy, certificate or key-log setting in
 * the environment; a preloaded library is reported. Before threads start. */
int process_harden(struct err *err);
/* Blocks the signals and makes them readable through a watch on the loop; *ret_watch has fd, ready and arg set by the caller but
 * for fd. Before threads start. */
int process_watch_signals(struct loop *loop, const int *signals, size_t count, struct loop_watch *watch, struct err *err);
/* The next signal that has arrived, or 0. Loop's thread. */
int process_next_signal(const struct loop_watch *watch);

#endif
