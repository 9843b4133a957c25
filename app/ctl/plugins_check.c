/* SPDX-License-Identifier: Apache-2.0
 * plugins_check: weigatectl plugins check: gives a plugin scratch stores and holds it against its promises. It knows nothing of
 * the configured store, and never touches one that it did not make. The program's only thread. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "base/scope.h"
#include "ctl/plugin_card.h"
#include "kit/run.h"

#define SOAK_DEFAULT_MS 600000

/* The options as given, and those that we give. */
struct given {
  struct plugin_option options[KIT_OPTIONS_MAX];
  size_t count;
  char texts[KIT_OPTION_TEXT_BYTES];
  size_t texts_used;
};

static char *keep(struct given *given, struct str text) {
  char *to = given->texts + given->texts_used;
  if (str_copy(text, to, sizeof given->texts - given->texts_used) != 0) return NULL;
  given->texts_used += text.n + 1;
  return to;
}

static int give(struct given *given, struct str name, struct str value, struct err *err) {
  const char *name_text = keep(given, name), *value_text = name_text ? keep(given, value) : NULL;
  if (!value_text || given->count == KIT_OPTIONS_MAX) return err_set(err, "the options of the plugin are too long");
  given->options[given->count++] = (struct plugin_option){.name = name_text, .value = value_text, .line = (int)given->count};
  return 0;
}

static bool is_given(const struct given *given, const char *name) {
  for (size_t i = 0; i < given->count; i++)
    if (strcmp(given->options[i].name, name) == 0) return true;
  return false;
}

static int read_given(const struct ctl *ctl, struct given *given, struct err *err) {
  for (size_t i = 0; i < ctl->list_count; i++) {
    struct str value = str_of(ctl->list[i].text), name;
    if (ctl->list[i].option != CTL_OPTION) continue;
    if (!str_has(value, '=')) return err_set(err, "--option %s: write NAME=VALUE", ctl->list[i].text);
    str_split(&value, '=', &name);
    if (give(given, str_trim(name), value.p ? value : STR(""), err) != 0) return -1;
  }
  return 0;
}

static bool is_true(const cJSON *object, const char *name) {
  return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}

/* Paths that say where a store is (they have a default, or are asked for) lie in the scratch directory. */
static int fill_paths(const cJSON *card, struct given *given, struct err *err) {
  const cJSON *option;
  cJSON_ArrayForEach(option, cJSON_GetObjectItemCaseSensitive(card, "options")) {
    const char *name = plugin_card_text(option, "name");
    SCOPE_BUF struct buf path;
    buf_init(&path, 256);
    bool is_place = strcmp(plugin_card_text(option, "type"), "path") == 0 &&
                    (is_true(option, "required") || cJSON_HasObjectItem(option, "default"));
    if (!is_place || is_given(given, name)) continue;
    buf_addf(&path, "@DIR@/%s", name);
    if (give(given, str_of(name), buf_str(&path), err) != 0) return -1;
  }
  return 0;
}

static int ask_for_missing(const cJSON *card, const struct given *given, struct err *err) {
  const cJSON *option;
  cJSON_ArrayForEach(option, cJSON_GetObjectItemCaseSensitive(card, "options")) {
    const char *name = plugin_card_text(option, "name");
    if (!is_true(option, "required") || is_given(given, name)) continue;
    return err_set(
        err,
        "%s needs --option %s=…  %s  Write @NAME@ where the name of the store stands, and give a program that makes and "
        "drops it with --fresh; the configured store is never used",
        plugin_card_text(card, "name"), name, plugin_card_text(option, "help"));
  }
  return 0;
}

/* Without a place of its own each check would meet the records of the one before, or somebody's real ones. */
static int insist_on_scratch(const cJSON *card, const struct given *given, const char *fresh, struct err *err) {
  bool has_directory = false, has_name = false;
  for (size_t i = 0; i < given->count; i++) {
    has_directory |= strstr(given->options[i].value, "@DIR@") != NULL;
    has_name |= strstr(given->options[i].value, "@NAME@") != NULL;
  }
  if (has_name && !fresh)
    return err_set(err,
                   "@NAME@ is a store that does not exist yet: give a program with --fresh that makes it (\"PROGRAM make NAME\") "
                   "and drops it (\"PROGRAM drop NAME\")");
  if (has_directory || has_name || (given->count == 0 && fresh)) return 0;
  return err_set(err,
                 "every check wants a store of its own, and the options of %s name a single one: write @DIR@ (a fresh directory) "
                 "or @NAME@ (a fresh name) in the one that says where the store is",
                 plugin_card_text(card, "name"));
}

/* Memory's store wants to lie in memory. */
static const char *scratch_directory(const cJSON *card) {
  const cJSON *option;
  const char *temporary = getenv("TMPDIR");
  if (temporary && temporary[0] == '/') return temporary;
  cJSON_ArrayForEach(option, cJSON_GetObjectItemCaseSensitive(
                                 card, "options")) if (strncmp(plugin_card_text(option, "default"), "/dev/shm/", 9) == 0 &&
                                                       access("/dev/shm", W_OK) == 0) return "/dev/shm";
  return "/tmp";
}

static unsigned what_it_has(const cJSON *card, const struct given *given) {
  const cJSON *durability = cJSON_GetObjectItemCaseSensitive(card, "durability");
  unsigned has = 0;
  if (cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(card, "extensions")) > 0) has |= KIT_NEEDS_TICKETS;
  if (cJSON_IsNumber(durability) && durability->valuedouble >= WEIGATE_DURABLE_PROCESS) has |= KIT_NEEDS_DURABLE;
  for (size_t i = 0; i < given->count; i++)
    if (strstr(given->options[i].value, "@DIR@")) has |= KIT_NEEDS_FILES;
  return has;
}

static int check(const struct ctl *ctl, const char *plugin, const char *directory, const cJSON *card, struct err *err) {
  struct given given = {.count = 0};
  char title[1024];
  uint64_t seed = 0;
  const char *fresh = ctl_text(ctl, CTL_FRESH);
  if (random_bytes(&seed, sizeof(uint32_t)) != 0) return err_set(err, "no random numbers");
  if (read_given(ctl, &given, err) != 0 || fill_paths(card, &given, err) != 0 || ask_for_missing(card, &given, err) != 0 ||
      insist_on_scratch(card, &given, fresh, err) != 0)
    return -1;
  snprintf(title, sizeof title, "%s %s, %.700s, sha256 %.16s…", plugin_card_text(card, "name"), plugin_card_text(card, "version"),
           plugin_card_text(card, "path"), plugin_card_text(card, "sha256"));
  struct kit_run run = {
      .plan = {.plugin = plugin, .plugin_dir = directory, .options = given.options, .options_count = given.count, .fresh = fresh},
      .title = title,
      .needs = what_it_has(card, &given),
      .level = (enum kit_level)ctl_number(ctl, CTL_LEVEL, KIT_CORE),
      .seed = ctl_number(ctl, CTL_SEED, seed),
      .only = ctl_text(ctl, CTL_ONLY),
      .scratch = scratch_directory(card),
      .soak_s = (unsigned)(ctl_number(ctl, CTL_SOAK, SOAK_DEFAULT_MS) / 1000),
      .is_json = ctl_has(ctl, CTL_JSON),
  };
  int result = kit_run(&run, stdout, err);
  return result == 1 ? err_set(err, "%s breaks a promise; the manual page weigate-storage(3) says what each means",
                               plugin_card_text(card, "name"))
                     : result;
}

int plugins_check_run(const struct ctl *ctl, struct err *err) {
  char *directory = NULL, plugin[PLUGIN_PATH_BYTES];
  cJSON *card = NULL;
  if (ctl_has(ctl, CTL_LIST_ALL)) {
    kit_list(stdout);
    return 0;
  }
  if (!ctl->argument) return err_set(err, "plugins check needs PLUGIN: a name, or the path of a .so");
  if (plugin_card_find(ctl->argument, plugin, err) != 0 || plugin_card_directory(ctl, &directory, err) != 0) return -1;
  int result = plugin_card_read(plugin, directory, &card, err);
  if (result == 0) result = check(ctl, plugin, directory, card, err);
  cJSON_Delete(card);
  free(directory);
  return result;
}
