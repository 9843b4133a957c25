/* SPDX-License-Identifier: Apache-2.0
 * scratch: a store that nobody else uses: a directory or a name put into the plugin's options, opened and closed. The process of
 * a check. */
#include "kit/kit.h"

#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/scope.h"
#include "kit/promise.h"

int kit_fresh(const struct kit_plan *plan, const char *word, const char *name) {
  char program[4096], word_text[16], name_text[KIT_NAME_BYTES];
  char *const argv[] = {program, word_text, name_text, NULL};
  pid_t pid;
  int status = 0;
  if (!plan->fresh) return 0;
  snprintf(program, sizeof(program), "%s", plan->fresh);
  snprintf(word_text, sizeof(word_text), "%s", word);
  snprintf(name_text, sizeof(name_text), "%s", name);
  if (posix_spawnp(&pid, program, NULL, NULL, argv, environ) != 0 || waitpid(pid, &status, 0) != pid) return -1;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* Adds the value with @DIR@ and @NAME@ replaced, and its terminator. */
static void add_value(const struct kit *kit, const char *value, struct buf *out) {
  for (const char *p = value; *p;) {
    bool is_directory = strncmp(p, "@DIR@", 5) == 0;
    bool is_name = strncmp(p, "@NAME@", 6) == 0;
    if (is_directory)
      buf_add_text(out, kit->directory);
    else if (is_name)
      buf_add_text(out, kit->name);
    else
      buf_add_char(out, *p);
    p += is_directory ? 5 : is_name ? 6 : 1;
  }
  buf_add_char(out, '\0');
}

static void fill_options(struct kit *kit) {
  SCOPE_BUF struct buf out;
  buf_init(&out, sizeof(kit->option_text));
  size_t at[KIT_OPTIONS_MAX];
  for (size_t i = 0; i < kit->plan->options_count && i < KIT_OPTIONS_MAX; i++) {
    at[i] = out.len;
    add_value(kit, kit->plan->options[i].value, &out);
  }
  assert_false(out.failed || kit->plan->options_count > KIT_OPTIONS_MAX);
  if (out.len) memcpy(kit->option_text, out.data, out.len);
  for (size_t i = 0; i < kit->plan->options_count; i++)
    kit->options[i] = (struct plugin_option){kit->plan->options[i].name, kit->option_text + at[i], (int)i + 1};
  kit->settings.options_count = kit->plan->options_count;
}

struct kit *kit_new(const struct kit_plan *plan, const char *directory, const char *name) {
  struct kit *kit = calloc(1, sizeof(*kit));
  assert_non_null(kit);
  kit->plan = plan;
  kit->base_us = kit_now_us() - INT64_C(1000000000);
  snprintf(kit->directory, sizeof(kit->directory), "%s", directory);
  snprintf(kit->name, sizeof(kit->name), "%s", name);
  kit->settings = (struct plugin_settings){
      .plugin = plan->plugin, .plugin_dir = plan->plugin_dir, .options = kit->options, .conf_file = "the check's options"};
  fill_options(kit);
  return kit;
}

void kit_open(struct kit *kit) {
  struct err err = {{0}};
  if (plugin_load(&kit->settings, &kit->plugin, &err) != 0) fail_msg("%s", err.text);
  kit->handle = kit_connect(kit);
  if (kit->is_set_up) return;
  kit->is_set_up = true;
  int class = plugin_setup(&kit->plugin, kit->handle, kit_call(kit));
  if (class != WEIGATE_OK) fail_msg("setup: %s: %s", plugin_class_name(class), kit->call.message);
}

void kit_close(struct kit *kit) {
  if (!kit->plugin.store) return;
  plugin_disconnect(&kit->plugin, kit->handle);
  kit->handle = NULL;
  plugin_unload(&kit->plugin);
}

struct weigate_handle *kit_connect(struct kit *kit) {
  struct weigate_handle *handle = NULL;
  int class = plugin_connect(&kit->plugin, kit_call(kit), &handle);
  if (class != WEIGATE_OK) fail_msg("connect: %s: %s", plugin_class_name(class), kit->call.message);
  return handle;
}

struct weigate_call *kit_call(struct kit *kit) {
  kit->call = plugin_call(KIT_TIMEOUT_MS);
  promise_said = kit->call.message;
  return &kit->call;
}

bool kit_has_files(const struct kit *kit) {
  for (size_t i = 0; i < kit->plan->options_count; i++)
    if (strstr(kit->plan->options[i].value, "@DIR@")) return true;
  return false;
}

/* Reads on behind what is left of the last block, so that a text is found that two blocks share. */
static bool file_holds(int fd, const char *text) {
  char block[65536 + 256];
  size_t size = strlen(text), left = 0;
  ssize_t n;
  while ((n = read(fd, block + left, 65536)) > 0) {
    if (memmem(block, left + (size_t)n, text, size)) return true;
    size_t have = left + (size_t)n;
    left = have < size - 1 ? have : size - 1;
    memmove(block, block + have - left, left);
  }
  return false;
}

bool kit_files_hold(const struct kit *kit, const char *text) {
  DIR *directory = opendir(kit->directory);
  struct dirent *entry;
  bool holds = false;
  assert_true(text[0] && strlen(text) <= 256);
  assert_non_null(directory);
  while (!holds && (entry = readdir(directory))) {
    SCOPE_CLOSE int fd = openat(dirfd(directory), entry->d_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) holds = file_holds(fd, text);
  }
  closedir(directory);
  return holds;
}
