/* SPDX-License-Identifier: Apache-2.0
 * copy: everything that one store holds into another, while both may be in use, again and again until nothing new is found. */
#ifndef WEIGATE_MOVE_COPY_H
#define WEIGATE_MOVE_COPY_H

#include "move/put.h"

struct copy_settings {
  struct end from, to;
  const char *source;  /* names the source with its options: a copy is resumed only from the same */
  bool restarts;       /* forgets how far an earlier copy has come */
  bool is_mirrored;    /* the service writes to both: what is only just missing is on its way */
  uint32_t page_limit; /* 1 to PAGE_MAX */
  /* After each page, and before a part's first one with a count of 0: so many more records of this part are read, out of about
   * `total` (0: unknown). May wait, to keep to a rate. */
  void (*tell)(void *context, enum part part, unsigned pass, size_t count, uint64_t total);
  void *context;
};

struct copy_result {
  struct put_count counts[PART_COUNT];
  unsigned passes;
  bool is_resumed;
};

/* People with tombstones and tokens, events, tickets, in batches in key order; then passes over what changed meanwhile, until one
 * of them finds nothing new. How far it is stands in the target (store/copy_mark.h), so that a stopped or killed copy goes on
 * there. -1 with one sentence where something is not copied: *ret_result says how far it came either way. Blocks. */
int copy_run(const struct copy_settings *settings, struct copy_result *ret_result, struct err *err);

#endif
