/* SPDX-License-Identifier: Apache-2.0
 * session: packs, seals and judges the session cookie. */
#include "signin/session.h"

#include <string.h>

#include "base/bytes.h"
#include "base/utf8.h"
#include "signin/state.h"

#define PACK_VERSION  1
#define FLAG_GUEST    0x01
#define FLAG_WEBSITE  0x02
#define FLAG_USERINFO 0x04
#define FLAGS_KNOWN   (FLAG_GUEST | FLAG_WEBSITE | FLAG_USERINFO)
/* Everything before the two ids. */
#define PACK_FIXED_BYTES (4 + SESSION_ID_BYTES + 3 * 8 + SESSION_NICKNAME_BYTES)

static uint8_t *put_id(uint8_t *to, const char *id) {
  size_t n = strlen(id);
  *to++ = (uint8_t)n;
  memcpy(to, id, n);
  return to + n;
}

/* Takes a length byte and that many bytes off *from; -1 if they are not there or hold a NUL. */
static int take_id(const uint8_t **from, const uint8_t *end, char to[WECHAT_ID_MAX_BYTES + 1]) {
  if (*from == end) return -1;
  size_t n = *(*from)++;
  if (n > WECHAT_ID_MAX_BYTES || n > (size_t)(end - *from) || memchr(*from, 0, n)) return -1;
  memcpy(to, *from, n);
  to[n] = '\0';
  *from += n;
  return 0;
}

void session_set_nickname(struct session *session, struct str nickname) {
  size_t n = utf8_cut(nickname, SESSION_NICKNAME_BYTES);
  if (n) memcpy(session->nickname, nickname.p, n);
  session->nickname[n] = '\0';
}

const char *session_appid(const struct account *account, const struct session *session) {
  return session->is_website ? session->website_appid : account->settings->appid;
}

const char *session_scope(const struct session *session) {
  if (session->is_website) return "snsapi_login";
  return session->has_userinfo ? "snsapi_userinfo" : "snsapi_base";
}

int64_t session_expires_at_s(const struct session_settings *settings, const struct session *session) {
  int64_t idle = session->sealed_at_s + (int64_t)(settings->idle_ms / 1000);
  int64_t absolute = session->signed_in_at_s + (int64_t)(settings->lifetime_ms / 1000);
  return idle < absolute ? idle : absolute;
}

size_t session_pack(const struct session *session, uint8_t to[SESSION_PACKED_MAX]) {
  size_t nickname_bytes = strlen(session->nickname);
  uint8_t *at = to;
  *at++ = PACK_VERSION;
  *at++ = (uint8_t)((session->is_guest ? FLAG_GUEST : 0) | (session->is_website ? FLAG_WEBSITE : 0) |
                    (session->has_userinfo ? FLAG_USERINFO : 0));
  *at++ = 0;
  *at++ = (uint8_t)nickname_bytes;
  memcpy(at, session->id, SESSION_ID_BYTES);
  at = bytes_put_u64(at + SESSION_ID_BYTES, (uint64_t)session->signed_in_at_s);
  at = bytes_put_u64(at, (uint64_t)session->sealed_at_s);
  at = bytes_put_u64(at, (uint64_t)session->profile_at_s);
  memset(at, 0, SESSION_NICKNAME_BYTES);
  memcpy(at, session->nickname, nickname_bytes);
  at = put_id(at + SESSION_NICKNAME_BYTES, session->openid);
  at = put_id(at, session->unionid);
  if (session->is_website) at = put_id(at, session->website_appid);
  return (size_t)(at - to);
}

static bool is_stamp(int64_t at_s) {
  return at_s >= 0 && at_s <= SESSION_STAMP_MAX_S;
}

static bool is_padded(const uint8_t *field, size_t used, size_t size) {
  for (size_t i = 0; i < size; i++)
    if ((field[i] != 0) != (i < used)) return false;
  return true;
}

int session_unpack(const uint8_t *bytes, size_t n, struct session *ret_session) {
  struct session session = {0};
  if (n < PACK_FIXED_BYTES + 2 || bytes[0] != PACK_VERSION || (bytes[1] & ~FLAGS_KNOWN) || bytes[2]) return -1;
  if (bytes[3] > SESSION_NICKNAME_BYTES) return -1;
  session.is_guest = bytes[1] & FLAG_GUEST;
  session.is_website = bytes[1] & FLAG_WEBSITE;
  session.has_userinfo = bytes[1] & FLAG_USERINFO;
  memcpy(session.id, bytes + 4, SESSION_ID_BYTES);
  const uint8_t *stamps = bytes + 4 + SESSION_ID_BYTES;
  session.signed_in_at_s = (int64_t)bytes_get_u64(stamps);
  session.sealed_at_s = (int64_t)bytes_get_u64(stamps + 8);
  session.profile_at_s = (int64_t)bytes_get_u64(stamps + 16);
  if (!is_stamp(session.signed_in_at_s) || !is_stamp(session.sealed_at_s) || !is_stamp(session.profile_at_s)) return -1;
  if (!is_padded(stamps + 24, bytes[3], SESSION_NICKNAME_BYTES)) return -1;
  memcpy(session.nickname, stamps + 24, bytes[3]);

  const uint8_t *at = bytes + PACK_FIXED_BYTES, *end = bytes + n;
  if (take_id(&at, end, session.openid) < 0 || take_id(&at, end, session.unionid) < 0 || !session.openid[0]) return -1;
  if (session.is_website && (take_id(&at, end, session.website_appid) < 0 || !session.website_appid[0])) return -1;
  if (at != end) return -1;
  *ret_session = session;
  return 0;
}

/* A session of a website app that is configured no more, or whose place another one took, says nothing about anybody here. */
static bool is_own_app(const struct account *account, const struct session *session) {
  return !session->is_website || str_eq(str_of(session->website_appid), str_of(account->settings->qrconnect_appid));
}

/* A session from the future means a clock that was set back: no more than the hosts' skew is believed. */
static bool is_alive(const struct session_settings *settings, const struct session *session, int64_t now_s) {
  return now_s < session_expires_at_s(settings, session) && session->sealed_at_s <= now_s + STATE_SKEW_S;
}

enum session_state session_read(const struct account *account, const struct request *request, const struct revoke_table *revoked,
                                int64_t now_s, struct session *ret_session, bool *ret_renew) {
  struct str text;
  switch (cookie_value(request, str_of(account->session_cookie), &text)) {
  case WEB_VALUE_ONE:
    break;
  case WEB_VALUE_NONE:
    return SESSION_NONE;
  default:
    return SESSION_AMBIGUOUS;
  }

  uint8_t packed[SESSION_PACKED_MAX];
  size_t n;
  bool is_newest;
  struct session session;
  if (seal_open(account->session->keys, SEAL_SESSION, account_context(account), text, packed, sizeof(packed), &n, &is_newest) <
          0 ||
      session_unpack(packed, n, &session) < 0 || !is_own_app(account, &session))
    return SESSION_FORGED;
  if (!is_alive(account->session, &session, now_s)) return SESSION_EXPIRED;
  bool is_revoked = revoked && (revoke_has(revoked, account_context(account), &session) ||
                                revoke_has_everyone(revoked, account->everyone, &session));
  if (is_revoked) return SESSION_REVOKED;

  int64_t half_s = (session_expires_at_s(account->session, &session) - session.sealed_at_s) / 2;
  if (ret_renew) *ret_renew = !is_newest || now_s >= session.sealed_at_s + half_s;
  *ret_session = session;
  return SESSION_GOOD;
}

int session_set_cookie(const struct account *account, struct session *session, int64_t now_s, struct response *response) {
  uint8_t packed[SESSION_PACKED_MAX];
  char text[SEAL_TEXT_BYTES(SESSION_PACKED_MAX)];
  session->sealed_at_s = now_s;
  size_t n = session_pack(session, packed);
  if (seal_lock(account->session->keys, SEAL_SESSION, account_context(account), packed, n, text) < 0) return -1;
  int64_t max_age_s = session_expires_at_s(account->session, session) - now_s;
  cookie_set(response, str_of(account->session_cookie), str_of(text), max_age_s > 0 ? max_age_s : 0, account->is_secure);
  return 0;
}

void session_clear_cookie(const struct account *account, struct response *response) {
  cookie_set(response, str_of(account->session_cookie), STR_NONE, 0, account->is_secure);
}
