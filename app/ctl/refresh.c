/* SPDX-License-Identifier: Apache-2.0
 * refresh: weigatectl refresh: which accounts, how fast, and what came of it; the program's only thread. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/scope.h"
#include "ctl/audit.h"
#include "ctl/refresh_run.h"
#include "ctl/term.h"
#include "store/person_json.h"

/* A week: WeChat's refresh tokens live 30 days from the sign-in, so that everybody who can be refreshed at all has a few turns.
 */
#define OLDER_THAN_MS (7 * UINT64_C(86400000))
/* 3,000 of the 50,000 calls that WeChat permits a minute: visitors hardly notice. */
#define RATE_DEFAULT 50
/* An account and its website app. */
#define TARGETS_MAX (2 * SIGNIN_ACCOUNTS_MAX)

#define DAY_S    86400
#define MINUTE_S 60
/* WeChat's day begins at 00:00 in Beijing. */
#define BEIJING_S (8 * 3600)

#define NAME_CELLS 20

struct targets {
  struct refresh_target all[TARGETS_MAX];
  size_t count;
};

/* --- which accounts ----------------------------------------------------------------------------------------------------------
 */

static bool is_named(const char *name, const char *text) {
  return !name || (text && strcmp(name, text) == 0);
}

static int list_targets(const struct conf *conf, const char *account, struct targets *targets, struct err *err) {
  for (size_t i = 0; i < conf->accounts_count; i++) {
    const struct account_settings *settings = &conf->accounts[i];
    bool is_whole = is_named(account, settings->id);
    if (is_whole || is_named(account, settings->appid))
      targets->all[targets->count++] = (struct refresh_target){.settings = settings, .appid = settings->appid};
    if (settings->qrconnect_appid && (is_whole || is_named(account, settings->qrconnect_appid)))
      targets->all[targets->count++] =
          (struct refresh_target){.settings = settings, .appid = settings->qrconnect_appid, .is_website = true};
  }
  return targets->count > 0 ? 0 : err_set(err, "there is no account \"%s\" in %s", account, conf->path);
}

static int count_targets(const struct refresh_run *run, struct targets *targets, uint64_t *ret_askable, struct err *err) {
  *ret_askable = 0;
  for (size_t i = 0; i < targets->count; i++) {
    if (refresh_run_count(run, &targets->all[i], err) != 0) return -1;
    *ret_askable += targets->all[i].askable;
  }
  return 0;
}

/* --- what is shown -----------------------------------------------------------------------------------------------------------
 */

/* When a quota begins anew, in seconds since 1970; 0 where that is not why the run ended. */
static int64_t find_go_on_s(enum refresh_stop stop) {
  int64_t now_s = clock_wall_s();
  if (stop == REFRESH_STOP_MINUTE) return now_s - now_s % MINUTE_S + MINUTE_S;
  if (stop == REFRESH_STOP_DAY) return now_s - (now_s + BEIJING_S) % DAY_S + DAY_S;
  return 0;
}

static uint64_t count_left(const struct refresh_target *target) {
  uint64_t had_their_turn = 0;
  for (int end = 0; end < REFRESH_LEFT; end++) had_their_turn += target->ends[end];
  return target->stale > had_their_turn ? target->stale - had_their_turn : 0;
}

static const struct {
  const char *heading, *name;
} columns[] = {
    [REFRESH_DONE] = {"refreshed", "refreshed"}, [REFRESH_AGAIN] = {"sign in again", "sign_in_again"},
    [REFRESH_BLOCKED] = {"blocked", "blocked"},  [REFRESH_ELSEWHERE] = {"elsewhere", "elsewhere"},
    [REFRESH_FAILED] = {"failed", "failed"},     [REFRESH_LEFT] = {"left", "left"},
};

static uint64_t count_column(const struct refresh_target *target, enum refresh_end end, bool is_trial) {
  if (is_trial && end == REFRESH_AGAIN) return target->stale - target->askable;
  return end != REFRESH_LEFT ? target->ends[end] : is_trial ? target->askable : count_left(target);
}

/* A trial knows only who would be asked about, and who cannot. */
static bool is_shown(enum refresh_end end, bool is_trial) {
  return !is_trial || end == REFRESH_AGAIN || end == REFRESH_LEFT;
}

static void add_row(struct buf *out, const struct refresh_target *target, bool is_trial) {
  char name[sizeof target->settings->id + 16];
  snprintf(name, sizeof name, "%s%s", target->settings->id, target->is_website ? " (website)" : "");
  term_add_cell(out, str_of(name), NAME_CELLS);
  buf_addf(out, "  %9llu", (unsigned long long)target->stale);
  for (int end = 0; end < REFRESH_END_COUNT; end++)
    if (is_shown(end, is_trial))
      buf_addf(out, "  %*llu", (int)strlen(columns[end].heading), (unsigned long long)count_column(target, end, is_trial));
  buf_add_char(out, '\n');
}

static void print_table(const struct targets *targets, bool is_trial) {
  SCOPE_BUF struct buf out, heading;
  buf_init(&out, 1 << 20);
  buf_init(&heading, 512);
  term_add_cell(&heading, STR("account"), NAME_CELLS);
  buf_addf(&heading, "  %9s", "stale");
  for (int end = 0; end < REFRESH_END_COUNT; end++)
    if (is_shown(end, is_trial)) buf_addf(&heading, "  %s", columns[end].heading);
  term_add_styled(&out, TERM_BOLD, buf_text(&heading));
  buf_add_char(&out, '\n');
  for (size_t i = 0; i < targets->count; i++) add_row(&out, &targets->all[i], is_trial);
  term_print(&out);
}

static void print_json(const struct refresh_run *run, const struct targets *targets, bool is_trial) {
  static const char *const stops[] = {
      [REFRESH_STOP_MINUTE] = "quota_minute", [REFRESH_STOP_DAY] = "quota_day", [REFRESH_STOP_REFUSED] = "refused",
      [REFRESH_STOP_AWAY] = "unreachable",    [REFRESH_STOP_STORE] = "store",   [REFRESH_STOP_SIGNAL] = "interrupted",
  };
  SCOPE_BUF struct buf out;
  buf_init(&out, 1 << 20);
  for (size_t i = 0; i < targets->count; i++) {
    const struct refresh_target *target = &targets->all[i];
    buf_addf(&out, "{\"account\":\"%s\",\"appid\":\"%s\",\"stale\":%llu", target->settings->id, target->appid,
             (unsigned long long)target->stale);
    for (int end = 0; end < REFRESH_END_COUNT; end++)
      buf_addf(&out, ",\"%s\":%llu", columns[end].name, (unsigned long long)count_column(target, end, is_trial));
    buf_addf(&out, ",\"stopped\":%s%s%s,", run->stop ? "\"" : "", run->stop ? stops[run->stop] : "null", run->stop ? "\"" : "");
    person_json_add_time(&out, "go_on_at", find_go_on_s(run->stop) * 1000000);
    buf_add_text(&out, "}\n");
  }
  term_print(&out);
}

static void print_result(const struct ctl *ctl, const struct refresh_run *run, const struct targets *targets) {
  bool is_trial = ctl_has(ctl, CTL_DRY_RUN);
  if (ctl_has(ctl, CTL_JSON))
    print_json(run, targets, is_trial);
  else
    print_table(targets, is_trial);
}

/* --- all was done, or not ----------------------------------------------------------------------------------------------------
 */

static int judge(const struct refresh_run *run, const struct targets *targets, struct err *err) {
  uint64_t failed = 0, left = 0;
  char when[32];
  for (size_t i = 0; i < targets->count; i++) {
    failed += targets->all[i].ends[REFRESH_FAILED];
    left += count_left(&targets->all[i]);
  }
  text_rfc3339(when, find_go_on_s(run->stop));
  switch (run->stop) {
  case REFRESH_GOES_ON:
    return failed == 0 ? 0
                       : err_set(err, "%llu people could not be refreshed; run it again later. %s", (unsigned long long)failed,
                                 run->why.text);
  case REFRESH_STOP_MINUTE:
  case REFRESH_STOP_DAY:
    return err_set(err, "stopped with %llu people left: %s; run it again after %s%s", (unsigned long long)left, run->why.text,
                   when, run->stop == REFRESH_STOP_DAY ? ", which is 00:00 in Beijing" : ", with a lower --rate");
  case REFRESH_STOP_SIGNAL:
    return err_set(err, "interrupted with %llu people left; run it again to go on", (unsigned long long)left);
  case REFRESH_STOP_REFUSED:
  case REFRESH_STOP_AWAY:
    return err_set(err, "stopped with %llu people left: %s; weigatectl doctor says more", (unsigned long long)left,
                   run->why.text);
  case REFRESH_STOP_STORE:
    break;
  }
  return err_set(err, "stopped with %llu people left: %s", (unsigned long long)left, run->why.text);
}

static int refresh_targets(struct refresh_run *run, struct targets *targets, struct err *err) {
  int result = 0;
  if (refresh_run_start(run, err) != 0) return -1;
  log_open(&(struct log_settings){.destination = "/dev/null"},
           NULL); /* alarms of the client say what the outcome says once more */
  for (size_t i = 0; i < targets->count && result == 0 && run->stop == REFRESH_GOES_ON && run->left > 0; i++)
    result = refresh_run_target(run, &targets->all[i], err);
  refresh_run_end(run);
  log_open(&(struct log_settings){.level = LOG_LEVEL_INFO, .destination = "stderr"}, NULL);
  return result;
}

static uint64_t count_done(const struct targets *targets) {
  uint64_t done = 0;
  for (size_t i = 0; i < targets->count; i++) done += targets->all[i].ends[REFRESH_DONE];
  return done;
}

static int run_refresh(const struct ctl *ctl, struct refresh_run *run, struct err *err) {
  SCOPE_FREE struct targets *targets = calloc(1, sizeof *targets);
  const struct conf *conf = run->people->conf;
  struct audit audit;
  uint64_t askable;
  if (!targets) return err_set(err, "out of memory");
  if (list_targets(conf, ctl_text(ctl, CTL_ACCOUNT), targets, err) != 0 || count_targets(run, targets, &askable, err) != 0)
    return -1;
  if (ctl_has(ctl, CTL_DRY_RUN)) {
    print_result(ctl, run, targets);
    return 0;
  }
  if (progress_is_interrupted()) return err_set(err, "interrupted before anybody was refreshed");
  audit_begin(&audit, conf, "refresh", "");
  progress_start(&run->progress, "refreshing", "people", askable < run->left ? askable : run->left, 0);
  int result = refresh_targets(run, targets, err);
  progress_end(&run->progress);
  print_result(ctl, run, targets);
  if (result == 0) result = judge(run, targets, err);
  audit_end(&audit, result, "%llu people", (unsigned long long)count_done(targets));
  return result;
}

static int refresh_with_mirror(const struct ctl *ctl, struct refresh_run *run, struct err *err) {
  struct people mirror;
  const char *plugin = run->people->conf->store.mirror.plugin;
  if (!plugin) return run_refresh(ctl, run, err);
  if (people_open_plugin(ctl, plugin, "storage.mirror", &mirror, err) != 0) return -1;
  run->mirror = &mirror;
  int result = run_refresh(ctl, run, err);
  people_close(&mirror);
  return result;
}

int refresh_run(const struct ctl *ctl, struct err *err) {
  struct people people;
  uint64_t older_than_us = ctl_number(ctl, CTL_OLDER_THAN, OLDER_THAN_MS) * 1000, limit = ctl_number(ctl, CTL_LIMIT, 0);
  progress_catch_signals();
  if (people_open_with_secrets(ctl, &people, err) != 0) return -1;
  struct refresh_run run = {.people = &people,
                            .stale_before_us = clock_wall_us() - (int64_t)older_than_us,
                            .rate = ctl_number(ctl, CTL_RATE, RATE_DEFAULT),
                            .left = limit ? limit : UINT64_MAX};
  int result = refresh_with_mirror(ctl, &run, err);
  people_close(&people);
  return result;
}
