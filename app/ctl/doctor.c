/* SPDX-License-Identifier: Apache-2.0
 * doctor: weigatectl doctor: the parts in their order, and how findings are told; the program's only thread. */
#include "ctl/doctor.h"

#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/scope.h"
#include "ctl/people.h"
#include "ctl/term.h"

/* One finding with everything that it quotes. */
#define TEXT_MAX_BYTES 2048
#define LINE_MAX_BYTES 16384
/* "  FAIL  certificate  " */
#define VERDICT_CELLS 4
#define CHECK_CELLS   13
#define INDENT_CELLS  (2 + VERDICT_CELLS + 2 + CHECK_CELLS + 2)

static const struct {
  const char *word, *shown;
  enum term_style style;
} verdicts[] = {
    [DOCTOR_OK] = {"ok", "ok  ", TERM_GOOD},
    [DOCTOR_WARN] = {"warn", "warn", TERM_WARN},
    [DOCTOR_FAIL] = {"fail", "FAIL", TERM_BAD},
};

/* --- findings ----------------------------------------------------------------------------------------------------------------
 */

/* Word after word, on a terminal broken where its width ends; the next lines stand under the first. */
static void add_wrapped(struct buf *out, struct str text, size_t columns) {
  size_t at = INDENT_CELLS;
  struct str rest = text, word;
  for (bool is_first = true; str_split(&rest, ' ', &word); is_first = false) {
    size_t width = term_width(word);
    bool breaks = !is_first && columns > 0 && at + 1 + width > columns;
    if (breaks) buf_addf(out, "\n%*s", INDENT_CELLS, "");
    if (!breaks && !is_first) buf_add_char(out, ' ');
    at = breaks ? INDENT_CELLS + width : at + (is_first ? 0 : 1) + width;
    buf_add_str(out, word);
  }
  buf_add_char(out, '\n');
}

static void add_row(struct buf *out, enum doctor_verdict verdict, const char *check, const char *fix, struct str text) {
  size_t columns = term_is_terminal() ? term_columns() : 0;
  buf_add_text(out, "  ");
  term_add_styled(out, verdicts[verdict].style, verdicts[verdict].shown);
  buf_addf(out, "  %-*s  ", CHECK_CELLS, check);
  add_wrapped(out, text, columns);
  if (!fix) return;
  SCOPE_BUF struct buf advice;
  buf_init(&advice, TEXT_MAX_BYTES);
  buf_add_text(&advice, "→ ");
  text_printable(&advice, str_of(fix), TEXT_MAX_BYTES);
  buf_addf(out, "%*s", INDENT_CELLS, "");
  add_wrapped(out, buf_str(&advice), columns);
}

static void add_json(struct buf *out, const char *part, enum doctor_verdict verdict, const char *check, const char *fix,
                     struct str text) {
  buf_addf(out, "{\"part\":\"%s\",\"check\":\"%s\",\"verdict\":\"%s\",\"text\":", part, check, verdicts[verdict].word);
  json_add_string(out, text);
  buf_add_text(out, ",\"fix\":");
  if (fix)
    json_add_string(out, str_of(fix));
  else
    buf_add_text(out, "null");
  buf_add_text(out, "}\n");
}

void doctor_say(struct doctor *doctor, enum doctor_verdict verdict, const char *check, const char *fix, const char *format, ...) {
  SCOPE_BUF struct buf out, text;
  char words[TEXT_MAX_BYTES];
  va_list args;
  va_start(args, format);
  vsnprintf(words, sizeof words, format, args);
  va_end(args);
  buf_init(&out, LINE_MAX_BYTES);
  buf_init(&text, LINE_MAX_BYTES);
  text_printable(&text, str_of(words), LINE_MAX_BYTES);
  doctor->counts[verdict]++;
  if (ctl_has(doctor->ctl, CTL_JSON)) {
    add_json(&out, doctor->part, verdict, check, fix, buf_str(&text));
  } else {
    if (!doctor->is_headed) term_add_styled(&out, TERM_BOLD, doctor->part);
    if (!doctor->is_headed) buf_add_char(&out, '\n');
    add_row(&out, verdict, check, fix, buf_str(&text));
  }
  doctor->is_headed = true;
  term_print(&out);
  fflush(stdout); /* the next check may take its time */
}

void doctor_refuse(struct doctor *doctor, const char *check, const struct err *err) {
  char text[ERR_TEXT_BYTES];
  const char *fix = NULL;
  snprintf(text, sizeof text, "%s", err->text);
  for (char *at = strstr(text, "; "); at; at = strstr(at + 2, "; ")) fix = at;
  if (fix) text[fix - text] = '\0';
  doctor_say(doctor, DOCTOR_FAIL, check, fix ? fix + 2 : NULL, "%s", text);
}

bool doctor_means(const struct doctor *doctor, const struct account_settings *account) {
  const char *name = ctl_text(doctor->ctl, CTL_ACCOUNT);
  return !name || strcmp(name, account->id) == 0 || strcmp(name, account->appid) == 0;
}

const char *doctor_about(struct doctor *doctor, const struct account_settings *account) {
  doctor->about[0] = '\0';
  if (doctor->conf->accounts_count > 1) snprintf(doctor->about, sizeof doctor->about, "account %s: ", account->id);
  return doctor->about;
}

void doctor_name_user(uid_t uid, char to[DOCTOR_USER_BYTES]) {
  const struct passwd *user = getpwuid(uid);
  if (user)
    snprintf(to, DOCTOR_USER_BYTES, "%s", user->pw_name);
  else
    snprintf(to, DOCTOR_USER_BYTES, "%u", (unsigned)uid);
}

/* --- the visit ---------------------------------------------------------------------------------------------------------------
 */

/* What needs root comes first: the last parts run as the user that runs weigate, as the service itself would. */
static const struct {
  const char *name;
  void (*look)(struct doctor *doctor);
} parts[] = {
    {"files", doctor_look_at_files},     {"link", doctor_look_at_link},     {"nginx", doctor_look_at_nginx},
    {"service", doctor_look_at_service}, {"wechat", doctor_look_at_wechat}, {"store", doctor_look_at_store},
};

static int check_account(const struct doctor *doctor, struct err *err) {
  for (size_t i = 0; i < doctor->conf->accounts_count; i++)
    if (doctor_means(doctor, &doctor->conf->accounts[i])) return 0;
  return err_set(err, "there is no account \"%s\" in %s", ctl_text(doctor->ctl, CTL_ACCOUNT), doctor->conf->path);
}

static int judge(const struct doctor *doctor, struct err *err) {
  unsigned failed = doctor->counts[DOCTOR_FAIL], all = failed + doctor->counts[DOCTOR_OK] + doctor->counts[DOCTOR_WARN];
  if (!ctl_has(doctor->ctl, CTL_JSON))
    printf("\n%u checks: %u well, %u to look at, %u failed\n", all, doctor->counts[DOCTOR_OK], doctor->counts[DOCTOR_WARN],
           failed);
  return failed == 0 ? 0 : err_set(err, "%u of %u checks failed", failed, all);
}

int doctor_run(const struct ctl *ctl, struct err *err) {
  struct doctor doctor = {.ctl = ctl, .service_uid = (uid_t)-1, .part = parts[0].name};
  if (conf_load(ctl->conf_path, CONF_WITHOUT_SECRETS, &doctor.conf, err) != 0) {
    doctor_refuse(&doctor, "configuration", err);
    return judge(&doctor, err);
  }
  int result = check_account(&doctor, err);
  people_owner(doctor.conf, &doctor.service_uid, &doctor.service_gid);
  log_open(&(struct log_settings){.destination = "/dev/null"}, NULL); /* findings say it all */
  for (size_t i = 0; i < sizeof parts / sizeof parts[0] && result == 0; i++) {
    doctor.part = parts[i].name;
    doctor.is_headed = false;
    parts[i].look(&doctor);
  }
  conf_free(doctor.whole);
  conf_free(doctor.conf);
  return result == 0 ? judge(&doctor, err) : -1;
}
