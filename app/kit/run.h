/* SPDX-License-Identifier: Apache-2.0
 * run: runs the checks of a level against a plugin, each in a process and a store of its own, and says what came of each. */
#ifndef WEIGATE_KIT_RUN_H
#define WEIGATE_KIT_RUN_H

#include <stdio.h>

#include "base/err.h"
#include "kit/check.h"

struct kit_run {
  struct kit_plan plan;
  const char *title; /* of the plugin, for the first lines */
  unsigned needs;    /* what the plugin has: KIT_NEEDS_… */
  enum kit_level level;
  uint64_t seed;
  const char *only;    /* checks whose name, chapter or number holds the text; NULL for all */
  const char *scratch; /* where directories are made */
  unsigned soak_s;
  bool is_json; /* one object a line; otherwise TAP 13 */
};

/* Prints to the stream as it goes. 0 if every check that ran was passed, 1 if a promise was broken, -1 if no check could run. The
 * program's only thread. */
int kit_run(const struct kit_run *run, FILE *out, struct err *err);
/* The table of checks, one a line: number, level, chapter, name. */
void kit_list(FILE *out);
/* "core", "full", "crash", "soak". */
const char *kit_level_name(enum kit_level level);

#endif
