/* SPDX-License-Identifier: Apache-2.0
 * storage_maintain: weigatectl storage maintain; the program's only thread. */
#include <stdio.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/scope.h"
#include "ctl/audit.h"
#include "ctl/upkeep.h"

/* The first counts of a year of sign-ins take minutes; a run that is cut short goes on the next time. */
#define MAINTAIN_MAX_MS 1800000
#define LINE_BYTES      512

struct maintaining {
  bool as_json, is_dry;
  uint64_t steps;
};

static void add_text(struct buf *out, struct weigate_text text) {
  text_printable(out, str_make(text.bytes, text.size), 64);
}

/* "drop    login_event_2025_01   1.2G", or its JSON. */
static int show_step(void *context, const struct weigate_step *step) {
  struct maintaining *m = context;
  SCOPE_BUF struct buf line;
  bool is_drop = str_eq(str_make(step->what.bytes, step->what.size), STR("drop"));
  buf_init(&line, LINE_BYTES);
  if (m->as_json) {
    buf_add_text(&line, "{\"what\":\"");
    add_text(&line, step->what);
    buf_add_text(&line, "\",\"object\":\"");
    add_text(&line, step->object);
    buf_addf(&line, "\",\"%s\":%lld,\"dry_run\":%s}", is_drop ? "bytes" : "count", (long long)step->count,
             m->is_dry ? "true" : "false");
  } else {
    buf_add_text(&line, m->is_dry ? "would " : "");
    add_text(&line, step->what);
    buf_add_char(&line, ' ');
    add_text(&line, step->object);
    if (is_drop)
      buf_addf(&line, " (%lld KiB)", (long long)step->count / 1024);
    else if (step->count > 1)
      buf_addf(&line, " (%lld)", (long long)step->count);
  }
  puts(buf_text(&line));
  m->steps++;
  return 0;
}

static int maintain(const struct people *people, struct maintaining *m, struct err *err) {
  uint32_t work = WEIGATE_MAINTAIN_EXPIRE | WEIGATE_MAINTAIN_COMPACT;
  const struct weigate_upkeep_v1 *upkeep = upkeep_extension_of(people, WEIGATE_UPKEEP_V1, sizeof *upkeep);
  const struct weigate_storage_plugin *desc = people->plugin.desc;
  struct weigate_call call = plugin_call(MAINTAIN_MAX_MS);
  if (!upkeep && m->is_dry) return err_set(err, "storage plugin %s cannot say beforehand what it would do", desc->name);
  if (!upkeep && !desc->maintain) return 0;
  int class = upkeep ? upkeep->maintain(people->handle, &call, m->is_dry ? work | WEIGATE_MAINTAIN_DRY_RUN : work, show_step, m)
                     : desc->maintain(people->handle, &call, work);
  class = plugin_answer(class, &call);
  return class == WEIGATE_OK ? 0 : people_refuse(people, "not all was done", class, &call, err);
}

int storage_maintain_run(const struct ctl *ctl, struct err *err) {
  struct people people;
  struct audit audit;
  struct maintaining m = {.as_json = ctl_has(ctl, CTL_JSON), .is_dry = ctl_has(ctl, CTL_DRY_RUN)};
  if (people_open(ctl, &people, err) != 0) return -1;
  if (!m.is_dry) audit_begin(&audit, people.conf, "storage maintain", "");
  int result = maintain(&people, &m, err);
  if (!m.is_dry) audit_end(&audit, result, "%llu steps", (unsigned long long)m.steps);
  if (result == 0 && m.steps == 0 && !m.as_json)
    printf("storage plugin %s: nothing %s to be done\n", people.plugin.desc->name, m.is_dry ? "is" : "was left");
  people_close(&people);
  return result;
}
