/* SPDX-License-Identifier: Apache-2.0
 * generation: forks workers, hears them, and starts a dead one again; runs on the master's only thread. */
#include "master/generation.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/scope.h"
#include "master/channel.h"
#include "master/worker.h"

/* A worker that lived this long was well: the next one starts at once. One that dies young waits, doubling from 100 ms: at most
 * half a second if it has served, so that a site under a crashing request is back within one, longer if it never got ready. */
#define LIVED_WELL_MS         10000
#define BACKOFF_MIN_MS        100
#define BACKOFF_SERVED_MAX_MS 500
#define BACKOFF_MAX_MS        10000
/* Loading a plugin and starting threads takes milliseconds; a plugin that hangs in its constructor would hold a reload for ever.
 */
#define START_MAX_MS 30000
/* Beyond server.grace: a worker leaves by itself at the end of its grace. */
#define LEAVE_MARGIN_MS 2000

enum { RESTARTS, WORKERS };
static const char *const restart_reasons[] = {"exit", "signal"};
static struct metric metrics[] = {
    [RESTARTS] = {.name = "worker_deaths_total",
                  .help = "Workers that ended without being told to.",
                  .type = METRIC_COUNTER,
                  .label = "by",
                  .values = restart_reasons,
                  .count = 2},
    [WORKERS] = {.name = "workers", .help = "Worker processes that are ready.", .type = METRIC_GAUGE, .count = 1},
};

static int start_child(struct child *child, struct err *err);

static bool is_every_child_ready(const struct generation *generation) {
  for (size_t i = 0; i < generation->count; i++)
    if (generation->children[i].state != CHILD_READY) return false;
  return true;
}

static void fail(struct generation *generation, const char *why) {
  if (generation->was_ready || generation->has_failed || generation->is_leaving) return;
  generation->has_failed = true;
  generation->settings.events.failed(generation, why, generation->settings.events.arg);
}

static void start_again(struct loop_timer *timer) {
  struct child *child = timer->arg;
  struct err err;
  if (start_child(child, &err) == 0) {
    child->restarts_count++;
    return;
  }
  log_error("cannot start worker %zu: %s", child->number, err.text);
  loop_timer_set(child->generation->settings.loop, &child->restart, clock_mono_ms() + BACKOFF_MAX_MS);
}

static uint64_t choose_backoff(struct child *child) {
  uint64_t most = child->was_ready ? BACKOFF_SERVED_MAX_MS : BACKOFF_MAX_MS;
  if (clock_mono_ms() - child->started_ms >= LIVED_WELL_MS) {
    child->backoff_ms = 0;
    return 0;
  }
  child->backoff_ms = child->backoff_ms == 0 ? BACKOFF_MIN_MS : child->backoff_ms * 2;
  if (child->backoff_ms > most) child->backoff_ms = most;
  return child->backoff_ms;
}

static void end_channel(struct child *child) {
  if (child->channel.fd < 0) return;
  loop_watch_remove(child->generation->settings.loop, &child->channel);
  close(child->channel.fd);
  child->channel.fd = -1;
}

/* A worker that is gone will not answer. */
static void forget_question(struct child *child) {
  struct generation *generation = child->generation;
  if (!child->is_asked) return;
  child->is_asked = false;
  generation->settings.events.status(generation, generation->settings.events.arg);
}

static void note_ready(struct child *child) {
  struct generation *generation = child->generation;
  child->state = CHILD_READY;
  child->was_ready = true;
  metric_add(&metrics[WORKERS], 0, 1);
  if (generation->was_ready || generation->is_leaving || !is_every_child_ready(generation)) return;
  generation->was_ready = true;
  loop_timer_clear(generation->settings.loop, &generation->deadline);
  generation->settings.events.ready(generation, generation->settings.events.arg);
}

static void note_status(struct child *child, struct str members) {
  buf_clear(&child->status);
  buf_add_str(&child->status, members);
  forget_question(child);
}

static void hear_child(struct loop_watch *watch, uint32_t events) {
  struct child *child = watch->arg;
  SCOPE_BUF struct buf message;
  enum channel_got got;
  (void)events;
  buf_init(&message, CHANNEL_MESSAGE_MAX_BYTES);
  while ((got = channel_receive(watch->fd, &message)) == CHANNEL_MESSAGE) {
    struct str text = buf_str(&message);
    if (str_eq(text, STR(WORKER_READY)) && child->state == CHILD_STARTING)
      note_ready(child);
    else if (str_starts(text, STR(WORKER_FAILED)))
      snprintf(child->why, sizeof child->why, "%s", buf_text(&message) + sizeof WORKER_FAILED - 1);
    else if (str_starts(text, STR(WORKER_STATUS)))
      note_status(child, str_from(text, sizeof WORKER_STATUS - 1));
  }
  if (got != CHANNEL_ENDED) return;
  end_channel(child); /* the process follows; SIGCHLD tells */
  forget_question(child);
}

static size_t take_slot(bool *slots) {
  for (size_t slot = 1; slot < GENERATION_SLOTS; slot++)
    if (!slots[slot]) {
      slots[slot] = true;
      return slot;
    }
  return 0; /* not reached: there is a slot for every process that may be alive */
}

_Noreturn static void run_child(struct child *child, int channel_fd, pid_t master_pid) {
  const struct generation_settings *settings = &child->generation->settings;
  const struct worker_args args = {.conf = child->generation->conf,
                                   .listen_fd = settings->listen_fd,
                                   .channel_fd = channel_fd,
                                   .number = child->number,
                                   .generation = settings->number,
                                   .slot = child->slot,
                                   .master_pid = master_pid};
  settings->events.forked(settings->events.arg);
  worker_run(&args);
}

/* Undoes what start_child() did before the process was there. */
static int stop_short(struct child *child, int worker_fd, struct err *err) {
  err_set(err, "cannot fork a worker: %m");
  child->generation->settings.slots[child->slot] = false;
  child->slot = 0;
  end_channel(child);
  close(worker_fd);
  return -1;
}

static int start_child(struct child *child, struct err *err) {
  struct generation *generation = child->generation;
  int fds[2];
  if (channel_new(fds, err) != 0) return -1;
  child->channel.fd = fds[0];
  child->slot = take_slot(generation->settings.slots);
  child->why[0] = '\0';
  child->was_ready = false;
  if (loop_watch_add(generation->settings.loop, &child->channel, EPOLLIN | EPOLLRDHUP) != 0)
    return stop_short(child, fds[1], err);
  pid_t master_pid = getpid(), pid = fork();
  if (pid < 0) return stop_short(child, fds[1], err);
  if (pid == 0) run_child(child, fds[1], master_pid);
  close(fds[1]);
  child->pid = pid;
  child->state = CHILD_STARTING;
  child->started_ms = clock_mono_ms();
  child->started_at_s = clock_wall_s();
  generation->alive_count++;
  return 0;
}

static void describe_end(const struct child *child, int status, char *to, size_t size) {
  if (child->why[0])
    snprintf(to, size, "%s", child->why);
  else if (WIFSIGNALED(status))
    snprintf(to, size, "killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
  else
    snprintf(to, size, "ended with status %d", WEXITSTATUS(status));
}

/* A worker that was not told to leave is gone. */
static void replace_child(struct child *child, pid_t pid, int status) {
  struct generation *generation = child->generation;
  char how[ERR_TEXT_BYTES];
  describe_end(child, status, how, sizeof how);
  metric_add(&metrics[RESTARTS], WIFSIGNALED(status) ? 1 : 0, 1);
  if (!generation->was_ready) {
    fail(generation, how);
    return;
  }
  uint64_t wait_ms = choose_backoff(child);
  log_error("worker %zu (process %d): %s; the next one starts in %llu ms", child->number, (int)pid, how,
            (unsigned long long)wait_ms);
  loop_timer_set(generation->settings.loop, &child->restart, clock_mono_ms() + wait_ms);
}

static void note_gone(struct generation *generation) {
  if (!generation->is_leaving || generation->alive_count > 0) return;
  loop_timer_clear(generation->settings.loop, &generation->deadline);
  generation->settings.events.gone(generation, generation->settings.events.arg);
}

static void fail_late(struct loop_timer *timer) {
  fail(timer->arg, "a worker was not ready after 30 s; does its storage plugin hang?");
}

static void kill_late(struct loop_timer *timer) {
  struct generation *generation = timer->arg;
  log_error("generation %u: killing %zu workers that did not leave in time", generation->settings.number,
            generation->alive_count);
  generation_signal(generation, SIGKILL);
}

static void leave(struct generation *generation, int signal_number, uint64_t within_ms) {
  struct loop *loop = generation->settings.loop;
  if (!generation->is_leaving) generation->left_at_ms = clock_mono_ms();
  generation->is_leaving = true;
  for (size_t i = 0; i < generation->count; i++) loop_timer_clear(loop, &generation->children[i].restart);
  generation_signal(generation, signal_number);
  generation->deadline.fired = kill_late;
  loop_timer_set(loop, &generation->deadline, clock_mono_ms() + within_ms);
}

static int init_children(struct generation *generation) {
  generation->children = calloc(generation->count, sizeof *generation->children);
  if (!generation->children) return -1;
  for (size_t i = 0; i < generation->count; i++) {
    struct child *child = &generation->children[i];
    child->generation = generation;
    child->number = i + 1;
    child->channel = (struct loop_watch){.fd = -1, .ready = hear_child, .arg = child};
    child->restart = (struct loop_timer){.fired = start_again, .arg = child};
    buf_init(&child->status, CHANNEL_MESSAGE_MAX_BYTES);
  }
  return 0;
}

/* Those of a generation that did not come to be. */
static void kill_children(struct generation *generation) {
  generation_signal(generation, SIGKILL);
  for (size_t i = 0; i < generation->count; i++) {
    if (generation->children[i].pid > 0) waitpid(generation->children[i].pid, NULL, 0);
    generation->settings.slots[generation->children[i].slot] = false;
  }
}

void generation_register_metrics(void) {
  metrics_register(metrics, sizeof metrics / sizeof metrics[0]);
}

int generation_start(const struct generation_settings *settings, struct conf *conf, struct generation **ret_generation,
                     struct err *err) {
  struct generation *generation = calloc(1, sizeof *generation);
  if (generation) *generation = (struct generation){.settings = *settings, .conf = conf, .count = conf->server.workers};
  if (!generation || init_children(generation) != 0) {
    if (!generation) conf_free(conf);
    generation_free(generation);
    return err_set(err, "out of memory");
  }
  generation->deadline = (struct loop_timer){.fired = fail_late, .arg = generation};
  *ret_generation = generation; /* before the first fork: the child looks for what to close */
  for (size_t i = 0; i < generation->count; i++)
    if (start_child(&generation->children[i], err) != 0) {
      *ret_generation = NULL;
      kill_children(generation);
      generation_free(generation);
      return -1;
    }
  loop_timer_set(settings->loop, &generation->deadline, clock_mono_ms() + START_MAX_MS);
  return 0;
}

void generation_drain(struct generation *generation) {
  leave(generation, SIGTERM, generation->conf->server.grace_ms + LEAVE_MARGIN_MS);
  note_gone(generation);
}

void generation_end(struct generation *generation) {
  leave(generation, SIGINT, LEAVE_MARGIN_MS);
  note_gone(generation);
}

void generation_signal(struct generation *generation, int signal_number) {
  for (size_t i = 0; i < generation->count; i++)
    if (generation->children[i].pid > 0) kill(generation->children[i].pid, signal_number);
}

bool generation_reap(struct generation *generation, pid_t pid, int status) {
  for (size_t i = 0; i < generation->count; i++) {
    struct child *child = &generation->children[i];
    if (child->pid != pid) continue;
    if (child->channel.fd >= 0) hear_child(&child->channel, 0); /* its last words */
    end_channel(child);
    if (child->state == CHILD_READY) metric_add(&metrics[WORKERS], 0, -1);
    child->state = CHILD_NONE;
    child->pid = 0;
    generation->settings.slots[child->slot] = false;
    child->slot = 0;
    generation->alive_count--;
    forget_question(child);
    if (generation->is_leaving)
      note_gone(generation); /* may free it */
    else
      replace_child(child, pid, status); /* likewise, through `failed` */
    return true;
  }
  return false;
}

size_t generation_ask(struct generation *generation) {
  size_t asked = 0;
  for (size_t i = 0; i < generation->count; i++) {
    struct child *child = &generation->children[i];
    buf_clear(&child->status);
    child->is_asked =
        child->state == CHILD_READY && child->channel.fd >= 0 && channel_send(child->channel.fd, STR(WORKER_STATUS)) == 0;
    asked += child->is_asked;
  }
  return asked;
}

size_t generation_waiting_count(const struct generation *generation) {
  size_t waiting = 0;
  for (size_t i = 0; i < generation->count; i++) waiting += generation->children[i].is_asked;
  return waiting;
}

void generation_forget(const struct generation *generation) {
  for (size_t i = 0; i < generation->count; i++)
    if (generation->children[i].channel.fd >= 0) close(generation->children[i].channel.fd);
}

void generation_free(struct generation *generation) {
  if (!generation) return;
  for (size_t i = 0; generation->children && i < generation->count; i++) {
    struct child *child = &generation->children[i];
    loop_timer_clear(generation->settings.loop, &child->restart);
    end_channel(child);
    buf_done(&child->status);
  }
  loop_timer_clear(generation->settings.loop, &generation->deadline);
  free(generation->children);
  conf_free(generation->conf);
  free(generation);
}
