/* SPDX-License-Identifier: Apache-2.0
 * status: health, readiness, metrics and info. Runs on the reactor's thread. */
#include "config.h"

#include "signin/status.h"

#include "base/json.h"
#include "base/metrics.h"
#include "signin/signin.h"

static bool is_open(struct job *job) {
  if (str_eq(job->request.status_gate, STR("on"))) return true;
  answer_outcome(job, OUTCOME_NOT_FOUND, NULL);
  return false;
}

static struct buf *begin(struct job *job, int status, const char *type) {
  response_status(&job->response, status);
  response_private(&job->response);
  response_type(&job->response, type);
  return &job->response.body;
}

void status_live_run(struct job *job) {
  if (is_open(job)) buf_add_text(begin(job, 200, "text/plain; charset=utf-8"), "alive\n");
}

void status_ready_run(struct job *job) {
  const char *why = "";
  if (!is_open(job)) return;
  bool is_ready = signin_is_ready(job->signin, &why);
  struct buf *body = begin(job, is_ready ? 200 : 503, "text/plain; charset=utf-8");
  if (is_ready && *why)
    buf_addf(body, "ready, degraded: %s\n", why);
  else if (is_ready)
    buf_add_text(body, "ready\n");
  else
    buf_addf(body, "not ready: %s\n", why);
}

void status_metrics_run(struct job *job) {
  if (is_open(job)) metrics_print(begin(job, 200, "text/plain; version=0.0.4; charset=utf-8"));
}

void status_info_run(struct job *job) {
  if (!is_open(job)) return;
  struct buf *body = begin(job, 200, "application/json");
  buf_add_text(body, "{\"version\":\"" PACKAGE_VERSION "\",\"node\":");
  json_add_string(body, str_of(signin_node(job->signin)));
  buf_add_char(body, ',');
  signin_status_add(job->signin, body);
  buf_add_text(body, "}\n");
}
