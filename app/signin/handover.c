/* SPDX-License-Identifier: Apache-2.0
 * handover: the computer's attempt waits for a ticket that the phone leaves under its nonce. A number on both screens lets the
 * person see that it is their own computer; nothing is handed over without their tap.
 *
 *   computer  GET /login            its attempt's login cookie, a QR code of /login?handover=STATE
 *   phone     GET /login?handover   an attempt of its own that remembers STATE; WeChat; callback
 *   phone     POST /handover        the tap: who signed in, sealed, as a ticket under STATE's nonce
 *   computer  GET /handover         takes the ticket; session cookie; on to its page */
#include "signin/handover.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "base/scope.h"
#include "signin/session_api.h"
#include "store/kinds.h"

#define KIND        KIND_HANDOVER
#define KEY_BYTES   (2 * STATE_NONCE_BYTES + 1)
#define VALUE_BYTES (SESSION_PACKED_MAX + SEAL_OVERHEAD_BYTES)

/* Asks every 2 s whether the phone is done, but not while nobody looks at the page; begins anew when the attempt is too old. In a
 * window of its own the opener is told, as answer_popup() does. The fragment that the address bar still has is kept; where only
 * that differs, nothing but a reload loads the page. */
static const char poll_script[] =
    "(function(){var end=Date.now()+600000,href=document.querySelector('a.button').href;"
    "function later(ms){setTimeout(ask,ms);}"
    "function page(url){return url.split('#')[0];}"
    "function leave(next){var to=document.createElement('a');to.href=next;if(!to.hash)to.hash=location.hash;"
    "if(page(to.href)!==page(location.href))return location.replace(to.href);"
    "history.replaceState(null,'',to.href);location.reload();}"
    "function go(j){if(!j.signed_in)return later(2000);"
    "if(j.popup&&window.opener){window.opener.postMessage({weigate:'signed_in'},window.location.origin);window.close();}"
    "else leave(j.next);}"
    "function ask(){if(Date.now()>end)return location.reload();if(document.hidden)return later(2000);"
    "fetch(href,{headers:{Accept:'application/json'},credentials:'same-origin'})"
    ".then(function(r){return r.json();}).then(go).catch(function(){later(4000);});}"
    "later(2000);})();";

/* Puts what the QR code said in place of the callback's address: neither code nor state stays there, and a reload asks again. */
static const char forget_address_script[] =
    "history.replaceState(null,'',document.querySelector('form').action.replace(/handover$/,'login?handover=')"
    "+document.querySelector('input').value);";

/* --- shared ---------------------------------------------------------------------------------------------------------------- */

/* Four digits that both screens show. */
static void format_number(const uint8_t nonce[STATE_NONCE_BYTES], char to[5]) {
  snprintf(to, 5, "%04u", ((unsigned)nonce[0] << 16 | (unsigned)nonce[1] << 8 | nonce[2]) % 10000u);
}

static struct str seal_context(const struct account *account, const char *key, char to[700]) {
  int n = snprintf(to, 700, "%s " KIND " %s", account->context, key);
  return str_make(to, (size_t)n);
}

static bool read_state(struct str query, struct state *ret_state, char ret_text[STATE_TEXT_BYTES]) {
  SCOPE_BUF struct buf text;
  buf_init(&text, 256);
  return query_value(query, "state", &text) == WEB_VALUE_ONE && str_copy(buf_str(&text), ret_text, STATE_TEXT_BYTES) == 0 &&
         state_parse(buf_str(&text), ret_state) == 0 && state_is_timely(ret_state, clock_wall_s());
}

/* On the phone: what was scanned is no good. */
static void end_stale_code(struct job *job) {
  answer_outcome(job, OUTCOME_QR_EXPIRED,
                 &(struct answer_detail){.stage = "handover", .why = "the QR code is too old or broken"});
}

/* On the computer: it waits for nothing any more. */
static void end_stale_wait(struct job *job) {
  answer_outcome(job, OUTCOME_STATE_EXPIRED,
                 &(struct answer_detail){.stage = "handover", .why = "the sign-in that waits is too old or not this browser's"});
}

/* --- computer: the QR code ------------------------------------------------------------------------------------------------- */

static void write_qr_page(struct job *job, const struct attempt *attempt) {
  SCOPE_BUF struct buf link, poll, sentence;
  char state_text[STATE_TEXT_BYTES], number[5];
  bool zh = job->is_chinese;
  buf_init(&link, 1024);
  buf_init(&poll, 1024);
  buf_init(&sentence, 512);
  attempt_format_state(job->account, attempt, state_text);
  format_number(attempt->nonce, number);
  buf_addf(&link, "%s%s/login?", job->account->settings->public_url.text, job->account->settings->prefix);
  login_add_wishes(job->account, attempt, &link);
  buf_addf(&link, "handover=%s", state_text);
  buf_addf(&poll, "%s/handover?state=%s", job->account->settings->prefix, state_text);
  buf_addf(&sentence,
           zh ? "请用手机微信扫描二维码，核对数字 %s 并确认，此页面会自动登录。"
              : "Scan with WeChat on your phone, check the number %s there and confirm. This page then goes on by itself.",
           number);
  page_write(&job->response, &(struct page){
                                 .status = 200,
                                 .is_chinese = zh,
                                 .icon = PAGE_ICON_INFO,
                                 .title = zh ? STR("微信扫码登录") : STR("Sign in with WeChat"),
                                 .sentence = buf_str(&sentence),
                                 .qr_text = buf_str(&link),
                                 .button = zh ? STR("我已在手机上确认") : STR("I have confirmed on my phone"),
                                 .button_href = buf_str(&poll),
                                 .script = str_make(poll_script, sizeof(poll_script) - 1),
                             });
}

void handover_show_qr(struct job *job, const struct login_start *start) {
  struct attempt attempt;
  if (login_begin(start, &attempt) < 0) return answer_outcome(job, OUTCOME_NO_RANDOM, NULL);
  write_qr_page(job, &attempt);
  if (attempt_set_cookie(job->account, &job->request, &attempt, clock_wall_s(), &job->response) < 0)
    return answer_outcome(job, OUTCOME_NO_RANDOM, NULL);
  outcome_count(OUTCOME_QR_SHOWN);
}

/* --- phone: sign in, then confirm ------------------------------------------------------------------------------------------ */

bool handover_is_asked(const struct job *job) {
  SCOPE_BUF struct buf text;
  buf_init(&text, 256);
  return query_value(login_own_query(job->request.query), "handover", &text) != WEB_VALUE_NONE;
}

void handover_begin(struct job *job, struct login_start *start) {
  SCOPE_BUF struct buf text;
  struct state state;
  buf_init(&text, 256);
  if (query_value(login_own_query(job->request.query), "handover", &text) != WEB_VALUE_ONE ||
      state_parse(buf_str(&text), &state) < 0 || !state_is_timely(&state, clock_wall_s()))
    return end_stale_code(job);
  start->next = buf_str(&text);
  start->flags = ATTEMPT_HANDOVER;
  login_redirect(job, start, OUTCOME_REDIRECTED);
}

void handover_ask(struct job *job, const struct attempt *attempt) {
  SCOPE_BUF struct buf fields, sentence, href;
  struct state state;
  char number[5];
  bool zh = job->is_chinese;
  buf_init(&fields, 256);
  buf_init(&sentence, 512);
  buf_init(&href, 256);
  if (state_parse(str_of(attempt->next), &state) < 0) return end_stale_code(job);
  format_number(state.nonce, number);
  buf_addf(&fields, "state=%s", attempt->next);
  buf_addf(&href, "%s/handover", job->account->settings->prefix);
  buf_addf(&sentence,
           zh ? "请确认您的电脑屏幕上显示的数字是 %s。如果不是，或者您没有在电脑上操作，请不要确认。"
              : "Confirm only if your own computer shows the number %s. If it does not, or you are not signing in there, close "
                "this page.",
           number);
  page_write(&job->response, &(struct page){
                                 .status = 200,
                                 .is_chinese = zh,
                                 .icon = PAGE_ICON_INFO,
                                 .title = zh ? STR("在电脑上登录？") : STR("Sign in on the computer?"),
                                 .sentence = buf_str(&sentence),
                                 .post_button = zh ? STR("确认登录") : STR("Sign in there"),
                                 .post_href = buf_str(&href),
                                 .post_fields = buf_str(&fields),
                                 .second = zh ? STR("不是我") : STR("Not me"),
                                 .second_href = str_of(job->account->settings->default_next),
                                 .script = str_make(forget_address_script, sizeof(forget_address_script) - 1),
                             });
}

int handover_read(const struct account *account, const char *key, struct str value, struct session *ret_session) {
  uint8_t packed[SESSION_PACKED_MAX];
  char context[700];
  size_t n;
  if (seal_open_raw(account->session->keys, SEAL_TICKET, seal_context(account, key, context), (const uint8_t *)value.p, value.n,
                    packed, sizeof(packed), &n) < 0)
    return -1;
  return session_unpack(packed, n, ret_session);
}

static int open_ticket(const struct account *account, const char *key, const struct store_ticket *found,
                       struct session *ret_session) {
  return handover_read(account, key, str_make((const char *)found->value, found->value_bytes), ret_session);
}

/* The first confirmation stands; a second one by the same session is the same. */
static bool is_own_ticket(const struct job *job, const char *key, const struct store_ticket *found) {
  struct session first;
  return found->is_found && open_ticket(job->account, key, found, &first) == 0 &&
         str_eq_secret(str_make((const char *)first.id, SESSION_ID_BYTES),
                       str_make((const char *)job->session.id, SESSION_ID_BYTES));
}

/* Leaves the ticket for the computer that holds the state's secret. */
static enum outcome leave_ticket_wait(struct job *job, const struct state *state) {
  uint8_t packed[SESSION_PACKED_MAX], value[VALUE_BYTES];
  char key[KEY_BYTES], context[700];
  struct store_ticket found = {0};
  struct store_answer answer;
  text_hex_encode(key, state->nonce, STATE_NONCE_BYTES);
  size_t n = session_pack(&job->session, packed);
  if (seal_lock_raw(job->account->session->keys, SEAL_TICKET, seal_context(job->account, key, context), packed, n, value) < 0)
    return OUTCOME_NO_RANDOM;
  struct weigate_ticket ticket = {
      .struct_size = sizeof(ticket),
      .kind = {KIND, sizeof(KIND) - 1},
      .key = {key, KEY_BYTES - 1},
      .value = {(const char *)value, n + SEAL_OVERHEAD_BYTES},
      .expires_at_us = clock_wall_us() + STATE_LIFETIME_S * INT64_C(1000000),
  };
  store_claim_wait(job->store, &ticket, &found, &answer);
  if (!store_is_done(&answer)) return OUTCOME_STORAGE_UNAVAILABLE;
  return answer.item == WEIGATE_ITEM_TAKEN && !is_own_ticket(job, key, &found) ? OUTCOME_QR_EXPIRED : OUTCOME_HANDED_OVER;
}

void handover_confirm_wait(struct job *job) {
  struct state state;
  char state_text[STATE_TEXT_BYTES];
  if (!request_is_same_site(job)) return answer_outcome(job, OUTCOME_FOREIGN_ORIGIN, NULL);
  if (job->session_state != SESSION_GOOD || job->session.is_guest) return answer_outcome(job, OUTCOME_NOT_SIGNED_IN, NULL);
  if (!read_state(job->request.body, &state, state_text)) return end_stale_code(job);
  answer_outcome(job, leave_ticket_wait(job, &state), &(struct answer_detail){.stage = "handover"});
}

/* --- computer: is it done? ------------------------------------------------------------------------------------------------- */

enum taken { TAKEN, NOT_YET, NO_STORE };

/* Looks first: thousands of waiting pages shall cost reads, not writes. */
static enum taken take_ticket_wait(struct job *job, const struct attempt *attempt, struct session *ret_session) {
  char key[KEY_BYTES];
  struct store_ticket found = {0};
  struct store_answer answer;
  text_hex_encode(key, attempt->nonce, STATE_NONCE_BYTES);
  store_ticket_get_wait(job->store, STR(KIND), str_of(key), &found, &answer);
  if (store_is_done(&answer) && found.is_found) store_ticket_take_wait(job->store, STR(KIND), str_of(key), &found, &answer);
  if (!store_is_done(&answer)) return NO_STORE;
  return found.is_found && open_ticket(job->account, key, &found, ret_session) == 0 ? TAKEN : NOT_YET;
}

static void answer_waiting(struct job *job, const struct attempt *attempt) {
  if (job->is_api)
    buf_add_text(answer_json(job), "{\"signed_in\":false}\n");
  else
    write_qr_page(job, attempt);
}

/* The computer's session is one of its own: signing out there leaves the phone's alone. */
static void answer_signed_in(struct job *job, const struct attempt *attempt, struct session *session) {
  SCOPE_BUF struct buf next;
  buf_init(&next, 2 * URL_NEXT_MAX_BYTES);
  answer_add_next(job->account, str_of(attempt->next), &next);
  session->signed_in_at_s = clock_wall_s();
  if (random_bytes(session->id, sizeof(session->id)) < 0) return answer_outcome(job, OUTCOME_NO_RANDOM, NULL);
  if (job->is_api) {
    struct buf *body = answer_json(job);
    buf_addf(body, "{\"signed_in\":true,\"popup\":%s,\"next\":", attempt->flags & ATTEMPT_POPUP ? "true" : "false");
    json_add_string(body, buf_str(&next));
    buf_add_text(body, "}\n");
  } else if (attempt->flags & ATTEMPT_POPUP) {
    answer_popup(job, OUTCOME_SIGNED_IN, buf_str(&next));
  } else {
    answer_redirect(job, 303, buf_str(&next));
  }
  attempt_clear_cookie(job->account, attempt, &job->response);
  if (session_set_cookie(job->account, session, clock_wall_s(), &job->response) < 0)
    return answer_outcome(job, OUTCOME_NO_RANDOM, NULL);
  outcome_count(OUTCOME_SIGNED_IN);
}

void handover_poll_wait(struct job *job) {
  struct attempt attempt;
  struct state state;
  struct session session;
  char state_text[STATE_TEXT_BYTES];
  if (job->request.method == WEB_HEAD) return answer_empty(job, 200); /* it takes nothing */
  if (!read_state(job->request.query, &state, state_text) ||
      attempt_find(job->account, &job->request, str_of(state_text), clock_wall_s(), &attempt, &state) != ATTEMPT_MATCH)
    return end_stale_wait(job);
  switch (take_ticket_wait(job, &attempt, &session)) {
  case TAKEN:
    return answer_signed_in(job, &attempt, &session);
  case NOT_YET:
    return answer_waiting(job, &attempt);
  case NO_STORE:
    answer_outcome(job, OUTCOME_STORAGE_UNAVAILABLE, &(struct answer_detail){.stage = "handover", .attempt = &attempt});
  }
}
