/* SPDX-License-Identifier: Apache-2.0
 * kit: fixtures; no behaviour of its own. */
#include "kit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The plan of the test that runs. */
static struct kit_plan plan;
static struct plugin_option options[KIT_OPTIONS_MAX];
static char option_text[1024];

static void fail_in_cmocka(const char *file, int line) {
  _fail(file, line);
}

/* Cuts "a=b;c=d" into options. */
static void read_options(const char *text) {
  snprintf(option_text, sizeof(option_text), "%s", text);
  plan.options_count = 0;
  for (char *rest = option_text; rest && *rest && plan.options_count < KIT_OPTIONS_MAX;) {
    char *end = strchr(rest, ';'), *equals = strchr(rest, '=');
    assert_non_null(equals);
    *equals = '\0';
    if (end) *end = '\0';
    options[plan.options_count++] = (struct plugin_option){.name = rest, .value = equals + 1};
    rest = end ? end + 1 : NULL;
  }
}

int kit_setup_closed(void **state) {
  const char *base = getenv("TMPDIR"), *plugin = getenv("WEIGATE_PLUGIN"), *texts = getenv("WEIGATE_PLUGIN_OPTIONS");
  char directory[200];
  promise_hook = fail_in_cmocka;
  plan = (struct kit_plan){
      .plugin = plugin ? plugin : TEST_PLUGIN_DIR "/file.so", .plugin_dir = TEST_PLUGIN_DIR, .options = options};
  read_options(texts ? texts : "path=@DIR@/test.db");
  snprintf(directory, sizeof(directory), "%s/weigate-store-XXXXXX", base ? base : "/tmp");
  if (!mkdtemp(directory)) return -1;
  struct kit *kit = kit_new(&plan, directory, "test");
  kit->settings.conf_file = "test.conf";
  *state = kit;
  return 0;
}

int kit_setup(void **state) {
  if (kit_setup_closed(state) != 0) return -1;
  kit_open(*state);
  return 0;
}

static void remove_directory(const char *directory) {
  DIR *open = opendir(directory);
  struct dirent *entry;
  while (open && (entry = readdir(open)))
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) unlinkat(dirfd(open), entry->d_name, 0);
  if (open) closedir(open);
  rmdir(directory);
}

int kit_teardown(void **state) {
  struct kit *kit = *state;
  kit_close(kit);
  remove_directory(kit->directory);
  promise_said = NULL;
  free(kit);
  return 0;
}
