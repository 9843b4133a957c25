/* SPDX-License-Identifier: Apache-2.0
 * config_show: weigatectl config show; the program's only thread. */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "base/scope.h"
#include "conf/conf.h"
#include "conf/print.h"
#include "ctl/call.h"
#include "ctl/ctl.h"
#include "master/control.h"

/* In the form of conf_print_text(), from the running service's JSON. */
static void add_running(struct buf *out, const cJSON *config) {
  const cJSON *section, *option;
  cJSON_ArrayForEach(section, cJSON_GetObjectItemCaseSensitive(config, "sections")) {
    const char *name = call_text(section, "name");
    buf_addf(out, "%s[%s%s%s]\n", out->len ? "\n" : "", call_text(section, "section"), *name ? " " : "", name);
    cJSON_ArrayForEach(option, cJSON_GetObjectItemCaseSensitive(section, "options")) {
      const char *value = call_text(option, "value");
      bool is_default = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(option, "default"));
      buf_addf(out, "%s = %s%s\n", call_text(option, "name"), value, !is_default ? "" : *value ? " ; default" : "; not set");
    }
  }
}

static int show_running(const struct conf *conf, bool as_json, struct buf *out, struct err *err) {
  SCOPE_BUF struct buf line;
  cJSON *answer = NULL;
  buf_init(&line, CONTROL_REPLY_MAX_BYTES);
  if (call_master(conf, "config", &line, &answer, err) != 0) return -1;
  const cJSON *config = cJSON_GetObjectItemCaseSensitive(answer, "config");
  SCOPE_FREE char *text = as_json ? cJSON_PrintUnformatted(config) : NULL;
  if (as_json)
    buf_addf(out, "%s\n", text ? text : "");
  else
    add_running(out, config);
  cJSON_Delete(answer);
  return 0;
}

int config_show_run(const struct ctl *ctl, struct err *err) {
  SCOPE_BUF struct buf out;
  struct conf *conf = NULL;
  int result = 0;
  buf_init(&out, CONTROL_REPLY_MAX_BYTES);
  if (conf_load(ctl->conf_path, CONF_WITHOUT_SECRETS, &conf, err) != 0) return -1;
  if (ctl_has(ctl, CTL_RUNNING)) {
    result = show_running(conf, ctl_has(ctl, CTL_JSON), &out, err);
  } else if (ctl_has(ctl, CTL_JSON)) {
    conf_print_json(&out, conf);
    buf_add_char(&out, '\n');
  } else {
    conf_print_text(&out, conf);
  }
  fputs(buf_text(&out), stdout);
  conf_free(conf);
  return result;
}
