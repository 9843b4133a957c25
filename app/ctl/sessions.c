/* SPDX-License-Identifier: Apache-2.0
 * sessions: a revocation per account; the program's only thread. */
#include "ctl/sessions.h"

#include "base/clock.h"
#include "signin/account.h"
#include "signin/revoke.h"

struct revocations {
  struct weigate_ticket tickets[SIGNIN_ACCOUNTS_MAX];
  char keys[SIGNIN_ACCOUNTS_MAX][REVOKE_KEY_BYTES];
  uint8_t values[SIGNIN_ACCOUNTS_MAX][8];
  size_t count;
};

static int put(const struct people *people, struct weigate_call *call, void *arg) {
  const struct revocations *all = arg;
  struct weigate_result results[SIGNIN_ACCOUNTS_MAX];
  const struct weigate_tickets batch = {
      .struct_size = sizeof batch, .stride = sizeof all->tickets[0], .count = all->count, .items = all->tickets};
  for (size_t i = 0; i < all->count; i++) results[i] = (struct weigate_result){.struct_size = sizeof results[0]};
  return people->plugin.tickets->put(people->handle, call, &batch, results);
}

static bool is_meant(const struct account_settings *account, struct str appid) {
  return appid.n == 0 || str_eq(appid, str_of(account->appid)) ||
         (account->qrconnect_appid && str_eq(appid, str_of(account->qrconnect_appid)));
}

static int make_revocations(const struct conf *conf, const char *openid, struct str appid, struct revocations *all,
                            struct err *err) {
  int64_t now_s = clock_wall_s(), expires_s = now_s + (int64_t)(conf->session.lifetime_ms / 1000) + 1;
  all->count = 0;
  for (size_t i = 0; i < conf->accounts_count; i++) {
    struct account account;
    struct revocation revocation;
    if (!is_meant(&conf->accounts[i], appid)) continue;
    if (account_init(&account, &conf->accounts[i], &conf->session, err) != 0) return -1;
    if (openid)
      revoke_of_person(account_context(&account), str_of(openid), now_s, expires_s, &revocation);
    else
      revoke_of_everyone(account_context(&account), now_s, expires_s, &revocation);
    revoke_to_ticket(&revocation, all->keys[all->count], all->values[all->count], &all->tickets[all->count]);
    all->count++;
  }
  return 0;
}

static int put_in_store(const struct place *place, struct revocations *all, struct err *err) {
  *err = place->err;
  if (!place->is_open) return -1;
  if (!place->people.plugin.tickets)
    return err_set(err,
                   "storage plugin %s keeps no tickets: sessions end by their own time only, or all with a new session.keys_file",
                   place->people.plugin.desc->name);
  return people_write(&place->people, "cannot end the sessions", put, all, err);
}

static int put_in_spool(const struct place *place, const struct conf *conf, const struct revocations *all, struct err *err) {
  for (size_t i = 0; i < all->count; i++)
    if (spool_append_ticket(&conf->store.spool, place->plugin, &all->tickets[i], err) != 0) return -1;
  return 0;
}

enum sessions_end sessions_end(const struct place *place, const struct conf *conf, const char *openid, struct str appid,
                               struct err *err) {
  struct revocations all;
  struct err spool_err = {""};
  if (make_revocations(conf, openid, appid, &all, err) != 0) return SESSIONS_END_LEFT;
  if (put_in_store(place, &all, err) == 0) return SESSIONS_END_DONE;
  return put_in_spool(place, conf, &all, &spool_err) == 0 ? SESSIONS_END_WAITS : SESSIONS_END_LEFT;
}
