/* SPDX-License-Identifier: Apache-2.0
 * record: what a finished sign-in leaves in the store, in the plugin header's structs. */
#ifndef WEIGATE_SIGNIN_RECORD_H
#define WEIGATE_SIGNIN_RECORD_H

#include "signin/account.h"
#include "signin/job.h"

/* Both tokens as the store keeps them: sealed, bound to appid and openid; not to the site, whose address may change. */
/* two lengths, two tokens */
#define RECORD_TOKEN_PLAIN_MAX  (2 * (2 + WECHAT_TOKEN_MAX_BYTES))
#define RECORD_TOKEN_SEALED_MAX (RECORD_TOKEN_PLAIN_MAX + SEAL_OVERHEAD_BYTES)

/* One write: parts are pointed to from `signin`; lives until the store has answered. */
struct record {
  struct weigate_signin signin;
  struct weigate_person person;
  struct weigate_event event;
  struct weigate_ticket ticket;
  struct weigate_stamp stamp;
  uint8_t token_sealed[RECORD_TOKEN_SEALED_MAX];
  char network[WEIGATE_NETWORK_MAX];
};

/* Starts a write observed now: makes its stamp. -1 without random bytes. */
int record_begin(struct record *record);
/* Person part: who, and what scope was granted. */
void record_person(struct record *record, const char *appid, const struct wechat_token *token);
/* Adds tokens to the person part, which is there. -1 without random bytes. */
int record_token(struct record *record, const struct account *account, const struct wechat_token *token);
/* Adds the profile to the person part; empty regions and sex 0 are left out, so that they never erase what is known. */
void record_profile(struct record *record, const struct wechat_profile *profile);
/* Event part. openid may be "". */
void record_event(struct record *record, const struct job *job, const char *appid, const char *openid, enum outcome outcome,
                  const char *stage, const char *scope, const char *channel, int errcode);
/* The /24 or /48 that an address lies in; "" for what is no address. Any thread. */
void record_network(struct str address, char to[WEIGATE_NETWORK_MAX]);
/* Days since 1970-01-01 at that many minutes east of UTC. Any thread. */
int32_t record_day(int32_t time_zone_minutes, int64_t at_us);
/* Opens what record_token() sealed; -1 if it was not sealed for this person, or the key is gone. */
int record_token_open(const struct account *account, const struct weigate_person *person, struct wechat_token *ret_token);

#endif
