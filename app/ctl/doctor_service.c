/* SPDX-License-Identifier: Apache-2.0
 * doctor_service: the running service, as it tells of itself; the program's only thread. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/scope.h"
#include "base/text_time.h"
#include "ctl/call.h"
#include "ctl/doctor.h"
#include "ctl/term.h"
#include "master/control.h"

static int64_t time_of(const cJSON *object, const char *name) {
  int64_t at_us = 0;
  return text_time_parse(str_of(call_text(object, name)), &at_us) == 0 ? at_us / 1000000 : 0;
}

static void say_service(struct doctor *doctor, const cJSON *answer) {
  SCOPE_BUF struct buf up;
  buf_init(&up, 64);
  term_add_span(&up, (uint64_t)call_number(answer, "uptime_s"));
  bool is_running = strcmp(call_text(answer, "state"), "running") == 0;
  doctor_say(doctor, is_running ? DOCTOR_OK : DOCTOR_WARN, "service", NULL,
             "%s, version %s as weigatectl, process %.0f, generation %.0f, up %s", call_text(answer, "state"),
             call_text(answer, "version"), call_number(answer, "pid"), call_number(answer, "generation"), buf_text(&up));
}

/* Compared as files, not as names. */
static void check_file(struct doctor *doctor, const cJSON *answer) {
  struct stat ours, theirs;
  const char *path = call_text(answer, "conf_file");
  bool is_same = stat(doctor->conf->path, &ours) == 0 && stat(path, &theirs) == 0 && ours.st_ino == theirs.st_ino &&
                 ours.st_dev == theirs.st_dev;
  if (!is_same)
    doctor_say(doctor, DOCTOR_WARN, "service", "weigatectl -c FILE with the file that is served",
               "it serves another configuration: %s", path);
}

static void check_reload(struct doctor *doctor, const cJSON *answer) {
  const cJSON *reload = cJSON_GetObjectItemCaseSensitive(answer, "reload");
  int64_t read_s = time_of(answer, "started_at"), reloaded_s = time_of(reload, "ended_at");
  struct stat st;
  if (reloaded_s > 0 && !call_is(reload, "ok")) {
    doctor_say(doctor, DOCTOR_WARN, "reload", "put it right, then weigatectl reload", "the last one changed nothing: %s",
               call_text(reload, "error"));
    return;
  }
  if (reloaded_s > read_s) read_s = reloaded_s;
  if (stat(doctor->conf->path, &st) == 0 && st.st_mtime > read_s)
    doctor_say(doctor, DOCTOR_WARN, "reload", "weigatectl reload", "%s has changed since the service read it",
               doctor->conf->path);
}

static void check_worker(struct doctor *doctor, const cJSON *worker) {
  double number = call_number(worker, "number");
  if (strcmp(call_text(worker, "state"), "serving") != 0) return; /* one that starts or leaves says nothing of health */
  if (!call_is(worker, "answering"))
    doctor_say(doctor, DOCTOR_FAIL, "worker", "see its log; ending its process starts another", "worker %.0f does not answer",
               number);
  else if (!call_is(worker, "ready"))
    doctor_say(doctor, DOCTOR_FAIL, "worker", "see the part on the store, and the log", "worker %.0f is not ready: %s", number,
               call_text(worker, "waits_for"));
  else if (*call_text(worker, "waits_for"))
    doctor_say(doctor, DOCTOR_WARN, "worker", "see the part on the store", "worker %.0f is degraded: %s", number,
               call_text(worker, "waits_for"));
  else if (call_number(worker, "restarts") > 0)
    doctor_say(doctor, DOCTOR_WARN, "worker", "see the log for why", "worker %.0f was started again %.0f times", number,
               call_number(worker, "restarts"));
}

static void check_breaker(struct doctor *doctor, const cJSON *account) {
  const char *breaker = call_text(account, "breaker");
  if (!*breaker || strcmp(breaker, "closed") == 0) return;
  doctor_say(doctor, DOCTOR_WARN, "breaker", "see the part on WeChat; it closes by itself when WeChat answers",
             "account %s asks WeChat nothing for now (%s): %s", call_text(account, "account"), breaker,
             call_text(account, "breaker_why"));
}

static void check_workers(struct doctor *doctor, const cJSON *workers) {
  const cJSON *worker, *account;
  unsigned bad_before = doctor->counts[DOCTOR_WARN] + doctor->counts[DOCTOR_FAIL];
  bool has_witness = false;
  cJSON_ArrayForEach(worker, workers) {
    check_worker(doctor, worker);
    if (has_witness || !call_is(worker, "answering")) continue;
    has_witness = true;
    cJSON_ArrayForEach(account, cJSON_GetObjectItemCaseSensitive(worker, "accounts")) check_breaker(doctor, account);
  }
  if (bad_before == doctor->counts[DOCTOR_WARN] + doctor->counts[DOCTOR_FAIL])
    doctor_say(doctor, DOCTOR_OK, "workers", NULL, "%d serve and are ready", cJSON_GetArraySize(workers));
}

/* What the kernel has locked of the master. */
static void check_memory(struct doctor *doctor, int pid) {
  char path[64], line[256];
  long locked_kib = -1;
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  FILE *file = fopen(path, "re");
  while (file && fgets(line, sizeof line, file))
    if (strncmp(line, "VmLck:", 6) == 0) locked_kib = strtol(line + 6, NULL, 10);
  if (file) fclose(file);
  if (locked_kib < 0 || doctor->conf->server.lock_memory == SERVER_LOCK_NO) return;
  if (locked_kib == 0)
    doctor_say(doctor, DOCTOR_WARN, "memory", "LimitMEMLOCK= in the unit, or ulimit -l before spawn-fcgi",
               "keys and AppSecrets of the running service may reach the swap");
  else
    doctor_say(doctor, DOCTOR_OK, "memory", NULL, "keys and AppSecrets of the running service are locked (%ld KiB)", locked_kib);
}

void doctor_look_at_service(struct doctor *doctor) {
  SCOPE_BUF struct buf line;
  struct err err = {""};
  cJSON *answer = NULL;
  buf_init(&line, CONTROL_REPLY_MAX_BYTES);
  if (call_master(doctor->conf, "status", &line, &answer, &err) != 0) {
    doctor_refuse(doctor, "service", &err);
    return;
  }
  say_service(doctor, answer);
  check_file(doctor, answer);
  check_reload(doctor, answer);
  check_workers(doctor, cJSON_GetObjectItemCaseSensitive(answer, "workers"));
  check_memory(doctor, (int)call_number(answer, "pid"));
  cJSON_Delete(answer);
}
