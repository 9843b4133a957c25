/* SPDX-License-Identifier: Apache-2.0
 * reply: WeChat's answers, from bytes to structs and from errcode to action. Pure. */
#ifndef WEIGATE_WECHAT_REPLY_H
#define WEIGATE_WECHAT_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/text.h"
#include "wechat/errcode.h"

/* How an exchange with WeChat ended. `upstream` tells a failure of the way from an answer of WeChat's. */
enum wechat_upstream {
  WECHAT_UPSTREAM_FINE,
  WECHAT_UPSTREAM_UNREACHABLE,
  WECHAT_UPSTREAM_TIMEOUT,
  WECHAT_UPSTREAM_BAD_BODY,
  WECHAT_UPSTREAM_HTTP_STATUS,
  WECHAT_UPSTREAM_BREAKER
};
#define WECHAT_UPSTREAM_COUNT 6

struct wechat_answer {
  enum wechat_action action;
  enum wechat_upstream upstream;
  int errcode; /* 0 without one */
  uint32_t retry_after_s;
  char rid[64];     /* from errmsg's "rid: …", [0-9a-z-] only */
  char errmsg[200]; /* cleaned and cut, for the log only */
};

#define WECHAT_TOKEN_MAX_BYTES 1024 /* official advice: reserve 512 */
#define WECHAT_ID_MAX_BYTES    128

struct wechat_token {
  char access_token[WECHAT_TOKEN_MAX_BYTES + 1];
  char refresh_token[WECHAT_TOKEN_MAX_BYTES + 1];
  char openid[WECHAT_ID_MAX_BYTES + 1];  /* [A-Za-z0-9_-]{1,128} */
  char unionid[WECHAT_ID_MAX_BYTES + 1]; /* "" if not given */
  char scope[257];
  int64_t expires_in_s; /* clamped to 0..86400 */
  bool is_snapshot;
};

/* Longest texts of a profile; longer ones are cut at a code point. They are what <weigate/storage.h> accepts, which this layer
 * does not include; signin/ asserts that the two agree. */
#define WECHAT_NICKNAME_MAX_BYTES  1024
#define WECHAT_REGION_MAX_BYTES    256
#define WECHAT_URL_MAX_BYTES       2048
#define WECHAT_LANGUAGE_MAX_BYTES  64
#define WECHAT_PRIVILEGE_MAX_BYTES 4096
#define WECHAT_RAW_MAX_BYTES       8192

/* A profile; the slices point into `memory`. */
struct wechat_profile {
  char openid[WECHAT_ID_MAX_BYTES + 1];
  char unionid[WECHAT_ID_MAX_BYTES + 1];
  int sex; /* 0, 1, 2 */
  struct str nickname, province, city, country, headimgurl, language;
  struct str privilege; /* JSON array of strings, written by us */
  struct str raw;       /* JSON object of the members we have no field for, "" if none */
  struct buf memory;
};
void wechat_profile_done(struct wechat_profile *profile);

/* Reads the body of a call. Errors win: an errcode other than 0 (number or numeric string) makes any other field irrelevant; one
 * of another kind makes the body malformed (WECHAT_RETRY, BAD_BODY). On WECHAT_OK the struct is filled, otherwise untouched. Any
 * thread. */
void wechat_token_parse(struct str body, struct wechat_token *ret_token, struct wechat_answer *ret_answer);
/* The same for a refresh: no unionid and snapshot flag there. */
void wechat_refresh_parse(struct str body, struct wechat_token *ret_token, struct wechat_answer *ret_answer);
void wechat_profile_parse(struct str body, struct wechat_profile *ret_profile, struct wechat_answer *ret_answer);
void wechat_auth_parse(struct str body, struct wechat_answer *ret_answer);

#endif
