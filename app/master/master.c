/* SPDX-License-Identifier: Apache-2.0
 * master: signals, generations, and the order of start and stop; its only thread. */
#include "master/master.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "fcgi/reactor.h"
#include "master/control.h"
#include "master/notify.h"
#include "master/process.h"
#include "master/state.h"
#include "signin/signin.h"

/* Where a generation stands among the leaving ones, or a free place with NULL. */
static struct generation **find_leaving(struct master *master, const struct generation *generation) {
  for (size_t i = 0; i < sizeof master->leaving / sizeof master->leaving[0]; i++)
    if (master->leaving[i] == generation) return &master->leaving[i];
  return NULL;
}

static bool is_anybody_left(const struct master *master) {
  for (size_t i = 0; i < sizeof master->leaving / sizeof master->leaving[0]; i++)
    if (master->leaving[i]) return true;
  return master->current || master->next;
}

static void stop_when_alone(struct master *master) {
  if (master->is_stopping && !is_anybody_left(master)) loop_stop(master->loop);
}

/* Everybody leaves: gently first, at once when told again. The generation that serves moves to those that leave. */
static void stop(struct master *master, bool gently) {
  bool is_first = !master->is_stopping;
  master->is_stopping = true;
  log_info("stopping%s", gently ? "" : " at once");
  if (is_first) notify_say("STOPPING=1");
  reload_abort(master);
  struct generation *current = master->current;
  master->current = NULL;
  if (current) master_retire(master, current);
  if (current && gently) generation_drain(current);
  for (size_t i = 0; !gently && i < sizeof master->leaving / sizeof master->leaving[0]; i++)
    if (master->leaving[i]) generation_end(master->leaving[i]);
  stop_when_alone(master);
}

static bool reap_one(struct master *master, pid_t pid, int status) {
  if (probe_reap(&master->reload.probe, pid, status)) return true;
  if (master->current && generation_reap(master->current, pid, status)) return true;
  if (master->next && generation_reap(master->next, pid, status)) return true;
  for (size_t i = 0; i < sizeof master->leaving / sizeof master->leaving[0]; i++)
    if (master->leaving[i] && generation_reap(master->leaving[i], pid, status)) return true;
  return false;
}

static void reap_all(struct master *master) {
  pid_t pid;
  int status;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
    if (!reap_one(master, pid, status)) log_debug("process %d, which is none of ours, ended", (int)pid);
}

static void reopen_logs(struct master *master) {
  log_reopen();
  if (master->current) generation_signal(master->current, SIGUSR1);
  if (master->next) generation_signal(master->next, SIGUSR1);
  for (size_t i = 0; i < sizeof master->leaving / sizeof master->leaving[0]; i++)
    if (master->leaving[i]) generation_signal(master->leaving[i], SIGUSR1);
}

static void handle_signals(struct loop_watch *watch, uint32_t events) {
  struct master *master = watch->arg;
  (void)events;
  for (int signal_number; (signal_number = process_next_signal(watch)) != 0;) {
    if (signal_number == SIGCHLD)
      reap_all(master);
    else if (signal_number == SIGUSR1)
      reopen_logs(master);
    else if (signal_number == SIGHUP && !master->is_stopping)
      reload_request(master);
    else if (signal_number == SIGTERM || signal_number == SIGINT)
      stop(master, signal_number == SIGTERM && !master->is_stopping);
  }
}

static void note_ready(struct generation *generation, void *arg) {
  struct master *master = arg;
  if (generation == master->next) {
    reload_note_ready(master);
  } else if (generation == master->current) {
    log_info("ready: %zu workers", generation->count);
    notify_say("READY=1");
  }
}

static void note_failed(struct generation *generation, const char *why, void *arg) {
  struct master *master = arg;
  if (generation == master->next) {
    reload_note_failed(master, why);
  } else if (generation == master->current) {
    log_error("cannot start: %s", why);
    master->exit_status = EXIT_FAILURE;
    stop(master, false);
  }
}

static void note_gone(struct generation *generation, void *arg) {
  struct master *master = arg;
  struct generation **place = find_leaving(master, generation);
  if (place) *place = NULL;
  generation_free(generation);
  if (!master->is_stopping) reload_note_gone(master);
  stop_when_alone(master);
}

static void note_status(struct generation *generation, void *arg) {
  struct master *master = arg;
  if (generation == master->current) status_heard(master);
}

int master_start_generation(struct master *master, struct conf *conf, struct generation **ret_generation, struct err *err) {
  const struct generation_settings settings = {
      .loop = master->loop,
      .listen_fd = master->listen_fd,
      .number = ++master->generations_count,
      .slots = master->slots,
      .events = {.ready = note_ready,
                 .failed = note_failed,
                 .gone = note_gone,
                 .status = note_status,
                 .forked = master_forget,
                 .arg = master},
  };
  return generation_start(&settings, conf, ret_generation, err);
}

void master_retire(struct master *master, struct generation *generation) {
  *find_leaving(master, NULL) = generation; /* there is room: reloads wait while it is crowded */
}

bool master_is_crowded(const struct master *master) {
  size_t count = 0;
  for (size_t i = 0; i < sizeof master->leaving / sizeof master->leaving[0]; i++) count += master->leaving[i] != NULL;
  return count >= GENERATIONS_LEAVING_MAX;
}

void master_forget(void *arg) {
  const struct master *master = arg;
  control_forget(master->control);
  if (master->current) generation_forget(master->current);
  if (master->next) generation_forget(master->next);
  for (size_t i = 0; i < sizeof master->leaving / sizeof master->leaving[0]; i++)
    if (master->leaving[i]) generation_forget(master->leaving[i]);
  if (master->reload.probe.fd >= 0) close(master->reload.probe.fd);
  close(master->signals.fd);
  loop_free(master->loop);
}

void master_register_metrics(void) {
  generation_register_metrics();
  reload_register_metrics();
  fcgi_metrics_register();
  signin_register_metrics();
}

size_t master_slots_count(void) {
  return GENERATION_SLOTS;
}

static int start(struct master *master, struct conf *conf, struct err *err) {
  static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD};
  master->signals = (struct loop_watch){.fd = -1, .ready = handle_signals, .arg = master};
  const char *socket_path = conf->server.control_socket;
  if (process_watch_signals(master->loop, signals, sizeof signals / sizeof signals[0], &master->signals, err) != 0 ||
      (socket_path && control_open(master, socket_path, &master->control, err) != 0)) {
    conf_free(conf);
    return -1;
  }
  return master_start_generation(master, conf, &master->current, err);
}

int master_run(int listen_fd, const char *conf_path, struct conf *conf, int *ret_exit_status, struct err *err) {
  static struct master master; /* one per process; its slots are too many for a stack */
  master = (struct master){.listen_fd = listen_fd, .conf_path = conf_path, .started_at_s = clock_wall_s(), .reload.probe.fd = -1};
  log_name("master");
  signal(SIGPIPE, SIG_IGN);
  if (loop_new(&master.loop, err) != 0) {
    conf_free(conf);
    return -1;
  }
  int result = start(&master, conf, err);
  if (result == 0) {
    loop_run(master.loop);
    log_info("stopped");
    *ret_exit_status = master.exit_status;
  }
  control_close(master.control);
  if (master.signals.fd >= 0) close(master.signals.fd);
  loop_free(master.loop);
  return result;
}
