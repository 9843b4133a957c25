/* SPDX-License-Identifier: Apache-2.0
 * storage_spool: weigatectl storage spool: what waits for the store, what was set aside, and putting that back; the program's
 * only thread.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/scope.h"
#include "conf/conf.h"
#include "ctl/ctl.h"
#include "ctl/people.h"
#include "ctl/term.h"
#include "store/spool.h"

struct listing {
  struct buf out;
  bool as_json;
};

static uint64_t age_s(int64_t at_us) {
  int64_t now_us = clock_wall_us();
  return at_us && now_us > at_us ? (uint64_t)(now_us - at_us) / 1000000 : 0;
}

static void begin_row(struct buf *out, const char *label) {
  char padded[32];
  snprintf(padded, sizeof padded, "%-14s", label);
  term_add_styled(out, TERM_DIM, padded);
}

static void add_text(struct buf *out, const char *text) {
  text_printable(out, str_of(text), ERR_TEXT_BYTES);
}

static void add_sight(struct buf *out, const struct conf *conf, const struct spool_sight *sight) {
  begin_row(out, "spool");
  add_text(out, conf->store.spool.dir);
  buf_add_text(out, ", at most ");
  text_format_size(out, conf->store.spool.max_bytes);
  buf_add_char(out, '\n');
  begin_row(out, "waits");
  if (sight->records == 0) {
    term_add_styled(out, TERM_GOOD, "nothing");
  } else {
    buf_addf(out, "%llu record%s, ", (unsigned long long)sight->records, sight->records == 1 ? "" : "s");
    text_format_size(out, sight->bytes);
    buf_add_text(out, ", the oldest for ");
    term_add_span(out, age_s(sight->oldest_us));
  }
  buf_add_char(out, '\n');
  begin_row(out, "drain");
  term_add_styled(out, sight->is_drained && !*sight->trouble ? TERM_GOOD : TERM_BAD,
                  !sight->is_drained ? "nobody; weigate does not run"
                  : *sight->trouble  ? "waits"
                                     : "runs");
  if (sight->is_drained && *sight->trouble) {
    buf_add_text(out, ": ");
    add_text(out, sight->trouble);
  }
  buf_add_char(out, '\n');
  begin_row(out, "set aside");
  buf_addf(out, "%llu%s\n", (unsigned long long)sight->aside,
           sight->aside ? ", listed below; once the cause is mended: weigatectl storage spool --retry" : "");
}

static void add_sight_json(struct buf *out, const struct conf *conf, const struct spool_sight *sight) {
  buf_add_text(out, "{\"dir\":");
  json_add_string(out, str_of(conf->store.spool.dir));
  buf_addf(out,
           ",\"max_bytes\":%llu,\"records\":%llu,\"bytes\":%llu,\"oldest_s\":%llu,\"aside\":%llu,\"drained\":%s,\"trouble\":",
           (unsigned long long)conf->store.spool.max_bytes, (unsigned long long)sight->records, (unsigned long long)sight->bytes,
           (unsigned long long)age_s(sight->oldest_us), (unsigned long long)sight->aside, sight->is_drained ? "true" : "false");
  json_add_string(out, str_of(sight->trouble));
  buf_add_text(out, "}\n");
}

static void add_aside_json(struct buf *out, const struct spool_aside *aside) {
  const struct {
    const char *key, *value;
  } texts[] = {{"name", aside->name}, {"store", aside->target}, {"class", aside->class}, {"reason", aside->reason}};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    buf_addf(out, "%c\"%s\":", i == 0 ? '{' : ',', texts[i].key);
    json_add_string(out, str_of(texts[i].value));
  }
  buf_addf(out, ",\"bytes\":%llu}\n", (unsigned long long)aside->bytes);
}

static void add_aside(void *arg, const struct spool_aside *aside) {
  struct listing *listing = arg;
  if (listing->as_json) {
    add_aside_json(&listing->out, aside);
  } else {
    buf_addf(&listing->out, "%s  ", aside->name);
    add_text(&listing->out, aside->target);
    buf_add_text(&listing->out, "  ");
    add_text(&listing->out, aside->class);
    buf_add_text(&listing->out, ": ");
    add_text(&listing->out, aside->reason);
    buf_add_char(&listing->out, '\n');
  }
  term_print(&listing->out);
}

static int show(const struct ctl *ctl, const struct conf *conf, struct err *err) {
  struct spool_sight sight;
  struct listing listing = {.as_json = ctl_has(ctl, CTL_JSON)};
  if (spool_look(&conf->store.spool, &sight, err) != 0) return -1;
  buf_init(&listing.out, 65536);
  if (listing.as_json)
    add_sight_json(&listing.out, conf, &sight);
  else
    add_sight(&listing.out, conf, &sight);
  term_print(&listing.out);
  int result = sight.aside ? spool_list_aside(&conf->store.spool, add_aside, &listing, err) : 0;
  buf_done(&listing.out);
  return result;
}

static int retry(const struct ctl *ctl, const struct conf *conf, struct err *err) {
  size_t count;
  if (spool_retry(&conf->store.spool, &count, err) != 0) return -1;
  printf(ctl_has(ctl, CTL_JSON) ? "{\"put_back\":%zu}\n" : "%zu put back in line\n", count);
  return 0;
}

int storage_spool_run(const struct ctl *ctl, struct err *err) {
  struct conf *conf = NULL;
  if (conf_load(ctl->conf_path, CONF_WITHOUT_SECRETS, &conf, err) != 0) return -1;
  int result = people_become_service_user(conf, err);
  if (result == 0 && !conf->store.spool.dir) result = err_set(err, "%s: storage.spool_dir is off; there is no spool", conf->path);
  if (result == 0) result = ctl_has(ctl, CTL_RETRY) ? retry(ctl, conf, err) : show(ctl, conf, err);
  conf_free(conf);
  return result;
}
