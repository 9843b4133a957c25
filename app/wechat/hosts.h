/* SPDX-License-Identifier: Apache-2.0
 * hosts: WeChat's addresses in order of preference, and which of them is better left alone for a while. Used inside wechat/ only;
 * the sign-in thread. */
#ifndef WEIGATE_WECHAT_HOSTS_H
#define WEIGATE_WECHAT_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

/* api, api2, sh, sz and hk are all that WeChat names. */
#define WECHAT_HOSTS_MAX 8

struct host {
  struct str origin; /* "https://api.weixin.qq.com", slice of the settings */
  bool is_loopback;
  unsigned failures;      /* in a row */
  uint64_t skip_until_ms; /* 0: healthy */
};

struct hosts {
  struct host all[WECHAT_HOSTS_MAX];
  size_t count;
};

/* Takes the addresses apart; refuses what is no origin, and http for other hosts than loopback. The texts must outlive it. Any
 * thread. */
int hosts_init(struct hosts *hosts, const char *const *urls, size_t count, struct err *err);
/* The best host whose bit is not in `tried`, NULL when all are. A host that failed gets one call when its time has passed. */
struct host *hosts_choose(struct hosts *hosts, unsigned tried);
unsigned hosts_bit(const struct hosts *hosts, const struct host *host);
/* What the host made of a call. `is_hard`: it could not even be connected to. `why` is for the log, which tells changes only. */
void hosts_note_good(const struct hosts *hosts, struct host *host);
void hosts_note_bad(struct hosts *hosts, struct host *host, bool is_hard, const char *why);

#endif
