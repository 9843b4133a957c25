/* SPDX-License-Identifier: Apache-2.0
 * look: what a process is like from outside: descriptors, threads, environment, signals, memory. The process of a check. */
#ifndef WEIGATE_KIT_LOOK_H
#define WEIGATE_KIT_LOOK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct look {
  size_t descriptors, threads;
  uint64_t resident_bytes;
  uint64_t environment, signals, locale; /* hashes */
  mode_t umask;
  char directory[4096];
};

/* Looks now. Before threads start. */
void look_take(struct look *ret_look);
/* Ends the check where anything but the memory differs. Before threads start. */
void look_compare(const struct look *before, const struct look *after);

#endif
