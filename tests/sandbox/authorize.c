/* SPDX-License-Identifier: Apache-2.0
 * authorize: judges the link, finds out who visits and what they answer, and sends them back; server threads. */
#include "authorize.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/scope.h"
#include "link.h"
#include "misshape.h"
#include "pages.h"
#include "people.h"
#include "steering.h"

/* A callback is the redirect_uri and about 200 bytes. */
#define CALLBACK_MAX_BYTES 8192

/* One visit of the page. */
struct visit {
  struct exchange *exchange;
  struct link link;
  bool qrconnect;
  uint32_t person;
  enum visit_answer answer;
  struct str double_callback; /* empty: once, as it should be */
  const char *outcome;
  int errcode;
  char code[CODE_BYTES];
};

static void note_visit(struct visit *visit) {
  struct exchange *exchange = visit->exchange;
  bool known = visit->person != PERSON_NONE && visit->link.account >= 0;
  struct ledger_entry entry = {
      .time_us = clock_wall_us() + atomic_load(&exchange->sandbox->clock_offset_s) * 1000000,
      .person = visit->person,
      .errcode = visit->errcode,
      .fault = exchange->fault ? exchange->fault->id : 0,
      .port = exchange->port,
      .status = (uint16_t)exchange->reply.status,
      .call = visit->qrconnect ? CALL_QRCONNECT : CALL_AUTHORIZE,
      .account = (int8_t)visit->link.account,
      .scope = visit->errcode ? -1 : (int8_t)visit->link.scope,
      .snapshot = known && people_row(visit->person)->snapshot && visit->link.scope == SCOPE_USERINFO,
      .reused = exchange->reused,
      .tls = exchange->tls,
      .outcome = visit->outcome,
  };
  str_copy(str_of(visit->code), entry.code, sizeof entry.code);
  ledger_add(exchange->sandbox->ledger, &entry);
}

static void show_problem(struct visit *visit, int errcode, const char *why) {
  visit->errcode = errcode;
  visit->outcome = "problem";
  pages_problem(visit->exchange, errcode, why);
}

static void mint_code(struct visit *visit, char ret_code[CODE_BYTES]) {
  struct sandbox *sandbox = visit->exchange->sandbox;
  struct grant grant = {.person = visit->person,
                        .account = (uint8_t)visit->link.account,
                        .scope = (uint8_t)visit->link.scope,
                        .snapshot = people_row(visit->person)->snapshot && visit->link.scope == SCOPE_USERINFO};
  int64_t lifetime_s = visit->qrconnect ? CODE_QR_LIFETIME_S : CODE_LIFETIME_S;
  grants_mint_code(sandbox->grants, grant, sandbox_now_s(sandbox) + lifetime_s, ret_code);
  atomic_fetch_add_explicit(&ledger_counts(sandbox->ledger)->minted, 1, memory_order_relaxed);
}

static void send_back(struct visit *visit, struct str code) {
  struct exchange *exchange = visit->exchange;
  SCOPE_BUF struct buf callback;
  buf_init(&callback, CALLBACK_MAX_BYTES);
  link_callback(&visit->link, code, &callback);
  reply_set(exchange, 302, NULL);
  reply_header(exchange, "Location", buf_str(&callback));
  reply_header(exchange, "Cache-Control", STR("no-store"));
}

/* A page that calls the callback in the background and then goes there, as some WebViews do. */
static void send_back_twice(struct visit *visit) {
  SCOPE_BUF struct buf first, second;
  char other[CODE_BYTES];
  buf_init(&first, CALLBACK_MAX_BYTES);
  buf_init(&second, CALLBACK_MAX_BYTES);
  link_callback(&visit->link, str_of(visit->code), &first);
  if (str_eq(visit->double_callback, STR("two_codes"))) {
    mint_code(visit, other);
    link_callback(&visit->link, str_of(other), &second);
  } else {
    buf_add_str(&second, buf_str(&first));
  }
  pages_double(visit->exchange, buf_str(&first), buf_str(&second));
}

static void agree(struct visit *visit) {
  mint_code(visit, visit->code);
  if (visit->double_callback.n > 0)
    send_back_twice(visit);
  else
    send_back(visit, str_of(visit->code));
}

static void answer_visit(struct visit *visit) {
  visit->outcome = steering_answer_name(visit->answer);
  switch (visit->answer) {
  case ANSWER_AGREE:
    agree(visit);
    return;
  case ANSWER_DECLINE:
    if (visit->qrconnect)
      pages_closed(visit->exchange);
    else
      send_back(visit, STR_NONE);
    return;
  case ANSWER_AUTHDENY:
    send_back(visit, STR("authdeny"));
    return;
  default:
    pages_closed(visit->exchange);
  }
}

static void ask(struct visit *visit) {
  struct exchange *exchange = visit->exchange;
  struct page_ask page = {
      .link = exchange->query,
      .appid = exchange->sandbox->options.accounts[visit->link.account].appid,
      .person = visit->person,
      .scope = visit->link.scope,
      .double_callback = visit->double_callback,
      .qrconnect = visit->qrconnect,
  };
  visit->outcome = "page";
  pages_ask(exchange, &page);
}

static uint32_t find_cookie_person(const struct exchange *exchange, const char *name) {
  const char *id = exchange_cookie(exchange, name);
  return id ? people_find(str_of(id)) : PERSON_NONE;
}

/* A scripted client says who it is in cookies; else PUT /sandbox/next decides; else a browser is asked. */
static void find_visitor(struct visit *visit) {
  struct exchange *exchange = visit->exchange;
  const char *answer = exchange_cookie(exchange, "sandbox_answer");
  visit->person = find_cookie_person(exchange, "sandbox_person");
  visit->answer = answer ? steering_answer_find(str_of(answer)) : ANSWER_ASK;
  if (visit->person == PERSON_NONE && !answer) steering_take(exchange->sandbox->steering, &visit->person, &visit->answer);
  if (visit->answer == ANSWER_COUNT) visit->answer = ANSWER_ASK;
  if (visit->person == PERSON_NONE) visit->person = find_cookie_person(exchange, "sandbox_last");
  if (visit->person == PERSON_NONE) visit->person = 0;
  if (visit->answer == ANSWER_ASK && visit->link.scope == SCOPE_BASE) visit->answer = ANSWER_AGREE;
}

static void take_fault(struct visit *visit) {
  struct exchange *exchange = visit->exchange;
  exchange->fault = faults_take(exchange->sandbox->faults, visit->person, visit->qrconnect ? CALL_QRCONNECT : CALL_AUTHORIZE);
  if (!exchange->fault) return;
  exchange->delay_us = exchange->fault->delay_ms * 1000;
  if (exchange->fault->double_callback.given)
    visit->double_callback = str_make(exchange->fault->double_callback.p, exchange->fault->double_callback.n);
}

static void serve_visit(struct exchange *exchange, bool qrconnect) {
  struct visit visit = {.exchange = exchange, .qrconnect = qrconnect, .person = PERSON_NONE};
  struct link_problem problem;
  link_init(&visit.link);
  if (link_parse(&visit.link, &exchange->sandbox->options, exchange->query, qrconnect, &problem)) {
    show_problem(&visit, problem.errcode, problem.why);
  } else {
    find_visitor(&visit);
    take_fault(&visit);
    const struct fault *fault = exchange->fault;
    if (fault && fault->errcode.given)
      show_problem(&visit, (int)strtol(fault->errcode.p, NULL, 10), "a fault was asked for");
    else if (visit.answer == ANSWER_ASK)
      ask(&visit);
    else
      answer_visit(&visit);
  }
  misshape_reply(exchange);
  note_visit(&visit);
  link_done(&visit.link);
}

void authorize_serve(struct exchange *exchange) {
  serve_visit(exchange, false);
}

void authorize_serve_qr(struct exchange *exchange) {
  serve_visit(exchange, true);
}

void authorize_confirm(struct exchange *exchange) {
  struct visit visit = {.exchange = exchange, .person = people_find(exchange_param_str(exchange, "person"))};
  struct link_problem problem;
  visit.qrconnect = str_eq(exchange_param_str(exchange, "page"), STR("qrconnect"));
  visit.answer = steering_answer_find(exchange_param_str(exchange, "answer"));
  visit.double_callback = exchange_param_str(exchange, "double");
  link_init(&visit.link);
  if (link_parse(&visit.link, &exchange->sandbox->options, exchange_param_str(exchange, "link"), visit.qrconnect, &problem)) {
    show_problem(&visit, problem.errcode, problem.why);
  } else if (visit.person == PERSON_NONE || visit.answer == ANSWER_COUNT || visit.answer == ANSWER_ASK) {
    show_problem(&visit, 10038, "person or answer is missing");
  } else {
    answer_visit(&visit);
    pages_remember(exchange, visit.person);
  }
  note_visit(&visit);
  link_done(&visit.link);
}
