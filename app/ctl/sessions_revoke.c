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
static int make_sure(const struct ctl *ctl, const struct people *people, struct str appid, struct err *err) {
  bool is_found = false;
  if (ctl_has(ctl, CTL_YES)) return 0;
  if (!ctl->argument)
    return term_confirm("Everybody has to sign in again. Go on?")
               ? 0
               : err_set(err, "nothing was done; --yes does it without asking");
  if (people_find(people, str_of(ctl->argument), appid, &is_found, err) != 0) return -1;
  return is_found ? 0 : err_set(err, "nobody with the openid %s is stored; --yes ends sessions all the same", ctl->argument);
}

static int revoke(const struct ctl *ctl, const struct people *people, struct err *err) {
  struct audit audit;
  struct str appid;
  char whom[AUDIT_PERSON_BYTES] = "everybody";
  size_t count = 0;
  if (people_appid(people, ctl_text(ctl, CTL_ACCOUNT), &appid, err) != 0 || make_sure(ctl, people, appid, err) != 0) return -1;
  if (ctl->argument)
    audit_name_person(appid.n > 0 ? appid : str_of(people->conf->accounts[0].appid), str_of(ctl->argument), whom);
  audit_begin(&audit, people->conf, "sessions revoke", whom);
  int result = sessions_end(people, ctl->argument, appid, &count, err);
  audit_end(&audit, result, "%s in %zu account%s", whom, count, count == 1 ? "" : "s");
  if (result == 0)
    printf("%s sessions in %zu account%s end within 5 s, on every worker and host\n", ctl->argument ? "the person's" : "all",
           count, count == 1 ? "" : "s");
  return result;
}

int sessions_revoke_run(const struct ctl *ctl, struct err *err) {
  struct people people;
  if (check_words(ctl, err) != 0 || people_open(ctl, &people, err) != 0) return -1;
  int result = revoke(ctl, &people, err);
  people_close(&people);
  return result;
}
