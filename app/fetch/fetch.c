/* SPDX-License-Identifier: Apache-2.0
 * fetch: an HTTP client for coroutines over libcurl; made before threads start, then the loop's thread. */
#include "fetch/fetch.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/coro.h"
#include "base/metrics.h"
#include "fetch/call.h"
#include "fetch/lane.h"
#include "fetch/sockets.h"
#include "fetch/tls.h"
#include "fetch/transfer.h"

/* Over HTTP/1.1 a connection serves 1 / latency calls a second: at 200 ms 1,024 of them carry 5,000 calls/s, more than one worker
 * completes. A kept TLS connection costs about 80 KB. */
#define CONNECTIONS_MAX 1024

/* Settings that curl or OpenSSL would take from the environment. */
static const char *const ignored_variables[] = {
    "http_proxy", "HTTP_PROXY",       "https_proxy",   "HTTPS_PROXY",     "all_proxy",       "ALL_PROXY",
    "no_proxy",   "NO_PROXY",         "SSLKEYLOGFILE", "CURL_CA_BUNDLE",  "SSL_CERT_FILE",   "SSL_CERT_DIR",
    "NETRC",      "CURL_SSL_BACKEND", "OPENSSL_CONF",  "OPENSSL_ENGINES", "OPENSSL_MODULES",
};

static struct metric fetch_metrics[];
enum { METRIC_RESULTS, METRIC_IN_FLIGHT, METRIC_COUNT };

static void clear_environment(void) {
  for (size_t i = 0; i < sizeof ignored_variables / sizeof *ignored_variables; i++) unsetenv(ignored_variables[i]);
}

/* The bundle is named even when it is curl's own, so that the folder can be left out; see transfer.c. */
static const char *choose_ca_file(const struct fetch_settings *settings) {
  return settings->ca_file ? settings->ca_file : curl_version_info(CURLVERSION_NOW)->cainfo;
}

static int fill(struct fetch *fetch) {
  const char *ca_file = choose_ca_file(&fetch->settings);
  fetch->connections_max = fetch->settings.signins_max < CONNECTIONS_MAX ? fetch->settings.signins_max : CONNECTIONS_MAX;
  fetch->idle = calloc(fetch->settings.signins_max, sizeof *fetch->idle);
  fetch->headers = curl_slist_append(NULL, "Accept-Encoding: identity");
  if (ca_file) fetch->ca_file = str_dup(str_of(ca_file));
  return fetch->idle && fetch->headers && (fetch->ca_file || !ca_file) ? 0 : -1;
}

int fetch_new(struct loop *loop, const struct fetch_settings *settings, struct fetch **ret_fetch, struct err *err) {
  clear_environment();
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return err_set(err, "libcurl cannot be initialised");
  struct fetch *fetch = calloc(1, sizeof *fetch);
  if (fetch) {
    fetch->loop = loop;
    fetch->settings = *settings;
    sockets_init(&fetch->sockets, loop, lane_run);
  }
  int failed = !fetch || fill(fetch) != 0 ? err_set(err, "upstream client: out of memory") : tls_check(settings->ca_file, err);
  if (failed) {
    fetch_free(fetch);
    if (!fetch) curl_global_cleanup();
    return -1;
  }
  *ret_fetch = fetch;
  return 0;
}

void fetch_free(struct fetch *fetch) {
  if (!fetch) return;
  while (fetch->lanes) {
    struct lane *lane = fetch->lanes;
    fetch->lanes = lane->next;
    lane_free(lane);
  }
  while (fetch->idle_count > 0) curl_easy_cleanup(fetch->idle[--fetch->idle_count]);
  sockets_done(&fetch->sockets);
  curl_slist_free_all(fetch->headers);
  free(fetch->idle);
  free(fetch->ca_file);
  free(fetch);
  curl_global_cleanup();
}

static void give_up(struct loop_timer *timer) {
  struct fetch_call *call = timer->arg;
  struct fetch *fetch = call->fetch;
  char problem[sizeof call->reply->problem];
  const char *stage = call->state == CALL_WAITING ? "no turn" : call->sent_count == 0 ? "no connection" : "no whole answer";
  snprintf(problem, sizeof problem, "%s within %u ms", stage, (unsigned)call->timeout_ms);
  lane_drop(call, call->sent_count == 0 ? FETCH_NOT_SENT : FETCH_TIMEOUT, problem);
  calls_resume(fetch);
}

/* Everything that must be there before the call can go; the reason why not is left in the reply. */
static int prepare(struct fetch_call *call, struct str url) {
  const char *problem = NULL;
  if (call->fetch->calls_count >= call->fetch->settings.signins_max)
    problem = "too many calls in flight";
  else if (!(call->lane = lane_find(call->fetch, url)))
    problem = "not an address to call, or out of memory";
  else if (!(call->url = str_dup(url)) ||
           loop_timer_set(call->fetch->loop, &call->deadline, clock_mono_ms() + call->timeout_ms) != 0)
    problem = "out of memory";
  if (!problem) return 0;
  call_explain(call, problem);
  return -1;
}

void fetch_wait(struct fetch *fetch, struct str url, bool allow_private, uint64_t timeout_ms, struct fetch_reply *ret_reply) {
  struct fetch_call call = {
      .fetch = fetch, .coro = coro_self(), .allow_private = allow_private, .timeout_ms = timeout_ms, .reply = ret_reply};
  call.deadline = (struct loop_timer){.fired = give_up, .arg = &call};
  *ret_reply = (struct fetch_reply){.result = FETCH_OVERLOADED};
  buf_init(&ret_reply->body, FETCH_BODY_MAX_BYTES);
  if (prepare(&call, url) == 0) {
    fetch->calls_count++;
    metric_add(&fetch_metrics[METRIC_IN_FLIGHT], 0, 1);
    lane_enter(&call);
    if (call.state == CALL_ENDED)
      call_list_remove(&fetch->ended, &call); /* it failed at once; nobody has to resume it */
    else
      coro_suspend_wait();
    metric_add(&fetch_metrics[METRIC_IN_FLIGHT], 0, -1);
    fetch->calls_count--;
  }
  if (call.url) explicit_bzero(call.url, url.n);
  free(call.url);
  metric_add(&fetch_metrics[METRIC_RESULTS], ret_reply->result, 1);
}

void fetch_reply_done(struct fetch_reply *reply) {
  if (reply->body.data) explicit_bzero(reply->body.data, reply->body.len);
  buf_done(&reply->body);
}

void fetch_metrics_register(void) {
  metrics_register(fetch_metrics, METRIC_COUNT);
}

static const char *const result_names[] = {
    [FETCH_ANSWERED] = "answered", [FETCH_NOT_SENT] = "not_sent",   [FETCH_TIMEOUT] = "timeout",
    [FETCH_CUT] = "cut",           [FETCH_TOO_LARGE] = "too_large", [FETCH_OVERLOADED] = "overloaded",
};

static struct metric fetch_metrics[] = {
    [METRIC_RESULTS] = {.name = "fetch_results_total",
                        .help = "HTTP calls to WeChat by what became of them.",
                        .type = METRIC_COUNTER,
                        .label = "result",
                        .values = result_names,
                        .count = sizeof result_names / sizeof *result_names},
    [METRIC_IN_FLIGHT] = {.name = "fetch_in_flight",
                          .help = "HTTP calls to WeChat on their way now.",
                          .type = METRIC_GAUGE,
                          .count = 1},
};
