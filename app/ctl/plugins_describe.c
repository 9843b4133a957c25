/* SPDX-License-Identifier: Apache-2.0
 * plugins_describe: weigatectl plugins describe; the program's only thread. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/scope.h"
#include "ctl/plugin_card.h"
#include "ctl/term.h"

static void add_row(struct buf *out, const char *label, const char *text) {
  char padded[32];
  snprintf(padded, sizeof padded, "%-16s", label);
  term_add_styled(out, TERM_DIM, padded);
  text_printable(out, str_of(text), 4096);
  buf_add_char(out, '\n');
}

static void add_number(struct buf *out, const char *type, const cJSON *number) {
  uint64_t value = number->valuedouble > 0 ? (uint64_t)number->valuedouble : 0;
  if (str_eq(str_of(type), STR("size")))
    text_format_size(out, value);
  else if (str_eq(str_of(type), STR("duration")))
    text_format_duration(out, value);
  else
    buf_addf(out, "%.0f", number->valuedouble);
}

/* "path = /dev/shm/weigate     (path)" and its help beneath. */
static void add_option(struct buf *out, const cJSON *option) {
  const char *type = plugin_card_text(option, "type"), *choices = plugin_card_text(option, "choices");
  const cJSON *min = cJSON_GetObjectItemCaseSensitive(option, "min"), *max = cJSON_GetObjectItemCaseSensitive(option, "max");
  buf_add_text(out, "  ");
  text_printable(out, str_of(plugin_card_text(option, "name")), 64);
  buf_add_text(out, " = ");
  text_printable(out, str_of(plugin_card_text(option, "default")), 1024);
  buf_add_text(out, "  (");
  text_printable(out, str_of(choices[0] ? choices : type), 1024);
  if (min && max) {
    buf_add_text(out, " from ");
    add_number(out, type, min);
    buf_add_text(out, " to ");
    add_number(out, type, max);
  }
  if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(option, "required"))) buf_add_text(out, ", required");
  if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(option, "secret"))) buf_add_text(out, ", secret");
  buf_add_text(out, ")\n      ");
  text_printable(out, str_of(plugin_card_text(option, "help")), 1024);
  buf_add_char(out, '\n');
}

static void add_card(struct buf *out, const cJSON *card) {
  SCOPE_BUF struct buf extensions;
  const cJSON *item;
  buf_init(&extensions, 4096);
  cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(card, "extensions"))
      buf_addf(&extensions, "%s%s", extensions.len ? ", " : "", item->valuestring);
  add_row(out, "plugin", plugin_card_text(card, "name"));
  add_row(out, "version", plugin_card_text(card, "version"));
  add_row(out, "summary", plugin_card_text(card, "summary"));
  add_row(out, "an OK survives", plugin_card_text(card, "survives"));
  add_row(out, "interface", plugin_card_text(card, "abi"));
  add_row(out, "extensions", extensions.len ? buf_text(&extensions) : "none: it serves one host's single worker only");
  add_row(out, "file", plugin_card_text(card, "path"));
  add_row(out, "sha256", plugin_card_text(card, "sha256"));
  add_row(out, "trust", "owned by root or you and writable by nobody else, as is every directory above it");
  buf_addf(out, "\n[plugin %s]\n", plugin_card_text(card, "name"));
  cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(card, "options")) add_option(out, item);
}

int plugins_describe_run(const struct ctl *ctl, struct err *err) {
  SCOPE_BUF struct buf out;
  char *directory = NULL, *text = NULL, plugin[PLUGIN_PATH_BYTES];
  cJSON *card = NULL;
  buf_init(&out, 524288);
  if (plugin_card_find(ctl->argument, plugin, err) != 0 || plugin_card_directory(ctl, &directory, err) != 0) return -1;
  int result = plugin_card_read(plugin, directory, &card, err);
  free(directory);
  if (result != 0) return -1;
  if (ctl_has(ctl, CTL_JSON)) {
    text = cJSON_PrintUnformatted(card);
    buf_addf(&out, "%s\n", text ? text : "{}");
  } else {
    add_card(&out, card);
  }
  term_print(&out);
  free(text);
  cJSON_Delete(card);
  return 0;
}
