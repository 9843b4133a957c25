/* SPDX-License-Identifier: Apache-2.0
 * sessions: ends sessions on every worker and host by tickets in the store, which they all look at every 2 s. */
#ifndef WEIGATE_CTL_SESSIONS_H
#define WEIGATE_CTL_SESSIONS_H

#include "ctl/places.h"

/* Where the revocation went. */
enum sessions_end {
  SESSIONS_END_DONE,  /* into the store: all workers and hosts see it */
  SESSIONS_END_WAITS, /* into this host's spool: its workers see it, the others when the store is back */
  SESSIONS_END_LEFT   /* nowhere; err says why */
};

/* Ends everything signed in until now, of one person or of everybody (openid NULL), in the accounts with that appid ("": all).
 * conf has the keys, for the spool. With WAITS and LEFT err says what is wrong with the store. */
enum sessions_end sessions_end(const struct place *place, const struct conf *conf, const char *openid, struct str appid,
                               struct err *err);

#endif
