/* SPDX-License-Identifier: Apache-2.0
 * doctor_files: the configuration and the files of secrets: who can read and write them, and how old the keys are; the program's
 * only thread. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/scope.h"
#include "base/seal.h"
#include "ctl/doctor.h"
#include "ctl/term.h"

#define DAY_S 86400
/* Nobody keeps a key for ever; a year is what most rules of a house ask for. */
#define KEYS_OLD_S (365 * DAY_S)
/* As WeChat makes them. */
#define SECRET_BYTES 32

static void look_at_conf(struct doctor *doctor) {
  struct stat st;
  char owner[DOCTOR_USER_BYTES];
  const struct conf *conf = doctor->conf;
  if (stat(conf->path, &st) != 0) return;
  doctor_name_user(st.st_uid, owner);
  if (st.st_mode & S_IWGRP)
    doctor_say(doctor, DOCTOR_WARN, "configuration", "chmod g-w, unless everybody in that group is an admin",
               "%s is good, and can be written by its group (mode %04o)", conf->path, (unsigned)(st.st_mode & 07777));
  else
    doctor_say(doctor, DOCTOR_OK, "configuration", NULL,
               "%s is good: %zu account%s, %zu worker%s, plugin %s (mode %04o, owner %s)", conf->path, conf->accounts_count,
               conf->accounts_count == 1 ? "" : "s", conf->server.workers, conf->server.workers == 1 ? "" : "s",
               conf->store.plugin.plugin, (unsigned)(st.st_mode & 07777), owner);
}

/* May the service's user read the file? Its further groups are not looked at: the file's group should be its own. */
static bool can_service_read(const struct doctor *doctor, const struct stat *st) {
  if (doctor->service_uid == (uid_t)-1 || doctor->service_uid == 0) return true;
  if (st->st_uid == doctor->service_uid) return st->st_mode & S_IRUSR;
  return st->st_gid == doctor->service_gid && (st->st_mode & S_IRGRP);
}

/* True where the service can use the file; what conf_load() refuses is told there. */
static bool check_readable(struct doctor *doctor, const char *check, const char *path) {
  struct stat st;
  char user[DOCTOR_USER_BYTES];
  if (lstat(path, &st) != 0 || can_service_read(doctor, &st)) return true;
  doctor_name_user(doctor->service_uid, user);
  doctor_say(doctor, DOCTOR_FAIL, check, "chgrp it to the group of that user, and chmod 0640",
             "%s cannot be read by %s, who runs weigate (mode %04o)", path, user, (unsigned)(st.st_mode & 07777));
  return false;
}

static const char *find_secret_path(const struct conf *conf, size_t account, const char *option) {
  const char *id = conf->accounts[account].id;
  return conf_value(conf, "account", strcmp(id, "default") == 0 ? "" : id, option, NULL);
}

static void look_at_secret(struct doctor *doctor, size_t account, const char *option, const char *secret) {
  const char *path = find_secret_path(doctor->conf, account, option);
  struct stat st;
  if (!secret || stat(path, &st) != 0 || !check_readable(doctor, "secret", path)) return;
  size_t length = strlen(secret);
  bool is_odd = length != SECRET_BYTES;
  doctor_say(doctor, is_odd ? DOCTOR_WARN : DOCTOR_OK, "secret", is_odd ? "copy it again from the account's settings" : NULL,
             "%s%s has an AppSecret of %zu characters%s (mode %04o)", doctor_about(doctor, &doctor->conf->accounts[account]),
             path, length, is_odd ? ", and WeChat's have 32" : "", (unsigned)(st.st_mode & 07777));
}

static void look_at_keys(struct doctor *doctor) {
  const char *path = conf_value(doctor->conf, "session", "", "keys_file", NULL);
  size_t count = seal_keys_count(doctor->whole->session.keys);
  SCOPE_BUF struct buf age;
  struct stat st;
  buf_init(&age, 64);
  if (stat(path, &st) != 0 || !check_readable(doctor, "keys", path)) return;
  int64_t age_s = clock_wall_s() - st.st_mtime;
  term_add_span(&age, age_s > 0 ? (uint64_t)age_s : 0);
  bool is_old = age_s > KEYS_OLD_S, is_full = count == SEAL_KEYS_MAX;
  const char *fix = is_old    ? "weigatectl keys rotate, then weigatectl reload"
                    : is_full ? "before the next rotation see that nothing old is left that only the last key opens"
                              : NULL;
  doctor_say(doctor, fix ? DOCTOR_WARN : DOCTOR_OK, "keys", fix, "%s has %zu key%s, changed %s ago (mode %04o)%s", path, count,
             count == 1 ? "" : "s", buf_text(&age), (unsigned)(st.st_mode & 07777), is_full ? "; there may be no more" : "");
}

void doctor_look_at_files(struct doctor *doctor) {
  struct err err = {""};
  look_at_conf(doctor);
  if (conf_load(doctor->ctl->conf_path, 0, &doctor->whole, &err) != 0) {
    doctor->whole = NULL;
    doctor_refuse(doctor, "secrets", &err);
    return;
  }
  for (size_t i = 0; i < doctor->conf->accounts_count; i++) {
    const struct account_settings *account = &doctor->whole->accounts[i];
    if (!doctor_means(doctor, account)) continue;
    look_at_secret(doctor, i, "secret_file", account->secret);
    look_at_secret(doctor, i, "qrconnect_secret_file", account->qrconnect_secret);
  }
  look_at_keys(doctor);
}
