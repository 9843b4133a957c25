/* SPDX-License-Identifier: Apache-2.0
 * scrub: overwrites what LMDB leaves lying of entries that were removed. */
#ifndef WEIGATE_MEMORY_SCRUB_H
#define WEIGATE_MEMORY_SCRUB_H

#include "map.h"

/* Outside of transactions; in the writers' line while it runs (some 100 ms for 256 MiB). WEIGATE_OK or a class. */
int scrub_pages(struct memory_handle *memory);

#endif
