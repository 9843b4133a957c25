/* SPDX-License-Identifier: Apache-2.0
 * session: what the sealed session cookie says, and whether it still holds. */
#ifndef WEIGATE_SIGNIN_SESSION_H
#define WEIGATE_SIGNIN_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "signin/account.h"
#include "signin/revoke.h"
#include "web/cookie.h"

#define SESSION_ID_BYTES 12
/* The nickname for X-Weigate-Nickname, cut at a code point; always takes this room, so that a cookie's size says nothing about
 * the name. 32 Chinese characters, WeChat's own limit, fit. */
#define SESSION_NICKNAME_BYTES 96
/* version, flags, nothing, nickname length; id; three stamps; nickname; up to three ids with their lengths */
#define SESSION_PACKED_MAX (4 + SESSION_ID_BYTES + 3 * 8 + SESSION_NICKNAME_BYTES + 3 * (1 + WECHAT_ID_MAX_BYTES))
/* Stamps end with the year 9999, as RFC 3339 does. */
#define SESSION_STAMP_MAX_S INT64_C(253402300799)

struct session {
  uint8_t id[SESSION_ID_BYTES]; /* made once per sign-in; what sign-out revokes */
  bool is_guest;                /* a virtual visitor of WeChat's snapshot mode */
  bool is_website;              /* came through the website app (qrconnect) */
  bool has_userinfo;            /* scope holds snsapi_userinfo */
  int64_t signed_in_at_s;
  int64_t sealed_at_s;  /* the last renewal; idle time counts from here */
  int64_t profile_at_s; /* when the profile was last pulled, 0: never */
  char openid[WECHAT_ID_MAX_BYTES + 1];
  char unionid[WECHAT_ID_MAX_BYTES + 1];
  char website_appid[WECHAT_ID_MAX_BYTES + 1]; /* where is_website: the app that the openid belongs to */
  char nickname[SESSION_NICKNAME_BYTES + 1];
};

enum session_state { SESSION_GOOD, SESSION_NONE, SESSION_AMBIGUOUS, SESSION_FORGED, SESSION_EXPIRED, SESSION_REVOKED };

/* Cuts the nickname at a code point and keeps it. */
void session_set_nickname(struct session *session, struct str nickname);
/* "snsapi_base", "snsapi_userinfo" or "snsapi_login". */
const char *session_scope(const struct session *session);
/* The appid that the openid belongs to. */
const char *session_appid(const struct account *account, const struct session *session);
/* When it ends unless renewed: sealed + idle, but never beyond signed in + lifetime. */
int64_t session_expires_at_s(const struct session_settings *settings, const struct session *session);

/* Fixed-order bytes, as the cookie and the tickets hold them. Returns the size. */
size_t session_pack(const struct session *session, uint8_t to[SESSION_PACKED_MAX]);
/* -1 for anything that session_pack() did not make. */
int session_unpack(const uint8_t *bytes, size_t n, struct session *ret_session);

/* Reads the request's session cookie: exactly one, sealed for this account (and its website app) by a listed key, within both
 * limits, not from the future beyond the hosts' skew, not revoked
 * (revoked may be NULL where the caller asks elsewhere). *ret_renew (may be NULL): past half its idle life, or sealed with an
 * older key. No allocation. Any thread. */
enum session_state session_read(const struct account *account, const struct request *request, const struct revoke_table *revoked,
                                int64_t now_s, struct session *ret_session, bool *ret_renew);
/* Seals it as of now_s and sets the cookie; -1 without random bytes. */
int session_set_cookie(const struct account *account, struct session *session, int64_t now_s, struct response *response);
void session_clear_cookie(const struct account *account, struct response *response);

#endif
