/* SPDX-License-Identifier: Apache-2.0
 * known: what of a page the target has already, word for word. Reading it is an order of magnitude cheaper than writing it once
 * more, and holds no lock: a copy that is repeated, or that follows a mirror, writes only what is missing. */
#ifndef WEIGATE_MOVE_KNOWN_H
#define WEIGATE_MOVE_KNOWN_H

#include "move/page.h"

/* Takes the records out of the page that `end` has too; tombstones stay. Returns how many went in *ret_known. Blocks. */
int known_drop(struct page *page, const struct end *end, uint64_t *ret_known, struct err *err);

#endif
