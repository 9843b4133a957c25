/* SPDX-License-Identifier: Apache-2.0
 * api: one call of WeChat's from its parameters to its answer: breaker, host, try, judge, try again or not; in coroutines of the
 * sign-in thread. */
#include "wechat/api.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/coro.h"
#include "base/log.h"
#include "base/random.h"
#include "wechat/answer.h"
#include "wechat/breaker.h"
#include "wechat/hosts.h"
#include "wechat/stats.h"

/* A secret (32), a code (512 at most), or a token (1,024) and an openid (128), each byte percent-encoded to 3, and the names. */
#define ADDRESS_MAX_BYTES 8192
/* A try in less time would only be cut off. */
#define TRY_MIN_MS 50
/* Before a repeat; the spread keeps those who failed together from coming back together. */
#define PAUSE_MIN_MS    50
#define PAUSE_SPREAD_MS 200
/* The same alarm is logged again after this long. */
#define ALARM_INTERVAL_MS 300000
/* Texts shorter than this are no secrets one could recognise in a message; longer ones are recognised by their beginning. */
#define SECRET_MIN_BYTES  8
#define SECRET_HEAD_BYTES 16

struct wechat {
  struct fetch *fetch;
  const struct wechat_settings *settings;
  struct hosts hosts;
  struct breaker breaker;
  uint64_t alarm_ms[WECHAT_CALL_COUNT]; /* when it was logged; 0 never */
  int alarm_errcode[WECHAT_CALL_COUNT];
};

/* One call, on its coroutine's stack. */
struct exchange {
  struct wechat *wechat;
  enum wechat_call call;
  struct buf path;                    /* path and query, the same for each host; holds secrets */
  struct str secrets[2];              /* what it holds, to be kept out of messages */
  const struct wechat_token *token;   /* whose it is; NULL for a code */
  struct wechat_token *ret_token;     /* token and refresh */
  struct wechat_profile *ret_profile; /* userinfo */
  struct wechat_answer *answer;
  uint64_t deadline_ms;
  unsigned tried; /* hosts of this round, as bits */
  unsigned unsent_repeats, busy_repeats, broken_repeats;
};

/* --- parameters
 * ------------------------------------------------------------------------------------------------------------------ */

static void add_parameter(struct exchange *exchange, const char *name_with_sign, struct str value) {
  buf_add_text(&exchange->path, name_with_sign);
  text_percent_encode(&exchange->path, value);
}

static void add_account(struct exchange *exchange, const char *path) {
  buf_add_text(&exchange->path, path);
  add_parameter(exchange, "?appid=", str_of(exchange->wechat->settings->appid));
}

static void add_token(struct exchange *exchange, const char *path) {
  buf_add_text(&exchange->path, path);
  add_parameter(exchange, "?access_token=", str_of(exchange->token->access_token));
  add_parameter(exchange, "&openid=", str_of(exchange->token->openid));
  exchange->secrets[0] = str_of(exchange->token->access_token);
}

static struct str choose_lang(struct str lang) {
  return str_eq(lang, STR("en")) || str_eq(lang, STR("zh_TW")) ? lang : STR("zh_CN");
}

/* --- answers
 * --------------------------------------------------------------------------------------------------------------------- */

static void set_message(struct wechat_answer *answer, const char *message) {
  size_t n = strlen(message), room = sizeof answer->errmsg - 1;
  (void)str_copy(str_make(message, n < room ? n : room), answer->errmsg, room + 1);
}

/* A peer that repeats what we sent must not bring it into the log. */
static void withhold_secrets(const struct exchange *exchange) {
  struct wechat_answer *answer = exchange->answer;
  for (size_t i = 0; i < sizeof exchange->secrets / sizeof *exchange->secrets; i++) {
    struct str head = exchange->secrets[i];
    if (head.n < SECRET_MIN_BYTES) continue;
    if (head.n > SECRET_HEAD_BYTES) head.n = SECRET_HEAD_BYTES;
    if (str_contains_nocase(str_of(answer->errmsg), head)) set_message(answer, "(a message that repeats a secret)");
  }
}

static void read_refresh(const struct exchange *exchange, struct str body) {
  struct wechat_token fresh;
  struct wechat_token *token = exchange->ret_token;
  wechat_refresh_parse(body, &fresh, exchange->answer);
  if (exchange->answer->action != WECHAT_OK) return;
  if (!str_eq(str_of(fresh.openid), str_of(token->openid))) {
    answer_refuse(exchange->answer, "the refreshed token belongs to another openid");
    return;
  }
  memcpy(fresh.unionid, token->unionid, sizeof fresh.unionid);
  fresh.is_snapshot = token->is_snapshot;
  if (!fresh.refresh_token[0]) memcpy(fresh.refresh_token, token->refresh_token, sizeof fresh.refresh_token);
  if (!fresh.scope[0]) memcpy(fresh.scope, token->scope, sizeof fresh.scope);
  *token = fresh;
}

static void read_profile(const struct exchange *exchange, struct str body) {
  struct wechat_profile profile;
  wechat_profile_parse(body, &profile, exchange->answer);
  if (exchange->answer->action != WECHAT_OK) return;
  if (str_eq(str_of(profile.openid), str_of(exchange->token->openid))) {
    *exchange->ret_profile = profile;
    return;
  }
  wechat_profile_done(&profile);
  answer_refuse(exchange->answer, "the profile belongs to another openid");
}

static void read_body(const struct exchange *exchange, struct str body) {
  switch (exchange->call) {
  case WECHAT_CALL_TOKEN:
    wechat_token_parse(body, exchange->ret_token, exchange->answer);
    break;
  case WECHAT_CALL_REFRESH:
    read_refresh(exchange, body);
    break;
  case WECHAT_CALL_USERINFO:
    read_profile(exchange, body);
    break;
  case WECHAT_CALL_AUTH:
    wechat_auth_parse(body, exchange->answer);
    break;
  }
  withhold_secrets(exchange);
}

static enum wechat_upstream upstream_of(enum fetch_result result) {
  switch (result) {
  case FETCH_ANSWERED:
    return WECHAT_UPSTREAM_FINE;
  case FETCH_TIMEOUT:
    return WECHAT_UPSTREAM_TIMEOUT;
  case FETCH_TOO_LARGE:
    return WECHAT_UPSTREAM_BAD_BODY;
  case FETCH_NOT_SENT:
  case FETCH_CUT:
  case FETCH_OVERLOADED:
    break;
  }
  return WECHAT_UPSTREAM_UNREACHABLE;
}

/* Turns what came into the exchange's answer. */
static void judge(const struct exchange *exchange, const struct fetch_reply *reply) {
  struct wechat_answer *answer = exchange->answer;
  if (reply->result == FETCH_ANSWERED && reply->http_status == 200) {
    read_body(exchange, buf_str(&reply->body));
    return;
  }
  *answer = (struct wechat_answer){.action = WECHAT_RETRY, .upstream = upstream_of(reply->result)};
  if (reply->result != FETCH_ANSWERED) {
    set_message(answer, reply->problem);
    return;
  }
  answer->upstream = WECHAT_UPSTREAM_HTTP_STATUS;
  answer->retry_after_s = reply->retry_after_s;
  snprintf(answer->errmsg, sizeof answer->errmsg, "HTTP status %d", reply->http_status);
}

static void note_host(struct exchange *exchange, struct host *host, enum fetch_result result) {
  if (exchange->answer->upstream == WECHAT_UPSTREAM_FINE)
    hosts_note_good(&exchange->wechat->hosts, host);
  else if (result != FETCH_OVERLOADED)
    hosts_note_bad(&exchange->wechat->hosts, host, result == FETCH_NOT_SENT, exchange->answer->errmsg);
}

/* --- again or not
 * ---------------------------------------------------------------------------------------------------------------- */

enum verdict { VERDICT_FINAL, VERDICT_NEXT_HOST, VERDICT_PAUSE };

static bool has_untried_host(const struct exchange *exchange) {
  return exchange->tried != (1u << exchange->wechat->hosts.count) - 1;
}

/* A code may be spent by a try whose answer was lost, so it goes again only where none was sent, or WeChat says it did nothing
 * (-1). The other calls change nothing and may go to another host once. */
static enum verdict decide(struct exchange *exchange, enum fetch_result result) {
  const struct wechat_answer *answer = exchange->answer;
  if (clock_mono_ms() + TRY_MIN_MS > exchange->deadline_ms || result == FETCH_OVERLOADED) return VERDICT_FINAL;
  if (result == FETCH_NOT_SENT) {
    if (has_untried_host(exchange)) return VERDICT_NEXT_HOST;
    return exchange->unsent_repeats++ == 0 ? VERDICT_PAUSE : VERDICT_FINAL;
  }
  if (answer->upstream == WECHAT_UPSTREAM_FINE)
    return answer->action == WECHAT_RETRY && exchange->busy_repeats++ == 0 ? VERDICT_PAUSE : VERDICT_FINAL;
  bool is_passing = result == FETCH_CUT || answer->upstream == WECHAT_UPSTREAM_BAD_BODY ||
                    (answer->upstream == WECHAT_UPSTREAM_HTTP_STATUS && answer->retry_after_s == 0);
  if (exchange->call == WECHAT_CALL_TOKEN || !is_passing || exchange->broken_repeats++ > 0) return VERDICT_FINAL;
  return has_untried_host(exchange) ? VERDICT_NEXT_HOST : VERDICT_PAUSE;
}

static void pause_wait(struct exchange *exchange) {
  uint64_t now = clock_mono_ms(), ms = PAUSE_MIN_MS + random_below(PAUSE_SPREAD_MS);
  uint64_t left = exchange->deadline_ms > now + TRY_MIN_MS ? exchange->deadline_ms - now - TRY_MIN_MS : 0;
  exchange->tried = 0;
  coro_pause_wait(ms < left ? ms : left);
}

/* --- a call
 * ---------------------------------------------------------------------------------------------------------------------- */

static enum fetch_result try_wait(struct exchange *exchange) {
  struct wechat *wechat = exchange->wechat;
  struct host *host = hosts_choose(&wechat->hosts, exchange->tried);
  struct fetch_reply reply;
  struct buf url;
  uint64_t now = clock_mono_ms();
  exchange->tried |= hosts_bit(&wechat->hosts, host);
  buf_init(&url, ADDRESS_MAX_BYTES * 2);
  buf_add_str(&url, host->origin);
  buf_add_str(&url, buf_str(&exchange->path));
  fetch_wait(wechat->fetch, buf_str(&url), host->is_loopback, exchange->deadline_ms > now ? exchange->deadline_ms - now : 0,
             &reply);
  judge(exchange, &reply);
  note_host(exchange, host, reply.result);
  enum fetch_result result = reply.result;
  if (url.data) explicit_bzero(url.data, url.len);
  buf_done(&url);
  fetch_reply_done(&reply);
  return result;
}

static enum fetch_result tries_wait(struct exchange *exchange) {
  for (;;) {
    enum fetch_result result = try_wait(exchange);
    enum verdict verdict = decide(exchange, result);
    if (verdict == VERDICT_FINAL) return result;
    log_debug("account %s: %s call again: %s", exchange->wechat->settings->appid, wechat_call_name(exchange->call),
              exchange->answer->errmsg);
    if (verdict == VERDICT_PAUSE) pause_wait(exchange);
  }
}

/* What an admin has to act on. The sign-in's own line says the same once per visitor; this one says what to do, now and then. */
static void raise_alarm(struct exchange *exchange) {
  const struct wechat_answer *answer = exchange->answer;
  struct wechat *wechat = exchange->wechat;
  const struct wechat_errcode *row = wechat_errcode_find(answer->errcode, exchange->call);
  bool is_alarm = answer->action == WECHAT_CONFIG || answer->action == WECHAT_OPERATOR || answer->action == WECHAT_QUOTA_DAY ||
                  answer->action == WECHAT_BUG;
  uint64_t now = clock_mono_ms(), *last = &wechat->alarm_ms[exchange->call];
  if (!is_alarm || answer->upstream != WECHAT_UPSTREAM_FINE) return;
  if (*last > 0 && now - *last < ALARM_INTERVAL_MS && wechat->alarm_errcode[exchange->call] == answer->errcode) return;
  *last = now > 0 ? now : 1;
  wechat->alarm_errcode[exchange->call] = answer->errcode;
  log_error("account %s: WeChat refuses the %s call with errcode %d (%s), rid %s; check appid, secret, permissions and address "
            "list of the "
            "account",
            wechat->settings->appid, wechat_call_name(exchange->call), answer->errcode,
            row ? row->meaning : "not described anywhere", answer->rid[0] ? answer->rid : "-");
}

static void begin(struct exchange *exchange) {
  buf_init(&exchange->path, ADDRESS_MAX_BYTES);
  *exchange->answer = (struct wechat_answer){.action = WECHAT_BUG};
}

/* Makes the call whose path is written. */
static void finish_wait(struct exchange *exchange) {
  struct wechat *wechat = exchange->wechat;
  struct breaker_pass pass;
  uint64_t started_us = clock_mono_us();
  exchange->deadline_ms = clock_mono_ms() + wechat->settings->request_timeout_ms;
  if (exchange->path.failed) {
    set_message(exchange->answer, "the parameters are too long, or memory is short");
  } else if (breaker_admit(&wechat->breaker, exchange->call, &pass, exchange->answer)) {
    enum fetch_result result = tries_wait(exchange);
    breaker_report(&wechat->breaker, &pass, exchange->answer, result != FETCH_OVERLOADED);
    raise_alarm(exchange);
  }
  stats_count_call(exchange->call, exchange->answer, clock_mono_us() - started_us);
  if (exchange->path.data) explicit_bzero(exchange->path.data, exchange->path.len);
  buf_done(&exchange->path);
}

/* --- exported
 * -------------------------------------------------------------------------------------------------------------------- */

int wechat_new(struct fetch *fetch, const struct wechat_settings *settings, struct wechat **ret_wechat, struct err *err) {
  if (!settings->appid || !*settings->appid) return err_set(err, "appid is missing");
  if (!settings->secret || !*settings->secret) return err_set(err, "the app secret is missing");
  struct wechat *wechat = calloc(1, sizeof *wechat);
  if (!wechat) return err_set(err, "out of memory");
  if (hosts_init(&wechat->hosts, settings->api_urls, settings->api_urls_count, err) != 0) {
    free(wechat);
    return -1;
  }
  wechat->fetch = fetch;
  wechat->settings = settings;
  breaker_init(&wechat->breaker, settings->appid);
  *ret_wechat = wechat;
  return 0;
}

void wechat_free(struct wechat *wechat) {
  if (!wechat) return;
  breaker_done(&wechat->breaker);
  free(wechat);
}

enum wechat_breaker wechat_breaker_state(const struct wechat *wechat, const char **ret_why) {
  return breaker_state(&wechat->breaker, ret_why);
}

void wechat_token_wait(struct wechat *wechat, struct str code, struct wechat_token *ret_token, struct wechat_answer *ret_answer) {
  struct str secret = str_of(wechat->settings->secret);
  struct exchange exchange = {
      .wechat = wechat, .call = WECHAT_CALL_TOKEN, .ret_token = ret_token, .answer = ret_answer, .secrets = {secret, code}};
  begin(&exchange);
  add_account(&exchange, "/sns/oauth2/access_token");
  add_parameter(&exchange, "&secret=", secret);
  add_parameter(&exchange, "&code=", code);
  add_parameter(&exchange, "&grant_type=", STR("authorization_code"));
  finish_wait(&exchange);
}

void wechat_refresh_wait(struct wechat *wechat, struct wechat_token *token, struct wechat_answer *ret_answer) {
  struct str refresh_token = str_of(token->refresh_token);
  struct exchange exchange = {.wechat = wechat,
                              .call = WECHAT_CALL_REFRESH,
                              .token = token,
                              .ret_token = token,
                              .answer = ret_answer,
                              .secrets = {refresh_token}};
  begin(&exchange);
  add_account(&exchange, "/sns/oauth2/refresh_token");
  add_parameter(&exchange, "&grant_type=", STR("refresh_token"));
  add_parameter(&exchange, "&refresh_token=", refresh_token);
  finish_wait(&exchange);
}

void wechat_profile_wait(struct wechat *wechat, const struct wechat_token *token, struct str lang,
                         struct wechat_profile *ret_profile, struct wechat_answer *ret_answer) {
  struct exchange exchange = {
      .wechat = wechat, .call = WECHAT_CALL_USERINFO, .token = token, .ret_profile = ret_profile, .answer = ret_answer};
  begin(&exchange);
  add_token(&exchange, "/sns/userinfo");
  add_parameter(&exchange, "&lang=", choose_lang(lang));
  finish_wait(&exchange);
}

void wechat_auth_wait(struct wechat *wechat, const struct wechat_token *token, struct wechat_answer *ret_answer) {
  struct exchange exchange = {.wechat = wechat, .call = WECHAT_CALL_AUTH, .token = token, .answer = ret_answer};
  begin(&exchange);
  add_token(&exchange, "/sns/auth");
  finish_wait(&exchange);
}
