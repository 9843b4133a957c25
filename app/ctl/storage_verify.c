/* SPDX-License-Identifier: Apache-2.0
 * storage_verify: weigatectl storage verify; the program's only thread. */
#include <stdio.h>

#include "base/json.h"
#include "base/scope.h"
#include "ctl/progress.h"
#include "ctl/two_stores.h"
#include "move/verify.h"

/* Lines about single records, for people; --json lists all. */
#define SHOWN_MAX 10
/* One difference as JSON: a key, every byte of it escaped to six. */
#define LINE_MAX_BYTES 4096

static const char *const part_names[PART_COUNT] = {"people", "events", "tickets"};

struct verifying {
  const struct two_stores *stores;
  struct progress progress;
  uint64_t rate, shown;
  bool is_begun, as_json;
};

static void show_progress(void *context, enum part part, size_t count, uint64_t total) {
  struct verifying *verifying = context;
  if (count > 0) {
    progress_add(&verifying->progress, count);
    return;
  }
  if (verifying->is_begun) progress_end(&verifying->progress);
  progress_start(&verifying->progress, "comparing", part_names[part], total, verifying->rate);
  verifying->is_begun = true;
}

static struct str slice(struct weigate_text text) {
  return str_make(text.bytes, text.size);
}

static void add_member(struct buf *line, const char *name, struct weigate_text text) {
  if (text.size == 0) return;
  buf_addf(line, ",\"%s\":", name);
  json_add_string(line, slice(text));
}

static void add_id(struct buf *line, const char *name, struct weigate_text id) {
  char hex[2 * DIGEST_BYTES + 1];
  if (id.size == 0 || id.size > DIGEST_BYTES) return;
  text_hex_encode(hex, (const uint8_t *)id.bytes, id.size);
  buf_addf(line, ",\"%s\":\"%s\"", name, hex);
}

static void print_json(const struct verify_difference *difference) {
  SCOPE_BUF struct buf line;
  char at[32];
  buf_init(&line, LINE_MAX_BYTES);
  buf_addf(&line, "{\"part\":\"%s\",\"why\":\"%s\"", verify_group_names[difference->group], verify_why_names[difference->why]);
  add_member(&line, "appid", difference->appid);
  add_member(&line, "openid", difference->openid);
  add_member(&line, "kind", difference->kind);
  add_member(&line, "key", difference->key);
  if (difference->event_at_us) {
    text_rfc3339(at, difference->event_at_us / 1000000);
    buf_addf(&line, ",\"at\":\"%s\"", at);
  }
  add_id(&line, "id", difference->id);
  buf_add_char(&line, '}');
  puts(buf_text(&line));
}

/* An openid is not for everybody who looks over a shoulder: without --json a digest names the record. */
static void print_line(const struct verifying *verifying, const struct verify_difference *difference) {
  static const char *const words[VERIFY_WHYS] = {
      [VERIFY_MISSING] = "is missing in", [VERIFY_EXTRA] = "is only in", [VERIFY_DIFFERS] = "is not the same in"};
  char name[17];
  text_hex_encode(name, difference->name.bytes, 8);
  printf("%s %s %s %s\n", verify_group_names[difference->group], name, words[difference->why], verifying->stores->to_end.name);
}

static void show_difference(void *context, const struct verify_difference *difference) {
  struct verifying *verifying = context;
  if (verifying->as_json) {
    print_json(difference);
  } else if (verifying->shown < SHOWN_MAX) {
    if (verifying->shown == 0) progress_end(&verifying->progress);
    print_line(verifying, difference);
  } else if (verifying->shown == SHOWN_MAX) {
    puts("… and more; --json lists them all, by name");
  }
  verifying->shown++;
}

static uint64_t sum(const uint64_t counts[VERIFY_WHYS]) {
  return counts[VERIFY_MISSING] + counts[VERIFY_EXTRA] + counts[VERIFY_DIFFERS];
}

static void print_group(const struct verifying *verifying, const struct verify_result *result, size_t i) {
  char digests[2][17];
  uint64_t differ = sum(result->groups[i].counts);
  digest_sum_format(&result->groups[i].from, digests[0]);
  digest_sum_format(&result->groups[i].to, digests[1]);
  unsigned long long from = result->groups[i].from.count, to = result->groups[i].to.count;
  if (verifying->as_json)
    printf("{\"part\":\"%s\",\"from\":%llu,\"to\":%llu,\"from_digest\":\"%s\",\"to_digest\":\"%s\",\"differ\":%llu}\n",
           verify_group_names[i], from, to, digests[0], digests[1], (unsigned long long)differ);
  else
    printf("%-8s  %llu (%s) in %s, %llu (%s) in %s: %llu differ\n", verify_group_names[i], from, digests[0],
           verifying->stores->from_end.name, to, digests[1], verifying->stores->to_end.name, (unsigned long long)differ);
}

int storage_verify_run(const struct ctl *ctl, struct err *err) {
  struct two_stores stores;
  struct verify_result result = {0};
  if (two_stores_open(ctl, &stores, err) != 0) return -1;
  struct verifying verifying = {.stores = &stores, .rate = ctl_number(ctl, CTL_RATE, 0), .as_json = ctl_has(ctl, CTL_JSON)};
  const struct verify_settings settings = {
      .from = stores.from_end, .to = stores.to_end, .tell = show_progress, .differs = show_difference, .context = &verifying};
  progress_catch_signals();
  int equal = verify_run(&settings, &result, err);
  if (verifying.is_begun) {
    progress_end(&verifying.progress);
    for (size_t i = 0; i < VERIFY_GROUPS; i++) print_group(&verifying, &result, i);
  }
  two_stores_close(&stores);
  return equal;
}
