/* SPDX-License-Identifier: Apache-2.0
 * privacy_export: weigatectl privacy export: everything that is stored of one person, as one JSON object; the program's only
 * thread. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text_time.h"
#include "ctl/audit.h"
#include "ctl/term.h"
#include "ctl/upkeep.h"
#include "store/person_text.h"

#define CALL_MAX_MS 60000
#define PAGE_COUNT  512

struct gathering {
  const struct people *people;
  struct weigate_key key;
  char appid[WEIGATE_APPID_MAX + 1];
  struct buf out;
  size_t people_count, events_count;
};

/* --- by what every plugin can tell --- */

static void add_member(struct buf *out, const char *name, struct weigate_text text) {
  buf_addf(out, ", \"%s\": ", name);
  json_add_string(out, str_make(text.bytes, text.size));
}

static int add_event(void *context, const struct weigate_event *event) {
  struct gathering *g = context;
  char at[TEXT_TIME_BYTES];
  text_time_format(at, event->event_at_us);
  buf_addf(&g->out, "%s    {\"event_at\": \"%s\", \"errcode\": %d, \"latency_ms\": %u", g->events_count++ ? ",\n" : "\n", at,
           event->errcode, event->latency_ms);
  add_member(&g->out, "outcome", event->outcome);
  add_member(&g->out, "stage", event->stage);
  add_member(&g->out, "scope", event->scope);
  add_member(&g->out, "channel", event->channel);
  add_member(&g->out, "network", event->network);
  buf_add_char(&g->out, '}');
  term_print(&g->out);
  return 0;
}

static int add_events(struct gathering *g, struct err *err) {
  struct weigate_scan scan = {.struct_size = sizeof scan, .appid = g->key.appid, .openid = g->key.openid, .limit = PAGE_COUNT};
  do {
    struct weigate_call call = plugin_call(CALL_MAX_MS);
    int class = plugin_answer(g->people->plugin.desc->scan_events(g->people->handle, &call, &scan, add_event, g), &call);
    if (class != WEIGATE_OK) return people_refuse(g->people, "cannot read sign-ins", class, &call, err);
  } while (scan.cursor_size > 0);
  return 0;
}

static int gather(struct gathering *g, struct err *err) {
  if (g->people_count == 0) return 0;
  buf_add_text(&g->out, ",\n  \"sign_ins\": [");
  if (add_events(g, err) != 0) return -1;
  buf_add_text(&g->out, "]\n}\n");
  term_print(&g->out);
  return 0;
}

/* --- by a plugin that holds more --- */

static int print_counted(void *context, struct weigate_text piece) {
  struct gathering *g = context;
  g->people_count = 1;
  return upkeep_print(NULL, piece);
}

static int ask_plugin(struct gathering *g, const struct weigate_privacy_v1 *privacy, struct err *err) {
  struct weigate_call call = plugin_call(CALL_MAX_MS);
  g->people_count = 0;
  int class = plugin_answer(privacy->export_person(g->people->handle, &call, &g->key, print_counted, g), &call);
  if (class != WEIGATE_OK) return people_refuse(g->people, "cannot gather what is stored", class, &call, err);
  if (g->people_count > 0) fputc('\n', stdout);
  return 0;
}

/* --- which person --- */

static int note_person(void *context, size_t index, const struct weigate_person *person) {
  struct gathering *g = context;
  (void)index;
  if (!person || g->people_count++ > 0) return 0;
  str_copy(str_make(person->appid.bytes, person->appid.size), g->appid, sizeof g->appid);
  buf_add_text(&g->out, "{\n  \"person\": ");
  person_text_add_json(&g->out, person);
  return 0;
}

static int find_person(const struct ctl *ctl, struct gathering *g, struct err *err) {
  struct str openid = str_of(ctl->argument), appid;
  if (people_appid(g->people->conf, ctl_text(ctl, CTL_ACCOUNT), &appid, err) != 0 ||
      people_load(g->people, openid, appid, WEIGATE_WANT_COUNTS, note_person, g, err) != 0)
    return -1;
  if (g->people_count > 1) return err_set(err, "that openid is stored in several accounts; --account says which one is meant");
  /* Somebody whose sign-ins failed is stored without a profile. */
  if (g->people_count == 0) str_copy(appid.n > 0 ? appid : str_of(g->people->conf->accounts[0].appid), g->appid, sizeof g->appid);
  g->key =
      (struct weigate_key){.struct_size = sizeof g->key, .appid = {g->appid, strlen(g->appid)}, .openid = {openid.p, openid.n}};
  return 0;
}

static int export_person(const struct ctl *ctl, struct gathering *g, struct err *err) {
  const struct weigate_privacy_v1 *privacy = upkeep_extension_of(g->people, WEIGATE_PRIVACY_V1, sizeof *privacy);
  if (find_person(ctl, g, err) != 0 || (privacy ? ask_plugin(g, privacy, err) : gather(g, err)) != 0) return -1;
  return g->people_count > 0 ? 0 : err_set(err, "nobody with that openid is stored");
}

int privacy_export_run(const struct ctl *ctl, struct err *err) {
  struct people people;
  struct audit audit;
  struct gathering g = {.people = &people};
  char person[AUDIT_PERSON_BYTES] = "";
  if (!person_is_openid(str_of(ctl->argument)))
    return err_set(err, "that is no openid: 1 to %d letters, digits, \"-\" and \"_\"", WEIGATE_OPENID_MAX);
  if (people_open(ctl, &people, err) != 0) return -1;
  buf_init(&g.out, 2 * PERSON_TEXT_MAX_BYTES);
  audit_begin(&audit, people.conf, "privacy export", "");
  int result = export_person(ctl, &g, err);
  if (g.appid[0]) audit_name_person(str_of(g.appid), str_of(ctl->argument), person);
  audit_end(&audit, result, "%s", person);
  buf_done(&g.out);
  people_close(&people);
  return result;
}
