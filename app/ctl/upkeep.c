/* SPDX-License-Identifier: Apache-2.0
 * upkeep: what commands on a store's upkeep share; the program's only thread. */
#include "ctl/upkeep.h"

#include <stdio.h>

const void *upkeep_extension_of(const struct people *people, const char *id, uint32_t least_bytes) {
  const struct weigate_storage_plugin *desc = people->plugin.desc;
  const uint32_t *struct_size = desc->extension ? desc->extension(id) : NULL; /* every extension begins with it */
  return struct_size && *struct_size >= least_bytes ? struct_size : NULL;
}

int upkeep_print(void *context, struct weigate_text piece) {
  (void)context;
  fwrite(piece.bytes, 1, piece.size, stdout);
  return ferror(stdout);
}
