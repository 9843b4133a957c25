/* SPDX-License-Identifier: Apache-2.0
 * session_api: shows, creates, refreshes and verifies a session for programs. Runs in coroutines of the sign-in thread. */
#include "signin/session_api.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/scope.h"
#include "signin/claim.h"
#include "signin/login.h"
#include "signin/refresh.h"
#include "store/person_json.h"

/* {"code":"…","state":"…"} with room for blanks. */
#define BODY_MAX_BYTES 4096
/* Where an app receives its code: an origin and an address. */
#define REDIRECT_URI_MAX_BYTES (sizeof(((struct origin *)0)->text) + URL_NEXT_MAX_BYTES)

/* --- who is asking --------------------------------------------------------------------------------------------------------- */

static bool is_friendly_origin(const struct url_site *site, struct str text) {
  struct origin origin;
  if (origin_parse(text, &origin, NULL) < 0) return false;
  if (str_eq(str_of(origin.text), str_of(site->self.text))) return true;
  for (size_t i = 0; i < site->allowed_count; i++)
    if (str_eq(str_of(origin.text), str_of(site->allowed[i].text))) return true;
  return false;
}

/* "https://www.example.com/page?x" is of https://www.example.com. */
static struct str cut_origin(struct str address) {
  size_t slashes = 0, n = 0;
  while (n < address.n && (address.p[n] != '/' || ++slashes < 3)) n++;
  return str_make(address.p, n);
}

/* Browsers send Sec-Fetch-Site with everything and Origin with every POST ("null" from a page without referrer, as ours are); old
 * ones at least a Referer. Programs send none of them, and carry nobody's cookies. */
bool request_is_same_site(const struct job *job) {
  const struct request *request = &job->request;
  const struct url_site *site = &job->account->site;
  bool says_same = str_eq(request->fetch_site, STR("same-origin"));
  if (says_same && (!request->origin.n || str_eq(request->origin, STR("null")))) return true;
  if (request->origin.n) return is_friendly_origin(site, request->origin);
  if (request->fetch_site.n) return str_eq(request->fetch_site, STR("none"));
  return !request->referer.n || is_friendly_origin(site, cut_origin(request->referer));
}

static bool read_session(struct job *job, struct session *ret_session) {
  *ret_session = job->session;
  if (job->session_state == SESSION_GOOD) return true;
  answer_outcome(job, OUTCOME_NOT_SIGNED_IN, NULL);
  return false;
}

/* --- session JSON ---------------------------------------------------------------------------------------------------------- */

static void write_session(struct job *job, const struct session *session, const struct weigate_person *person) {
  struct buf *body = answer_json(job);
  const struct account *account = job->account;
  buf_add_char(body, '{');
  person_json_add_identity(body, &(struct person_identity){
                                     .appid = str_of(session_appid(account, session)),
                                     .openid = str_of(session->openid),
                                     .unionid = str_of(session->unionid),
                                     .scope = str_of(session_scope(session)),
                                     .is_snapshot = session->is_guest,
                                 });
  buf_add_char(body, ',');
  person_json_add_profile(body, person);
  buf_add_char(body, ',');
  person_json_add_time(body, "signed_in_at", session->signed_in_at_s * 1000000);
  buf_add_char(body, ',');
  person_json_add_time(body, "expires_at", session_expires_at_s(account->session, session) * 1000000);
  buf_add_text(body, "}\n");
}

static int load_wait(struct job *job, const struct session *session, uint32_t want, struct store_person *ret_person) {
  struct store_answer answer;
  store_load_wait(job->store, str_of(session_appid(job->account, session)), str_of(session->openid), want, ret_person, &answer);
  if (store_is_done(&answer)) return 0;
  answer_outcome(job, OUTCOME_STORAGE_UNAVAILABLE, &(struct answer_detail){.stage = "session"});
  return -1;
}

/* Answers with the session as it will be from now on, and its cookie where that changes. False without a store. */
static bool show_wait(struct job *job, struct session *session, bool sets_cookie) {
  struct store_person person;
  if (sets_cookie) session->sealed_at_s = clock_wall_s();
  bool is_loaded = load_wait(job, session, 0, &person) == 0;
  if (is_loaded) {
    write_session(job, session, person.is_found ? &person.person : NULL);
    if (sets_cookie && session_set_cookie(job->account, session, session->sealed_at_s, &job->response) < 0)
      answer_outcome(job, OUTCOME_NO_RANDOM, NULL);
  }
  store_person_done(&person);
  return is_loaded;
}

void session_show_wait(struct job *job) {
  struct session session;
  job->is_api = true;
  if (read_session(job, &session)) show_wait(job, &session, job->renew_session);
}

/* --- creating -------------------------------------------------------------------------------------------------------------- */

static bool check_json_post(struct job *job) {
  struct str type = job->request.content_type, media = type;
  str_split(&type, ';', &media);
  if (!request_is_same_site(job))
    answer_outcome(job, OUTCOME_FOREIGN_ORIGIN, NULL);
  else if (!str_eq_nocase(str_trim(media), STR("application/json")))
    answer_outcome(job, OUTCOME_UNSUPPORTED_MEDIA_TYPE, NULL);
  else if (job->request.body.n > BODY_MAX_BYTES)
    answer_outcome(job, OUTCOME_PAYLOAD_TOO_LARGE, NULL);
  else
    return true;
  return false;
}

static void end_bad_body(struct job *job, const char *why) {
  answer_outcome(job, OUTCOME_BAD_REQUEST, &(struct answer_detail){.stage = "session", .why = why});
}

static void answer_completed_wait(struct job *job, struct completion *c, enum outcome outcome) {
  if (outcome == OUTCOME_ESCALATED) outcome = OUTCOME_CODE_REJECTED; /* the app asks for the next code itself */
  if (outcome != OUTCOME_SIGNED_IN && outcome != OUTCOME_SIGNED_IN_GUEST)
    answer_outcome(job, outcome, &(struct answer_detail){.wechat = &c->wechat, .stage = c->stage, .why = c->why});
  else if (show_wait(job, &c->session, true))
    outcome_count(outcome);
  else
    return; /* the same code and state once more will find the session */
  if (c->attempt) attempt_clear_cookie(job->account, c->attempt, &job->response);
}

static void create_wait(struct job *job, struct str code, struct str state_text) {
  static const enum outcome outcomes[] = {
      [ATTEMPT_NO_STATE] = OUTCOME_STATE_MISSING,  [ATTEMPT_BAD_STATE] = OUTCOME_STATE_MISMATCH,
      [ATTEMPT_NO_COOKIE] = OUTCOME_STATE_MISSING, [ATTEMPT_MISMATCH] = OUTCOME_STATE_MISMATCH,
      [ATTEMPT_EXPIRED] = OUTCOME_STATE_EXPIRED,
  };
  struct attempt attempt;
  struct state state;
  struct completion c = {.job = job, .code = code, .channel = "spa"};
  if (!complete_is_code(code)) return end_bad_body(job, "code is missing or malformed");
  enum attempt_match match = attempt_find(job->account, &job->request, state_text, clock_wall_s(), &attempt, &state);
  if (match == ATTEMPT_MATCH)
    c.attempt = &attempt;
  else if (match != ATTEMPT_NO_STATE || !job->account->settings->code_without_state)
    return answer_outcome(job, outcomes[match], &(struct answer_detail){.stage = "state"});
  answer_completed_wait(job, &c, complete_wait(&c));
}

void session_create_wait(struct job *job) {
  struct cJSON *body;
  const char *why;
  struct str code = STR_NONE, state = STR_NONE;
  job->is_api = true;
  if (!check_json_post(job)) return;
  if (json_parse_object(job->request.body, &body, &why) < 0) return end_bad_body(job, why);
  bool is_odd = json_get_string(body, "code", &code) != JSON_GOT || json_get_string(body, "state", &state) == JSON_ODD;
  if (is_odd)
    end_bad_body(job, "code and state must be strings");
  else
    create_wait(job, code, state);
  json_free(body);
}

/* --- the stored token ------------------------------------------------------------------------------------------------------ */

struct held {
  struct job *job;
  struct session session;
  struct store_person person;
  struct refresh refresh;
};

/* Session, stored person and opened token of who asks; otherwise the answer is given. */
static bool hold_wait(struct held *h, struct job *job) {
  *h = (struct held){.job = job};
  job->is_api = true;
  if (!request_is_same_site(job)) return answer_outcome(job, OUTCOME_FOREIGN_ORIGIN, NULL), false;
  if (!read_session(job, &h->session)) return false;
  refresh_begin(&h->refresh, job->account, session_appid(job->account, &h->session), h->session.is_website);
  if (load_wait(job, &h->session, WEIGATE_WANT_TOKEN, &h->person) < 0) return false;
  if (h->person.is_found && refresh_open(&h->refresh, &h->person.person) == 0) return true;
  answer_outcome(job, OUTCOME_NOT_SIGNED_IN, &(struct answer_detail){.stage = "token", .why = "no token is stored that opens"});
  store_person_done(&h->person);
  return false;
}

static void release(struct held *h) {
  store_person_done(&h->person);
  refresh_done(&h->refresh);
}

static enum outcome outcome_of_refresh(const struct wechat_answer *answer) {
  switch (answer->action) {
  case WECHAT_REFRESH:
  case WECHAT_REAUTHORIZE:
  case WECHAT_ESCALATE:
  case WECHAT_RESTART:
  case WECHAT_CODE_USED:
    return OUTCOME_NOT_SIGNED_IN;
  default:
    return complete_outcome_of(answer);
  }
}

static void end_refused(struct held *h) {
  const struct wechat_answer *answer = &h->refresh.answer;
  answer_outcome(h->job, outcome_of_refresh(answer), &(struct answer_detail){.wechat = answer, .stage = h->refresh.stage});
}

/* Stores what came of the refresh, good or not. */
static int store_news_wait(struct held *h) {
  struct record *record = malloc(sizeof(*record));
  struct store_answer answer = {.class = WEIGATE_FAILED};
  if (record && refresh_record(&h->refresh, record) == 0) store_record_wait(h->job->store, &record->signin, &answer);
  free(record);
  return store_is_done(&answer) ? 0 : -1;
}

/* What was refreshed stays good even if what it was for went wrong; the refresh token that is stored still works without. */
static void keep_news_wait(struct held *h) {
  if (refresh_has_news(&h->refresh) && store_news_wait(h) < 0)
    log_warn("account %s: refreshed tokens could not be stored", h->job->account->settings->id);
}

/* True for the one that may refresh now; others are answered from the store. */
static bool is_first_to_refresh_wait(struct held *h) {
  struct refresh_claim claim;
  struct weigate_ticket ticket;
  struct store_answer answer;
  if (refresh_claim(&h->refresh, str_of(h->session.openid), &claim, &ticket) < 0) return true;
  store_claim_wait(h->job->store, &ticket, NULL, &answer);
  return !store_is_done(&answer) || answer.item != WEIGATE_ITEM_TAKEN;
}

static void refresh_and_show_wait(struct held *h) {
  if (!refresh_profile_wait(&h->refresh)) {
    keep_news_wait(h);
    return end_refused(h);
  }
  if (store_news_wait(h) < 0)
    return answer_outcome(h->job, OUTCOME_STORAGE_UNAVAILABLE, &(struct answer_detail){.stage = "record"});
  session_set_nickname(&h->session, h->refresh.profile.nickname);
  h->session.profile_at_s = clock_wall_s();
  show_wait(h->job, &h->session, true);
}

void session_refresh_wait(struct job *job) {
  struct held h;
  if (!hold_wait(&h, job)) return;
  if (is_first_to_refresh_wait(&h))
    refresh_and_show_wait(&h);
  else
    show_wait(job, &h.session, job->renew_session);
  release(&h);
}

static void answer_valid(struct job *job, bool is_valid) {
  buf_add_text(answer_json(job), is_valid ? "{\"valid\":true}\n" : "{\"valid\":false}\n");
}

/* A refresh that WeChat refuses for good means false; a WeChat that is busy or away never does. */
static void verify_by_refresh_wait(struct held *h) {
  bool is_good = refresh_tokens_wait(&h->refresh);
  keep_news_wait(h);
  if (is_good || outcome_of_refresh(&h->refresh.answer) == OUTCOME_NOT_SIGNED_IN)
    answer_valid(h->job, is_good);
  else
    end_refused(h);
}

void session_verify_wait(struct job *job) {
  struct held h;
  if (!hold_wait(&h, job)) return;
  struct wechat_answer *answer = &h.refresh.answer;
  h.refresh.stage = "verify";
  wechat_auth_wait(h.refresh.wechat, &h.refresh.token, answer);
  if (answer->action == WECHAT_OK)
    answer_valid(job, true);
  else if (answer->action == WECHAT_REFRESH)
    verify_by_refresh_wait(&h);
  else if (outcome_of_refresh(answer) == OUTCOME_NOT_SIGNED_IN)
    answer_valid(job, false);
  else
    end_refused(&h);
  release(&h);
}

/* --- authorize ------------------------------------------------------------------------------------------------------------- */

/* Where the app receives its code: judged like a return address, and made absolute. */
static bool add_redirect_uri(struct job *job, struct buf *out) {
  SCOPE_BUF struct buf asked, judged;
  buf_init(&asked, FCGI_REQUEST_MAX_BYTES);
  buf_init(&judged, 2 * URL_NEXT_MAX_BYTES);
  if (query_value(job->request.query, "redirect_uri", &asked) != WEB_VALUE_ONE) return false;
  if (!url_next_judge(&job->account->site, buf_str(&asked), &judged)) return false;
  if (str_starts(buf_str(&judged), STR("/"))) buf_add_text(out, job->account->settings->public_url.text);
  buf_add_str(out, buf_str(&judged));
  return true;
}

void authorize_run(struct job *job) {
  SCOPE_BUF struct buf redirect_uri, link;
  struct attempt attempt;
  char state[STATE_TEXT_BYTES];
  struct login_start start = {.next = str_of(job->account->settings->default_next), .scope = job->account->settings->scope};
  job->is_api = true;
  buf_init(&redirect_uri, REDIRECT_URI_MAX_BYTES);
  buf_init(&link, LOGIN_LINK_MAX_BYTES + 3 * REDIRECT_URI_MAX_BYTES);
  if (job->request.method == WEB_HEAD) return answer_empty(job, 200);
  if (!add_redirect_uri(job, &redirect_uri))
    return answer_outcome(
        job, OUTCOME_BAD_REQUEST,
        &(struct answer_detail){.stage = "authorize", .why = "redirect_uri is missing or not of an allowed origin"});
  login_read_wishes(job, &start);
  start.flags = ATTEMPT_SPA;
  if (login_begin(&start, &attempt) < 0) return answer_outcome(job, OUTCOME_NO_RANDOM, NULL);
  login_add_link(job->account, &attempt, buf_str(&redirect_uri), &link);
  attempt_format_state(job->account, &attempt, state);

  struct buf *body = answer_json(job);
  buf_add_text(body, "{\"authorize_url\":");
  json_add_string(body, buf_str(&link));
  buf_addf(body, ",\"state\":\"%s\",\"expires_in\":%d}\n", state, STATE_LIFETIME_S);
  if (attempt_set_cookie(job->account, &job->request, &attempt, clock_wall_s(), &job->response) < 0)
    return answer_outcome(job, OUTCOME_NO_RANDOM, NULL);
  outcome_count(OUTCOME_REDIRECTED);
}
