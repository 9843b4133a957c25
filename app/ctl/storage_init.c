/* SPDX-License-Identifier: Apache-2.0
 * storage_init: weigatectl storage init; the program's only thread. */
#include <stdio.h>

#include "conf/conf.h"
#include "ctl/ctl.h"
#include "ctl/people.h"

/* Tables, indexes and a month's partitions, each waiting 3 s at most for others who use them. */
#define SETUP_MAX_MS 60000

int storage_init_run(const struct ctl *ctl, struct err *err) {
  struct people people;
  if (people_open(ctl, &people, err) != 0) return -1;
  struct weigate_call call = plugin_call(SETUP_MAX_MS);
  int class = plugin_setup(&people.plugin, people.handle, &call);
  int result = class == WEIGATE_OK ? 0 : people_refuse(&people, "cannot set up the store", class, &call, err);
  struct weigate_health health = {.struct_size = sizeof health};
  if (result == 0) {
    call = plugin_call(SETUP_MAX_MS);
    class = people.plugin.desc->health(people.handle, &call, &health);
    if (class != WEIGATE_OK) result = people_refuse(&people, "is not well after its setup", class, &call, err);
  }
  if (result == 0)
    printf("storage plugin %s: the store is ready, schema version %u\n", people.plugin.desc->name, health.schema_version);
  people_close(&people);
  return result;
}
