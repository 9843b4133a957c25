/* SPDX-License-Identifier: Apache-2.0
 * reload: read the configuration, try its plugin, start a generation, let the old one leave; one at a time, all or nothing. */
#include <malloc.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "master/control.h"
#include "master/state.h"

enum { RELOADS, CONFIG_GOOD };
static const char *const reload_results[] = {"good", "failed"};
static struct metric metrics[] = {
    [RELOADS] = {.name = "reloads_total",
                 .help = "Reloads of the configuration.",
                 .type = METRIC_COUNTER,
                 .label = "result",
                 .values = reload_results,
                 .count = 2},
    [CONFIG_GOOD] = {.name = "config_good", .help = "1 unless the last reload failed.", .type = METRIC_GAUGE, .count = 1},
};

static void begin(struct master *master);

static void begin_wanted(struct master *master) {
  if (!master->reload.is_wanted_again || master->reload.phase != RELOAD_IDLE || master_is_crowded(master)) return;
  master->reload.is_wanted_again = false;
  begin(master);
}

static void finish(struct master *master, const char *error) {
  struct reload *reload = &master->reload;
  reload->phase = RELOAD_IDLE;
  reload->at_s = clock_wall_s();
  snprintf(reload->error, sizeof reload->error, "%s", error);
  loop_timer_clear(master->loop, &reload->timer);
  metric_add(&metrics[RELOADS], *error ? 1 : 0, 1);
  metric_set(&metrics[CONFIG_GOOD], 0, *error ? 0 : 1);
  if (*error) log_error("reload failed, nothing has changed: %s", error);
  control_reloaded(master->control, reload->begun_count);
  malloc_trim(0); /* workers are copies of this heap */
  begin_wanted(master);
}

static void warn_of_restart(const struct master *master, const struct conf *conf) {
  const char *before = conf_value(master->current->conf, "server", "", "control_socket", NULL);
  const char *after = conf_value(conf, "server", "", "control_socket", NULL);
  if (!str_eq(str_of(before), str_of(after))) log_warn("server.control_socket has changed; that takes a restart");
}

/* The plugin is good: the log moves to where the new configuration says, and its workers start. */
static int start_next(struct master *master, struct err *err) {
  struct conf *conf = master->reload.conf;
  master->reload.conf = NULL;
  if (log_open(&conf->log, err) != 0) {
    conf_free(conf);
    return -1;
  }
  master->reload.phase = RELOAD_STARTING;
  warn_of_restart(master, conf);
  if (master_start_generation(master, conf, &master->next, err) == 0) return 0;
  log_open(&master->current->conf->log, NULL);
  return -1;
}

static void end_probe(struct master *master) {
  struct reload *reload = &master->reload;
  struct err err = {""};
  loop_watch_remove(master->loop, &reload->watch);
  loop_timer_clear(master->loop, &reload->timer);
  if (probe_finish(&reload->probe, &err) == 0 && start_next(master, &err) == 0) return;
  conf_free(reload->conf);
  reload->conf = NULL;
  finish(master, err.text);
}

static void probe_is_done(struct loop_watch *watch, uint32_t events) {
  (void)events;
  end_probe(watch->arg);
}

static void probe_is_late(struct loop_timer *timer) {
  end_probe(timer->arg);
}

static int start_probe(struct master *master, struct err *err) {
  struct reload *reload = &master->reload;
  if (probe_start(reload->conf, PROBE_HEALTH, master_forget, master, &reload->probe, err) != 0) return -1;
  reload->phase = RELOAD_PROBING;
  reload->watch = (struct loop_watch){.fd = reload->probe.fd, .ready = probe_is_done, .arg = master};
  reload->timer = (struct loop_timer){.fired = probe_is_late, .arg = master};
  if (loop_watch_add(master->loop, &reload->watch, EPOLLIN | EPOLLRDHUP) == 0 &&
      loop_timer_set(master->loop, &reload->timer, clock_mono_ms() + PROBE_MAX_MS) == 0)
    return 0;
  err_set(err, "cannot watch the trial of the storage plugin: %m");
  loop_watch_remove(master->loop, &reload->watch);
  probe_finish(&reload->probe, NULL);
  return -1;
}

static int load(const char *path, struct conf **ret_conf, struct err *err) {
  if (conf_load(path, 0, ret_conf, err) != 0) return -1;
  int locked = conf_lock_secrets(*ret_conf, err);
  if (locked > 0) log_warn("%s", err->text);
  return locked < 0 ? -1 : 0;
}

static void begin(struct master *master) {
  struct reload *reload = &master->reload;
  struct err err = {""};
  reload->begun_count++;
  log_info("reload: reading %s", master->conf_path);
  if (load(master->conf_path, &reload->conf, &err) == 0 && start_probe(master, &err) == 0) return;
  conf_free(reload->conf);
  reload->conf = NULL;
  finish(master, err.text);
}

void reload_register_metrics(void) {
  metrics_register(metrics, sizeof metrics / sizeof metrics[0]);
}

unsigned reload_request(struct master *master) {
  struct reload *reload = &master->reload;
  unsigned answering = reload->begun_count + 1;
  reload->is_wanted_again = true;
  begin_wanted(master);
  return answering;
}

void reload_note_ready(struct master *master) {
  struct generation *old = master->current;
  master->current = master->next;
  master->next = NULL;
  master->reload.phase = RELOAD_IDLE;
  log_info("reload: generation %u serves", master->current->settings.number);
  master_retire(master, old);
  generation_drain(old);
  finish(master, "");
}

void reload_note_failed(struct master *master, const char *why) {
  struct generation *next = master->next;
  char error[ERR_TEXT_BYTES];
  snprintf(error, sizeof error, "%s", why);
  log_open(&master->current->conf->log, NULL);
  master->next = NULL;
  master_retire(master, next);
  generation_end(next);
  finish(master, error);
}

void reload_note_gone(struct master *master) {
  begin_wanted(master);
}

void reload_abort(struct master *master) {
  struct reload *reload = &master->reload;
  reload->is_wanted_again = false;
  if (reload->phase == RELOAD_IDLE) return;
  if (reload->phase == RELOAD_PROBING) {
    loop_watch_remove(master->loop, &reload->watch);
    probe_finish(&reload->probe, NULL);
    conf_free(reload->conf);
    reload->conf = NULL;
  } else {
    struct generation *next = master->next;
    master->next = NULL;
    master_retire(master, next);
    generation_end(next);
  }
  finish(master, "weigate is stopping");
}
