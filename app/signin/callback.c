/* SPDX-License-Identifier: Apache-2.0
 * callback: GET /callback. Matches state and login cookie, completes the sign-in, and leads on to where the visitor wanted to go.
 */
#include "signin/callback.h"

#include "base/clock.h"
#include "base/scope.h"
#include "signin/claim.h"
#include "signin/handover.h"
#include "signin/login.h"

/* Silent restarts in a row; then a page explains, or the visitor would go in circles. */
#define RESTARTS_MAX 1

/* --- ends ----------------------------------------------------------------------------------------------------------------------
 */

/* The session cookie, and on to the page that was wanted: the address bar keeps neither code nor state. */
static void end_signed_in(struct job *job, const struct attempt *attempt, struct completion *c, enum outcome outcome) {
  SCOPE_BUF struct buf next;
  buf_init(&next, 2 * URL_NEXT_MAX_BYTES);
  answer_add_next(job->account, str_of(attempt->next), &next);
  if (attempt->flags & ATTEMPT_HANDOVER)
    handover_ask(job, attempt);
  else if (attempt->flags & ATTEMPT_POPUP)
    answer_popup(job, outcome, buf_str(&next));
  else
    answer_redirect(job, 303, buf_str(&next));
  attempt_clear_cookie(job->account, attempt, &job->response);
  if (session_set_cookie(job->account, &c->session, clock_wall_s(), &job->response) < 0)
    return answer_outcome(job, OUTCOME_NO_RANDOM, NULL);
  outcome_count(outcome);
  log_info("account %s: %s%s%s", job->account->settings->id, outcome_row(outcome)->word, c->why ? ": " : "",
           c->why ? c->why : "");
}

static bool is_session_alive(const struct session_settings *settings, const struct session *session) {
  return clock_wall_s() < session_expires_at_s(settings, session);
}

static void end_completed(struct job *job, const struct attempt *attempt, struct completion *c, enum outcome outcome) {
  struct answer_detail detail = {.wechat = &c->wechat, .stage = c->stage, .why = c->why, .attempt = attempt};
  /* A virtual visitor has nobody to hand over to the computer. */
  if (outcome == OUTCOME_SIGNED_IN_GUEST && (attempt->flags & ATTEMPT_HANDOVER)) outcome = OUTCOME_SNAPSHOT_USER;
  switch (outcome) {
  case OUTCOME_SIGNED_IN:
  case OUTCOME_SIGNED_IN_GUEST:
    if (is_session_alive(job->account->session, &c->session)) return end_signed_in(job, attempt, c, outcome);
    return login_restart(job, attempt, OUTCOME_RESTARTED);
  case OUTCOME_ESCALATED: {
    struct attempt escalated = *attempt;
    escalated.flags |= ATTEMPT_ESCALATED;
    return login_restart(job, &escalated, OUTCOME_ESCALATED);
  }
  case OUTCOME_CODE_REJECTED:
    if (attempt->restarts < RESTARTS_MAX) return login_restart(job, attempt, OUTCOME_RESTARTED);
    break;
  default:
    break;
  }
  answer_outcome(job, outcome, &detail);
  attempt_clear_cookie(job->account, attempt, &job->response);
}

/* --- without an attempt ---------------------------------------------------------------------------------------------------- */

/* A browser that is signed in already (reload, back button) goes on to where the sign-in led. */
static bool end_with_session_wait(struct job *job, const struct state *state) {
  struct claim claim;
  struct claim_end end;
  if (job->session_state != SESSION_GOOD) return false;
  claim_of_state(&claim, job->account, state->made_at_s, state->nonce);
  if (claim_look_wait(&claim, job->store, &end) != CLAIM_SETTLED) return false;
  if (!str_eq_secret(str_make((const char *)job->session.id, SESSION_ID_BYTES),
                     str_make((const char *)end.session.id, SESSION_ID_BYTES)))
    return false;
  SCOPE_BUF struct buf next;
  buf_init(&next, 2 * URL_NEXT_MAX_BYTES);
  answer_add_next(job->account, str_of(end.next), &next);
  answer_redirect(job, 303, buf_str(&next));
  return true;
}

/* WeChat's browser does lose cookies: there the sign-in starts again once, silently; the state alone never signs anybody in. */
static void end_without_cookie_wait(struct job *job, const struct state *state) {
  if (end_with_session_wait(job, state)) return;
  if (state->restarts >= RESTARTS_MAX || job->is_api || !request_is_wechat(&job->request))
    return answer_outcome(job, OUTCOME_STATE_MISSING, &(struct answer_detail){.stage = "state"});
  log_info("account %s: a sign-in came back without its cookie and is started again", job->account->settings->id);
  login_redirect(job,
                 &(struct login_start){
                     .next = str_of(job->account->settings->default_next),
                     .scope = job->account->settings->scope,
                     .restarts = (uint8_t)(state->restarts + 1),
                 },
                 OUTCOME_RESTARTED);
}

static void end_unmatched_wait(struct job *job, enum attempt_match match, const struct state *state) {
  static const enum outcome outcomes[] = {
      [ATTEMPT_NO_STATE] = OUTCOME_STATE_MISSING,
      [ATTEMPT_BAD_STATE] = OUTCOME_STATE_MISMATCH,
      [ATTEMPT_MISMATCH] = OUTCOME_STATE_MISMATCH,
      [ATTEMPT_EXPIRED] = OUTCOME_STATE_EXPIRED,
  };
  if (match == ATTEMPT_NO_COOKIE) return end_without_cookie_wait(job, state);
  if (match == ATTEMPT_EXPIRED && end_with_session_wait(job, state)) return;
  answer_outcome(job, outcomes[match], &(struct answer_detail){.stage = "state"});
}

/* --- the callback ---------------------------------------------------------------------------------------------------------- */

static void end_bad_request(struct job *job, const char *why) {
  answer_outcome(job, OUTCOME_BAD_REQUEST, &(struct answer_detail){.stage = "callback", .why = why});
}

/* No code, or the word that WeChat's clients send for "declined". */
static bool is_declined(enum web_value found, struct str code) {
  return found == WEB_VALUE_NONE || str_eq(code, STR("authdeny"));
}

static const char *channel_of(const struct attempt *attempt) {
  if (attempt->flags & ATTEMPT_HANDOVER) return "qr";
  if (attempt->flags & ATTEMPT_WEBSITE) return "qrconnect";
  return attempt->flags & ATTEMPT_SPA ? "spa" : "wechat";
}

void callback_run_wait(struct job *job) {
  SCOPE_BUF struct buf code, state_text;
  struct attempt attempt;
  struct state state;
  buf_init(&code, FCGI_REQUEST_MAX_BYTES);
  buf_init(&state_text, FCGI_REQUEST_MAX_BYTES);
  if (job->request.method == WEB_HEAD) return answer_empty(job, 200); /* it consumes nothing */
  enum web_value code_found = query_value(job->request.query, "code", &code);
  enum web_value state_found = query_value(job->request.query, "state", &state_text);
  if (code_found >= WEB_VALUE_MANY || state_found >= WEB_VALUE_MANY)
    return end_bad_request(job, "code or state is there twice or malformed");

  enum attempt_match match = attempt_find(job->account, &job->request, buf_str(&state_text), clock_wall_s(), &attempt, &state);
  if (match != ATTEMPT_MATCH) return end_unmatched_wait(job, match, &state);
  if (is_declined(code_found, buf_str(&code)))
    return answer_outcome(job, OUTCOME_DENIED, &(struct answer_detail){.stage = "consent", .attempt = &attempt});
  if (!complete_is_code(buf_str(&code))) return end_bad_request(job, "code is malformed");

  struct completion c = {.job = job, .code = buf_str(&code), .attempt = &attempt, .channel = channel_of(&attempt)};
  enum outcome outcome = complete_wait(&c);
  end_completed(job, &attempt, &c, outcome);
}
