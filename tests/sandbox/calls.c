/* SPDX-License-Identifier: Apache-2.0
 * calls: the four API calls. Each finds out who is meant, asks for a fault, does its work and writes what WeChat would write. */
#include "calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/scope.h"
#include "misshape.h"
#include "people.h"

/* What one call finds out on its way. */
struct call_state {
  struct exchange *exchange;
  struct answer answer;
  struct grant grant;
  bool known; /* grant says whose code or token it is */
  int account;
  struct str credential; /* the code or token that names the person */
};

typedef int call_work(struct call_state *state);

static int judge_secret(const struct options *options, int account, struct str secret) {
  if (str_eq_secret(secret, str_of(options->accounts[account].secret))) return 0;
  for (size_t i = 0; i < options->accounts_count; i++)
    if (str_eq_secret(secret, str_of(options->accounts[i].secret))) return 40001; /* somebody else's */
  return 40125;
}

/* The errcode for parameters that are missing or wrong, before anything is looked up. */
static int check_token_request(struct call_state *state) {
  struct exchange *exchange = state->exchange;
  struct str secret = exchange_param_str(exchange, "secret");
  if (exchange_param_str(exchange, "appid").n == 0) return 41002;
  if (secret.n == 0) return 41004;
  if (state->credential.n == 0) return 41008;
  if (!str_eq(exchange_param_str(exchange, "grant_type"), STR("authorization_code"))) return 40002;
  if (state->account < 0) return 40013;
  return judge_secret(&exchange->sandbox->options, state->account, secret);
}

static bool has_unionid(struct sandbox *sandbox, struct grant grant) {
  const struct person *row = people_row(grant.person);
  if (grant.scope == SCOPE_BASE || row->unionid == UNION_NO) return false;
  return row->unionid == UNION_YES || atomic_load(&sandbox->sign_ins[grant.person % SIGN_INS_MAX]) > 1;
}

static void add_unionid(struct call_state *state) {
  char unionid[OPENID_BYTES];
  if (!has_unionid(state->exchange->sandbox, state->grant)) return;
  people_unionid(state->grant.person, state->grant.snapshot, unionid);
  answer_add_word(&state->answer, "unionid", unionid);
}

static void add_openid(struct call_state *state) {
  char openid[OPENID_BYTES];
  struct str appid = str_of(state->exchange->sandbox->options.accounts[state->grant.account].appid);
  people_openid(state->grant.person, appid, state->grant.snapshot, openid);
  answer_add_word(&state->answer, "openid", openid);
}

static void add_tokens(struct call_state *state, const struct tokens *tokens) {
  answer_add_word(&state->answer, "access_token", tokens->access);
  answer_add_number(&state->answer, "expires_in", ACCESS_LIFETIME_S);
  answer_add_word(&state->answer, "refresh_token", tokens->refresh);
  add_openid(state);
  answer_add_word(&state->answer, "scope", ledger_scope_name(state->grant.scope));
}

static int exchange_code(struct call_state *state) {
  struct sandbox *sandbox = state->exchange->sandbox;
  int errcode = check_token_request(state);
  if (errcode) return errcode;
  int64_t now_s = sandbox_now_s(sandbox);
  switch (grants_take_code(sandbox->grants, (uint8_t)state->account, state->credential, now_s, &state->grant)) {
  case GRANT_OK:
    break;
  case GRANT_USED:
    return 40163;
  case GRANT_EXPIRED:
    return 42003;
  default:
    return 40029;
  }
  atomic_fetch_add_explicit(&ledger_counts(sandbox->ledger)->exchanged, 1, memory_order_relaxed);
  const struct person *row = people_row(state->grant.person);
  if (row->token_errcode) return row->token_errcode;
  if (state->grant.person < SIGN_INS_MAX) atomic_fetch_add(&sandbox->sign_ins[state->grant.person], 1);
  struct tokens tokens;
  grants_issue(sandbox->grants, state->grant, now_s, &tokens);
  add_tokens(state, &tokens);
  if (state->grant.snapshot) answer_add_number(&state->answer, "is_snapshotuser", 1);
  add_unionid(state);
  return 0;
}

static int refresh_tokens(struct call_state *state) {
  struct sandbox *sandbox = state->exchange->sandbox;
  struct tokens tokens;
  if (exchange_param_str(state->exchange, "appid").n == 0) return 41002;
  if (state->credential.n == 0) return 41003;
  if (!str_eq(exchange_param_str(state->exchange, "grant_type"), STR("refresh_token"))) return 40002;
  if (state->account < 0) return 40013;
  int errcode = state->known ? people_row(state->grant.person)->refresh_errcode : 0;
  if (errcode && state->grant.account == state->account) {
    grants_void(sandbox->grants, state->credential);
    return errcode;
  }
  switch (grants_refresh(sandbox->grants, (uint8_t)state->account, state->credential, sandbox_now_s(sandbox), &state->grant,
                         &tokens)) {
  case GRANT_OK:
    break;
  case GRANT_EXPIRED:
    return 42002;
  case GRANT_VOID:
    return 42007;
  default:
    return 40030;
  }
  add_tokens(state, &tokens);
  return 0;
}

/* The errcode for an access token and the openid that must go with it. */
static int check_access(struct call_state *state) {
  struct sandbox *sandbox = state->exchange->sandbox;
  struct str openid = exchange_param_str(state->exchange, "openid");
  char right[OPENID_BYTES];
  if (state->credential.n == 0) return 41001;
  if (openid.n == 0) return 41009;
  switch (grants_see_access(sandbox->grants, state->credential, sandbox_now_s(sandbox), &state->grant)) {
  case GRANT_OK:
    break;
  case GRANT_MALFORMED:
    return 40014;
  case GRANT_EXPIRED:
    return 42001;
  case GRANT_VOID:
    return 42007;
  default:
    return 40001;
  }
  people_openid(state->grant.person, str_of(sandbox->options.accounts[state->grant.account].appid), state->grant.snapshot, right);
  return str_eq(openid, str_of(right)) ? 0 : 40003;
}

static void add_text(struct answer *answer, const char *name, struct str wire, const char *translated) {
  SCOPE_BUF struct buf quoted;
  buf_init(&quoted, 256);
  buf_add_char(&quoted, '"');
  if (translated)
    buf_add_text(&quoted, translated);
  else
    buf_add_str(&quoted, wire);
  buf_add_char(&quoted, '"');
  answer_add_raw(answer, name, buf_str(&quoted));
}

/* Since October 2021 nobody's sex and region are told; the language asked for matters only to old accounts. */
static void add_region(struct call_state *state, const struct person *row) {
  struct str lang = exchange_param_str(state->exchange, "lang");
  bool en = str_eq(lang, STR("en")), tw = str_eq(lang, STR("zh_TW"));
  answer_add_word(&state->answer, "language", row->country.n > 0 ? (en ? "en" : tw ? "zh_TW" : "zh_CN") : "");
  add_text(&state->answer, "city", row->city, en ? row->city_en : tw ? row->city_tw : NULL);
  add_text(&state->answer, "province", row->province, en ? row->province_en : tw ? row->province_tw : NULL);
  add_text(&state->answer, "country", row->country, en ? row->country_en : NULL);
}

/* Pictures come from the sandbox itself, so that a demo needs nothing from outside. */
static void add_avatar(struct call_state *state, const struct person *row) {
  SCOPE_BUF struct buf url;
  const char *host = exchange_header(state->exchange, "Host");
  char id[PERSON_ID_BYTES];
  buf_init(&url, 1024);
  people_id(state->grant.person, id);
  buf_addf(&url, "%s://%s/mmopen/vi_32/%s/132", state->exchange->tls ? "https" : "http", host ? host : "127.0.0.1",
           row->avatar == AVATAR_GREY ? "grey" : id);
  if (row->avatar == AVATAR_NULL)
    answer_add_raw(&state->answer, "headimgurl", STR("null"));
  else
    answer_add_url(&state->answer, "headimgurl", row->avatar == AVATAR_NONE ? STR("") : buf_str(&url));
}

static int tell_profile(struct call_state *state) {
  int errcode = check_access(state);
  if (errcode) return errcode;
  if (state->grant.scope == SCOPE_BASE) return 48001;
  const struct person *row = people_row(state->grant.person);
  SCOPE_BUF struct buf nickname;
  buf_init(&nickname, 4096);
  people_nickname(state->grant.person, &nickname);
  add_openid(state);
  answer_add_raw(&state->answer, "nickname", buf_str(&nickname));
  answer_add_raw(&state->answer, "sex", row->sex ? str_of(row->sex) : STR("0"));
  add_region(state, row);
  add_avatar(state, row);
  answer_add_raw(&state->answer, "privilege", row->privilege ? str_of(row->privilege) : STR("[]"));
  add_unionid(state);
  return 0;
}

static int check_token(struct call_state *state) {
  int errcode = check_access(state);
  if (!errcode) answer_add_error(&state->answer, STR("0"), STR("ok"));
  return errcode;
}

/* "40029" with its sentence and a request id, as WeChat signs its errors. */
static void add_errcode(struct call_state *state, struct str errcode, struct str errmsg) {
  SCOPE_BUF struct buf text;
  buf_init(&text, 8192);
  const char *digits = errcode.n > 0 && errcode.p[0] == '"' ? errcode.p + 1 : errcode.p;
  if (errmsg.p) {
    buf_add_str(&text, errmsg);
  } else if (*digits == '0') {
    buf_add_text(&text, "ok");
  } else {
    buf_addf(&text, "%s, rid: %08x-%08x-%08x", answer_errmsg(strtol(digits, NULL, 10)), (unsigned)clock_wall_s(),
             random_below(UINT32_MAX), random_below(UINT32_MAX));
  }
  answer_add_error(&state->answer, errcode, buf_str(&text));
}

static void note_call(struct call_state *state, enum call call, int errcode) {
  struct exchange *exchange = state->exchange;
  struct ledger_entry entry = {
      .time_us = clock_wall_us() + atomic_load(&exchange->sandbox->clock_offset_s) * 1000000,
      .person = state->known ? state->grant.person : PERSON_NONE,
      .errcode = errcode,
      .fault = exchange->fault ? exchange->fault->id : 0,
      .port = exchange->port,
      .status = (uint16_t)exchange->reply.status,
      .call = (uint8_t)call,
      .account = (int8_t)(state->known ? state->grant.account : state->account),
      .scope = state->known ? (int8_t)state->grant.scope : -1,
      .snapshot = state->known && state->grant.snapshot,
      .reused = exchange->reused,
      .tls = exchange->tls,
      .outcome = exchange->fault ? "fault"
                 : errcode       ? "errcode"
                                 : "ok",
  };
  if (call == CALL_ACCESS_TOKEN) {
    size_t kept = state->credential.n < LEDGER_CODE_BYTES ? state->credential.n : LEDGER_CODE_BYTES - 1;
    str_copy(str_make(state->credential.p, kept), entry.code, sizeof entry.code);
  }
  ledger_add(exchange->sandbox->ledger, &entry);
}

/* Carries the call out unless a fault stands in its way; the errcode that goes into the answer. */
static int carry_out(struct call_state *state, call_work *work) {
  struct exchange *exchange = state->exchange;
  const struct fault *fault = exchange->fault;
  int errcode = 0;
  if (!fault_prevents_call(fault)) {
    errcode = strcmp(exchange->method, "GET") == 0 ? work(state) : 43001;
    if (errcode) {
      char digits[16];
      state->answer.count = 0;
      snprintf(digits, sizeof digits, "%d", errcode);
      add_errcode(state, str_of(digits), STR_NONE);
    }
  }
  if (!fault || !fault->errcode.given) return errcode;
  if (!fault->keep_fields) state->answer.count = 0;
  struct str code = str_make(fault->errcode.p, fault->errcode.n);
  add_errcode(state, code, fault->errmsg.given ? str_make(fault->errmsg.p, fault->errmsg.n) : STR_NONE);
  return (int)strtol(code.p[0] == '"' ? code.p + 1 : code.p, NULL, 10);
}

static uint64_t choose_delay_us(struct sandbox *sandbox, const struct fault *fault) {
  uint64_t delay_ms = atomic_load(&sandbox->latency_ms), jitter_ms = atomic_load(&sandbox->jitter_ms);
  if (fault) {
    delay_ms += fault->delay_ms;
    jitter_ms += fault->jitter_ms;
  }
  return delay_ms * 1000 + (jitter_ms ? random_below((uint32_t)(jitter_ms * 1000)) : 0);
}

static void serve(struct call_state *state, enum call call, call_work *work) {
  struct exchange *exchange = state->exchange;
  struct sandbox *sandbox = exchange->sandbox;
  exchange->counted = true;
  ledger_enter(sandbox->ledger);
  state->account = options_account(&sandbox->options, exchange_param_str(exchange, "appid"));
  exchange->fault = faults_take(sandbox->faults, state->known ? state->grant.person : PERSON_NONE, (int)call);
  answer_init(&state->answer);
  reply_set(exchange, 200, "text/plain");
  int errcode = carry_out(state, work);
  answer_write(&state->answer, exchange->fault, &exchange->reply.body);
  answer_done(&state->answer);
  misshape_reply(exchange);
  note_call(state, call, errcode);
  exchange->delay_us = choose_delay_us(sandbox, exchange->fault);
}

static void serve_with_access(struct exchange *exchange, enum call call, call_work *work) {
  struct call_state state = {.exchange = exchange, .credential = exchange_param_str(exchange, "access_token")};
  struct sandbox *sandbox = exchange->sandbox;
  enum grant_verdict verdict = grants_see_access(sandbox->grants, state.credential, sandbox_now_s(sandbox), &state.grant);
  state.known = verdict != GRANT_MALFORMED && verdict != GRANT_UNKNOWN;
  serve(&state, call, work);
}

void call_access_token(struct exchange *exchange) {
  struct call_state state = {.exchange = exchange, .credential = exchange_param_str(exchange, "code")};
  state.known = grants_see_code(exchange->sandbox->grants, state.credential, &state.grant) == GRANT_OK;
  serve(&state, CALL_ACCESS_TOKEN, exchange_code);
}

void call_refresh_token(struct exchange *exchange) {
  struct call_state state = {.exchange = exchange, .credential = exchange_param_str(exchange, "refresh_token")};
  state.known = grants_see_refresh(exchange->sandbox->grants, state.credential, &state.grant) == GRANT_OK;
  serve(&state, CALL_REFRESH_TOKEN, refresh_tokens);
}

void call_userinfo(struct exchange *exchange) {
  serve_with_access(exchange, CALL_USERINFO, tell_profile);
}

void call_auth(struct exchange *exchange) {
  serve_with_access(exchange, CALL_AUTH, check_token);
}
