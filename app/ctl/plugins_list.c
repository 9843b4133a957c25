/* SPDX-License-Identifier: Apache-2.0
 * plugins_list: weigatectl plugins list; the program's only thread. */
#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/scope.h"
#include "ctl/plugin_card.h"
#include "ctl/term.h"

#define NAME_CELLS    12
#define VERSION_CELLS 9

static int is_library(const struct dirent *entry) {
  return str_ends(str_of(entry->d_name), STR(".so"));
}

static void add_line(struct buf *out, const char *name, const cJSON *card, const char *why) {
  term_add_cell(out, str_of(name), NAME_CELLS);
  buf_add_char(out, ' ');
  if (card) {
    term_add_cell(out, str_of(plugin_card_text(card, "version")), VERSION_CELLS);
    buf_add_char(out, ' ');
    text_printable(out, str_of(plugin_card_text(card, "summary")), 400);
  } else {
    term_add_styled(out, TERM_BAD, "refused");
    buf_add_text(out, ": ");
    text_printable(out, str_of(why), ERR_TEXT_BYTES);
  }
  buf_add_char(out, '\n');
}

static void add_json(struct buf *out, const char *name, const cJSON *card, const char *why) {
  char *text = card ? cJSON_PrintUnformatted(card) : NULL;
  if (text) {
    buf_add_text(out, text);
  } else {
    buf_add_text(out, "{\"name\":");
    json_add_string(out, str_of(name));
    buf_add_text(out, ",\"refused\":");
    json_add_string(out, str_of(why));
    buf_add_char(out, '}');
  }
  free(text);
  buf_add_char(out, '\n');
}

static void list_one(const struct ctl *ctl, const char *directory, const char *file) {
  SCOPE_BUF struct buf out;
  char name[NAME_MAX + 1];
  cJSON *card = NULL;
  struct err why = {""};
  buf_init(&out, 524288);
  str_copy(str_make(file, strlen(file) - strlen(".so")), name, sizeof name);
  plugin_card_read(name, directory, &card, &why);
  (ctl_has(ctl, CTL_JSON) ? add_json : add_line)(&out, name, card, why.text);
  term_print(&out);
  cJSON_Delete(card);
}

int plugins_list_run(const struct ctl *ctl, struct err *err) {
  char *directory = NULL;
  struct dirent **entries = NULL;
  if (plugin_card_directory(ctl, &directory, err) != 0) return -1;
  int count = scandir(directory, &entries, is_library, alphasort);
  int result = count >= 0 ? 0 : err_set(err, "%s: %s; are the plugins installed there?", directory, strerror(errno));
  for (int i = 0; i < count; i++) {
    list_one(ctl, directory, entries[i]->d_name);
    free(entries[i]);
  }
  free(entries);
  free(directory);
  return result;
}
