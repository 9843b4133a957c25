/* SPDX-License-Identifier: Apache-2.0
 * status: what weigatectl status shows: the master's view, and what each worker says of itself; runs on the master's only thread.
 */
#include "config.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/scope.h"
#include "master/control.h"
#include "master/state.h"
#include "store/person_json.h"

/* A worker that does not answer within this is busy beyond measure or stopped; it is shown as such. */
#define ANSWER_MAX_MS 1000

static const char *name_state(const struct child *child) {
  static const char *const names[] = {[CHILD_NONE] = "dead", [CHILD_STARTING] = "starting", [CHILD_READY] = "serving"};
  return child->generation->is_leaving && child->state != CHILD_NONE ? "leaving" : names[child->state];
}

static void add_worker(struct buf *out, const struct child *child) {
  buf_addf(out, "{\"number\":%zu,\"generation\":%u,\"pid\":%d,\"state\":\"%s\",\"restarts\":%u,", child->number,
           child->generation->settings.number, (int)child->pid, name_state(child), child->restarts_count);
  person_json_add_time(out, "started_at", child->started_at_s * 1000000);
  buf_addf(out, ",\"answering\":%s", child->status.len > 0 ? "true" : "false");
  if (child->status.len > 0) buf_add_char(out, ',');
  buf_add_str(out, buf_str(&child->status));
  buf_add_char(out, '}');
}

static void add_workers(struct buf *out, const struct generation *generation, const char **separator) {
  for (size_t i = 0; generation && i < generation->count; i++) {
    if (generation->is_leaving && generation->children[i].state == CHILD_NONE) continue;
    buf_add_text(out, *separator);
    add_worker(out, &generation->children[i]);
    *separator = ",";
  }
}

static void add_reload(struct buf *out, const struct reload *reload) {
  buf_addf(out, "\"reload\":{\"running\":%s,", reload->phase == RELOAD_IDLE ? "false" : "true");
  person_json_add_time(out, "ended_at", reload->at_s * 1000000);
  buf_addf(out, ",\"ok\":%s,\"error\":", reload->error[0] ? "false" : "true");
  json_add_string(out, str_of(reload->error));
  buf_add_text(out, "},");
}

static void add_status(struct buf *out, const struct master *master) {
  buf_addf(out, "{\"ok\":true,\"version\":\"%s\",\"pid\":%d,\"state\":\"%s\",", PACKAGE_VERSION, (int)getpid(),
           master->is_stopping ? "stopping" : "running");
  person_json_add_time(out, "started_at", master->started_at_s * 1000000);
  buf_addf(out, ",\"uptime_s\":%lld,\"generation\":%u,\"conf_file\":", (long long)(clock_wall_s() - master->started_at_s),
           master->current->settings.number);
  json_add_string(out, str_of(master->conf_path));
  buf_addf(out, ",\"log_lines_lost\":%lu,", log_lost_count());
  add_reload(out, &master->reload);
  buf_add_text(out, "\"workers\":[");
  const char *separator = "";
  add_workers(out, master->current, &separator);
  add_workers(out, master->next, &separator);
  for (size_t i = 0; i < sizeof master->leaving / sizeof master->leaving[0]; i++)
    add_workers(out, master->leaving[i], &separator);
  buf_add_text(out, "]}");
}

static void tell(struct master *master) {
  SCOPE_BUF struct buf reply;
  buf_init(&reply, CONTROL_REPLY_MAX_BYTES);
  master->is_asking = false;
  loop_timer_clear(master->loop, &master->status_timer);
  add_status(&reply, master);
  control_status(master->control, buf_str(&reply));
}

static void tell_late(struct loop_timer *timer) {
  tell(timer->arg);
}

void status_ask(struct master *master) {
  if (master->is_asking) return;
  master->is_asking = true;
  master->status_timer = (struct loop_timer){.fired = tell_late, .arg = master};
  size_t asked = master->current ? generation_ask(master->current) : 0;
  if (asked == 0 || loop_timer_set(master->loop, &master->status_timer, clock_mono_ms() + ANSWER_MAX_MS) != 0) tell(master);
}

void status_heard(struct master *master) {
  if (master->is_asking && generation_waiting_count(master->current) == 0) tell(master);
}
