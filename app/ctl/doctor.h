/* SPDX-License-Identifier: Apache-2.0
 * doctor: what the checks of weigatectl doctor share: the configuration, and how a finding is told. */
#ifndef WEIGATE_CTL_DOCTOR_H
#define WEIGATE_CTL_DOCTOR_H

#include <sys/types.h>

#include "base/buf.h"
#include "conf/conf.h"
#include "ctl/ctl.h"

enum doctor_verdict { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL };
#define DOCTOR_VERDICT_COUNT 3

struct doctor {
  const struct ctl *ctl;
  struct conf *conf;  /* without keys and secrets; the file is good */
  struct conf *whole; /* with them; NULL where one of their files is not good */
  uid_t service_uid;  /* who runs weigate, or would; (uid_t)-1: nobody knows */
  gid_t service_gid;
  unsigned counts[DOCTOR_VERDICT_COUNT];
  const char *part;
  char about[48];
  bool is_headed; /* the part's heading is printed */
};

/* Tells one finding: a row on the screen, or one JSON object. `check` is a word that stays the same; `fix` may be NULL. Neither a
 * secret nor personal data. */
void doctor_say(struct doctor *doctor, enum doctor_verdict verdict, const char *check, const char *fix, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* A refusal's sentence as a failure: what stands behind its last "; " is the fix. */
void doctor_refuse(struct doctor *doctor, const char *check, const struct err *err);
/* Is the account among those that --account means? */
bool doctor_means(const struct doctor *doctor, const struct account_settings *account);
/* "account shop: ", or nothing where there is one account only; good until the next call. */
const char *doctor_about(struct doctor *doctor, const struct account_settings *account);
/* A user's name, or its number. */
#define DOCTOR_USER_BYTES 64
void doctor_name_user(uid_t uid, char to[DOCTOR_USER_BYTES]);

/* One part each, in the order of doctor.c's table. */
void doctor_look_at_files(struct doctor *doctor);
void doctor_look_at_link(struct doctor *doctor);
void doctor_look_at_nginx(struct doctor *doctor);
void doctor_look_at_service(struct doctor *doctor);
void doctor_look_at_wechat(struct doctor *doctor);
void doctor_look_at_store(struct doctor *doctor);

#endif
