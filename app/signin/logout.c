/* SPDX-License-Identifier: Apache-2.0
 * logout: clears the cookie, and revokes the session so that a saved copy of it is void on every worker and host. */
#include "signin/logout.h"

#include "base/clock.h"
#include "base/scope.h"
#include "signin/session_api.h"

/* -1 when the store did not take it: the cookie is cleared all the same, but the visitor is told. */
static int revoke_wait(struct job *job) {
  const struct session_settings *settings = job->account->session;
  struct revocation revocation;
  struct weigate_ticket ticket;
  struct store_answer answer;
  char key[REVOKE_KEY_BYTES];
  uint8_t value[8];
  int64_t expires_s = job->session.signed_in_at_s + (int64_t)(settings->lifetime_ms / 1000) + 1;
  revoke_of_session(account_context(job->account), &job->session, expires_s, &revocation);
  revoke_to_ticket(&revocation, key, value, &ticket);
  signin_revoke_now(job->signin, &revocation);
  store_ticket_put_wait(job->store, &ticket, &answer);
  return store_is_done(&answer) ? 0 : -1;
}

/* `next` from the form or the query. */
static void add_next(struct job *job, struct buf *out) {
  SCOPE_BUF struct buf asked;
  buf_init(&asked, FCGI_REQUEST_MAX_BYTES);
  enum web_value found = query_value(job->request.body, "next", &asked);
  if (found == WEB_VALUE_NONE) found = query_value(job->request.query, "next", &asked);
  answer_add_next(job->account, found == WEB_VALUE_ONE ? buf_str(&asked) : STR_NONE, out);
}

static void answer_signed_out(struct job *job) {
  SCOPE_BUF struct buf next;
  buf_init(&next, 2 * URL_NEXT_MAX_BYTES);
  if (job->is_api || job->request.method == WEB_DELETE) {
    answer_empty(job, 204);
  } else {
    add_next(job, &next);
    answer_redirect(job, 303, buf_str(&next));
  }
  outcome_count(OUTCOME_SIGNED_OUT);
}

void logout_run_wait(struct job *job) {
  if (job->request.method == WEB_DELETE) job->is_api = true;
  if (!request_is_same_site(job)) return answer_outcome(job, OUTCOME_FOREIGN_ORIGIN, NULL);
  if (job->session_state == SESSION_GOOD && revoke_wait(job) < 0)
    answer_outcome(job, OUTCOME_SIGN_OUT_UNFINISHED, &(struct answer_detail){.stage = "logout"});
  else
    answer_signed_out(job);
  session_clear_cookie(job->account, &job->response);
}
