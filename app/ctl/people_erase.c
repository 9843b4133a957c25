/* SPDX-License-Identifier: Apache-2.0
 * people_erase: weigatectl people erase: every place that may hold the person, one after the other, and what is left; the
 * program's only thread. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/scope.h"
#include "ctl/audit.h"
#include "ctl/ctl.h"
#include "ctl/forget_tickets.h"
#include "ctl/people.h"
#include "ctl/sessions.h"
#include "ctl/term.h"
#include "store/person_text.h"

/* The primary store and its mirror. */
#define STORES_MAX 2

/* One store that may hold the person. */
struct place {
  const char *plugin;
  bool is_open, is_found;
  struct people people;
  struct err err; /* why it is not open */
};

struct erasure {
  const struct conf *conf; /* with keys */
  struct str appid, openid;
  struct weigate_stamp stamp; /* the same in every store */
  struct place places[STORES_MAX];
  size_t places_count;
  size_t done, left;
  char nickname[WEIGATE_NICKNAME_MAX + 1];
  struct buf out;
};

/* --- what is done, line by line ------------------------------------------------------------------------------------------------
 */

static void say(struct erasure *e, const char *place, bool is_done, const char *sentence) {
  char label[32];
  snprintf(label, sizeof label, "%-19s", place);
  term_add_styled(&e->out, TERM_DIM, label);
  term_add_styled(&e->out, is_done ? TERM_GOOD : TERM_BAD, is_done ? "done  " : "LEFT  ");
  text_printable(&e->out, str_of(sentence), ERR_TEXT_BYTES);
  buf_add_char(&e->out, '\n');
  term_print(&e->out);
  fflush(stdout);
  if (is_done)
    e->done++;
  else
    e->left++;
}

static int erase(const struct people *people, struct weigate_call *call, void *arg) {
  const struct erasure *e = arg;
  const struct weigate_key key = {
      .struct_size = sizeof key, .appid = {e->appid.p, e->appid.n}, .openid = {e->openid.p, e->openid.n}};
  const struct weigate_keys batch = {.struct_size = sizeof batch, .stride = sizeof key, .count = 1, .items = &key};
  struct weigate_result result = {.struct_size = sizeof result};
  return people->plugin.desc->erase_people(people->handle, call, &batch, &e->stamp, &result);
}

static void erase_in_place(struct erasure *e, struct place *place) {
  char label[32];
  struct err err = place->err;
  const char *slash = strrchr(place->plugin, '/');
  snprintf(label, sizeof label, "store %.11s", slash ? slash + 1 : place->plugin);
  bool is_done = place->is_open && people_write(&place->people, "cannot erase", erase, e, &err) == 0;
  say(e, label, is_done, is_done ? "profile, tokens and history of fields are gone, sign-ins stay as numbers" : err.text);
}

/* Workers look for revocations in the primary store. */
static void end_sessions(struct erasure *e, const struct place *primary) {
  struct err err = primary->err;
  size_t count = 0;
  bool is_done = primary->is_open && sessions_end(&primary->people, e->openid.p, e->appid, &count, &err) == 0;
  say(e, "sessions", is_done, is_done ? "end within 5 s, on every worker and host" : err.text);
}

static void take_tickets(struct erasure *e, const struct place *primary) {
  struct err err = primary->err;
  char sentence[64];
  size_t count = 0;
  bool is_done = primary->is_open && forget_tickets(&primary->people, e->conf, e->appid, e->openid, &count, &err) == 0;
  snprintf(sentence, sizeof sentence, "%zu of sign-ins under way taken", count);
  say(e, "tickets", is_done, is_done ? sentence : err.text);
}

/* The primary store comes last: as long as it holds the person, an erasure that was interrupted finds something to go on with. */
static void erase_everywhere(struct erasure *e) {
  end_sessions(e, &e->places[0]);
  take_tickets(e, &e->places[0]);
  for (size_t i = e->places_count; i-- > 0;) erase_in_place(e, &e->places[i]);
}

/* --- before --------------------------------------------------------------------------------------------------------------------
 */

static int note_person(void *context, size_t index, const struct weigate_person *person) {
  struct erasure *e = context;
  (void)index;
  if (!person) return 0;
  e->places[e->places_count - 1].is_found = true;
  if (e->nickname[0] == '\0') str_copy(str_make(person->nickname.bytes, person->nickname.size), e->nickname, sizeof e->nickname);
  return 0;
}

static void open_place(const struct ctl *ctl, struct erasure *e, const char *plugin, const char *asked_by) {
  struct place *place = &e->places[e->places_count++];
  place->plugin = plugin;
  if (people_open_plugin(ctl, plugin, asked_by, &place->people, &place->err) != 0) return;
  place->is_open = people_load(&place->people, e->openid, e->appid, 0, note_person, e, &place->err) == 0;
  if (!place->is_open) people_close(&place->people);
}

static int choose_account(const struct ctl *ctl, struct erasure *e, struct err *err) {
  const struct people by_conf = {.conf = (struct conf *)e->conf};
  const char *account = ctl_text(ctl, CTL_ACCOUNT);
  if (!account && e->conf->accounts_count > 1) return err_set(err, "there are several accounts; --account says in which one");
  return people_appid(&by_conf, account ? account : e->conf->accounts[0].appid, &e->appid, err);
}

static int confirm(const struct ctl *ctl, const struct erasure *e, struct err *err) {
  SCOPE_BUF struct buf question;
  buf_init(&question, 8192);
  if (ctl_has(ctl, CTL_YES)) return 0;
  buf_addf(&question, "Erase %s", e->openid.p);
  if (e->nickname[0]) buf_add_text(&question, " (");
  text_printable(&question, str_of(e->nickname), 4096);
  if (e->nickname[0]) buf_add_char(&question, ')');
  buf_addf(&question, " of %s for good?", e->appid.p);
  return term_confirm(buf_text(&question)) ? 0 : err_set(err, "nothing was done; --yes does it without asking");
}

/* Nobody anywhere, and every place could be asked. */
static bool is_unknown(const struct erasure *e) {
  for (size_t i = 0; i < e->places_count; i++)
    if (!e->places[i].is_open || e->places[i].is_found) return false;
  return true;
}

static int run_erasure(const struct ctl *ctl, struct erasure *e, struct err *err) {
  struct audit audit;
  char whom[AUDIT_PERSON_BYTES];
  if (is_unknown(e)) return err_set(err, "nobody with the openid %s is stored in %s", e->openid.p, e->appid.p);
  if (confirm(ctl, e, err) != 0) return -1;
  e->stamp.at_us = clock_wall_us();
  if (random_bytes(e->stamp.id, sizeof e->stamp.id) != 0) return err_set(err, "the kernel gives no random bytes: %m");
  audit_name_person(e->appid, e->openid, whom);
  audit_begin(&audit, e->conf, "people erase", whom);
  erase_everywhere(e);
  audit_end(&audit, e->left > 0 ? -1 : 0, "%s, %zu done, %zu left", whom, e->done, e->left);
  return e->left == 0
             ? 0
             : err_set(err, "%zu of %zu are left, see above; do it again when that is mended", e->left, e->left + e->done);
}

int people_erase_run(const struct ctl *ctl, struct err *err) {
  struct erasure e = {.openid = str_of(ctl->argument)};
  struct conf *conf = NULL;
  if (!person_is_openid(e.openid))
    return err_set(err, "that is no openid: 1 to %d letters, digits, \"-\" and \"_\"", WEIGATE_OPENID_MAX);
  if (conf_load(ctl->conf_path, 0, &conf, err) != 0) return -1; /* with the keys, while we are who may read them */
  e.conf = conf;
  buf_init(&e.out, 4 * ERR_TEXT_BYTES);
  int result = choose_account(ctl, &e, err);
  if (result == 0) {
    open_place(ctl, &e, conf->store.plugin.plugin, "storage.plugin");
    result = run_erasure(ctl, &e, err);
  }
  for (size_t i = 0; i < e.places_count; i++)
    if (e.places[i].is_open) people_close(&e.places[i].people);
  buf_done(&e.out);
  conf_free(conf);
  return result;
}
