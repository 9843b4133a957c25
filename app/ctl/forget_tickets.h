/* SPDX-License-Identifier: Apache-2.0
 * forget_tickets: takes the notes of sign-ins under way that hold one person. */
#ifndef WEIGATE_CTL_FORGET_TICKETS_H
#define WEIGATE_CTL_FORGET_TICKETS_H

#include "ctl/people.h"

/* Opens every ticket of a kind that holds sessions (sign-ins by state and code, hand-overs) and takes those of the person. They
 * live some minutes. conf has the keys. *ret_count: taken. */
int forget_tickets(const struct people *people, const struct conf *conf, struct str appid, struct str openid, size_t *ret_count,
                   struct err *err);
/* The same for the tickets that an outage left in this host's spool. */
int forget_spooled_tickets(const struct conf *conf, struct str appid, struct str openid, size_t *ret_count, struct err *err);

#endif
