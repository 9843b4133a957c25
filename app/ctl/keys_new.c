/* SPDX-License-Identifier: Apache-2.0
 * keys_new: weigatectl keys new; the program's only thread. */
#include <stdio.h>
#include <string.h>

#include "base/scope.h"
#include "base/seal.h"
#include "conf/conf.h"
#include "ctl/audit.h"
#include "ctl/ctl.h"
#include "ctl/keys_file.h"

static int make_keys(const struct conf *conf, struct err *err) {
  char key[66];
  struct stat like;
  const char *path = conf_value(conf, "session", "", "keys_file", NULL);
  const char *section = conf->accounts[0].id, *secret_path = NULL;
  secret_path = conf_value(conf, "account", strcmp(section, "default") == 0 ? "" : section, "secret_file", NULL);
  bool is_known = secret_path && stat(secret_path, &like) == 0;
  if (lstat(path, &(struct stat){0}) == 0)
    return err_set(err, "%s is there already; weigatectl keys rotate adds a key to it", path);
  if (seal_key_new(key) != 0) return err_set(err, "the kernel gives no random bytes: %m");
  key[64] = '\n';
  int result = keys_file_create(path, str_make(key, 65), is_known ? &like : NULL, err);
  explicit_bzero(key, sizeof key);
  if (result != 0) return -1;
  printf("made %s%s\n", path,
         is_known ? ", readable by those who can read the AppSecret"
                  : " (mode 0600; it has to be readable by the user that runs weigate)");
  return 0;
}

int keys_new_run(const struct ctl *ctl, struct err *err) {
  struct conf *conf = NULL;
  if (conf_load(ctl->conf_path, CONF_WITHOUT_SECRETS, &conf, err) != 0) return -1;
  struct audit audit;
  audit_begin(&audit, conf, "keys new", "");
  int result = make_keys(conf, err);
  audit_end(&audit, result, "%s", conf_value(conf, "session", "", "keys_file", NULL));
  conf_free(conf);
  return result;
}
