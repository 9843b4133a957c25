/* SPDX-License-Identifier: Apache-2.0
 * places: opens each store on its own, so that one that is away hides no other; the program's only thread. */
#include "ctl/places.h"

#include <string.h>

static void open_place(const struct ctl *ctl, struct place *place, const char *plugin, const char *asked_by) {
  place->plugin = plugin;
  place->is_open = people_open_plugin(ctl, plugin, asked_by, &place->people, &place->err) == 0;
}

void places_open(const struct ctl *ctl, const struct conf *conf, struct places *ret_places) {
  ret_places->count = 0;
  open_place(ctl, &ret_places->all[ret_places->count++], conf->store.plugin.plugin, "storage.plugin");
  if (conf->store.mirror.plugin)
    open_place(ctl, &ret_places->all[ret_places->count++], conf->store.mirror.plugin, "storage.mirror");
}

void places_close(struct places *places) {
  for (size_t i = 0; i < places->count; i++)
    if (places->all[i].is_open) people_close(&places->all[i].people);
}

const char *place_name(const struct place *place) {
  const char *slash = strrchr(place->plugin, '/');
  return slash ? slash + 1 : place->plugin;
}
