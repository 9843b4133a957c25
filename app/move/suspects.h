/* SPDX-License-Identifier: Apache-2.0
 * suspects: rows that two stores do not agree on, looked at once more. */
#ifndef WEIGATE_MOVE_SUSPECTS_H
#define WEIGATE_MOVE_SUSPECTS_H

#include "move/rows.h"

/* More than anybody looks at; what is beyond them is counted without a second look. 25 MB. */
#define SUSPECTS_MAX 100000

#define SUSPECT_SIDES 2

struct suspect {
  struct row row; /* the key; its digest says nothing */
  bool is_there[SUSPECT_SIDES];
  struct digest digests[SUSPECT_SIDES];
};

/* Of one part, in key order. */
struct suspects {
  struct suspect *items;
  size_t count, room;
  uint64_t untold; /* beyond SUSPECTS_MAX */
};

/* Notes what each side has under a key (NULL: nothing). */
int suspects_add(struct suspects *suspects, const struct row *from, const struct row *to, struct err *err);
void suspects_done(struct suspects *suspects);
/* Reads people and tickets once more by key, events and tombstones that came at or after since_us by a scan, and keeps those on
 * which the sides still do not agree. Blocks. */
int suspects_look_again(struct suspects *suspects, enum part part, const struct end *const ends[SUSPECT_SIDES], int64_t since_us,
                        struct err *err);

#endif
