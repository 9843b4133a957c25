/* SPDX-License-Identifier: Apache-2.0
 * config_check: weigatectl config check; the program's only thread. */
#include <stdio.h>

#include "conf/conf.h"
#include "ctl/ctl.h"
#include "master/probe.h"

int config_check_run(const struct ctl *ctl, struct err *err) {
  struct conf *conf = NULL;
  if (conf_load(ctl->conf_path, 0, &conf, err) != 0) return -1;
  int result = probe_run(conf, PROBE_LOAD, err);
  if (result == 0)
    printf("%s is good: %zu account%s, %zu worker%s, storage plugin %s\n", conf->path, conf->accounts_count,
           conf->accounts_count == 1 ? "" : "s", conf->server.workers, conf->server.workers == 1 ? "" : "s",
           conf->store.plugin.plugin);
  conf_free(conf);
  return result;
}
