/* SPDX-License-Identifier: Apache-2.0
 * api: WeChat's four calls for one account, with failover over its hosts, bounded retries and a circuit breaker. */
#ifndef WEIGATE_WECHAT_API_H
#define WEIGATE_WECHAT_API_H

#include "base/err.h"
#include "fetch/fetch.h"
#include "wechat/hosts.h"
#include "wechat/reply.h"

struct wechat_settings {
  const char *appid;
  const char *secret;
  const char *const *api_urls; /* "https://api.weixin.qq.com", in order of preference */
  size_t api_urls_count;
  uint64_t request_timeout_ms; /* whole budget of one upstream call, retries and failover included */
};

struct wechat; /* one account; its breaker and the health of its hosts. Sign-in thread only. */

/* The settings must outlive it. Refused with a sentence: an api_urls entry that is no origin, or http for another host than
 * loopback; no appid or secret. */
int wechat_new(struct fetch *fetch, const struct wechat_settings *settings, struct wechat **ret_wechat, struct err *err);
void wechat_free(struct wechat *wechat);

enum wechat_breaker { WECHAT_BREAKER_CLOSED, WECHAT_BREAKER_OPEN, WECHAT_BREAKER_PROBING };
/* For status; *ret_why is a static text. Any thread. */
enum wechat_breaker wechat_breaker_state(const struct wechat *wechat, const char **ret_why);

/* code to token. A code is sent a second time only where nothing of the first try was sent or WeChat said busy (-1).
 * Coroutine; may suspend. */
void wechat_token_wait(struct wechat *wechat, struct str code, struct wechat_token *ret_token, struct wechat_answer *ret_answer);
/* Refresh token to token; unionid and is_snapshot of *token are kept. Coroutine; may suspend. */
void wechat_refresh_wait(struct wechat *wechat, struct wechat_token *token, struct wechat_answer *ret_answer);
/* Token to profile; lang zh_CN, zh_TW or en. The profile's openid is held against the token's: another one is WECHAT_RETRY with
 * BAD_BODY. Coroutine; may suspend. */
void wechat_profile_wait(struct wechat *wechat, const struct wechat_token *token, struct str lang,
                         struct wechat_profile *ret_profile, struct wechat_answer *ret_answer);
/* Is the token still good? WECHAT_OK or WECHAT_REFRESH or …. Coroutine; may suspend. */
void wechat_auth_wait(struct wechat *wechat, const struct wechat_token *token, struct wechat_answer *ret_answer);

/* Makes the counters known. Before metrics_start(). */
void wechat_metrics_register(void);

#endif
