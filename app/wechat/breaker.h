/* SPDX-License-Identifier: Apache-2.0
 * breaker: stops an account's calls while they cannot succeed: a dead way to WeChat, a used-up quota, a wrong secret. Inside
 * wechat/ only; the sign-in thread, but for breaker_state(). */
#ifndef WEIGATE_WECHAT_BREAKER_H
#define WEIGATE_WECHAT_BREAKER_H

#include <stdatomic.h>

#include "wechat/api.h"

/* One reason to stop. Closed: is_open false. Open: calls are refused until `until_ms`; then one at a time goes through as a
 * probe. */
struct breaker_gate {
  bool is_open, is_probing;
  unsigned failures; /* in a row, while closed */
  uint64_t until_ms, backoff_ms;
  enum wechat_action action; /* what a refused call is told */
  int errcode;
  const char *why; /* static text */
};

struct breaker {
  const char *name;                             /* appid, for the log */
  struct breaker_gate way;                      /* no usable answer comes; all calls */
  struct breaker_gate calls[WECHAT_CALL_COUNT]; /* quota and configuration, which WeChat counts per call */
  _Atomic(enum wechat_breaker) state;
  _Atomic(const char *) why;
};

/* What a call may do, and what it then has to tell breaker_report(). */
struct breaker_pass {
  enum wechat_call call;
  bool probes_way, probes_call;
};

void breaker_init(struct breaker *breaker, const char *name);
void breaker_done(struct breaker *breaker);
/* False: the call must not be made, and the answer says why and for how long. True: breaker_report() must follow. */
bool breaker_admit(struct breaker *breaker, enum wechat_call call, struct breaker_pass *ret_pass,
                   struct wechat_answer *ret_answer);
/* How the call ended. `is_counted` false: it said nothing about WeChat (we were out of room ourselves). */
void breaker_report(struct breaker *breaker, const struct breaker_pass *pass, const struct wechat_answer *answer,
                    bool is_counted);
/* Any thread. */
enum wechat_breaker breaker_state(const struct breaker *breaker, const char **ret_why);

#endif
