/* SPDX-License-Identifier: Apache-2.0
 * stats: the counters of wechat/. Any thread. */
#ifndef WEIGATE_WECHAT_STATS_H
#define WEIGATE_WECHAT_STATS_H

#include "wechat/api.h"

/* One call is over, after whatever repeats; us is how long it took. */
void stats_count_call(enum wechat_call call, const struct wechat_answer *answer, uint64_t us);
/* An account's breaker went from one state to another. */
void stats_move_breaker(enum wechat_breaker from, enum wechat_breaker to);

#endif
