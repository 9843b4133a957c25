/* SPDX-License-Identifier: Apache-2.0
 * errcode: WeChat's error numbers and what each means for the call that got it. Pure. */
#ifndef WEIGATE_WECHAT_ERRCODE_H
#define WEIGATE_WECHAT_ERRCODE_H

#include <stddef.h>

/* What to do about an answer; one row per errcode and set of calls in the table of errcode.c. */
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
  WECHAT_BUG           /* we sent something that WeChat calls malformed, or it answered with a number nobody has described */
};
#define WECHAT_ACTION_COUNT 13

/* Which call was answered: some errcodes mean another thing elsewhere (40001, 48001). */
enum wechat_call { WECHAT_CALL_TOKEN, WECHAT_CALL_REFRESH, WECHAT_CALL_USERINFO, WECHAT_CALL_AUTH };
#define WECHAT_CALL_COUNT 4

/* Row of the table, also read by the documents and the metrics. */
struct wechat_errcode {
  int errcode;
  unsigned calls; /* set of 1 << enum wechat_call */
  enum wechat_action action;
  const char *meaning;
};

/* The table, ordered by errcode as WeChat's page is; an errcode has several rows where calls differ. Any thread. */
const struct wechat_errcode *wechat_errcodes(size_t *ret_count);
/* The row for an errcode of that call, NULL if nobody has described it. Any thread. */
const struct wechat_errcode *wechat_errcode_find(int errcode, enum wechat_call call);
/* The action of that row; WECHAT_BUG without one: an error page, no repeat. Any thread. */
enum wechat_action wechat_errcode_action(int errcode, enum wechat_call call);
/* "ok", "retry", … for logs and metrics. Any thread. */
const char *wechat_action_name(enum wechat_action action);
/* "token", "refresh", "userinfo", "auth". Any thread. */
const char *wechat_call_name(enum wechat_call call);

#endif
