/* SPDX-License-Identifier: Apache-2.0
 * reply: WeChat's answers, from bytes to structs and from errcode to action. Pure. */
#ifndef WEIGATE_WECHAT_REPLY_H
#define WEIGATE_WECHAT_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/text.h"

/* What to do about an answer; one row per errcode in the table of reply.c. */
enum wechat_action {
  WECHAT_OK,
  WECHAT_RETRY,        /* busy, or no usable answer: again, bounded */
  WECHAT_REFRESH,      /* the access token is void: refresh once */
  WECHAT_REAUTHORIZE,  /* tokens are void or lack the scope: the visitor has to agree again */
  WECHAT_RESTART,      /* the code is void: start the sign-in again, once */
  WECHAT_CODE_USED,    /* 40163: answer from the first use, else restart; never exchange again */
  WECHAT_ESCALATE,     /* 48001 on userinfo: the token came from snsapi_base */
  WECHAT_DENY,         /* this person is blocked or frozen: a calm page */
  WECHAT_QUOTA_MINUTE, /* wait for the next minute */
  WECHAT_QUOTA_DAY,    /* stop until the day's reset, alarm */
  WECHAT_CONFIG,       /* secret, appid or permission of the account: alarm */
  WECHAT_OPERATOR,     /* the account is banned: alarm */
  WECHAT_BUG           /* we sent something that WeChat calls malformed */
};

/* Which call was answered: some errcodes mean another thing elsewhere (40001, 48001, 50002). */
enum wechat_call { WECHAT_CALL_TOKEN, WECHAT_CALL_REFRESH, WECHAT_CALL_USERINFO, WECHAT_CALL_AUTH };
#define WECHAT_CALL_COUNT 4

/* How an exchange with WeChat ended. `upstream` tells a failure of the way from an answer of WeChat's. */
enum wechat_upstream { WECHAT_UPSTREAM_FINE, WECHAT_UPSTREAM_UNREACHABLE, WECHAT_UPSTREAM_TIMEOUT, WECHAT_UPSTREAM_BAD_BODY, WECHAT_UPSTREAM_HTTP_STATUS,
                       WECHAT_UPSTREAM_BREAKER };

struct wechat_answer {
  enum wechat_action action;
  enum wechat_upstream upstream;
  int errcode;              /* 0 without one */
  uint32_t retry_after_s;
  char rid[64];             /* from errmsg's "rid: …", [0-9a-z-] only */
  char errmsg[200];         /* cleaned and cut, for the log only */
};

#define WECHAT_TOKEN_MAX_BYTES 1024 /* official advice: reserve 512 */
#define WECHAT_ID_MAX_BYTES 128

struct wechat_token {
  char access_token[WECHAT_TOKEN_MAX_BYTES + 1];
  char refresh_token[WECHAT_TOKEN_MAX_BYTES + 1];
  char openid[WECHAT_ID_MAX_BYTES + 1];   /* [A-Za-z0-9_-]{1,128} */
  char unionid[WECHAT_ID_MAX_BYTES + 1];  /* "" if not given */
  char scope[257];
  int64_t expires_in_s;                   /* clamped to 0..86400 */
  bool is_snapshot;
};

/* A profile; the slices point into `memory`. */
struct wechat_profile {
  char openid[WECHAT_ID_MAX_BYTES + 1];
  char unionid[WECHAT_ID_MAX_BYTES + 1];
  int sex;                                /* 0, 1, 2 */
  struct str nickname, province, city, country, headimgurl, language;
  struct str privilege;                   /* JSON array of strings, written by us */
  struct str raw;                         /* JSON object of the members we have no field for, "" if none */
  struct buf memory;
};
void wechat_profile_done(struct wechat_profile *profile);

/* Row of the errcode table, also read by the documents and the metrics. */
struct wechat_errcode {
  int errcode;
  unsigned calls;              /* set of 1 << enum wechat_call */
  enum wechat_action action;
  const char *meaning;
};
const struct wechat_errcode *wechat_errcodes(size_t *ret_count);
/* The action for an errcode of that call; an unknown one is WECHAT_RETRY's opposite: WECHAT_BUG. */
enum wechat_action wechat_errcode_action(int errcode, enum wechat_call call);
const char *wechat_action_name(enum wechat_action action);

/* Reads the body of a call. Errors win: an errcode other than 0 (number or numeric string) makes any other field irrelevant; one of another kind
 * makes the body malformed (WECHAT_RETRY, BAD_BODY). On WECHAT_OK the struct is filled, otherwise untouched. Any thread. */
void wechat_token_parse(struct str body, struct wechat_token *ret_token, struct wechat_answer *ret_answer);
/* The same for a refresh: no unionid and snapshot flag there. */
void wechat_refresh_parse(struct str body, struct wechat_token *ret_token, struct wechat_answer *ret_answer);
void wechat_profile_parse(struct str body, struct wechat_profile *ret_profile, struct wechat_answer *ret_answer);
void wechat_auth_parse(struct str body, struct wechat_answer *ret_answer);

#endif
