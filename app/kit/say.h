/* SPDX-License-Identifier: Apache-2.0
 * say: what came of each check, as TAP 13 or as JSON lines. The program's only thread. */
#ifndef WEIGATE_KIT_SAY_H
#define WEIGATE_KIT_SAY_H

#include <stdio.h>

#include "base/buf.h"
#include "kit/check.h"

enum say_outcome { SAY_KEPT, SAY_BROKEN, SAY_SKIPPED };

struct say {
  FILE *out;
  bool is_json;
  unsigned number, kept, broken, skipped;
};

struct say_result {
  const char *chapter;
  const struct kit_check *check;
  enum say_outcome outcome;
  struct buf *report; /* "at: …" lines of the first expectation that was not met; why it was skipped */
  struct buf *output; /* what the process printed */
  uint64_t took_ms;
};

void say_begin(struct say *say, const char *title, const char *level, uint64_t seed, unsigned count);
void say_result(struct say *say, const struct say_result *result);
void say_end(struct say *say);

#endif
