/* SPDX-License-Identifier: Apache-2.0
 * put: a page of records into a store, so that what is newer there stays. */
#ifndef WEIGATE_MOVE_PUT_H
#define WEIGATE_MOVE_PUT_H

#include "move/page.h"

/* What became of records. */
struct put_count {
  uint64_t read;
  uint64_t added;            /* were not there, or changed what was: what a copy is made for */
  uint64_t recent;           /* of those: so new that whoever writes to both stores may only be about to */
  uint64_t same;             /* were there, or something newer was */
  uint64_t erased;           /* older than a tombstone there */
  uint64_t refused;          /* break a limit of the store */
  const char *refused_field; /* the first of them: a static text, or NULL */
};

/* Adds to *count. Idempotent. Blocks. */
int put_page(const struct page *page, const struct end *end, struct put_count *count, struct err *err);

#endif
