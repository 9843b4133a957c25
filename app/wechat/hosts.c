/* SPDX-License-Identifier: Apache-2.0
 * hosts: health of WeChat's addresses; the sign-in thread. */
#include "wechat/hosts.h"

#include "base/clock.h"
#include "base/log.h"
#include "fetch/address.h"

/* Long enough that a dead host costs one connect_timeout in hundreds of calls, short enough to come back to the preferred one
 * soon. */
#define SKIP_MS 30000
/* Failures of another kind than connecting that make a host be skipped; one may be chance. */
#define FAILURES_MAX 3

static int read_host(struct host *host, struct str url, struct err *err) {
  struct address_target target;
  if (address_parse_url(url, &target) != 0)
    return err_set(err, "api_urls: \"%.*s\" is no address; write it like https://api.weixin.qq.com", STR_ARG(url));
  if (target.rest.n > 0 && !str_eq(target.rest, STR("/")))
    return err_set(err, "api_urls: \"%.*s\" must end after the host; the paths are WeChat's", STR_ARG(url));
  bool is_loopback = address_is_loopback_host(target.host);
  if (!target.is_tls && !is_loopback)
    return err_set(err,
                   "api_urls: \"%.*s\" would send the app secret in the clear; use https (http is for loopback addresses only)",
                   STR_ARG(url));
  *host = (struct host){.origin = target.origin, .is_loopback = is_loopback};
  return 0;
}

int hosts_init(struct hosts *hosts, const char *const *urls, size_t count, struct err *err) {
  *hosts = (struct hosts){0};
  if (count < 1 || count > WECHAT_HOSTS_MAX)
    return err_set(err, "api_urls: between 1 and %d addresses are needed", WECHAT_HOSTS_MAX);
  for (; hosts->count < count; hosts->count++)
    if (read_host(&hosts->all[hosts->count], str_of(urls[hosts->count]), err) != 0) return -1;
  return 0;
}

unsigned hosts_bit(const struct hosts *hosts, const struct host *host) {
  return 1u << (host - hosts->all);
}

struct host *hosts_choose(struct hosts *hosts, unsigned tried) {
  uint64_t now = clock_mono_ms();
  struct host *last_resort = NULL;
  for (struct host *host = hosts->all; host < hosts->all + hosts->count; host++) {
    if (tried & hosts_bit(hosts, host)) continue;
    if (host->skip_until_ms <= now) {
      if (host->skip_until_ms > 0) host->skip_until_ms = now + SKIP_MS; /* this call finds out for the others */
      return host;
    }
    if (!last_resort || host->skip_until_ms < last_resort->skip_until_ms) last_resort = host;
  }
  return last_resort;
}

void hosts_note_good(const struct hosts *hosts, struct host *host) {
  if (host->skip_until_ms > 0 && hosts->count > 1) log_info("WeChat's host %.*s answers again", STR_ARG(host->origin));
  host->failures = 0;
  host->skip_until_ms = 0;
}

void hosts_note_bad(struct hosts *hosts, struct host *host, bool is_hard, const char *why) {
  host->failures++;
  if (!is_hard && host->failures < FAILURES_MAX) return;
  if (host->skip_until_ms == 0 && hosts->count > 1)
    log_warn("WeChat's host %.*s is left alone for %d s: %s", STR_ARG(host->origin), SKIP_MS / 1000, why);
  host->skip_until_ms = clock_mono_ms() + SKIP_MS;
}
