/* SPDX-License-Identifier: Apache-2.0
 * people_import: weigatectl people import; the program's only thread. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/scope.h"
#include "base/text_time.h"
#include "ctl/audit.h"
#include "ctl/ctl.h"
#include "ctl/import_file.h"
#include "ctl/import_record.h"
#include "ctl/progress.h"
#include "ctl/term.h"

/* Stored with one call. Larger ones gain little and make everybody who signs in meanwhile wait longer for the store. */
#define BATCH_COUNT 256
/* Named one by one; a file of another kind must not fill the screen. */
#define NAMED_MAX 20

struct import {
  struct people people;
  struct people mirror; /* with has_mirror: gets every record too */
  bool has_mirror;
  struct import_file file;
  struct import_rules rules;
  struct import_record *records; /* BATCH_COUNT */
  size_t count;
  bool is_trial;
  uint64_t outcomes[WEIGATE_ITEM_TAKEN + 1];
  uint64_t lines, bad;
  uint64_t stored_line; /* everything up to here is in the store, or was named */
  struct progress progress;
};

static void name_bad(struct import *import, uint64_t line, const char *why) {
  import->bad++;
  if (import->bad == 1) progress_end(&import->progress);
  if (import->bad <= NAMED_MAX) {
    SCOPE_BUF struct buf text;
    buf_init(&text, 4 * ERR_TEXT_BYTES);
    text_printable(&text, str_of(why), ERR_TEXT_BYTES);
    fprintf(stderr, "line %" PRIu64 ": %s\n", line, buf_text(&text));
  }
  if (import->bad == NAMED_MAX + 1) fputs("further lines that cannot be read are only counted\n", stderr);
}

static void note_result(struct import *import, const struct import_record *record, const struct weigate_result *result) {
  char why[128];
  if (result->outcome == WEIGATE_ITEM_REJECTED) {
    snprintf(why, sizeof why, "the store refuses %s: too long, or nothing it can keep", result->field ? result->field : "it");
    name_bad(import, record->line, why);
  } else if (result->outcome <= WEIGATE_ITEM_TAKEN) {
    import->outcomes[result->outcome]++;
  }
}

/* Into the store, and into its mirror; what is in the one only is there in both after the next try, because a merge changes
 * nothing twice. */
static int store_batch(struct import *import, const struct weigate_people *batch, struct weigate_result *results,
                       struct err *err) {
  struct weigate_result mirrored[BATCH_COUNT];
  if (people_merge(&import->people, batch, results, err) != 0) return -1;
  return import->has_mirror ? people_merge(&import->mirror, batch, mirrored, err) : 0;
}

/* Stores what has been read. */
static int flush_batch(struct import *import, struct err *err) {
  struct weigate_result results[BATCH_COUNT];
  struct weigate_people batch = {.struct_size = sizeof batch,
                                 .stride = sizeof import->records[0],
                                 .count = import->count,
                                 .items = &import->records[0].person};
  int result = import->count == 0 || import->is_trial ? 0 : store_batch(import, &batch, results, err);
  for (size_t i = 0; i < import->count; i++) {
    if (result == 0 && !import->is_trial) note_result(import, &import->records[i], &results[i]);
    import_record_done(&import->records[i]);
  }
  if (result == 0) import->stored_line = import->file.line - 1;
  import->count = 0;
  return result;
}

static void take_record(struct import *import, struct str json, uint64_t line) {
  struct import_record *record = &import->records[import->count];
  struct err err = {""};
  record->line = line;
  if (import_record_read(&import->rules, json, record, &err) == 0)
    import->count++;
  else
    name_bad(import, line, err.text);
}

/* Line after line; with --from-line those before it are passed over. */
static int import_lines(struct import *import, uint64_t from_line, struct err *err) {
  for (;;) {
    struct str json;
    uint64_t line, before = import->file.taken;
    struct err line_err = {""};
    enum import_got got = import_file_next(&import->file, &json, &line, &line_err);
    if (got == IMPORT_END) return flush_batch(import, err);
    if (got == IMPORT_FAILED) return err_set(err, "%s", line_err.text);
    if (line >= from_line) {
      import->lines++;
      if (got == IMPORT_BAD)
        name_bad(import, line, line_err.text);
      else
        take_record(import, json, line);
    }
    if (import->count == BATCH_COUNT && flush_batch(import, err) != 0) return -1;
    progress_add_part(&import->progress, line >= from_line, import->file.taken - before);
    if (progress_is_interrupted()) return flush_batch(import, err) == 0 ? err_set(err, "interrupted") : -1;
  }
}

static void say_outcome(const struct import *import) {
  static const struct {
    enum weigate_item item;
    const char *words;
  } rows[] = {
      {WEIGATE_ITEM_NEW, "new"},
      {WEIGATE_ITEM_UPDATED, "updated"},
      {WEIGATE_ITEM_STALE, "older than what is stored"},
      {WEIGATE_ITEM_DUPLICATE, "there already"},
      {WEIGATE_ITEM_ERASED, "of erased people, who stay erased"},
  };
  printf("%" PRIu64 " records", import->lines);
  const char *separator = ": ";
  if (import->is_trial) printf("%s%" PRIu64 " could be stored", separator, import->lines - import->bad);
  if (import->is_trial) separator = ", ";
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    if (import->outcomes[rows[i].item] == 0) continue;
    printf("%s%" PRIu64 " %s", separator, import->outcomes[rows[i].item], rows[i].words);
    separator = ", ";
  }
  if (import->bad > 0) printf("%s%" PRIu64 " refused", separator, import->bad);
  fputc('\n', stdout);
}

/* By --observed-at, else when the file was last written, else now. */
static int choose_observed(const struct ctl *ctl, const struct import_file *file, int64_t *ret_us, struct err *err) {
  const char *text = ctl_text(ctl, CTL_OBSERVED_AT);
  struct stat st;
  *ret_us = clock_wall_us();
  if (text && text_time_parse(str_of(text), ret_us) != 0)
    return err_set(err, "--observed-at %s: no time; 2026-11-22T09:33:00Z or 2026-11-22", text);
  if (!text && fstat(file->fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_mtim.tv_sec * INT64_C(1000000) < *ret_us)
    *ret_us = st.st_mtim.tv_sec * INT64_C(1000000) + st.st_mtim.tv_nsec / 1000;
  return 0;
}

static int check_fields(const struct ctl *ctl, struct err *err) {
  for (size_t i = 0; i < ctl->list_count; i++)
    if (ctl->list[i].option == CTL_FIELD && !str_has(str_of(ctl->list[i].text), '='))
      return err_set(err, "--field %s: expected OURS=THEIRS, such as nickname=nick_name", ctl->list[i].text);
  return 0;
}

/* A table without openids is some other table. */
static int check_head(const struct ctl *ctl, const struct import_file *file, struct err *err) {
  bool has_openid = file->format != IMPORT_CSV;
  for (size_t i = 0; i < file->csv.count; i++) {
    struct str name = str_of(person_csv_name(&file->csv, i));
    has_openid = has_openid || str_eq(name, STR("openid"));
    for (size_t j = 0; j < ctl->list_count; j++) {
      struct str theirs = str_of(ctl->list[j].text), ours;
      bool is_field = ctl->list[j].option == CTL_FIELD && str_split(&theirs, '=', &ours);
      has_openid = has_openid || (is_field && str_eq(ours, STR("openid")) && str_eq(theirs, name));
    }
  }
  return has_openid
             ? 0
             : err_set(err, "%s: no column is called openid; --field openid=THEIRS says what it is called there", ctl->argument);
}

static int prepare_rules(const struct ctl *ctl, struct import *import, struct err *err) {
  const struct conf *conf = import->people.conf;
  const char *account = ctl_text(ctl, CTL_ACCOUNT);
  import->rules = (struct import_rules){.conf = conf, .ctl = ctl, .is_chosen = account != NULL};
  if (check_fields(ctl, err) != 0 || check_head(ctl, &import->file, err) != 0 ||
      choose_observed(ctl, &import->file, &import->rules.observed_us, err) != 0 ||
      people_appid(import->people.conf, account, &import->rules.appid, err) != 0)
    return -1;
  if (!account && conf->accounts_count == 1) import->rules.appid = str_of(conf->accounts[0].appid);
  return 0;
}

static int run_import(const struct ctl *ctl, struct import *import, struct err *err) {
  struct audit audit;
  uint64_t rate = ctl_number(ctl, CTL_RATE, 0);
  if (prepare_rules(ctl, import, err) != 0) return -1;
  audit_begin(&audit, import->people.conf, import->is_trial ? "people import --dry-run" : "people import", "");
  progress_start(&import->progress, import->is_trial ? "checking" : "importing", "people", 0, rate);
  import->progress.parts_total = import->file.size;
  int result = import_lines(import, ctl_number(ctl, CTL_FROM_LINE, 0), err);
  progress_end(&import->progress);
  say_outcome(import);
  audit_end(&audit, result, "%" PRIu64 " records, %" PRIu64 " refused", import->lines, import->bad);
  const struct err why = *err;
  if (result != 0 && !import->is_trial)
    return err_set(err, "%s; lines up to %" PRIu64 " are stored, go on with --from-line %" PRIu64, why.text, import->stored_line,
                   import->stored_line + 1);
  if (result == 0 && import->bad > 0) return err_set(err, "%" PRIu64 " records were refused, see above", import->bad);
  return result;
}

/* An import is no sign-in: nothing of it waits in the spool for a mirror that is away. */
static int open_mirror(const struct ctl *ctl, struct import *import, struct err *err) {
  const char *mirror = import->people.conf->store.mirror.plugin;
  if (!mirror || ctl_has(ctl, CTL_PLUGIN) || import->is_trial) return 0;
  if (people_open_plugin(ctl, mirror, "storage.mirror", &import->mirror, err) != 0)
    return err_prefix(err, "the mirror has to be there for an import, which goes into both");
  import->has_mirror = true;
  return 0;
}

/* The file is opened first: who may read it is whoever runs this, not the service's user. */
int people_import_run(const struct ctl *ctl, struct err *err) {
  struct import import = {.is_trial = ctl_has(ctl, CTL_DRY_RUN)};
  progress_catch_signals();
  if (import_file_open(ctl->argument, (enum import_format)ctl_number(ctl, CTL_FORMAT, IMPORT_GUESS), &import.file, err) != 0)
    return -1;
  int result = -1;
  import.records = calloc(BATCH_COUNT, sizeof import.records[0]);
  if (!import.records) {
    err_set(err, "out of memory");
  } else if (people_open(ctl, &import.people, err) == 0) {
    result = open_mirror(ctl, &import, err);
    if (result == 0) result = run_import(ctl, &import, err);
    if (import.has_mirror) people_close(&import.mirror);
    people_close(&import.people);
  }
  free(import.records);
  import_file_close(&import.file);
  return result;
}
