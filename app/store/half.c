/* SPDX-License-Identifier: Apache-2.0
 * half: reads the mark that weigatectl storage copy leaves in its target. Storage threads. */
#include "store/half.h"

#include <stdio.h>

#include "store/copy_mark.h"

#define LOOK_MAX_MS 1000

struct looking {
  bool is_found;
  struct copy_mark mark;
};

static int read_mark(void *context, size_t index, const struct weigate_ticket *found) {
  struct looking *looking = context;
  (void)index;
  looking->is_found = found && copy_mark_parse(str_make(found->value.bytes, found->value.size), &looking->mark) == 0;
  return 0;
}

void half_look(const struct plugin *plugin, struct weigate_handle *handle, char ret_text[HALF_TEXT_BYTES]) {
  const struct weigate_ticket ticket = copy_mark_key();
  const struct weigate_tickets keys = {.struct_size = sizeof(keys), .stride = sizeof(ticket), .count = 1, .items = &ticket};
  struct weigate_call call = plugin_call(LOOK_MAX_MS);
  struct looking looking = {.is_found = false};
  ret_text[0] = '\0';
  if (!plugin->tickets) return;
  int class = plugin_answer(plugin->tickets->get(handle, &call, &keys, read_mark, &looking), &call);
  if (class == WEIGATE_OK && looking.is_found && !looking.mark.is_done)
    snprintf(ret_text, HALF_TEXT_BYTES, "holds only a part of %s: a copy has not ended, weigatectl storage copy finishes it",
             looking.mark.from);
}
