/* SPDX-License-Identifier: Apache-2.0
 * errcode: the table of WeChat's error numbers; read-only, any thread. */
#include "wechat/errcode.h"

#include <assert.h>

#define T   (1u << WECHAT_CALL_TOKEN)
#define R   (1u << WECHAT_CALL_REFRESH)
#define U   (1u << WECHAT_CALL_USERINFO)
#define V   (1u << WECHAT_CALL_AUTH)
#define ALL (T | R | U | V)

static const struct wechat_errcode errcode_table[];
static const size_t errcode_count;

const struct wechat_errcode *wechat_errcodes(size_t *ret_count) {
  *ret_count = errcode_count;
  return errcode_table;
}

const struct wechat_errcode *wechat_errcode_find(int errcode, enum wechat_call call) {
  for (size_t i = 0; i < errcode_count; i++)
    if (errcode_table[i].errcode == errcode && (errcode_table[i].calls & (1u << call))) return &errcode_table[i];
  return NULL;
}

enum wechat_action wechat_errcode_action(int errcode, enum wechat_call call) {
  const struct wechat_errcode *row = wechat_errcode_find(errcode, call);
  return row ? row->action : WECHAT_BUG;
}

const char *wechat_action_name(enum wechat_action action) {
  static const char *const names[] = {
      [WECHAT_OK] = "ok",
      [WECHAT_RETRY] = "retry",
      [WECHAT_REFRESH] = "refresh",
      [WECHAT_REAUTHORIZE] = "reauthorize",
      [WECHAT_RESTART] = "restart",
      [WECHAT_CODE_USED] = "code_used",
      [WECHAT_ESCALATE] = "escalate",
      [WECHAT_DENY] = "deny",
      [WECHAT_QUOTA_MINUTE] = "quota_minute",
      [WECHAT_QUOTA_DAY] = "quota_day",
      [WECHAT_CONFIG] = "config",
      [WECHAT_OPERATOR] = "operator",
      [WECHAT_BUG] = "bug",
  };
  static_assert(sizeof names / sizeof *names == WECHAT_ACTION_COUNT, "one name per action");
  return names[action];
}

const char *wechat_call_name(enum wechat_call call) {
  static const char *const names[] = {
      [WECHAT_CALL_TOKEN] = "token",
      [WECHAT_CALL_REFRESH] = "refresh",
      [WECHAT_CALL_USERINFO] = "userinfo",
      [WECHAT_CALL_AUTH] = "auth",
  };
  static_assert(sizeof names / sizeof *names == WECHAT_CALL_COUNT, "one name per call");
  return names[call];
}

/* clang-format off */
static const struct wechat_errcode errcode_table[] = {
  {-1,    ALL,       WECHAT_RETRY,        "system busy"},
  {0,     ALL,       WECHAT_OK,           "ok"},
  {40001, T,         WECHAT_CONFIG,       "wrong app secret"},
  {40001, R,         WECHAT_REAUTHORIZE,  "the refresh token is not of this account"},
  {40001, U | V,     WECHAT_REFRESH,      "access token invalid or not the newest"},
  {40002, T | R,     WECHAT_BUG,          "wrong grant_type"},
  {40003, R | U | V, WECHAT_REAUTHORIZE,  "openid of another account"},
  {40013, ALL,       WECHAT_CONFIG,       "wrong appid"},
  {40014, R,         WECHAT_REAUTHORIZE,  "invalid token"},
  {40014, U | V,     WECHAT_REFRESH,      "invalid access token"},
  {40029, T,         WECHAT_RESTART,      "code expired, altered, used, or another account's"},
  {40030, R,         WECHAT_REAUTHORIZE,  "invalid refresh token"},
  {40066, ALL,       WECHAT_BUG,          "invalid url"},
  {40125, ALL,       WECHAT_CONFIG,       "wrong app secret"},
  {40163, T,         WECHAT_CODE_USED,    "code already used"},
  {40164, ALL,       WECHAT_CONFIG,       "the server's address is not on the account's list"},
  {40226, T | U,     WECHAT_DENY,         "high-risk user blocked"},
  {41001, ALL,       WECHAT_BUG,          "access_token missing"},
  {41002, ALL,       WECHAT_CONFIG,       "appid missing"},
  {41003, ALL,       WECHAT_BUG,          "refresh_token missing"},
  {41004, ALL,       WECHAT_CONFIG,       "secret missing"},
  {41008, ALL,       WECHAT_BUG,          "code missing"},
  {41009, ALL,       WECHAT_BUG,          "openid missing"},
  {41018, ALL,       WECHAT_CONFIG,       "component appid missing"},
  {42001, R,         WECHAT_REAUTHORIZE,  "token expired"},
  {42001, U | V,     WECHAT_REFRESH,      "access token expired"},
  {42002, R,         WECHAT_REAUTHORIZE,  "refresh token expired"},
  {42003, T,         WECHAT_RESTART,      "code expired"},
  {42007, R | U | V, WECHAT_REAUTHORIZE,  "the person changed the password; both tokens are void"},
  {43001, ALL,       WECHAT_BUG,          "GET required"},
  {43003, ALL,       WECHAT_BUG,          "HTTPS required"},
  {45009, ALL,       WECHAT_QUOTA_DAY,    "quota of the day used up"},
  {45011, ALL,       WECHAT_QUOTA_MINUTE, "quota of the minute used up"},
  {48001, T | R | V, WECHAT_CONFIG,       "the account lacks this permission"},
  {48001, U,         WECHAT_ESCALATE,     "the token came from snsapi_base"},
  {48004, ALL,       WECHAT_OPERATOR,     "the account's interface is banned"},
  {50001, T | R | V, WECHAT_CONFIG,       "not authorized for this interface"},
  {50001, U,         WECHAT_REAUTHORIZE,  "the person has not authorized this"},
  {50002, ALL,       WECHAT_DENY,         "the person's account is frozen or closed"},
  {61003, ALL,       WECHAT_CONFIG,       "component is not authorized by the account"},
  {61004, ALL,       WECHAT_CONFIG,       "the server's address is not on the component's list"},
  {61005, ALL,       WECHAT_CONFIG,       "component ticket expired"},
  {61006, ALL,       WECHAT_CONFIG,       "component ticket invalid"},
  {61007, ALL,       WECHAT_CONFIG,       "interface not authorized to the component"},
  {61009, T,         WECHAT_RESTART,      "code invalid (component)"},
  {61009, R | U | V, WECHAT_CONFIG,       "code invalid (component)"},
  {61016, ALL,       WECHAT_CONFIG,       "category unconfirmed (component)"},
  {61023, R,         WECHAT_REAUTHORIZE,  "refresh token invalid (component)"},
  {61023, T | U | V, WECHAT_CONFIG,       "refresh token invalid (component)"},
  {61024, ALL,       WECHAT_CONFIG,       "wrong kind of token (component)"},
};
/* clang-format on */
static const size_t errcode_count = sizeof errcode_table / sizeof *errcode_table;
