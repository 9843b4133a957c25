/* SPDX-License-Identifier: Apache-2.0
 * sessions_revoke: weigatectl sessions revoke; the program's only thread. */
#include <stdio.h>

#include "ctl/audit.h"
#include "ctl/ctl.h"
#include "ctl/sessions.h"
#include "ctl/term.h"
#include "store/person_text.h"

static int check_words(const struct ctl *ctl, struct err *err) {
  if (ctl->argument && ctl_has(ctl, CTL_ALL)) return err_set(err, "either an openid or --all");
  if (!ctl->argument && !ctl_has(ctl, CTL_ALL)) return err_set(err, "whose sessions? An openid, or --all for everybody's");
  if (ctl->argument && !person_is_openid(str_of(ctl->argument)))
    return err_set(err, "that is no openid: 1 to %d letters, digits, \"-\" and \"_\"", WEIGATE_OPENID_MAX);
  return 0;
}

/* A mistyped openid ends nobody's session, and must not look as if it had; everybody's take a yes. */
static int make_sure(const struct ctl *ctl, const struct place *primary, struct str appid, struct err *err) {
  bool is_found = false;
  if (ctl_has(ctl, CTL_YES)) return 0;
  if (!ctl->argument)
    return term_confirm("Everybody has to sign in again. Go on?")
               ? 0
               : err_set(err, "nothing was done; --yes does it without asking");
  if (!primary->is_open) return err_set(err, "%s; --yes ends sessions all the same", primary->err.text);
  if (people_find(&primary->people, str_of(ctl->argument), appid, &is_found, err) != 0) return -1;
  return is_found ? 0 : err_set(err, "nobody with the openid %s is stored; --yes ends sessions all the same", ctl->argument);
}

/* In the store that workers look at, and in the one that may take its place. */
static int end_in_places(const struct ctl *ctl, const struct places *places, const struct conf *conf, struct str appid,
                         struct err *err) {
  static const char *const ends[] = {[SESSIONS_END_DONE] = "",
                                     [SESSIONS_END_WAITS] = "; on this host they end, on others when the store is back",
                                     [SESSIONS_END_LEFT] = ""};
  int result = 0;
  for (size_t i = 0; i < places->count; i++) {
    struct err place_err = {""};
    enum sessions_end end = sessions_end(&places->all[i], conf, ctl->argument, appid, &place_err);
    if (end == SESSIONS_END_DONE) continue;
    result = err_set(err, "%s%s", place_err.text, ends[end]);
  }
  return result;
}

static int revoke(const struct ctl *ctl, const struct conf *conf, const struct places *places, struct err *err) {
  struct audit audit;
  struct str appid;
  char whom[AUDIT_PERSON_BYTES] = "everybody";
  const char *account = ctl_text(ctl, CTL_ACCOUNT);
  if (people_appid(conf, account, &appid, err) != 0 || make_sure(ctl, &places->all[0], appid, err) != 0) return -1;
  if (ctl->argument) audit_name_person(appid.n > 0 ? appid : str_of(conf->accounts[0].appid), str_of(ctl->argument), whom);
  audit_begin(&audit, conf, "sessions revoke", whom);
  int result = end_in_places(ctl, places, conf, appid, err);
  audit_end(&audit, result, "%s in %s", whom, account ? account : "all accounts");
  if (result == 0)
    printf("%s sessions in %s end within 5 s, on every worker and host\n", ctl->argument ? "the person's" : "all",
           account ? account : "all accounts");
  return result;
}

int sessions_revoke_run(const struct ctl *ctl, struct err *err) {
  struct conf *conf = NULL;
  struct places places;
  if (check_words(ctl, err) != 0 || conf_load(ctl->conf_path, 0, &conf, err) != 0) return -1;
  int result = people_become_service_user(conf, err);
  if (result == 0) {
    places_open(ctl, conf, &places);
    result = revoke(ctl, conf, &places, err);
    places_close(&places);
  }
  conf_free(conf);
  return result;
}
