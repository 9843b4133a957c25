/* SPDX-License-Identifier: Apache-2.0
 * auth: opens the session cookie and says who it is. Runs on the reactor's thread: no store, no upstream, no allocation. */
#include "signin/auth.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "signin/session.h"

static const char *const result_words[] = {"good", "none", "ambiguous", "forged", "expired", "revoked", "guest_refused"};
#define RESULT_GUEST_REFUSED (SESSION_REVOKED + 1)

static struct metric auth_metric = {
    .name = "auth_total",
    .help = "Auth checks by result.",
    .type = METRIC_COUNTER,
    .label = "result",
    .values = result_words,
    .count = sizeof(result_words) / sizeof(result_words[0]),
};

void auth_register(void) {
  metrics_register(&auth_metric, 1);
}

/* The nginx location sets the parameter WEIGATE_REQUIRE where a guest is not enough. */
static bool asks_for_person(const struct job *job) {
  return str_eq(job->request.require, STR("person"));
}

/* The nickname may hold any letter: percent-encoded it is safe in a header. */
static void add_nickname(struct job *job, const struct session *session) {
  char room[SESSION_NICKNAME_BYTES * 3 + 1];
  static const char hex[] = "0123456789ABCDEF";
  size_t n = 0;
  for (const unsigned char *at = (const unsigned char *)session->nickname; *at; at++) {
    bool is_plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9') || *at == '-' ||
                    *at == '.' || *at == '_' || *at == '~';
    if (is_plain) {
      room[n++] = (char)*at;
    } else {
      room[n++] = '%';
      room[n++] = hex[*at >> 4];
      room[n++] = hex[*at & 15];
    }
  }
  response_header(&job->response, "X-Weigate-Nickname", str_make(room, n));
}

static void answer_good(struct job *job) {
  struct session *session = &job->session;
  response_status(&job->response, 204);
  response_header(&job->response, "Cache-Control", STR("no-store"));
  if (job->renew_session) session_set_cookie(job->account, session, clock_wall_s(), &job->response);
  response_header(&job->response, "X-Weigate-Appid", str_of(session_appid(job->account, session)));
  response_header(&job->response, "X-Weigate-Openid", str_of(session->openid));
  if (session->unionid[0]) response_header(&job->response, "X-Weigate-Unionid", str_of(session->unionid));
  if (session->nickname[0]) add_nickname(job, session);
  response_header(&job->response, "X-Weigate-Scope", str_of(session_scope(session)));
  if (session->is_guest) response_header(&job->response, "X-Weigate-Snapshot", STR("1"));
  response_headerf(&job->response, "X-Weigate-Expires", "%lld", (long long)session_expires_at_s(job->account->session, session));
}

static void answer_status(struct job *job, int status) {
  response_status(&job->response, status);
  response_header(&job->response, "Cache-Control", STR("no-store"));
}

void auth_run(struct job *job) {
  enum session_state state = job->session_state;
  size_t result = state == SESSION_GOOD && job->session.is_guest && asks_for_person(job) ? RESULT_GUEST_REFUSED : (size_t)state;
  metric_add(&auth_metric, result, 1);
  if (result == RESULT_GUEST_REFUSED) return answer_status(job, 403);
  if (state != SESSION_GOOD) return answer_status(job, 401);
  answer_good(job);
}
