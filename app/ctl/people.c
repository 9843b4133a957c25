/* SPDX-License-Identifier: Apache-2.0
 * people: opens and closes the store for admin commands; the program's only thread. */
#include "ctl/people.h"

#include <grp.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/call.h"
#include "ctl/progress.h"

/* An admin waits a little longer than a visitor. */
#define CONNECT_MAX_MS 10000
/* A batch of hundreds, tried again as long as a restart of the store takes. */
#define WRITE_CALL_MAX_MS 10000
#define WRITE_MAX_MS      30000
#define WRITE_PAUSE_MS    250

/* Where the service does not run: who owns what the plugin's options name, or the folder it would be made in. */
static int find_owner(const struct conf *conf, uid_t *ret_uid, gid_t *ret_gid) {
  for (size_t i = 0; i < conf->store.plugin.options_count; i++) {
    struct stat st;
    char path[PATH_MAX];
    char *slash;
    struct str value = str_of(conf->store.plugin.options[i].value);
    if (!str_starts(value, STR("/")) || str_copy(value, path, sizeof path) != 0) continue;
    bool found = stat(path, &st) == 0;
    if (!found && (slash = strrchr(path + 1, '/'))) {
      *slash = '\0';
      found = stat(path, &st) == 0;
    }
    if (!found) continue;
    *ret_uid = st.st_uid;
    *ret_gid = st.st_gid;
    return 0;
  }
  return -1;
}

int people_owner(const struct conf *conf, uid_t *ret_uid, gid_t *ret_gid) {
  return call_whose(conf, ret_uid, ret_gid) == 0 ? 0 : find_owner(conf, ret_uid, ret_gid);
}

int people_become_service_user(const struct conf *conf, struct err *err) {
  uid_t uid;
  gid_t gid;
  if (geteuid() != 0 || people_owner(conf, &uid, &gid) != 0 || uid == 0) return 0;
  if (setgroups(0, NULL) == 0 && setresgid(gid, gid, gid) == 0 && setresuid(uid, uid, uid) == 0) return 0;
  return err_set(err, "cannot become user %d, who runs weigate: %m", (int)uid);
}

static int connect_store(struct people *people, struct err *err) {
  struct weigate_call call = plugin_call(CONNECT_MAX_MS);
  int class = people->plugin.desc->connect(people->plugin.store, &call, &people->handle);
  return class == WEIGATE_OK ? 0 : people_refuse(people, "cannot open the store", class, &call, err);
}

/* Takes over people->conf. */
static int open_store(struct people *opened, struct people *ret_people, struct err *err) {
  struct people people = *opened;
  if (people_become_service_user(people.conf, err) == 0 && plugin_load(&people.conf->store.plugin, &people.plugin, err) == 0) {
    if (connect_store(&people, err) == 0) {
      *ret_people = people;
      return 0;
    }
    plugin_unload(&people.plugin);
  }
  conf_free(people.conf);
  return -1;
}

int people_open_plugin(const struct ctl *ctl, const char *plugin, const char *asked_by, struct people *ret_people,
                       struct err *err) {
  struct people people = {0};
  if (conf_load(ctl->conf_path, CONF_WITHOUT_SECRETS, &people.conf, err) != 0) return -1;
  if (plugin) people.conf->store.plugin = conf_plugin(people.conf, plugin, asked_by);
  return open_store(&people, ret_people, err);
}

int people_open_with_secrets(const struct ctl *ctl, struct people *ret_people, struct err *err) {
  struct people people = {0};
  if (conf_load(ctl->conf_path, 0, &people.conf, err) != 0) return -1;
  if (conf_lock_secrets(people.conf, err) >= 0) return open_store(&people, ret_people, err);
  conf_free(people.conf);
  return -1;
}

int people_open(const struct ctl *ctl, struct people *ret_people, struct err *err) {
  return people_open_plugin(ctl, ctl_text(ctl, CTL_PLUGIN), "--plugin", ret_people, err);
}

void people_close(struct people *people) {
  plugin_disconnect(&people->plugin, people->handle);
  plugin_unload(&people->plugin);
  conf_free(people->conf);
}

int people_appid(const struct conf *conf, const char *account, struct str *ret_appid, struct err *err) {
  *ret_appid = STR("");
  if (!account) return 0;
  for (size_t i = 0; i < conf->accounts_count; i++) {
    const struct account_settings *settings = &conf->accounts[i];
    bool is_website = settings->qrconnect_appid && strcmp(settings->qrconnect_appid, account) == 0;
    if (strcmp(settings->id, account) != 0 && strcmp(settings->appid, account) != 0 && !is_website) continue;
    *ret_appid = str_of(is_website ? settings->qrconnect_appid : settings->appid);
    return 0;
  }
  return err_set(err, "there is no account \"%s\" in %s", account, conf->path);
}

/* Each appid once: accounts may share one. */
static void add_key(struct weigate_keys *batch, struct weigate_key *keys, const char *appid, struct str openid, struct str only) {
  bool is_wanted = appid && (only.n == 0 || str_eq(str_of(appid), only));
  for (size_t i = 0; is_wanted && i < batch->count; i++)
    is_wanted = !str_eq(str_of(appid), str_make(keys[i].appid.bytes, keys[i].appid.size));
  if (!is_wanted) return;
  keys[batch->count++] =
      (struct weigate_key){.struct_size = sizeof keys[0], .appid = {appid, strlen(appid)}, .openid = {openid.p, openid.n}};
}

int people_load(const struct people *people, struct str openid, struct str appid, uint32_t want, weigate_person_sink sink,
                void *context, struct err *err) {
  struct weigate_key keys[2 * SIGNIN_ACCOUNTS_MAX];
  struct weigate_keys batch = {.struct_size = sizeof batch, .stride = sizeof keys[0], .items = keys};
  for (size_t i = 0; i < people->conf->accounts_count; i++) {
    add_key(&batch, keys, people->conf->accounts[i].appid, openid, appid);
    add_key(&batch, keys, people->conf->accounts[i].qrconnect_appid, openid, appid);
  }
  struct weigate_call call = plugin_call(CONNECT_MAX_MS);
  int class = people->plugin.desc->load_people(people->handle, &call, &batch, want, sink, context);
  return class == WEIGATE_OK ? 0 : people_refuse(people, "cannot read the person", class, &call, err);
}

static int note_found(void *context, size_t index, const struct weigate_person *person) {
  (void)index;
  if (person) *(bool *)context = true;
  return 0;
}

int people_find(const struct people *people, struct str openid, struct str appid, bool *ret_found, struct err *err) {
  *ret_found = false;
  return people_load(people, openid, appid, 0, note_found, ret_found, err);
}

uint64_t people_estimate(const struct people *people) {
  struct weigate_call call = plugin_call(CONNECT_MAX_MS);
  struct weigate_health health = {.struct_size = sizeof health};
  return people->plugin.desc->health(people->handle, &call, &health) == WEIGATE_OK ? health.people_estimate : 0;
}

static bool is_passing(int class) {
  return class == WEIGATE_BUSY || class == WEIGATE_UNAVAILABLE || class == WEIGATE_TIMEOUT || class == WEIGATE_OUTCOME_UNKNOWN;
}

int people_write(const struct people *people, const char *cannot,
                 int (*write)(const struct people *people, struct weigate_call *call, void *arg), void *arg, struct err *err) {
  for (uint64_t give_up_ms = clock_mono_ms() + WRITE_MAX_MS;;) {
    struct weigate_call call = plugin_call(WRITE_CALL_MAX_MS);
    int class = plugin_answer(write(people, &call, arg), &call);
    if (class == WEIGATE_OK) return 0;
    if (!is_passing(class) || clock_mono_ms() >= give_up_ms || progress_is_interrupted())
      return people_refuse(people, cannot, class, &call, err);
    progress_pause(call.retry_after_ms > WRITE_PAUSE_MS ? call.retry_after_ms : WRITE_PAUSE_MS);
  }
}

struct merging {
  const struct weigate_people *batch;
  struct weigate_result *results;
};

static int merge(const struct people *people, struct weigate_call *call, void *arg) {
  const struct merging *merging = arg;
  for (size_t i = 0; i < merging->batch->count; i++)
    merging->results[i] = (struct weigate_result){.struct_size = sizeof merging->results[0]};
  return people->plugin.desc->merge_people(people->handle, call, merging->batch, merging->results);
}

int people_merge(const struct people *people, const struct weigate_people *batch, struct weigate_result *results,
                 struct err *err) {
  struct merging merging = {batch, results};
  return people_write(people, "cannot store people", merge, &merging, err);
}

int people_refuse(const struct people *people, const char *what, int class, const struct weigate_call *call, struct err *err) {
  return err_set(err, "storage plugin %s: %s: %s (%s)", people->plugin.desc->name, what,
                 call->message[0] ? call->message : "no reason given", plugin_class_name(class));
}
