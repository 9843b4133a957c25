/* SPDX-License-Identifier: Apache-2.0
 * people_export: weigatectl people export; the program's only thread. */
#include <inttypes.h>
#include <stdio.h>

#include "base/scope.h"
#include "ctl/audit.h"
#include "ctl/ctl.h"
#include "ctl/people.h"
#include "ctl/progress.h"
#include "ctl/term.h"
#include "store/person_csv.h"
#include "store/person_text.h"

/* Records asked for at once, and the time that may take. */
#define PAGE_COUNT  512
#define PAGE_MAX_MS 60000
/* Written when so much is there. */
#define WRITE_BYTES 65536

enum { FORMAT_JSONL, FORMAT_CSV }; /* as in the choices of --format */

struct export {
  uint64_t format;
  uint64_t left, done;
  struct buf out;
  struct progress progress;
};

static int add_person(void *context, size_t index, const struct weigate_person *person) {
  struct export *export = context;
  (void)index;
  if (export->format == FORMAT_CSV) {
    person_csv_add(&export->out, person);
  } else {
    person_text_add_json(&export->out, person);
    buf_add_char(&export->out, '\n');
  }
  export->left--;
  export->done++;
  if (export->out.len >= WRITE_BYTES) term_print(&export->out);
  return export->out.failed || export->left == 0 || ferror(stdout) ? 1 : 0;
}

static int export_pages(struct export *export, const struct people *people, struct weigate_scan *scan, struct err *err) {
  do {
    uint64_t before = export->done;
    struct weigate_call call = plugin_call(PAGE_MAX_MS);
    scan->limit = (uint32_t)(export->left < PAGE_COUNT ? export->left : PAGE_COUNT);
    int class = people->plugin.desc->scan_people(people->handle, &call, scan, add_person, export);
    if (class != WEIGATE_OK) return people_refuse(people, "cannot read people", class, &call, err);
    if (export->out.failed)
      return err_set(err, "a record is longer than %d bytes; nothing behind it was written", PERSON_TEXT_MAX_BYTES);
    progress_add(&export->progress, export->done - before);
    if (progress_is_interrupted()) return err_set(err, "interrupted after %" PRIu64 " people", export->done);
  } while (scan->cursor_size > 0 && export->left > 0 && !ferror(stdout));
  term_print(&export->out);
  return fflush(stdout) == 0 && !ferror(stdout) ? 0 : err_set(err, "cannot write the output: %m");
}

static int export_people(const struct ctl *ctl, const struct people *people, struct str appid, struct export *export,
                         struct err *err) {
  struct weigate_scan scan = {.struct_size = sizeof scan, .appid = {appid.p, appid.n}, .want = WEIGATE_WANT_COUNTS};
  if (ctl_has(ctl, CTL_ERASED)) scan.want |= WEIGATE_WANT_ERASED;
  if (export->format == FORMAT_CSV) person_csv_add_head(&export->out);
  progress_start(&export->progress, "exporting", "people", appid.n > 0 ? 0 : people_estimate(people), 0);
  int result = export_pages(export, people, &scan, err);
  progress_end(&export->progress);
  return result;
}

int people_export_run(const struct ctl *ctl, struct err *err) {
  struct people people;
  struct audit audit;
  struct str appid;
  uint64_t limit = ctl_number(ctl, CTL_LIMIT, 0);
  struct export export = {.format = ctl_number(ctl, CTL_FORMAT, FORMAT_JSONL), .left = limit == 0 ? UINT64_MAX : limit};
  progress_catch_signals();
  if (people_open(ctl, &people, err) != 0) return -1;
  int result = people_appid(people.conf, ctl_text(ctl, CTL_ACCOUNT), &appid, err);
  if (result == 0) {
    buf_init(&export.out, WRITE_BYTES + 2 * PERSON_TEXT_MAX_BYTES);
    audit_begin(&audit, people.conf, "people export", appid.n > 0 ? appid.p : "all accounts");
    result = export_people(ctl, &people, appid, &export, err);
    audit_end(&audit, result, "%" PRIu64 " people", export.done);
    if (result == 0 && ctl_has(ctl, CTL_OUTPUT))
      fprintf(stderr, "%" PRIu64 " people written to %s\n", export.done, ctl_text(ctl, CTL_OUTPUT));
    buf_done(&export.out);
  }
  people_close(&people);
  return result;
}
