/* SPDX-License-Identifier: Apache-2.0
 * made: people that nobody ever was, by number: the same number is the same person in every program. */
#ifndef WEIGATE_TESTS_STORE_MADE_H
#define WEIGATE_TESTS_STORE_MADE_H

#include <stdbool.h>
#include <stdint.h>
#include <weigate/storage.h>

#define MADE_APPID "wx0123456789abcdef"

/* One sign-in of one of them; the texts of its parts lie in it, so it stays where it is. */
struct made {
  struct weigate_signin signin;
  struct weigate_person person;
  struct weigate_event event;
  struct weigate_ticket ticket;
  char openid[29], unionid[29], nickname[64], url[140], key[33];
  char sealed[200];
};

/* The openid of person `number`: 28 characters, spread over all there are. */
void made_openid(uint64_t number, char ret_openid[29]);
/* Sign-in `round` (from 0) of person `number`, that many microseconds after 1970: a full profile with tokens, a login event, and
 * the ticket of a code that lives for 20 minutes. */
void made_signin(struct made *made, uint64_t number, uint64_t round, int64_t at_us);

#endif
