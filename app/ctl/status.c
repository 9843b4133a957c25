/* SPDX-License-Identifier: Apache-2.0
 * status: weigatectl status; the program's only thread. */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "base/scope.h"
#include "conf/conf.h"
#include "ctl/call.h"
#include "ctl/ctl.h"
#include "ctl/term.h"
#include "master/control.h"

static void add_text(struct buf *out, const char *text) {
  text_printable(out, str_of(text), ERR_TEXT_BYTES);
}

static void begin_row(struct buf *out, const char *label) {
  char padded[32];
  snprintf(padded, sizeof padded, "%-14s", label);
  term_add_styled(out, TERM_DIM, padded);
}

static void add_service(struct buf *out, const cJSON *answer) {
  begin_row(out, "weigate");
  term_add_styled(out, call_is(answer, "ok") ? TERM_GOOD : TERM_BAD, call_text(answer, "state"));
  buf_addf(out, ", version %s, process %.0f, generation %.0f, up ", call_text(answer, "version"), call_number(answer, "pid"),
           call_number(answer, "generation"));
  term_add_span(out, (uint64_t)call_number(answer, "uptime_s"));
  buf_add_char(out, '\n');
  begin_row(out, "configuration");
  add_text(out, call_text(answer, "conf_file"));
  buf_add_char(out, '\n');
  if (call_number(answer, "log_lines_lost") <= 0) return;
  begin_row(out, "log");
  buf_addf(out, "%.0f lines could not be written\n", call_number(answer, "log_lines_lost"));
}

static void add_reload(struct buf *out, const cJSON *reload) {
  if (!*call_text(reload, "ended_at")) return;
  begin_row(out, "last reload");
  term_add_styled(out, call_is(reload, "ok") ? TERM_GOOD : TERM_BAD, call_is(reload, "ok") ? "good" : "failed");
  buf_addf(out, ", %s", call_text(reload, "ended_at"));
  if (!call_is(reload, "ok")) {
    buf_add_text(out, ": ");
    add_text(out, call_text(reload, "error"));
  }
  buf_add_char(out, '\n');
}

/* The store and the accounts as the first worker that answered sees them. */
static void add_store(struct buf *out, const cJSON *worker) {
  const cJSON *store = cJSON_GetObjectItemCaseSensitive(worker, "store");
  begin_row(out, "store");
  add_text(out, call_text(store, "plugin"));
  buf_add_char(out, ' ');
  add_text(out, call_text(store, "version"));
  buf_add_text(out, ", ");
  term_add_styled(out, call_is(store, "connected") ? TERM_GOOD : TERM_BAD,
                  call_is(store, "connected") ? "connected" : "not connected");
  buf_addf(out, ", about %.0f people", call_number(store, "people"));
  if (*call_text(store, "last_error")) {
    buf_add_text(out, "; last error: ");
    add_text(out, call_text(store, "last_error"));
  }
  if (*call_text(store, "half")) {
    buf_add_text(out, "; it ");
    term_add_styled(out, TERM_BAD, call_text(store, "half"));
  }
  buf_add_char(out, '\n');
}

/* What waits, where anything does or cannot. */
static void add_spool(struct buf *out, const cJSON *store) {
  const cJSON *spool = cJSON_GetObjectItemCaseSensitive(store, "spool");
  if (!spool || (call_number(spool, "records") <= 0 && !call_is(spool, "failing"))) return;
  begin_row(out, "spool");
  term_add_styled(out, TERM_BAD, call_is(spool, "failing") ? "takes no more" : "in use");
  buf_addf(out, ", waiting records %.0f, ", call_number(spool, "records"));
  text_format_size(out, (uint64_t)call_number(spool, "bytes"));
  buf_add_text(out, ", the oldest for ");
  term_add_span(out, (uint64_t)call_number(spool, "oldest_s"));
  buf_add_char(out, '\n');
}

static void add_mirror(struct buf *out, const cJSON *store) {
  const cJSON *mirror = cJSON_GetObjectItemCaseSensitive(store, "mirror");
  if (!mirror) return;
  begin_row(out, "mirror");
  add_text(out, call_text(mirror, "plugin"));
  buf_add_text(out, ", ");
  term_add_styled(out, call_is(mirror, "connected") ? TERM_GOOD : TERM_BAD,
                  call_is(mirror, "connected") ? "connected" : "not connected");
  if (*call_text(mirror, "last_error")) {
    buf_add_text(out, "; last error: ");
    add_text(out, call_text(mirror, "last_error"));
  }
  buf_add_char(out, '\n');
}

static void add_accounts(struct buf *out, const cJSON *worker) {
  const cJSON *account;
  cJSON_ArrayForEach(account, cJSON_GetObjectItemCaseSensitive(worker, "accounts")) {
    const char *breaker = call_text(account, "breaker");
    bool is_well = str_eq(str_of(breaker), STR("closed"));
    begin_row(out, "account");
    add_text(out, call_text(account, "account"));
    buf_addf(out, " (%s), WeChat ", call_text(account, "appid"));
    term_add_styled(out, is_well ? TERM_GOOD : TERM_BAD, is_well ? "reachable as far as known" : breaker);
    if (*call_text(account, "breaker_why")) {
      buf_add_text(out, ": ");
      add_text(out, call_text(account, "breaker_why"));
    }
    buf_add_char(out, '\n');
  }
}

static void add_worker(struct buf *out, const cJSON *worker) {
  char label[32];
  bool is_serving = str_eq(str_of(call_text(worker, "state")), STR("serving"));
  snprintf(label, sizeof label, "worker %.0f", call_number(worker, "number"));
  begin_row(out, label);
  term_add_styled(out, is_serving ? TERM_GOOD : TERM_BAD, call_text(worker, "state"));
  buf_addf(out, ", process %.0f, generation %.0f", call_number(worker, "pid"), call_number(worker, "generation"));
  if (call_is(worker, "answering"))
    buf_addf(out, ", %.0f connections, %.0f requests, %.0f sign-ins", call_number(worker, "connections"),
             call_number(worker, "requests"), call_number(worker, "signins_in_flight"));
  else if (is_serving)
    buf_add_text(out, ", does not answer");
  if (*call_text(worker, "waits_for"))
    buf_addf(out, ", %s: %s", call_is(worker, "ready") ? "degraded" : "not ready", call_text(worker, "waits_for"));
  if (call_number(worker, "restarts") > 0) buf_addf(out, ", started again %.0f times", call_number(worker, "restarts"));
  buf_add_char(out, '\n');
}

static const cJSON *find_answering(const cJSON *workers) {
  const cJSON *worker;
  cJSON_ArrayForEach(worker, workers) if (call_is(worker, "answering")) return worker;
  return NULL;
}

static void print_status(const cJSON *answer) {
  SCOPE_BUF struct buf out;
  const cJSON *workers = cJSON_GetObjectItemCaseSensitive(answer, "workers"), *worker;
  const cJSON *witness = find_answering(workers);
  buf_init(&out, CONTROL_REPLY_MAX_BYTES);
  add_service(&out, answer);
  add_reload(&out, cJSON_GetObjectItemCaseSensitive(answer, "reload"));
  if (witness) {
    const cJSON *store = cJSON_GetObjectItemCaseSensitive(witness, "store");
    add_store(&out, witness);
    add_mirror(&out, store);
    add_spool(&out, store);
  }
  if (witness) add_accounts(&out, witness);
  cJSON_ArrayForEach(worker, workers) add_worker(&out, worker);
  term_print(&out);
}

int status_run(const struct ctl *ctl, struct err *err) {
  SCOPE_BUF struct buf line;
  struct conf *conf = NULL;
  cJSON *answer = NULL;
  buf_init(&line, CONTROL_REPLY_MAX_BYTES);
  if (conf_load(ctl->conf_path, CONF_WITHOUT_SECRETS, &conf, err) != 0) return -1;
  int result = call_master(conf, "status", &line, &answer, err);
  if (result == 0 && ctl_has(ctl, CTL_JSON))
    printf("%.*s\n", STR_ARG(buf_str(&line)));
  else if (result == 0)
    print_status(answer);
  cJSON_Delete(answer);
  conf_free(conf);
  return result;
}
