/* SPDX-License-Identifier: Apache-2.0
 * doctor_store: the storage plugin and its store, tried in a child process first; the program's only thread. */
#include <stdio.h>

#include "base/scope.h"
#include "ctl/doctor.h"
#include "ctl/people.h"
#include "ctl/term.h"
#include "master/probe.h"

#define HEALTH_MAX_MS 10000
/* A million people take about 1 GB; below this a store has days, and then minutes. */
#define ROOM_WARN_BYTES (UINT64_C(256) << 20)
#define ROOM_FAIL_BYTES (UINT64_C(16) << 20)

static void say_plugin(struct doctor *doctor, const struct plugin *plugin) {
  doctor_say(doctor, DOCTOR_OK, "plugin", NULL, "%s %s from %s, which only root and its user can write (sha256 %.16s…)",
             plugin->desc->name, plugin->desc->version, plugin->path, plugin->digest);
  if (!plugin->tickets)
    doctor_say(doctor, DOCTOR_WARN, "tickets", "use another plugin, or workers = 1 on one host",
               "%s keeps no tickets: used codes and revocations hold in one worker only", plugin->desc->name);
}

static void say_room(struct doctor *doctor, const struct weigate_health *health) {
  SCOPE_BUF struct buf used, left;
  enum doctor_verdict verdict = health->free_bytes < ROOM_FAIL_BYTES   ? DOCTOR_FAIL
                                : health->free_bytes < ROOM_WARN_BYTES ? DOCTOR_WARN
                                                                       : DOCTOR_OK;
  buf_init(&used, 64);
  buf_init(&left, 64);
  term_add_bytes(&used, health->size_bytes);
  term_add_bytes(&left, health->free_bytes);
  if (health->free_bytes == 0) return; /* the plugin does not know */
  doctor_say(doctor, verdict, "room", verdict == DOCTOR_OK ? NULL : "make room, or give the store more", "%s used, %s left",
             buf_text(&used), buf_text(&left));
}

static void say_health(struct doctor *doctor, const struct weigate_health *health) {
  static const struct {
    enum doctor_verdict verdict;
    const char *words;
  } states[] = {
      [WEIGATE_UP] = {DOCTOR_OK, "well"},
      [WEIGATE_DEGRADED] = {DOCTOR_WARN, "degraded"},
      [WEIGATE_STATE_READ_ONLY] = {DOCTOR_FAIL, "read-only"},
      [WEIGATE_DOWN] = {DOCTOR_FAIL, "down"},
  };
  size_t state = health->state <= WEIGATE_DOWN ? health->state : WEIGATE_DOWN;
  doctor_say(doctor, states[state].verdict, "health", states[state].verdict == DOCTOR_OK ? NULL : "see the plugin's manual page",
             "the store is %s, with about %llu people%s%s", states[state].words, (unsigned long long)health->people_estimate,
             health->text[0] ? ": " : "", health->text);
  if (health->schema_version > 0)
    doctor_say(doctor, DOCTOR_OK, "schema", NULL, "version %u, which this plugin works with", (unsigned)health->schema_version);
  say_room(doctor, health);
}

void doctor_look_at_store(struct doctor *doctor) {
  struct people people;
  struct err err = {""};
  struct weigate_health health = {.struct_size = sizeof health};
  if (probe_run(doctor->conf, PROBE_HEALTH, &err) != 0 || people_open(doctor->ctl, &people, &err) != 0) {
    doctor_refuse(doctor, "store", &err);
    return;
  }
  say_plugin(doctor, &people.plugin);
  struct weigate_call call = plugin_call(HEALTH_MAX_MS);
  int class = people.plugin.desc->health(people.handle, &call, &health);
  health.text[sizeof health.text - 1] = '\0';
  if (class == WEIGATE_OK) {
    say_health(doctor, &health);
  } else {
    people_refuse(&people, "does not tell its health", class, &call, &err);
    doctor_refuse(doctor, "store", &err);
  }
  people_close(&people);
}
