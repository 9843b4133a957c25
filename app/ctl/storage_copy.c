/* SPDX-License-Identifier: Apache-2.0
 * storage_copy: weigatectl storage copy; the program's only thread. */
#include <stdio.h>

#include "ctl/audit.h"
#include "ctl/generations.h"
#include "ctl/progress.h"
#include "ctl/two_stores.h"
#include "move/copy.h"

static const char *const part_names[PART_COUNT] = {
    [PART_PEOPLE] = "people", [PART_EVENTS] = "events", [PART_TICKETS] = "tickets"};

struct copying {
  struct progress progress;
  uint64_t rate;
  bool is_begun;
};

static void show_progress(void *context, enum part part, unsigned pass, size_t count, uint64_t total) {
  struct copying *copying = context;
  if (count == 0) {
    if (copying->is_begun) progress_end(&copying->progress);
    progress_start(&copying->progress, pass == 1 ? "copying" : "copying what changed", part_names[part], total, copying->rate);
    copying->is_begun = true;
    return;
  }
  copying->progress.total = total;
  progress_add(&copying->progress, count);
}

static void print_part(const char *name, const struct put_count *count, bool as_json) {
  const struct {
    const char *key, *words;
    uint64_t count;
  } numbers[] = {{"read", "read", count->read},
                 {"added", "copied", count->added},
                 {"same", "were there already", count->same},
                 {"erased", "erased there", count->erased},
                 {"refused", "refused", count->refused}};
  printf(as_json ? "{\"part\":\"%s\"" : "%-8s", name);
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    if (as_json)
      printf(",\"%s\":%llu", numbers[i].key, (unsigned long long)numbers[i].count);
    else if (i == 1 || (i > 1 && numbers[i].count > 0))
      printf("%s%llu %s", i == 1 ? "" : ", ", (unsigned long long)numbers[i].count, numbers[i].words);
  }
  puts(as_json ? "}" : "");
}

static void print_result(const struct two_stores *stores, const struct copy_result *result, bool is_done, bool as_json) {
  for (size_t i = 0; i < PART_COUNT; i++) print_part(part_names[i], &result->counts[i], as_json);
  if (as_json)
    printf("{\"done\":%s,\"passes\":%u,\"resumed\":%s}\n", is_done ? "true" : "false", result->passes,
           result->is_resumed ? "true" : "false");
  else if (is_done)
    printf("%s holds all of %s: the last of %u pass%s%s found nothing new\n", stores->to_end.name, stores->from_end.name,
           result->passes, result->passes == 1 ? "" : "es", result->is_resumed ? " since it was resumed" : "");
}

static uint32_t choose_page(uint64_t rate) {
  uint64_t quarter = rate / 4 + 1;
  return rate && quarter < PAGE_MAX ? (uint32_t)quarter : PAGE_MAX;
}

/* Does the configuration let the service write to both? A running one may not have read it yet: then the passes find out. */
static bool is_mirrored(const struct two_stores *stores) {
  const struct conf *conf = stores->from.conf;
  const char *const pairs[2][2] = {{stores->from_end.name, stores->to_end.name}, {stores->to_end.name, stores->from_end.name}};
  struct str plugin = str_of(conf_value(conf, "storage", "", "plugin", NULL));
  struct str mirror = str_of(conf_value(conf, "storage", "", "mirror", NULL));
  for (size_t i = 0; i < 2; i++)
    if (str_eq(plugin, str_of(pairs[i][0])) && str_eq(mirror, str_of(pairs[i][1]))) return true;
  return false;
}

int storage_copy_run(const struct ctl *ctl, struct err *err) {
  struct two_stores stores;
  struct copy_result result = {0};
  if (two_stores_open(ctl, &stores, err) != 0) return -1;
  struct copying copying = {.rate = ctl_number(ctl, CTL_RATE, 0)};
  struct copy_settings settings = {.from = stores.from_end,
                                   .to = stores.to_end,
                                   .source = stores.source,
                                   .restarts = ctl_has(ctl, CTL_RESTART),
                                   .is_mirrored = is_mirrored(&stores),
                                   .page_limit = choose_page(copying.rate),
                                   .tell = show_progress,
                                   .context = &copying};
  struct audit audit;
  char details[256];
  snprintf(details, sizeof details, "from %s to %s", stores.from_end.name, stores.to_end.name);
  audit_begin(&audit, stores.from.conf, "storage copy", details);
  progress_catch_signals();
  int done = generations_wait_for_last(stores.from.conf) ? copy_run(&settings, &result, err)
                                                         : err_set(err, "stopped before anything was copied");
  if (copying.is_begun) {
    progress_end(&copying.progress);
    print_result(&stores, &result, done == 0, ctl_has(ctl, CTL_JSON));
  }
  audit_end(&audit, done, "%s", details);
  two_stores_close(&stores);
  return done;
}
