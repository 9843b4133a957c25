/* SPDX-License-Identifier: Apache-2.0
 * doctor_store: the storage plugin and its store, tried in a child process first; the program's only thread. */
#include <stdio.h>

#include "base/clock.h"
#include "base/scope.h"
#include "ctl/doctor.h"
#include "ctl/people.h"
#include "ctl/term.h"
#include "master/probe.h"
#include "store/spool.h"

#define HEALTH_MAX_MS 10000
/* A million people take about 1 GB; below this a store has days, and then minutes. */
#define ROOM_WARN_BYTES    (UINT64_C(256) << 20)
#define ROOM_FAIL_BYTES    (UINT64_C(16) << 20)
#define SPOOL_FULL_PERCENT 80

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

/* Of the store, or its mirror. */
static void look_at_plugin(struct doctor *doctor, const char *plugin, const char *asked_by, const char *check) {
  struct people people;
  struct err err = {""};
  struct weigate_health health = {.struct_size = sizeof health};
  if (people_open_plugin(doctor->ctl, plugin, asked_by, &people, &err) != 0) {
    doctor_refuse(doctor, check, &err);
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
    doctor_refuse(doctor, check, &err);
  }
  people_close(&people);
}

static void say_sight(struct doctor *doctor, const struct spool_settings *settings, const struct spool_sight *sight) {
  SCOPE_BUF struct buf used, age;
  int64_t waited_us = sight->oldest_us ? clock_wall_us() - sight->oldest_us : 0;
  bool is_nearly_full = sight->bytes > settings->max_bytes / 100 * SPOOL_FULL_PERCENT;
  buf_init(&used, 64);
  buf_init(&age, 64);
  term_add_bytes(&used, sight->bytes);
  term_add_span(&age, waited_us > 0 ? (uint64_t)waited_us / 1000000 : 0);
  if (sight->records > 0)
    doctor_say(doctor, is_nearly_full ? DOCTOR_FAIL : DOCTOR_WARN, "spool",
               is_nearly_full ? "bring the store back, or raise storage.spool_max: full, sign-ins end with 503"
                              : "bring the store back",
               "%llu records (%s) wait for a store, the oldest for %s%s%s", (unsigned long long)sight->records, buf_text(&used),
               buf_text(&age), sight->trouble[0] ? ": " : "", sight->trouble);
  else
    doctor_say(doctor, DOCTOR_OK, "spool", NULL, "nothing waits in %s", settings->dir);
  if (sight->aside > 0)
    doctor_say(doctor, DOCTOR_FAIL, "aside", "weigatectl storage spool lists them; once the cause is mended, with --retry",
               "%llu records were set aside: a store refuses them", (unsigned long long)sight->aside);
}

static void look_at_spool(struct doctor *doctor) {
  const struct spool_settings *settings = &doctor->conf->store.spool;
  struct spool_sight sight;
  struct err err = {""};
  if (!settings->dir)
    doctor_say(doctor, DOCTOR_WARN, "spool", "set storage.spool_dir",
               "there is none: while the store is down nobody can sign in");
  else if (spool_check(settings, false, &err) != 0 || spool_look(settings, &sight, &err) != 0)
    doctor_refuse(doctor, "spool", &err);
  else
    say_sight(doctor, settings, &sight);
}

/* One that crashes must not take the doctor along. */
void doctor_look_at_store(struct doctor *doctor) {
  const struct store_settings *store = &doctor->conf->store;
  struct err err = {""};
  if (probe_run(doctor->conf, PROBE_HEALTH, &err) != 0) {
    doctor_refuse(doctor, "store", &err);
  } else {
    look_at_plugin(doctor, NULL, NULL, "store");
    if (store->mirror.plugin) look_at_plugin(doctor, store->mirror.plugin, "storage.mirror", "mirror");
  }
  look_at_spool(doctor);
}
