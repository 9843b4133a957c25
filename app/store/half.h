/* SPDX-License-Identifier: Apache-2.0
 * half: a store that a copy was left half way in works, and lacks people: the admin is told. */
#ifndef WEIGATE_STORE_HALF_H
#define WEIGATE_STORE_HALF_H

#include "store/plugin.h"

#define HALF_TEXT_BYTES 160

/* Writes what there is to say about an unfinished copy into this store, or "". Blocks for a short call. Storage threads. */
void half_look(const struct plugin *plugin, struct weigate_handle *handle, char ret_text[HALF_TEXT_BYTES]);

#endif
