/* SPDX-License-Identifier: Apache-2.0
 * two_stores: --from and --to of a command, open. */
#ifndef WEIGATE_CTL_TWO_STORES_H
#define WEIGATE_CTL_TWO_STORES_H

#include "ctl/people.h"
#include "move/end.h"

/* A fingerprint of a plugin with its options, in hex. */
#define SOURCE_BYTES 33

struct two_stores {
  struct people from, to;
  struct end from_end, to_end;
  char source[SOURCE_BYTES]; /* of `from` */
};

/* Opens both. *ret_stores stays where it is: the ends point into it. */
int two_stores_open(const struct ctl *ctl, struct two_stores *ret_stores, struct err *err);
void two_stores_close(struct two_stores *stores);

#endif
