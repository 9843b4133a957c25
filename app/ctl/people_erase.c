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
#include "ctl/places.h"
#include "ctl/sessions.h"
#include "ctl/term.h"
#include "store/person_text.h"

enum verdict { DONE, WAITS, LEFT };

struct erasure {
  const struct conf *conf; /* with keys */
  struct str appid, openid;
  struct weigate_stamp stamp; /* the same in every store */
  struct places places;
  bool is_found;
  size_t done, left;
  char nickname[WEIGATE_NICKNAME_MAX + 1];
  struct buf out;
};

/* --- what is done, line by line ------------------------------------------------------------------------------------------------
 */

static void say(struct erasure *e, const char *place, enum verdict verdict, const char *sentence) {
  static const char *const words[] = {[DONE] = "done   ", [WAITS] = "WAITS  ", [LEFT] = "LEFT   "};
  char label[32];
  snprintf(label, sizeof label, "%-19s", place);
  term_add_styled(&e->out, TERM_DIM, label);
  term_add_styled(&e->out, verdict == DONE ? TERM_GOOD : TERM_BAD, words[verdict]);
  text_printable(&e->out, str_of(sentence), 2 * ERR_TEXT_BYTES);
  buf_add_char(&e->out, '\n');
  term_print(&e->out);
  fflush(stdout);
  if (verdict == DONE)
    e->done++;
  else
    e->left++;
}

static void say_waits(struct erasure *e, const char *place, const char *why, const char *what) {
  char sentence[2 * ERR_TEXT_BYTES];
  snprintf(sentence, sizeof sentence, "%s; %s waits in the spool until the store is back", why, what);
  say(e, place, WAITS, sentence);
}

static int erase(const struct people *people, struct weigate_call *call, void *arg) {
  const struct erasure *e = arg;
  const struct weigate_key key = {
      .struct_size = sizeof key, .appid = {e->appid.p, e->appid.n}, .openid = {e->openid.p, e->openid.n}};
  const struct weigate_keys batch = {.struct_size = sizeof batch, .stride = sizeof key, .count = 1, .items = &key};
  struct weigate_result result = {.struct_size = sizeof result};
  return people->plugin.desc->erase_people(people->handle, call, &batch, &e->stamp, &result);
}

static void erase_in_place(struct erasure *e, const struct place *place) {
  char label[32];
  struct err err = place->err, spool_err = {""};
  snprintf(label, sizeof label, "store %.11s", place_name(place));
  if (place->is_open && people_write(&place->people, "cannot erase", erase, e, &err) == 0)
    say(e, label, DONE, "profile, tokens and history of fields are gone, sign-ins stay as numbers");
  else if (spool_append_erasure(&e->conf->store.spool, place->plugin, e->appid, e->openid, &e->stamp, &spool_err) == 0)
    say_waits(e, label, err.text, "the erasure");
  else
    say(e, label, LEFT, err.text);
}

/* Workers look for revocations in the primary store; a mirror may take its place. */
static void end_sessions(struct erasure *e, const struct place *place) {
  struct err err = {""};
  switch (sessions_end(place, e->conf, e->openid.p, e->appid, &err)) {
  case SESSIONS_END_DONE:
    say(e, "sessions", DONE, "end within 5 s, on every worker and host");
    break;
  case SESSIONS_END_WAITS:
    say_waits(e, "sessions", err.text, "they end on this host, the word to others");
    break;
  case SESSIONS_END_LEFT:
    say(e, "sessions", LEFT, err.text);
  }
}

static void take_tickets(struct erasure *e, const struct place *place) {
  struct err err = place->err;
  char sentence[64];
  size_t count = 0;
  bool is_done = place->is_open && forget_tickets(&place->people, e->conf, e->appid, e->openid, &count, &err) == 0;
  snprintf(sentence, sizeof sentence, "%zu of sign-ins under way taken", count);
  say(e, "tickets", is_done ? DONE : LEFT, is_done ? sentence : err.text);
}

/* What waits for a store on this host, with the tickets of an outage. */
static void erase_in_spool(struct erasure *e) {
  struct err err = {""};
  char sentence[64];
  size_t records = 0, tickets = 0;
  bool is_done = spool_erase(&e->conf->store.spool, e->appid, e->openid, &records, &err) == 0 &&
                 forget_spooled_tickets(e->conf, e->appid, e->openid, &tickets, &err) == 0;
  snprintf(sentence, sizeof sentence, "%zu records, %zu tickets", records, tickets);
  say(e, "spool of this host", is_done ? DONE : LEFT, is_done ? sentence : err.text);
}

/* The primary store comes last: as long as it holds the person, an erasure that was interrupted finds something to go on with. */
static void erase_everywhere(struct erasure *e) {
  struct places *places = &e->places;
  for (size_t i = 0; i < places->count; i++) end_sessions(e, &places->all[i]);
  for (size_t i = 0; i < places->count; i++) take_tickets(e, &places->all[i]);
  if (e->conf->store.spool.dir) erase_in_spool(e);
  for (size_t i = places->count; i-- > 0;) erase_in_place(e, &places->all[i]);
}

/* --- before --------------------------------------------------------------------------------------------------------------------
 */

static int note_person(void *context, size_t index, const struct weigate_person *person) {
  struct erasure *e = context;
  (void)index;
  if (!person) return 0;
  e->is_found = true;
  if (e->nickname[0] == '\0') str_copy(str_make(person->nickname.bytes, person->nickname.size), e->nickname, sizeof e->nickname);
  return 0;
}

/* Nobody anywhere, and every place could be asked: a mistyped openid leaves no mark. */
static bool is_unknown(struct erasure *e) {
  bool all_asked = true;
  for (size_t i = 0; i < e->places.count; i++) {
    struct place *place = &e->places.all[i];
    if (place->is_open && people_load(&place->people, e->openid, e->appid, 0, note_person, e, &place->err) != 0) {
      people_close(&place->people);
      place->is_open = false;
    }
    all_asked = all_asked && place->is_open;
  }
  return all_asked && !e->is_found;
}

static int choose_account(const struct ctl *ctl, struct erasure *e, struct err *err) {
  const char *account = ctl_text(ctl, CTL_ACCOUNT);
  if (!account && e->conf->accounts_count > 1) return err_set(err, "there are several accounts; --account says in which one");
  return people_appid(e->conf, account ? account : e->conf->accounts[0].appid, &e->appid, err);
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
  buf_init(&e.out, 8 * ERR_TEXT_BYTES);
  int result = choose_account(ctl, &e, err);
  if (result == 0) result = people_become_service_user(conf, err);
  if (result == 0) {
    places_open(ctl, conf, &e.places);
    result = run_erasure(ctl, &e, err);
    places_close(&e.places);
  }
  buf_done(&e.out);
  conf_free(conf);
  return result;
}
