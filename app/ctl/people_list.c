/* SPDX-License-Identifier: Apache-2.0
 * people_list: weigatectl people list; the program's only thread. */
#include <stdio.h>

#include "base/scope.h"
#include "ctl/ctl.h"
#include "ctl/people.h"
#include "ctl/term.h"
#include "store/person_json.h"

/* Records asked for at once, and the time that may take. */
#define PAGE_COUNT  256
#define PAGE_MAX_MS 30000
/* On a terminal more would scroll away. */
#define TERMINAL_LIMIT 100
/* One person as JSON: all fields at their limits, every byte escaped to six. */
#define LINE_MAX_BYTES 131072

/* Cells: an openid has 28 characters, a nickname up to 32. */
#define OPENID_CELLS   28
#define NICKNAME_CELLS 20
#define PLACE_CELLS    16

enum form { FORM_TABLE, FORM_PLAIN, FORM_JSON };

struct listing {
  enum form form;
  uint64_t left; /* how many may still be shown */
  uint64_t shown;
  struct buf line;
};

static struct str slice(struct weigate_text text) {
  return str_make(text.bytes, text.size);
}

static void add_time_cell(struct buf *out, int64_t at_us) {
  char stamp[32];
  text_rfc3339(stamp, at_us / 1000000);
  buf_addf(out, "%-20s", at_us ? stamp : "-");
}

static void add_place(struct buf *out, const struct weigate_person *person) {
  const struct weigate_text parts[] = {person->country, person->province, person->city};
  for (size_t i = 0; i < 3; i++) {
    if (parts[i].size == 0) continue;
    if (out->len > 0) buf_add_char(out, ' ');
    buf_add_str(out, slice(parts[i]));
  }
}

static void add_row(struct buf *out, const struct weigate_person *person) {
  SCOPE_BUF struct buf place;
  buf_init(&place, 4096);
  add_place(&place, person);
  term_add_cell(out, slice(person->openid), OPENID_CELLS);
  buf_add_text(out, "  ");
  term_add_cell(out, slice(person->nickname), NICKNAME_CELLS);
  buf_add_text(out, "  ");
  term_add_cell(out, buf_str(&place), PLACE_CELLS);
  buf_add_text(out, "  ");
  add_time_cell(out, person->last_seen_us);
  buf_addf(out, "  %6llu\n", (unsigned long long)person->login_count);
}

static void add_plain(struct buf *out, const struct weigate_person *person) {
  const struct weigate_text fields[] = {person->appid, person->openid, person->unionid, person->nickname};
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
    text_printable(out, slice(fields[i]), LINE_MAX_BYTES);
    buf_add_char(out, '\t');
  }
  char stamp[32];
  text_rfc3339(stamp, person->last_seen_us / 1000000);
  buf_addf(out, "%s\t%llu\n", stamp, (unsigned long long)person->login_count);
}

static void print_heading(struct listing *listing) {
  char heading[128];
  snprintf(heading, sizeof heading, "%-*s  %-*s  %-*s  %-20s  %6s", OPENID_CELLS, "openid", NICKNAME_CELLS, "nickname",
           PLACE_CELLS, "from", "last seen", "logins");
  term_add_styled(&listing->line, TERM_BOLD, heading);
  buf_add_char(&listing->line, '\n');
  term_print(&listing->line);
}

static int show_person(void *context, size_t index, const struct weigate_person *person) {
  struct listing *listing = context;
  (void)index;
  if (listing->left == 0) return 1;
  if (listing->shown == 0 && listing->form == FORM_TABLE) print_heading(listing);
  if (listing->form == FORM_JSON) {
    person_json_add(&listing->line, person);
    buf_add_char(&listing->line, '\n');
  } else if (listing->form == FORM_PLAIN) {
    add_plain(&listing->line, person);
  } else {
    add_row(&listing->line, person);
  }
  term_print(&listing->line);
  listing->left--;
  listing->shown++;
  return ferror(stdout) ? 1 : 0;
}

/* Page after page; *ret_more: somebody is left out because of the limit. */
static int list_pages(const struct people *people, struct weigate_scan *scan, struct listing *listing, bool *ret_more,
                      struct err *err) {
  do {
    uint64_t wanted = listing->left < PAGE_COUNT ? listing->left : PAGE_COUNT;
    struct weigate_call call = plugin_call(PAGE_MAX_MS);
    scan->limit = (uint32_t)wanted;
    int class = people->plugin.desc->scan_people(people->handle, &call, scan, show_person, listing);
    if (class != WEIGATE_OK) return people_refuse(people, "cannot list people", class, &call, err);
  } while (scan->cursor_size > 0 && listing->left > 0 && !ferror(stdout));
  *ret_more = scan->cursor_size > 0;
  return 0;
}

static uint64_t choose_limit(const struct ctl *ctl, enum form form) {
  uint64_t limit = ctl_number(ctl, CTL_LIMIT, 0);
  if (ctl_has(ctl, CTL_LIMIT)) return limit == 0 ? UINT64_MAX : limit;
  return form == FORM_TABLE && term_is_terminal() ? TERMINAL_LIMIT : UINT64_MAX;
}

static int list_people(const struct ctl *ctl, const struct people *people, struct err *err) {
  struct weigate_scan scan = {.struct_size = sizeof scan, .want = WEIGATE_WANT_COUNTS};
  struct listing listing = {.form = ctl_has(ctl, CTL_JSON) ? FORM_JSON : ctl_has(ctl, CTL_PLAIN) ? FORM_PLAIN : FORM_TABLE};
  struct str appid;
  bool more = false;
  if (people_appid(people->conf, ctl_text(ctl, CTL_ACCOUNT), &appid, err) != 0) return -1;
  scan.appid = (struct weigate_text){appid.p, appid.n};
  listing.left = choose_limit(ctl, listing.form);
  buf_init(&listing.line, LINE_MAX_BYTES);
  int result = list_pages(people, &scan, &listing, &more, err);
  buf_done(&listing.line);
  if (result == 0 && listing.form == FORM_TABLE && listing.shown == 0) fputs("nobody is stored\n", stderr);
  if (result == 0 && listing.form == FORM_TABLE && more && !ctl_has(ctl, CTL_LIMIT))
    fprintf(stderr, "the first %llu; --limit 0 lists all\n", (unsigned long long)listing.shown);
  return result;
}

int people_list_run(const struct ctl *ctl, struct err *err) {
  struct people people;
  if (people_open(ctl, &people, err) != 0) return -1;
  int result = list_people(ctl, &people, err);
  people_close(&people);
  return result;
}
