/* SPDX-License-Identifier: Apache-2.0
 * people: the store as weigatectl opens it, beside the running service. */
#ifndef WEIGATE_CTL_PEOPLE_H
#define WEIGATE_CTL_PEOPLE_H

#include <sys/types.h>

#include <weigate/storage.h>

#include "base/err.h"
#include "conf/conf.h"
#include "ctl/ctl.h"
#include "store/plugin.h"

/* An open store with one handle. */
struct people {
  struct conf *conf;
  struct plugin plugin;
  struct weigate_handle *handle;
};

/* Reads the configuration (without secrets), loads its plugin and connects. As root it first becomes the user that runs weigate,
 * so that no file of the store comes to belong to root. --plugin chooses another plugin than the configured one. */
int people_open(const struct ctl *ctl, struct people *ret_people, struct err *err);
/* The same with keys and AppSecrets, which are read before the user changes and are locked in memory. */
int people_open_with_secrets(const struct ctl *ctl, struct people *ret_people, struct err *err);
/* The same for a named plugin (a name or a path) with the lines of its own section; asked_by: the option that named it, "--from".
 */
int people_open_plugin(const struct ctl *ctl, const char *plugin, const char *asked_by, struct people *ret_people,
                       struct err *err);
/* As root: becomes the user that runs weigate (or owns its files). */
int people_become_service_user(const struct conf *conf, struct err *err);
void people_close(struct people *people);
/* Who runs the service, or owns the store where it does not run; -1 where neither can be told. */
int people_owner(const struct conf *conf, uid_t *ret_uid, gid_t *ret_gid);
/* The appid that --account means (a section's name, or an appid, that of a website app too); "" for all. */
int people_appid(const struct conf *conf, const char *account, struct str *ret_appid, struct err *err);
/* Is somebody with that openid stored in the account ("": in any)? */
int people_find(const struct people *people, struct str openid, struct str appid, bool *ret_found, struct err *err);
/* The records of that openid in the account ("": in each, website apps too) go to the sink, as load_people gives them. */
int people_load(const struct people *people, struct str openid, struct str appid, uint32_t want, weigate_person_sink sink,
                void *context, struct err *err);
/* How many people the store holds, about; 0 where it does not say. */
uint64_t people_estimate(const struct people *people);
/* One idempotent write, sent again while the store is busy, away, or did not say what became of it; for half a minute. The
 * sentence begins with what could not be done: "cannot store people". */
int people_write(const struct people *people, const char *cannot,
                 int (*write)(const struct people *people, struct weigate_call *call, void *arg), void *arg, struct err *err);
/* merge_people by people_write(). Results are filled when it returns 0. */
int people_merge(const struct people *people, const struct weigate_people *batch, struct weigate_result *results,
                 struct err *err);
/* The sentence for a call of the plugin that failed; returns -1. */
int people_refuse(const struct people *people, const char *what, int class, const struct weigate_call *call, struct err *err);

#endif
