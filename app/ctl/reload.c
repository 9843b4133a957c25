/* SPDX-License-Identifier: Apache-2.0
 * reload: weigatectl reload; the program's only thread. */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "base/scope.h"
#include "conf/conf.h"
#include "ctl/call.h"
#include "ctl/ctl.h"

/* {"ok":true,"version":…,"generation":…}, or an error of ERR_TEXT_BYTES, escaped. */
#define REPLY_MAX_BYTES 16384

int reload_run(const struct ctl *ctl, struct err *err) {
  SCOPE_BUF struct buf line;
  struct conf *conf = NULL;
  cJSON *answer = NULL;
  buf_init(&line, REPLY_MAX_BYTES);
  if (conf_load(ctl->conf_path, CONF_WITHOUT_SECRETS, &conf, err) != 0) return -1;
  int result = call_master(conf, "reload", &line, &answer, err);
  if (result == 0) {
    const cJSON *generation = cJSON_GetObjectItemCaseSensitive(answer, "generation");
    printf("reloaded: generation %d serves\n", cJSON_IsNumber(generation) ? generation->valueint : 0);
  }
  cJSON_Delete(answer);
  conf_free(conf);
  return result;
}
