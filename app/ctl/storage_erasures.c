/* SPDX-License-Identifier: Apache-2.0
 * storage_erasures: weigatectl storage erasures and storage replay-erasures: what keeps erased people out of a store that was
 * restored from a copy of before; the program's only thread. */
#include <inttypes.h>
#include <stdio.h>

#include "ctl/audit.h"
#include "ctl/import_file.h"
#include "ctl/import_record.h"
#include "ctl/people.h"
#include "ctl/progress.h"
#include "ctl/term.h"

#define PAGE_MAX_MS 60000
#define WRITE_BYTES 65536
/* Merged with one call: everybody who signs in meanwhile waits for it. */
#define REPLAY_COUNT 64

/* --- out --- */

struct listing {
  struct buf out;
  uint64_t seen, count;
};

static int add_erasure(void *context, size_t index, const struct weigate_person *person) {
  struct listing *listing = context;
  (void)index;
  listing->seen++;
  if (!person || !(person->has & WEIGATE_PERSON_ERASED)) return 0;
  person_text_add_json(&listing->out, person);
  buf_add_char(&listing->out, '\n');
  listing->count++;
  if (listing->out.len >= WRITE_BYTES) term_print(&listing->out);
  return 0;
}

static int list_erasures(const struct people *people, struct listing *listing, struct err *err) {
  struct weigate_scan scan = {.struct_size = sizeof scan, .want = WEIGATE_WANT_ERASED, .limit = WEIGATE_BATCH_MAX};
  struct progress progress;
  int result = 0;
  progress_start(&progress, "reading", "people", people_estimate(people), 0);
  do {
    struct weigate_call call = plugin_call(PAGE_MAX_MS);
    uint64_t before = listing->seen;
    int class = plugin_answer(people->plugin.desc->scan_people(people->handle, &call, &scan, add_erasure, listing), &call);
    if (class != WEIGATE_OK) result = people_refuse(people, "cannot read erasures", class, &call, err);
    progress_add(&progress, listing->seen - before);
    if (result == 0 && progress_is_interrupted()) result = err_set(err, "interrupted; the list is not complete");
  } while (result == 0 && scan.cursor_size > 0);
  progress_end(&progress);
  term_print(&listing->out);
  return result;
}

int storage_erasures_run(const struct ctl *ctl, struct err *err) {
  struct people people;
  struct listing listing = {.count = 0};
  progress_catch_signals();
  if (people_open(ctl, &people, err) != 0) return -1;
  buf_init(&listing.out, WRITE_BYTES + 2 * PERSON_TEXT_MAX_BYTES);
  int result = list_erasures(&people, &listing, err);
  if (result == 0 && ctl_has(ctl, CTL_OUTPUT))
    fprintf(stderr, "%" PRIu64 " erasures written to %s\n", listing.count, ctl_text(ctl, CTL_OUTPUT));
  buf_done(&listing.out);
  people_close(&people);
  return result;
}

/* --- in --- */

struct replay {
  struct people people;
  struct import_file file;
  struct import_rules rules;
  struct import_record records[REPLAY_COUNT];
  size_t count;
  uint64_t erasures, fresh, others;
};

static int flush_replay(struct replay *replay, struct err *err) {
  struct weigate_result results[REPLAY_COUNT];
  const struct weigate_people batch = {.struct_size = sizeof batch,
                                       .stride = sizeof replay->records[0],
                                       .count = replay->count,
                                       .items = &replay->records[0].person};
  int result = replay->count == 0 ? 0 : people_merge(&replay->people, &batch, results, err);
  for (size_t i = 0; i < replay->count; i++) {
    if (result == 0) replay->fresh += results[i].outcome == WEIGATE_ITEM_NEW || results[i].outcome == WEIGATE_ITEM_UPDATED;
    import_record_done(&replay->records[i]);
  }
  if (result == 0) replay->erasures += replay->count;
  replay->count = 0;
  return result;
}

/* People in the file are passed over: the output of people export --erased will do as well. */
static int take_line(struct replay *replay, struct str json, uint64_t line, struct err *err) {
  struct import_record *record = &replay->records[replay->count];
  struct err why = {""};
  record->line = line;
  if (import_record_read(&replay->rules, json, record, &why) != 0) {
    if (!str_contains_nocase(json, STR("\"erased_hash\":null"))) return err_set(err, "line %" PRIu64 ": %s", line, why.text);
    replay->others++;
    return 0;
  }
  if (record->person.has & WEIGATE_PERSON_ERASED)
    replay->count++;
  else
    import_record_done(record);
  return replay->count == REPLAY_COUNT ? flush_replay(replay, err) : 0;
}

static int replay_lines(struct replay *replay, struct err *err) {
  for (;;) {
    struct str json;
    uint64_t line;
    enum import_got got = import_file_next(&replay->file, &json, &line, err);
    if (got == IMPORT_END) return flush_replay(replay, err);
    if (got != IMPORT_RECORD || take_line(replay, json, line, err) != 0) return -1;
    if (progress_is_interrupted()) return err_set(err, "interrupted; do it again, it goes through all of them");
  }
}

int storage_replay_erasures_run(const struct ctl *ctl, struct err *err) {
  static struct replay replay;
  struct audit audit;
  progress_catch_signals();
  if (import_file_open(ctl->argument, IMPORT_JSONL, &replay.file, err) != 0) return -1;
  int result = people_open(ctl, &replay.people, err);
  if (result == 0) {
    replay.rules = (struct import_rules){.conf = replay.people.conf, .ctl = ctl, .appid = STR("")};
    audit_begin(&audit, replay.people.conf, "storage replay-erasures", "");
    result = replay_lines(&replay, err);
    audit_end(&audit, result, "%" PRIu64 " erasures, %" PRIu64 " of them not here before", replay.erasures, replay.fresh);
    printf("%" PRIu64 " erasures, %" PRIu64 " of them were not here before\n", replay.erasures, replay.fresh);
    people_close(&replay.people);
  }
  import_file_close(&replay.file);
  return result;
}
