/* SPDX-License-Identifier: Apache-2.0
 * doctor_wechat: the way to WeChat, step by step, and one call with a code that cannot be good: its errcode tells whether appid,
 * secret and address list are. The program's only thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/scope.h"
#include "ctl/doctor.h"
#include "ctl/people.h"
#include "ctl/term.h"
#include "fetch/address.h"
#include "fetch/look.h"
#include "wechat/reply.h"

/* A step that takes longer is felt by every visitor whose connection is new. */
#define STEP_SLOW_MS 1000
/* States live 10 minutes and may come from a minute ahead; a store refuses what is seen 5 minutes ahead. */
#define CLOCK_FAIL_S       120
#define CLOCK_WARN_S       10
#define DAY_S              86400
#define CERTIFICATE_SOON_S (14 * DAY_S)
/* appid, secret and code, encoded. */
#define URL_MAX_BYTES 2048

/* One API host of an account. */
struct way {
  struct doctor *doctor;
  const struct account_settings *account;
  const char *origin;
  const char *appid, *secret; /* of the account, or its website app */
  bool is_told;               /* the steps were told for another account */
  bool has_other;             /* another host of the account answers */
  bool has_secret;            /* the call was one that WeChat judges */
  struct look look;
};

/* --- the steps ---------------------------------------------------------------------------------------------------------------
 */

static void say_end(const struct way *way, const char *check, const char *fix) {
  doctor_say(way->doctor, way->has_other ? DOCTOR_WARN : DOCTOR_FAIL, check, fix, "%s: %s%s", way->origin, way->look.problem,
             way->has_other ? "; another host answers" : "");
}

static void say_step(const struct way *way, const char *check, uint32_t took_ms, const char *what) {
  bool is_slow = took_ms > STEP_SLOW_MS;
  doctor_say(way->doctor, is_slow ? DOCTOR_WARN : DOCTOR_OK, check, is_slow ? "every new connection waits for this" : NULL,
             "%s: %s in %u ms", way->origin, what, (unsigned)took_ms);
}

static void say_name_and_connection(const struct way *way) {
  char what[128];
  snprintf(what, sizeof what, "the name leads to %s, found", way->look.address);
  say_step(way, "dns", way->look.name_ms, what);
  say_step(way, "tcp", way->look.connect_ms - way->look.name_ms, "connected");
}

static void say_tls(const struct way *way) {
  SCOPE_BUF struct buf left;
  const struct look *look = &way->look;
  int64_t left_s = look->certificate_ends_s - clock_wall_s();
  buf_init(&left, 64);
  if (!look->tls_ms) {
    doctor_say(way->doctor, DOCTOR_OK, "tls", NULL, "%s: none, as it is on this machine", way->origin);
    return;
  }
  say_step(way, "tls", look->tls_ms - look->connect_ms, "agreed");
  if (!look->certificate_ends_s) return;
  term_add_span(&left, left_s > 0 ? (uint64_t)left_s : 0);
  bool is_soon = left_s < CERTIFICATE_SOON_S;
  doctor_say(way->doctor, is_soon ? DOCTOR_WARN : DOCTOR_OK, "certificate", is_soon ? "renew it, if the host is yours" : NULL,
             "%s: good for %s, signed by %s", way->origin, buf_text(&left),
             way->account->ca_file ? "an authority of ca_file" : "an authority that this system trusts");
}

static void say_clock(const struct way *way) {
  const struct look *look = &way->look;
  int64_t ahead_s = look->date_read_s - look->date_s, apart_s = ahead_s < 0 ? -ahead_s : ahead_s;
  enum doctor_verdict verdict = apart_s > CLOCK_FAIL_S ? DOCTOR_FAIL : apart_s > CLOCK_WARN_S ? DOCTOR_WARN : DOCTOR_OK;
  if (!look->date_s) return;
  doctor_say(way->doctor, verdict, "clock",
             verdict == DOCTOR_OK ? NULL : "let systemd-timesyncd or chrony set this machine's clock (timedatectl)",
             "%s: this machine's clock is %lld s %s", way->origin, (long long)apart_s, ahead_s < 0 ? "behind" : "ahead");
}

static void say_steps(const struct way *way) {
  switch (way->look.ended_at) {
  case LOOK_NAME:
    return say_end(way, "dns", "check the name in api_urls, and the resolver (/etc/resolv.conf)");
  case LOOK_CONNECT:
    return say_end(way, "tcp", "let connections to that port out: routes, firewall, security group");
  case LOOK_CERTIFICATE:
    return say_end(
        way, "certificate",
        "check the clock and the package ca-certificates; where your network opens TLS, name its authority in ca_file");
  case LOOK_TLS:
    return say_end(way, "tls", "something on the way speaks no TLS 1.2; ask whoever runs the network");
  case LOOK_ANSWER:
  case LOOK_DONE:
    break;
  }
  say_name_and_connection(way);
  say_tls(way);
  say_clock(way);
}

/* --- the call ----------------------------------------------------------------------------------------------------------------
 */

static const struct {
  int errcode;
  enum doctor_verdict verdict;
  const char *text, *fix;
} answers[] = {
    {40029, DOCTOR_OK, "WeChat knows appid and secret, and lets this machine ask", NULL},
    {40163, DOCTOR_OK, "WeChat knows appid and secret, and lets this machine ask", NULL},
    {40013, DOCTOR_FAIL, "WeChat knows no account with this appid",
     "copy the AppID from the account's settings (设置与开发, 基本配置), then weigatectl reload"},
    {40125, DOCTOR_FAIL, "the AppSecret is wrong",
     "put the account's AppSecret into secret_file (设置与开发, 基本配置; it may have been reset), then weigatectl reload"},
    {40001, DOCTOR_FAIL, "the AppSecret is not the one of this appid",
     "put the AppSecret of this very account into secret_file, then weigatectl reload"},
    {40164, DOCTOR_FAIL, "this machine's address is not on the account's list",
     "add the address to the IP list (IP白名单) in the account's settings"},
    {-1, DOCTOR_WARN, "WeChat is busy", "look again in a minute"},
    {45009, DOCTOR_WARN, "the quota of the day is used up", "it begins anew at 00:00 in Beijing; more can be bought"},
    {45011, DOCTOR_WARN, "the quota of the minute is used up", "look again in a minute"},
};

/* "invalid ip 203.0.113.7 ipv6 …": the address that WeChat sees, which nobody else can tell. */
static struct str find_address(struct str errmsg) {
  static const struct str words = {"invalid ip ", 11};
  const char *at = errmsg.n ? memmem(errmsg.p, errmsg.n, words.p, words.n) : NULL;
  if (!at) return STR_NONE;
  struct str rest = str_from(errmsg, (size_t)(at - errmsg.p) + words.n);
  size_t n = 0;
  while (n < rest.n && rest.p[n] && strchr("0123456789abcdefABCDEF.:", rest.p[n])) n++;
  return str_make(rest.p, n);
}

static void say_errcode(const struct way *way, const struct wechat_answer *answer) {
  const struct wechat_errcode *row = wechat_errcode_find(answer->errcode, WECHAT_CALL_TOKEN);
  struct str address = answer->errcode == 40164 ? find_address(str_of(answer->errmsg)) : STR_NONE;
  for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
    if (answers[i].errcode != answer->errcode) continue;
    doctor_say(way->doctor, answers[i].verdict, "api", answers[i].fix, "%s%s, %s: %s (errcode %d%s%.*s)",
               doctor_about(way->doctor, way->account), way->origin, way->appid, answers[i].text, answer->errcode,
               address.n ? ", it sees " : "", STR_ARG(address));
    return;
  }
  doctor_say(way->doctor, DOCTOR_FAIL, "api", "see the account's notices (通知中心) and permissions", "%s%s, %s: %s (errcode %d)",
             doctor_about(way->doctor, way->account), way->origin, way->appid,
             row ? row->meaning : "an errcode that nobody has described", answer->errcode);
}

static void say_call(const struct way *way) {
  struct wechat_token token;
  struct wechat_answer answer;
  if (way->look.ended_at < LOOK_ANSWER) return;
  if (way->look.ended_at == LOOK_ANSWER) return say_end(way, "api", "look again; if it stays so, ask whoever runs the network");
  if (!way->has_secret) {
    doctor_say(way->doctor, DOCTOR_WARN, "api", "see above", "%s%s: not asked without the secret",
               doctor_about(way->doctor, way->account), way->origin);
    return;
  }
  if (way->look.http_status != 200) {
    doctor_say(way->doctor, way->has_other ? DOCTOR_WARN : DOCTOR_FAIL, "api", "is api_urls right, and nothing in between?",
               "%s%s: HTTP status %d", doctor_about(way->doctor, way->account), way->origin, way->look.http_status);
    return;
  }
  wechat_token_parse(buf_str(&way->look.body), &token, &answer);
  explicit_bzero(&token, sizeof token);
  if (answer.upstream == WECHAT_UPSTREAM_FINE && answer.errcode) return say_errcode(way, &answer);
  doctor_say(way->doctor, DOCTOR_FAIL, "api",
             "is api_urls right, and nothing in between? A log-in page of the network answers so",
             "%s%s: the answer is not one of WeChat's", doctor_about(way->doctor, way->account), way->origin);
}

/* The secret is in the address: it is wiped. */
static void look_at_host(struct way *way) {
  struct buf url;
  const struct account_settings *account = way->account;
  struct address_target target;
  way->has_secret = way->secret && *way->secret;
  buf_init(&url, URL_MAX_BYTES);
  buf_addf(&url, "%s/sns/oauth2/access_token?appid=%s&secret=", way->origin, way->appid);
  if (way->has_secret) text_percent_encode(&url, str_of(way->secret));
  buf_add_text(&url, "&code=weigate-doctor&grant_type=authorization_code");
  bool is_near = address_parse_url(buf_str(&url), &target) == 0 && address_is_loopback_host(target.host);
  look_run(&(struct look_request){.url = buf_str(&url),
                                  .ca_file = account->ca_file,
                                  .allow_private = is_near,
                                  .connect_timeout_ms = account->connect_timeout_ms,
                                  .timeout_ms = account->request_timeout_ms},
           &way->look);
  if (url.data) explicit_bzero(url.data, url.cap);
  buf_done(&url);
}

/* The same host under the same authorities was told for an account before. */
static bool is_known(const struct doctor *doctor, const struct account_settings *accounts, size_t account, const char *origin) {
  const char *ca_file = accounts[account].ca_file;
  for (size_t i = 0; i < account; i++) {
    if (!doctor_means(doctor, &accounts[i]) || !str_eq(str_of(ca_file), str_of(accounts[i].ca_file))) continue;
    for (size_t j = 0; j < accounts[i].api_urls_count; j++)
      if (strcmp(accounts[i].api_urls[j], origin) == 0) return true;
  }
  return false;
}

static void look_at_account(struct doctor *doctor, const struct account_settings *accounts, size_t index) {
  struct way ways[WECHAT_HOSTS_MAX];
  const struct account_settings *account = &accounts[index];
  size_t answering = 0;
  for (size_t i = 0; i < account->api_urls_count; i++) {
    ways[i] = (struct way){
        .doctor = doctor, .account = account, .origin = account->api_urls[i], .appid = account->appid, .secret = account->secret};
    ways[i].is_told = is_known(doctor, accounts, index, ways[i].origin);
    look_at_host(&ways[i]);
    answering += ways[i].look.ended_at == LOOK_DONE;
  }
  for (size_t i = 0; i < account->api_urls_count; i++) {
    ways[i].has_other = answering > (ways[i].look.ended_at == LOOK_DONE);
    if (!ways[i].is_told) say_steps(&ways[i]);
    say_call(&ways[i]);
    look_done(&ways[i].look);
  }
}

/* The first host that answers is enough: the steps are told already. */
static void look_at_website(struct doctor *doctor, const struct account_settings *account) {
  for (size_t i = 0; account->qrconnect_appid && i < account->api_urls_count; i++) {
    struct way way = {.doctor = doctor,
                      .account = account,
                      .origin = account->api_urls[i],
                      .appid = account->qrconnect_appid,
                      .secret = account->qrconnect_secret};
    look_at_host(&way);
    bool is_answered = way.look.ended_at == LOOK_DONE;
    if (is_answered) say_call(&way);
    look_done(&way.look);
    if (is_answered) return;
  }
}

void doctor_look_at_wechat(struct doctor *doctor) {
  const struct conf *conf = doctor->whole ? doctor->whole : doctor->conf;
  struct err err = {""};
  if (people_become_service_user(doctor->conf, &err) != 0) doctor_refuse(doctor, "user", &err);
  for (size_t i = 0; i < conf->accounts_count; i++)
    if (doctor_means(doctor, &conf->accounts[i])) {
      look_at_account(doctor, conf->accounts, i);
      look_at_website(doctor, &conf->accounts[i]);
    }
}
