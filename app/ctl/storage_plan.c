/* SPDX-License-Identifier: Apache-2.0
 * storage_plan: weigatectl storage plan; the program's only thread. */
#include <stdio.h>

#include "ctl/upkeep.h"

#define PLAN_MAX_MS 10000

int storage_plan_run(const struct ctl *ctl, struct err *err) {
  struct people people;
  if (people_open(ctl, &people, err) != 0) return -1;
  const struct weigate_upkeep_v1 *upkeep = upkeep_extension_of(&people, WEIGATE_UPKEEP_V1, sizeof *upkeep);
  struct weigate_call call = plugin_call(PLAN_MAX_MS);
  int class = upkeep ? plugin_answer(upkeep->plan(people.handle, &call, upkeep_print, NULL), &call) : WEIGATE_OK;
  int result = class == WEIGATE_OK ? 0 : people_refuse(&people, "cannot say what is to be done", class, &call, err);
  if (!upkeep)
    result = err_set(err, "storage plugin %s needs no plan: storage init does what there is", people.plugin.desc->name);
  people_close(&people);
  return result;
}
