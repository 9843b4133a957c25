/* SPDX-License-Identifier: Apache-2.0
 * audit: one line when an admin begins to do something to people or keys, one when it has ended: who, what, how many, never whom.
 */
#ifndef WEIGATE_CTL_AUDIT_H
#define WEIGATE_CTL_AUDIT_H

#include "base/text.h"
#include "conf/conf.h"
#include "store/person_text.h"

/* Remembers who started the program. Before anything else. */
void audit_start(void);

/* Of one command. */
struct audit {
  const struct conf *conf;
  const char *what; /* "people export" */
  char who[64];     /* "uid 0 (login 1000)" */
  char id[9];       /* joins the two lines */
};

/* Writes the first line before anything is done: a command that is killed has one, too. Lines go to the log of the service: its
 * file, else through the running service, else to syslog. details may be "". */
void audit_begin(struct audit *audit, const struct conf *conf, const char *what, const char *details);
/* Writes the second: result 0, or what failed. */
void audit_end(const struct audit *audit, int result, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* "person 3f2a…": the beginning of the hash that an erasure leaves, so that the line says nothing to who does not know the
 * openid. */
#define AUDIT_PERSON_BYTES 32
void audit_name_person(struct str appid, struct str openid, char to[AUDIT_PERSON_BYTES]);

#endif
