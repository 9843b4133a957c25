/* SPDX-License-Identifier: Apache-2.0
 * mark: reads and writes the ticket of store/copy_mark.h at one end of a move. */
#ifndef WEIGATE_MOVE_MARK_H
#define WEIGATE_MOVE_MARK_H

#include "move/end.h"
#include "store/copy_mark.h"

/* A store without tickets has no mark, and takes none: a copy into it cannot be resumed. -1 with one sentence. Block. */
int mark_load(const struct end *end, bool *ret_is_found, struct copy_mark *ret_mark, struct err *err);
int mark_save(const struct end *end, const struct copy_mark *mark, struct err *err);
/* As well as it can be done. */
void mark_remove(const struct end *end);

/* When that copy began, for a sentence. */
struct mark_time {
  char text[32];
};
struct mark_time mark_begun(const struct copy_mark *mark);

#endif
