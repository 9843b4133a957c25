/* SPDX-License-Identifier: Apache-2.0
 * near: which known word somebody may have meant. */
#ifndef WEIGATE_BASE_NEAR_H
#define WEIGATE_BASE_NEAR_H

#include <stddef.h>

#include "base/text.h"

struct near {
  struct str word;
  size_t distance;  /* of the best so far */
  const char *best; /* NULL while nothing is near enough */
};

void near_init(struct near *near, struct str word);
/* Keeps the candidate if it is nearer than those before: one edit in three letters, at least two. Any thread. */
void near_look(struct near *near, const char *candidate);

#endif
