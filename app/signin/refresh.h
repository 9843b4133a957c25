/* SPDX-License-Identifier: Apache-2.0
 * refresh: new tokens and a new profile through the tokens that are stored: for the person who asks, or for an admin's
 * weigatectl. Coroutines. */
#ifndef WEIGATE_SIGNIN_REFRESH_H
#define WEIGATE_SIGNIN_REFRESH_H

#include "signin/account.h"
#include "signin/record.h"

/* One person's refresh, from the tokens as they were stored to what shall be stored. */
struct refresh {
  const struct account *account;
  struct wechat *wechat; /* NULL where the website app that the person came through is configured no more */
  const char *appid;
  int64_t began_at_us; /* the stamp of what is written: whatever is written by others since then wins, an erasure above all */
  struct weigate_stamp opened_stamp; /* of the tokens that were opened */
  struct wechat_token token;         /* with refresh_open(); then what came in its place */
  struct wechat_profile profile;     /* with has_profile */
  bool has_tokens, has_profile;      /* came */
  bool is_void;                      /* WeChat takes the stored tokens no more */
  struct wechat_answer answer;       /* WeChat's last word */
  const char *stage;                 /* where it ended: "refresh", "profile" */
};

/* What the claim of a refresh is made of; lives as long as the ticket. */
struct refresh_claim {
  char key[33];
  uint8_t value[16];
};

/* Notes the time: before the person is loaded. appid is kept by reference. Any thread. */
void refresh_begin(struct refresh *refresh, const struct account *account, const char *appid, bool is_website);
/* Opens what is stored of the person; -1 if there are no tokens that open. Any thread. */
int refresh_open(struct refresh *refresh, const struct weigate_person *person);
/* The ticket that whoever refreshes this person claims first: everybody else leaves the person alone until it is over, which the
 * longest refresh is sooner than the ticket. -1 without random bytes. Any thread. */
int refresh_claim(const struct refresh *refresh, struct str openid, struct refresh_claim *claim,
                  struct weigate_ticket *ret_ticket);
/* New tokens alone. True when they came. Coroutine; may suspend. */
bool refresh_tokens_wait(struct refresh *refresh);
/* New tokens, and the profile. True when both came; otherwise the answer says why. Coroutine; may suspend. */
bool refresh_profile_wait(struct refresh *refresh);
/* Is there anything to write? Also after a failure: tokens that came stay good, and void ones are better forgotten. Any thread.
 */
bool refresh_has_news(const struct refresh *refresh);
/* Fills the person part of a record that was not begun; its texts belong to the refresh. -1 without random bytes. Any thread. */
int refresh_record(const struct refresh *refresh, struct record *record);
/* Wipes the tokens. Any thread. */
void refresh_done(struct refresh *refresh);

#endif
