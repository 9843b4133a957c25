/* SPDX-License-Identifier: Apache-2.0
 * signin: routes each request, answers on the reactor's thread what needs no waiting, and runs the rest as coroutines on the
 * sign-in thread. */
#include "signin/signin.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/coro.h"
#include "base/json.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/scope.h"
#include "signin/auth.h"
#include "signin/callback.h"
#include "signin/handover.h"
#include "signin/job.h"
#include "signin/login.h"
#include "signin/logout.h"
#include "signin/revoke_poll.h"
#include "signin/session_api.h"
#include "signin/status.h"
#include "web/route.h"

/* Jobs kept for reuse; a burst's others are freed. A job with its buffers is about 8 KB. */
#define JOBS_KEPT_MAX 64
/* Bursts of handshakes and JSON never delay /auth: the sign-in thread yields to the reactor. */
#define SIGNIN_NICE 10
/* A new worker waits this long for the revocations that are stored, then serves without: an absent store must not shut the gate.
 */
#define FIRST_REVOCATIONS_MS 2000

struct signin {
  const struct signin_settings *settings;
  struct account *accounts;
  size_t accounts_count;

  /* reactor's thread */
  struct loop *reactor_loop;
  struct revoke_table *revoked;
  struct job *current; /* the job that the next request is read into */

  /* sign-in thread */
  struct loop *loop;
  struct coro_pool *coros;
  pthread_t thread;
  bool has_thread;
  struct store *store;
  struct revoke_poll *poll;
  struct loop_task start_poll;

  /* both */
  atomic_size_t in_flight;
  atomic_bool is_draining;
  pthread_mutex_t jobs_lock; /* jobs, jobs_count; taken only for requests that wait */
  struct job *jobs;
  size_t jobs_count;
};

static const struct route routes[];
static const size_t routes_count;

static struct metric signin_metrics[] = {
    {.name = "signins_in_flight", .help = "Requests that wait for WeChat or the store.", .type = METRIC_GAUGE, .count = 1},
};

/* --- jobs ---------------------------------------------------------------------------------------------------------------------
 */

static struct job *new_job(struct signin *signin) {
  struct job *job = calloc(1, sizeof(*job));
  if (!job) return NULL;
  job->signin = signin;
  job->store = signin->store;
  response_init(&job->response);
  return job;
}

static void free_job(struct job *job) {
  if (!job) return;
  response_done(&job->response);
  free(job);
}

static struct job *take_job(struct signin *signin) {
  pthread_mutex_lock(&signin->jobs_lock);
  struct job *job = signin->jobs;
  if (job) {
    signin->jobs = job->next;
    signin->jobs_count--;
  }
  pthread_mutex_unlock(&signin->jobs_lock);
  return job ? job : new_job(signin);
}

static void put_job(struct signin *signin, struct job *job) {
  pthread_mutex_lock(&signin->jobs_lock);
  bool is_kept = signin->jobs_count < JOBS_KEPT_MAX;
  if (is_kept) {
    job->next = signin->jobs;
    signin->jobs = job;
    signin->jobs_count++;
  }
  pthread_mutex_unlock(&signin->jobs_lock);
  if (!is_kept) free_job(job);
}

/* --- the sign-in thread ---------------------------------------------------------------------------------------------------- */

static void count_in_flight(struct signin *signin, int change) {
  if (change > 0)
    atomic_fetch_add(&signin->in_flight, 1);
  else
    atomic_fetch_sub(&signin->in_flight, 1);
  metric_add(&signin_metrics[0], 0, change);
}

static void finish_job(struct job *job) {
  struct signin *signin = job->signin;
  response_send(&job->response, job->request.exchange, job->request.method == WEB_HEAD);
  put_job(signin, job);
  count_in_flight(signin, -1);
}

/* A coroutine's whole life. Whoever has left already is not signed in: the code stays good for a retry. */
static void run_job(void *arg) {
  struct job *job = arg;
  if (fcgi_is_gone(job->request.exchange))
    response_status(&job->response, 503);
  else
    job->route->run(job);
  finish_job(job);
}

static void start_job(struct loop_task *task) {
  struct job *job = container_of(task, struct job, task);
  if (coro_start(job->signin->coros, run_job, job) == 0) return;
  answer_outcome(job, OUTCOME_OVERLOADED, &(struct answer_detail){.why = "no coroutine left"});
  finish_job(job);
}

static void start_poll(struct loop_task *task) {
  struct signin *signin = container_of(task, struct signin, start_poll);
  if (revoke_poll_start(signin->poll, signin->coros) < 0) log_error("revocations cannot be read: no coroutine left");
}

static void *signin_thread(void *arg) {
  struct signin *signin = arg;
  setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), SIGNIN_NICE);
  loop_run(signin->loop);
  return NULL;
}

/* --- requests, on the reactor's thread ------------------------------------------------------------------------------------- */

/* The account with the longest prefix in front of the path, and the rest of the path. */
static struct account *find_account(struct signin *signin, struct str path, struct str *ret_rest) {
  struct account *found = NULL;
  size_t found_n = 0;
  for (size_t i = 0; i < signin->accounts_count; i++) {
    struct str prefix = str_of(signin->accounts[i].settings->prefix);
    bool is_below = str_starts(path, prefix) && path.n > prefix.n && path.p[prefix.n] == '/';
    if (!is_below || (found && prefix.n < found_n)) continue;
    found = &signin->accounts[i];
    found_n = prefix.n;
  }
  if (found) *ret_rest = str_from(path, found_n);
  return found;
}

static void end_wrong_method(struct job *job, unsigned methods) {
  char allow[64];
  route_format_methods(methods, allow);
  answer_outcome(job, OUTCOME_METHOD_NOT_ALLOWED, NULL);
  response_header(&job->response, "Allow", str_of(allow));
}

/* nginx turns every answer to auth_request but 2xx, 401 and 403 into a 500: whatever arrives there that is no proper question is
 * answered as nobody's. */
static bool end_at_gate(struct job *job) {
  struct str rest;
  struct account *account = find_account(job->signin, job->request.path, &rest);
  if (!account || !(str_eq(rest, STR("/auth")) || str_starts(rest, STR("/auth/")))) return false;
  job->account = account;
  job->session_state = SESSION_FORGED;
  auth_run(job);
  return true;
}

/* A request that says nothing sensible. */
static void end_unreadable(struct job *job, int status, const char *why) {
  if (end_at_gate(job)) return;
  answer_outcome(job, status == 413 ? OUTCOME_PAYLOAD_TOO_LARGE : OUTCOME_BAD_REQUEST,
                 &(struct answer_detail){.stage = "request", .why = why});
}

/* Reads the request and finds its row. False where the answer is there already. */
static bool route_job(struct job *job, struct fcgi_exchange *exchange) {
  const char *why = NULL;
  const struct route *route = NULL;
  struct str rest;
  unsigned methods = 0;
  job->account = &job->signin->accounts[0];
  int status = request_read(exchange, &job->request, &why);
  job->is_api = request_is_api(&job->request);
  job->is_chinese = request_wants_chinese(&job->request);
  if (status) return end_unreadable(job, status, why), false;
  struct account *account = find_account(job->signin, job->request.path, &rest);
  if (!account) return answer_outcome(job, OUTCOME_NOT_FOUND, NULL), false;
  job->account = account;
  switch (route_find(routes, routes_count, job->request.method, rest, &route, &methods)) {
  case ROUTE_NOT_FOUND:
    if (!end_at_gate(job)) answer_outcome(job, OUTCOME_NOT_FOUND, NULL);
    return false;
  case ROUTE_WRONG_METHOD:
    return end_wrong_method(job, methods), false;
  case ROUTE_FOUND:
    break;
  }
  job->route = route->target;
  return true;
}

static void read_job_session(struct job *job) {
  job->session_state = SESSION_NONE;
  if (job->route->reads_session)
    job->session_state =
        session_read(job->account, &job->request, job->signin->revoked, clock_wall_s(), &job->session, &job->renew_session);
}

/* Hands the job to the sign-in thread; false when it has as many as it may. */
static bool post_job(struct signin *signin, struct job *job) {
  struct job *spare = NULL;
  if (atomic_load(&signin->in_flight) >= signin->settings->signins_max || !(spare = take_job(signin))) return false;
  signin->current = spare;
  count_in_flight(signin, 1);
  job->task.run = start_job;
  loop_post(signin->loop, &job->task);
  return true;
}

void signin_handle(struct fcgi_exchange *exchange, void *arg) {
  struct signin *signin = arg;
  struct job *job = signin->current;
  response_status(&job->response, 200);
  if (route_job(job, exchange)) {
    read_job_session(job);
    if (!job->route->is_waiting)
      job->route->run(job);
    else if (post_job(signin, job))
      return;
    else
      answer_outcome(job, OUTCOME_OVERLOADED, &(struct answer_detail){.why = "signins_max is reached"});
  }
  response_send(&job->response, exchange, job->request.method == WEB_HEAD);
}

/* --- life ------------------------------------------------------------------------------------------------------------------ */

static int start_accounts(struct signin *signin, struct err *err) {
  const struct signin_settings *settings = signin->settings;
  signin->accounts = calloc(settings->accounts_count, sizeof(*signin->accounts));
  if (!signin->accounts) return err_set(err, "out of memory");
  for (size_t i = 0; i < settings->accounts_count; i++) {
    struct account *account = &signin->accounts[i];
    if (account_init(account, &settings->accounts[i], &settings->session, err) < 0) return -1;
    signin->accounts_count = i + 1;
    if (account_connect(account, signin->loop, settings->signins_max, err) < 0) return -1;
  }
  return 0;
}

/* Signals belong to the worker's main thread. */
static int start_thread(struct signin *signin, struct err *err) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(&signin->thread, NULL, signin_thread, signin);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (failed)
    return err_set(err, "the sign-in thread cannot be started (%s); raise the limit of processes", strerrorname_np(failed));
  signin->has_thread = true;
  return 0;
}

static int start_parts(struct signin *signin, struct err *err) {
  if (loop_new(&signin->loop, err) < 0) return -1;
  /* One more coroutine than sign-ins: the one that reads revocations. */
  if (coro_pool_new(signin->loop, signin->settings->signins_max + 1, &signin->coros, err) < 0) return -1;
  if (start_accounts(signin, err) < 0) return -1;
  if (store_start(signin->loop, &signin->settings->store, &signin->store, err) < 0) return -1;
  if (revoke_table_new(&signin->revoked) < 0 ||
      revoke_poll_new(signin->loop, signin->reactor_loop, signin->revoked, signin->store, &signin->poll) < 0 ||
      !(signin->current = new_job(signin)))
    return err_set(err, "out of memory");
  if (start_thread(signin, err) < 0) return -1;
  signin->start_poll.run = start_poll;
  loop_post(signin->loop, &signin->start_poll);
  if (!revoke_poll_wait_first(signin->poll, FIRST_REVOCATIONS_MS))
    log_warn("the store did not tell its revocations within %d ms; serving without until it does", FIRST_REVOCATIONS_MS);
  return 0;
}

int signin_start(struct loop *reactor_loop, const struct signin_settings *settings, struct signin **ret_signin, struct err *err) {
  struct signin *signin = calloc(1, sizeof(*signin));
  if (!signin) return err_set(err, "out of memory");
  signin->settings = settings;
  signin->reactor_loop = reactor_loop;
  pthread_mutex_init(&signin->jobs_lock, NULL);
  if (start_parts(signin, err) < 0) {
    signin_stop(signin);
    return -1;
  }
  *ret_signin = signin;
  return 0;
}

void signin_drain(struct signin *signin) {
  atomic_store(&signin->is_draining, true);
}

void signin_stop(struct signin *signin) {
  if (signin->has_thread) {
    revoke_poll_stop(signin->poll);
    pthread_join(signin->thread, NULL);
  }
  if (signin->store) store_stop(signin->store);
  for (size_t i = 0; i < signin->accounts_count; i++) account_disconnect(&signin->accounts[i]);
  revoke_poll_free(signin->poll);
  revoke_table_free(signin->revoked);
  free_job(signin->current);
  while (signin->jobs) {
    struct job *job = signin->jobs;
    signin->jobs = job->next;
    free_job(job);
  }
  if (signin->coros) coro_pool_free(signin->coros);
  if (signin->loop) loop_free(signin->loop);
  free(signin->accounts);
  pthread_mutex_destroy(&signin->jobs_lock);
  free(signin);
}

/* --- what others ask ------------------------------------------------------------------------------------------------------- */

void signin_revoke_now(struct signin *signin, const struct revocation *revocation) {
  revoke_poll_add(signin->poll, revocation);
}

const char *signin_node(const struct signin *signin) {
  return signin->settings->node;
}

bool signin_is_ready(const struct signin *signin, const char **ret_why) {
  struct store_status store;
  if (atomic_load(&((struct signin *)signin)->is_draining)) return *ret_why = "draining", false;
  store_status(signin->store, &store);
  bool is_bridged = store.has_spool && !store.is_spool_failing;
  *ret_why = "";
  if (store.mirror[0] && !store.is_mirror_connected) *ret_why = "the mirror is not connected; what is for it waits in the spool";
  if (store.is_connected) return true;
  *ret_why = is_bridged ? "the store is not connected; sign-ins wait in the spool" : "the store is not connected";
  return is_bridged;
}

static void add_account_status(struct buf *out, const struct account *account) {
  static const char *const breaker_words[] = {"closed", "open", "probing"};
  const char *why = "";
  enum wechat_breaker breaker = wechat_breaker_state(account->wechat, &why);
  buf_add_text(out, "{\"account\":");
  json_add_string(out, str_of(account->settings->id));
  buf_add_text(out, ",\"appid\":");
  json_add_string(out, str_of(account->settings->appid));
  buf_addf(out, ",\"breaker\":\"%s\",\"breaker_why\":", breaker_words[breaker]);
  json_add_string(out, str_of(why));
  buf_add_char(out, '}');
}

static void add_store_status(struct buf *out, const struct store_status *store) {
  buf_add_text(out, "\"store\":{\"plugin\":");
  json_add_string(out, str_of(store->plugin));
  buf_add_text(out, ",\"version\":");
  json_add_string(out, str_of(store->version));
  buf_add_text(out, ",\"path\":");
  json_add_string(out, str_of(store->path));
  buf_add_text(out, ",\"digest\":");
  json_add_string(out, str_of(store->digest));
  buf_addf(out,
           ",\"connected\":%s,\"reads_waiting\":%zu,\"writes_waiting\":%zu,\"in_flight\":%zu,\"people\":%llu,\"size_bytes\":%llu",
           store->is_connected ? "true" : "false", store->reads_waiting, store->writes_waiting, store->in_flight,
           (unsigned long long)store->health.people_estimate, (unsigned long long)store->health.size_bytes);
  buf_add_text(out, ",\"last_error\":");
  json_add_string(out, str_of(store->last_message));
  buf_add_text(out, ",\"half\":");
  json_add_string(out, str_of(store->half));
  if (store->mirror[0]) {
    buf_add_text(out, ",\"mirror\":{\"plugin\":");
    json_add_string(out, str_of(store->mirror));
    buf_addf(out, ",\"connected\":%s,\"last_error\":", store->is_mirror_connected ? "true" : "false");
    json_add_string(out, str_of(store->mirror_message));
    buf_add_char(out, '}');
  }
  if (store->has_spool)
    buf_addf(out, ",\"spool\":{\"records\":%llu,\"bytes\":%llu,\"oldest_s\":%llu,\"failing\":%s}",
             (unsigned long long)store->spool_records, (unsigned long long)store->spool_bytes,
             (unsigned long long)store->spool_oldest_s, store->is_spool_failing ? "true" : "false");
  buf_add_char(out, '}');
}

void signin_status_add(const struct signin *signin, struct buf *out) {
  struct store_status store;
  store_status(signin->store, &store);
  add_store_status(out, &store);
  buf_add_text(out, ",\"accounts\":[");
  for (size_t i = 0; i < signin->accounts_count; i++) {
    if (i) buf_add_char(out, ',');
    add_account_status(out, &signin->accounts[i]);
  }
  buf_addf(out, "],\"signins_in_flight\":%zu", atomic_load(&((struct signin *)signin)->in_flight));
}

void signin_register_metrics(void) {
  fetch_metrics_register();
  wechat_metrics_register();
  store_metrics_register();
  outcome_register();
  complete_register();
  auth_register();
  metrics_register(signin_metrics, sizeof(signin_metrics) / sizeof(signin_metrics[0]));
}

/* --- the paths ------------------------------------------------------------------------------------------------------------- */

#define ANY_METHOD (WEB_GET | WEB_HEAD | WEB_POST | WEB_DELETE | WEB_OTHER)
#define ROW(...)   (&(const struct signin_route){__VA_ARGS__})

static const struct route routes[] = {
    {ANY_METHOD, "/auth", ROW(.run = auth_run, .reads_session = true)},
    {WEB_GET, "/login", ROW(.run = login_run, .reads_session = true)},
    {WEB_GET, "/callback", ROW(.run = callback_run_wait, .is_waiting = true, .reads_session = true)},
    {WEB_GET, "/authorize", ROW(.run = authorize_run)},
    {WEB_GET, "/session", ROW(.run = session_show_wait, .is_waiting = true, .reads_session = true)},
    {WEB_POST, "/session", ROW(.run = session_create_wait, .is_waiting = true)},
    {WEB_DELETE, "/session", ROW(.run = logout_run_wait, .is_waiting = true, .reads_session = true)},
    {WEB_POST, "/logout", ROW(.run = logout_run_wait, .is_waiting = true, .reads_session = true)},
    {WEB_POST, "/session/refresh", ROW(.run = session_refresh_wait, .is_waiting = true, .reads_session = true)},
    {WEB_GET, "/session/verify", ROW(.run = session_verify_wait, .is_waiting = true, .reads_session = true)},
    {WEB_GET, "/handover", ROW(.run = handover_poll_wait, .is_waiting = true)},
    {WEB_POST, "/handover", ROW(.run = handover_confirm_wait, .is_waiting = true, .reads_session = true)},
    {WEB_GET, "/status/live", ROW(.run = status_live_run)},
    {WEB_GET, "/status/ready", ROW(.run = status_ready_run)},
    {WEB_GET, "/status/metrics", ROW(.run = status_metrics_run)},
    {WEB_GET, "/status/info", ROW(.run = status_info_run)},
};
static const size_t routes_count = sizeof(routes) / sizeof(routes[0]);
