/* SPDX-License-Identifier: Apache-2.0
 * refresh: claim, calls and record of one person's refresh; coroutines of the sign-in thread, or of weigatectl's own loop. */
#include "signin/refresh.h"

#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "store/kinds.h"

/* Two refreshes of one person within this time are one. */
#define REFRESH_APART_MS 10000
/* Tokens, profile, and both once more where WeChat calls the fresh token void. */
#define REFRESH_CALLS_MAX 4

/* The stored tokens are dead and stay so. Others that ask for a new sign-in (an openid of another account, a scope that was
 * withdrawn) say nothing about the refresh token. */
static bool is_end_of_tokens(const struct wechat_answer *answer) {
  static const int errcodes[] = {40030, 42002, 42007, 61023};
  for (size_t i = 0; i < sizeof errcodes / sizeof *errcodes; i++)
    if (answer->upstream == WECHAT_UPSTREAM_FINE && answer->errcode == errcodes[i]) return true;
  return false;
}

void refresh_begin(struct refresh *refresh, const struct account *account, const char *appid, bool is_website) {
  *refresh = (struct refresh){
      .account = account,
      .wechat = is_website ? account->website : account->wechat,
      .appid = appid,
      .began_at_us = clock_wall_us(),
      .stage = "refresh",
  };
}

int refresh_open(struct refresh *refresh, const struct weigate_person *person) {
  refresh->opened_stamp = person->token_stamp;
  return refresh->wechat ? record_token_open(refresh->account, person, &refresh->token) : -1;
}

int refresh_claim(const struct refresh *refresh, struct str openid, struct refresh_claim *claim,
                  struct weigate_ticket *ret_ticket) {
  uint8_t print[16];
  uint64_t longest_ms = REFRESH_CALLS_MAX * refresh->account->settings->request_timeout_ms;
  uint64_t lifetime_ms = longest_ms > REFRESH_APART_MS ? longest_ms : REFRESH_APART_MS;
  if (random_bytes(claim->value, sizeof claim->value) < 0) return -1;
  seal_fingerprint(SEAL_TOKEN, account_context(refresh->account), openid, print);
  text_hex_encode(claim->key, print, sizeof print);
  *ret_ticket = (struct weigate_ticket){
      .struct_size = sizeof *ret_ticket,
      .kind = {KIND_REFRESH, sizeof KIND_REFRESH - 1},
      .key = {claim->key, strlen(claim->key)},
      .value = {(const char *)claim->value, sizeof claim->value},
      .expires_at_us = clock_wall_us() + (int64_t)lifetime_ms * 1000,
  };
  return 0;
}

bool refresh_tokens_wait(struct refresh *refresh) {
  refresh->stage = "refresh";
  wechat_refresh_wait(refresh->wechat, &refresh->token, &refresh->answer);
  bool is_good = refresh->answer.action == WECHAT_OK;
  refresh->has_tokens = refresh->has_tokens || is_good;
  refresh->is_void = is_end_of_tokens(&refresh->answer);
  return is_good;
}

static void pull_profile_wait(struct refresh *refresh) {
  refresh->stage = "profile";
  wechat_profile_wait(refresh->wechat, &refresh->token, str_of(refresh->account->settings->lang), &refresh->profile,
                      &refresh->answer);
  refresh->has_profile = refresh->answer.action == WECHAT_OK;
  refresh->is_void = is_end_of_tokens(&refresh->answer);
}

bool refresh_profile_wait(struct refresh *refresh) {
  if (!refresh_tokens_wait(refresh)) return false;
  pull_profile_wait(refresh);
  if (refresh->answer.action == WECHAT_REFRESH && refresh_tokens_wait(refresh)) pull_profile_wait(refresh);
  return refresh->has_profile;
}

bool refresh_has_news(const struct refresh *refresh) {
  return refresh->has_tokens || refresh->has_profile || refresh->is_void;
}

/* Forgets the tokens that were opened, and none that somebody's sign-in has stored since. */
static void forget_tokens(const struct refresh *refresh, struct weigate_person *person) {
  person->has |= WEIGATE_PERSON_TOKEN;
  person->token_stamp = refresh->opened_stamp;
  person->token_stamp.at_us++;
}

int refresh_record(const struct refresh *refresh, struct record *record) {
  if (record_begin(record) < 0) return -1;
  record->stamp.at_us = refresh->began_at_us;
  record_person(record, refresh->appid, &refresh->token);
  if (refresh->has_profile) record_profile(record, &refresh->profile);
  if (!refresh->is_void) return refresh->has_tokens ? record_token(record, refresh->account, &refresh->token) : 0;
  forget_tokens(refresh, &record->person);
  return 0;
}

void refresh_done(struct refresh *refresh) {
  if (refresh->has_profile) wechat_profile_done(&refresh->profile);
  explicit_bzero(&refresh->token, sizeof refresh->token);
}
