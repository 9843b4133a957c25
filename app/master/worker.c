/* SPDX-License-Identifier: Apache-2.0
 * worker: start stages, signals and the master's questions; runs on the worker's main thread. */
#include "master/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/scope.h"
#include "master/channel.h"
#include "master/process.h"
#include "store/host.h"

/* What a resolver's plug-ins may want; address space until it is touched. */
#define LIBRARY_STACK_BYTES (1024 * 1024)

struct worker {
  const struct worker_args *args;
  struct loop *loop;
  struct loop_watch signals;
  struct loop_watch channel;
  struct loop_timer grace;
  struct signin_settings settings;
  struct signin *signin;
  struct reactor *reactor;
  bool is_draining;
  char node[256]; /* HOST_NAME_MAX is 64 on Linux */
};

static void end_drained(void *arg) {
  struct worker *worker = arg;
  loop_stop(worker->loop);
}

/* What is left is cut off: everything that was acknowledged is durable, everything else was never answered. */
_Noreturn static void end_at_once(struct worker *worker, const char *why) {
  size_t left = reactor_requests_count(worker->reactor);
  if (left > 0)
    log_warn("leaving with %zu requests unanswered: %s", left, why);
  else
    log_info("leaving: %s", why);
  _exit(EXIT_SUCCESS);
}

static void end_after_grace(struct loop_timer *timer) {
  end_at_once(timer->arg, "server.grace is over");
}

static void drain(struct worker *worker) {
  worker->is_draining = true;
  log_info("finishing %zu requests", reactor_requests_count(worker->reactor));
  worker->grace = (struct loop_timer){.fired = end_after_grace, .arg = worker};
  if (loop_timer_set(worker->loop, &worker->grace, clock_mono_ms() + worker->args->conf->server.grace_ms) != 0)
    end_at_once(worker, "out of memory");
  signin_drain(worker->signin);
  reactor_drain(worker->reactor, end_drained, worker);
}

static void handle_signals(struct loop_watch *watch, uint32_t events) {
  struct worker *worker = watch->arg;
  (void)events;
  for (int signal_number; (signal_number = process_next_signal(watch)) != 0;) {
    if (signal_number == SIGUSR1)
      log_reopen();
    else if (signal_number == SIGINT)
      end_at_once(worker, "interrupted");
    else if (signal_number == SIGTERM && worker->is_draining)
      end_at_once(worker, "told twice to stop");
    else if (signal_number == SIGTERM)
      drain(worker);
  }
}

static void send_status(struct worker *worker) {
  SCOPE_BUF struct buf reply;
  const char *why = "";
  buf_init(&reply, CHANNEL_MESSAGE_MAX_BYTES);
  bool is_ready = signin_is_ready(worker->signin, &why);
  buf_addf(&reply, WORKER_STATUS "\"ready\":%s,\"waits_for\":\"%s\",\"connections\":%zu,\"requests\":%zu,",
           is_ready ? "true" : "false", why, reactor_connections_count(worker->reactor), reactor_requests_count(worker->reactor));
  signin_status_add(worker->signin, &reply);
  if (!reply.failed) channel_send(worker->args->channel_fd, buf_str(&reply));
}

static void handle_channel(struct loop_watch *watch, uint32_t events) {
  struct worker *worker = watch->arg;
  SCOPE_BUF struct buf message;
  enum channel_got got;
  (void)events;
  buf_init(&message, CHANNEL_MESSAGE_MAX_BYTES);
  while ((got = channel_receive(watch->fd, &message)) == CHANNEL_MESSAGE)
    if (str_starts(buf_str(&message), STR(WORKER_STATUS))) send_status(worker);
  if (got != CHANNEL_ENDED) return;
  loop_watch_remove(worker->loop, watch);
  if (worker->is_draining) return;
  log_error("the master is gone");
  drain(worker);
}

/* The master has warned where they cannot be, and a worker has the same limit. */
static int lock_secrets(struct worker *worker, struct err *err) {
  return conf_lock_secrets(worker->args->conf, err) < 0 ? -1 : 0;
}

/* Signals stay blocked in every thread and arrive here; what libfcgi installs for SIGPIPE is replaced afterwards. */
static int start_loop(struct worker *worker, struct err *err) {
  static const int signals[] = {SIGTERM, SIGINT, SIGUSR1};
  if (loop_new(&worker->loop, err) != 0) return -1;
  worker->signals = (struct loop_watch){.ready = handle_signals, .arg = worker};
  if (process_watch_signals(worker->loop, signals, sizeof signals / sizeof signals[0], &worker->signals, err) != 0) return -1;
  worker->channel = (struct loop_watch){.fd = worker->args->channel_fd, .ready = handle_channel, .arg = worker};
  if (loop_watch_add(worker->loop, &worker->channel, EPOLLIN | EPOLLRDHUP) != 0)
    return err_set(err, "cannot watch the master: %m");
  return 0;
}

static int start_signin(struct worker *worker, struct err *err) {
  if (gethostname(worker->node, sizeof worker->node - 1) != 0) return err_set(err, "cannot read the host's name: %m");
  worker->settings = conf_signin(worker->args->conf, worker->node);
  return signin_start(worker->loop, &worker->settings, &worker->signin, err);
}

static int start_reactor(struct worker *worker, struct err *err) {
  return reactor_new(worker->loop, worker->args->listen_fd, &worker->args->conf->fcgi, signin_handle, worker->signin,
                     &worker->reactor, err);
}

static int say_ready(struct worker *worker, struct err *err) {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  if (channel_send(worker->args->channel_fd, STR(WORKER_READY)) != 0) return err_set(err, "the master is gone");
  return 0;
}

/* In order; what one stage makes, the next needs. */
static int (*const stages[])(struct worker *worker, struct err *err) = {lock_secrets, start_loop, start_signin, start_reactor,
                                                                        say_ready};

_Noreturn static void end_failed(const struct worker_args *args, const struct err *err) {
  SCOPE_BUF struct buf message;
  buf_init(&message, CHANNEL_MESSAGE_MAX_BYTES);
  buf_addf(&message, WORKER_FAILED "%s", err->text);
  if (channel_send(args->channel_fd, buf_str(&message)) != 0) log_error("%s", err->text);
  _exit(EXIT_FAILURE);
}

/* The kernel tells us when the master dies; it may have died before we asked. */
static void follow_master(const struct worker_args *args) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != args->master_pid) _exit(EXIT_FAILURE);
}

/* Threads that libraries start (a resolver's) have the environment's limit of stack for their size, be it 64 KiB. */
static void set_library_stacks(void) {
  pthread_attr_t how;
  if (pthread_attr_init(&how) != 0) return;
  if (pthread_attr_setstacksize(&how, LIBRARY_STACK_BYTES) == 0) pthread_setattr_default_np(&how);
  pthread_attr_destroy(&how);
}

_Noreturn void worker_run(const struct worker_args *args) {
  struct worker worker = {.args = args};
  struct err err = {""};
  log_name("worker %zu", args->number);
  host_name_process("weigate/%zu/%u", args->number, args->generation);
  follow_master(args);
  set_library_stacks();
  metrics_use_slot(args->slot);
  for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++)
    if (stages[i](&worker, &err) != 0) end_failed(args, &err);
  log_info("ready (generation %u)", args->generation);
  loop_run(worker.loop);
  log_info("finished");
  reactor_free(worker.reactor);
  signin_stop(worker.signin);
  loop_free(worker.loop);
  exit(EXIT_SUCCESS);
}
