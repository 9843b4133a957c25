/* SPDX-License-Identifier: Apache-2.0
 * sessions: ends sessions on every worker and host by tickets in the store, which they all look at every 2 s. */
#ifndef WEIGATE_CTL_SESSIONS_H
#define WEIGATE_CTL_SESSIONS_H

#include "ctl/people.h"

/* Everything signed in until now, of one person or of everybody (openid NULL), in the accounts with that appid ("": all).
 * *ret_count: accounts meant. Refused where the plugin keeps no tickets. */
int sessions_end(const struct people *people, const char *openid, struct str appid, size_t *ret_count, struct err *err);

#endif
