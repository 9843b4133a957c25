/* SPDX-License-Identifier: Apache-2.0
 * login: GET /login. Runs on the reactor's thread: it only computes. */
#include "signin/login.h"

#include <string.h>

#include "base/clock.h"
#include "base/scope.h"
#include "signin/handover.h"
#include "wechat/authorize_url.h"

static const char *const lang_words[] = {"", "zh_CN", "zh_TW", "en"};

/* --- what was asked for ---------------------------------------------------------------------------------------------------- */

/* Our own parameters stand before `next`: whatever follows it may be an unencoded part of the address that it holds. */
static struct str own_part(struct str query) {
  struct str rest = query, part;
  while (str_split(&rest, '&', &part))
    if (str_starts(part, STR("next=")) || str_eq(part, STR("next"))) return str_make(query.p, (size_t)(part.p - query.p));
  return query;
}

/* True where nginx came here by error_page: the original address is then another one. */
static bool is_error_page(const struct request *request) {
  struct str path = request->original_uri, rest = request->original_uri;
  return str_split(&rest, '?', &path) && path.n && !str_eq(path, request->path);
}

/* Appends the judged return address; false for a `next` that is there twice or broken. */
static bool add_next(struct job *job, struct buf *out) {
  SCOPE_BUF struct buf asked;
  buf_init(&asked, FCGI_REQUEST_MAX_BYTES);
  if (is_error_page(&job->request)) {
    answer_add_next(job->account, job->request.original_uri, out);
    return true;
  }
  switch (query_value(job->request.query, "next", &asked)) {
  case WEB_VALUE_MANY:
    return false;
  case WEB_VALUE_ONE:
    answer_add_next(job->account, buf_str(&asked), out);
    return true;
  default:
    answer_add_next(job->account, STR_NONE, out);
    return true;
  }
}

static bool read_word(struct str query, const char *name, struct buf *word) {
  buf_clear(word);
  return query_value(query, name, word) == WEB_VALUE_ONE;
}

/* Scope, lang and popup from the query; words that are not known leave the account's setting. */
static void read_wishes(const struct job *job, struct login_start *start) {
  SCOPE_BUF struct buf word;
  struct str query = own_part(job->request.query);
  buf_init(&word, 128);
  if (read_word(query, "scope", &word)) {
    if (str_eq(buf_str(&word), STR("snsapi_base"))) start->scope = SIGNIN_SCOPE_BASE;
    if (str_eq(buf_str(&word), STR("snsapi_userinfo"))) start->scope = SIGNIN_SCOPE_USERINFO;
    if (str_eq(buf_str(&word), STR("auto"))) start->scope = SIGNIN_SCOPE_AUTO;
  }
  if (read_word(query, "lang", &word))
    for (uint8_t i = ATTEMPT_LANG_ZH_CN; i <= ATTEMPT_LANG_EN; i++)
      if (str_eq(buf_str(&word), str_of(lang_words[i]))) start->lang = i;
  if (read_word(query, "popup", &word) && str_eq(buf_str(&word), STR("1"))) start->flags |= ATTEMPT_POPUP;
}

/* --- the ways to answer ------------------------------------------------------------------------------------------------------
 */

/* A prefetch must not spend an attempt; an error status keeps the browser from showing what it prefetched. */
static void answer_prefetch(struct job *job) {
  response_status(&job->response, 503);
  response_private(&job->response);
}

/* HEAD consumes nothing and sets nothing. */
static void answer_head(struct job *job) {
  response_status(&job->response, 200);
  response_private(&job->response);
}

static void answer_outside_wechat(struct job *job, struct login_start *start) {
  switch (job->account->settings->outside_wechat) {
  case SIGNIN_OUTSIDE_QR:
    handover_show_qr(job, start);
    return;
  case SIGNIN_OUTSIDE_QRCONNECT:
    start->flags |= ATTEMPT_WEBSITE;
    break;
  case SIGNIN_OUTSIDE_AUTHORIZE:
    break;
  }
  login_redirect(job, start, OUTCOME_REDIRECTED);
}

void login_run(struct job *job) {
  if (request_is_prefetch(&job->request)) return answer_prefetch(job);
  if (job->is_api) return answer_outcome(job, OUTCOME_NOT_SIGNED_IN, NULL);
  if (job->request.method == WEB_HEAD) return answer_head(job);

  SCOPE_BUF struct buf next;
  buf_init(&next, 2 * URL_NEXT_MAX_BYTES);
  if (!add_next(job, &next))
    return answer_outcome(job, OUTCOME_BAD_REQUEST, &(struct answer_detail){.why = "next is there twice"});

  struct login_start start = {.next = buf_str(&next), .scope = job->account->settings->scope};
  read_wishes(job, &start);
  if (handover_is_asked(job)) return handover_begin(job, &start);
  if (!request_is_wechat(&job->request)) return answer_outside_wechat(job, &start);
  login_redirect(job, &start, OUTCOME_REDIRECTED);
}

/* --- starting --------------------------------------------------------------------------------------------------------------- */

int login_begin(const struct login_start *start, struct attempt *ret_attempt) {
  if (attempt_begin(ret_attempt, clock_wall_s()) < 0) return -1;
  ret_attempt->flags = start->flags;
  ret_attempt->restarts = start->restarts;
  ret_attempt->lang = start->lang;
  if (start->scope == SIGNIN_SCOPE_USERINFO) ret_attempt->flags |= ATTEMPT_USERINFO;
  if (start->scope == SIGNIN_SCOPE_AUTO) ret_attempt->flags |= ATTEMPT_AUTO;
  return str_copy(start->next, ret_attempt->next, sizeof(ret_attempt->next));
}

void login_add_link(const struct account *account, const struct attempt *attempt, struct str redirect_uri, struct buf *out) {
  char state[STATE_TEXT_BYTES];
  bool is_website = attempt->flags & ATTEMPT_WEBSITE;
  attempt_format_state(account, attempt, state);
  const char *scope = is_website ? "snsapi_login" : attempt->flags & ATTEMPT_USERINFO ? "snsapi_userinfo" : "snsapi_base";
  authorize_url_add(out, &(struct authorize_link){
                             .base = str_of(is_website ? account->settings->qrconnect_url : account->settings->authorize_url),
                             .appid = str_of(account_appid(account, is_website)),
                             .redirect_uri = redirect_uri,
                             .scope = str_of(scope),
                             .state = str_of(state),
                             .lang = is_website ? (attempt->lang == ATTEMPT_LANG_EN ? STR("en") : STR("cn")) : STR_NONE,
                         });
}

void login_redirect(struct job *job, const struct login_start *start, enum outcome outcome) {
  struct attempt attempt;
  SCOPE_BUF struct buf link;
  buf_init(&link, LOGIN_LINK_MAX_BYTES);
  if (login_begin(start, &attempt) < 0) return answer_outcome(job, OUTCOME_NO_RANDOM, NULL);
  login_add_link(job->account, &attempt, str_of(job->account->callback_uri), &link);

  answer_redirect(job, 302, buf_str(&link));
  if (attempt_set_cookie(job->account, &job->request, &attempt, clock_wall_s(), &job->response) < 0)
    return answer_outcome(job, OUTCOME_NO_RANDOM, NULL);
  outcome_count(outcome);
}

void login_restart(struct job *job, const struct attempt *attempt, enum outcome outcome) {
  struct login_start start = {
      .next = str_of(attempt->next),
      .flags = attempt->flags & (uint8_t) ~(ATTEMPT_USERINFO | ATTEMPT_AUTO),
      .restarts = (uint8_t)(attempt->restarts + (outcome == OUTCOME_RESTARTED)),
      .lang = attempt->lang,
      .scope = SIGNIN_SCOPE_BASE,
  };
  if (attempt->flags & ATTEMPT_AUTO) start.scope = SIGNIN_SCOPE_AUTO;
  if (attempt->flags & (ATTEMPT_USERINFO | ATTEMPT_ESCALATED)) start.scope = SIGNIN_SCOPE_USERINFO;
  login_redirect(job, &start, outcome);
}
