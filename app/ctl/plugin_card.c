/* SPDX-License-Identifier: Apache-2.0
 * plugin_card: a child loads the plugin and writes its description as JSON; the program itself never maps foreign code. */
#include "ctl/plugin_card.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/scope.h"
#include "conf/conf.h"

/* Loading reads one file; a constructor that takes longer hangs. */
#define CARD_MAX_MS    10000
#define CARD_MAX_BYTES 262144
/* In front of the child's answer. */
#define GOOD '+'
#define BAD  '-'

int plugin_card_directory(const struct ctl *ctl, char **ret_directory, struct err *err) {
  struct conf *conf = NULL;
  if (access(ctl->conf_path, R_OK) == 0 && conf_load(ctl->conf_path, CONF_WITHOUT_SECRETS, &conf, err) != 0) return -1;
  *ret_directory = str_dup(str_of(conf ? conf->store.plugin.plugin_dir : WEIGATE_PLUGIN_DIR));
  conf_free(conf);
  return *ret_directory ? 0 : err_set(err, "out of memory");
}

const char *plugin_card_text(const struct cJSON *card, const char *name) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(card, name);
  return cJSON_IsString(item) ? item->valuestring : "";
}

int plugin_card_find(const char *argument, char ret_plugin[PLUGIN_PATH_BYTES], struct err *err) {
  char path[PATH_MAX];
  struct str text = str_of(argument);
  bool is_path = str_has(text, '/') || str_ends(text, STR(".so"));
  if (is_path && argument[0] != '/') {
    if (!realpath(argument, path)) return err_set(err, "%s: %m", argument);
    text = str_of(path);
  }
  return str_copy(text, ret_plugin, PLUGIN_PATH_BYTES) == 0 ? 0 : err_set(err, "%s: the path is too long", argument);
}

/* --- the child --- */

static const char *name_in(const char *const *names, size_t count, size_t place) {
  return place < count ? names[place] : "unknown";
}
#define NAME_IN(names, place) name_in(names, sizeof(names) / sizeof((names)[0]), (place))

/* Sizes and durations are given in the option's own spelling elsewhere; here they are numbers. */
static void add_number(cJSON *object, const char *name, int64_t number) {
  char text[32];
  snprintf(text, sizeof text, "%" PRId64, number);
  cJSON_AddRawToObject(object, name, text);
}

static void add_option(cJSON *options, const struct weigate_option *option) {
  static const char *const types[] = {"text", "yes or no", "number", "size", "duration", "path", "choice"};
  cJSON *object = cJSON_CreateObject();
  cJSON_AddStringToObject(object, "name", option->name ? option->name : "");
  cJSON_AddStringToObject(object, "type", NAME_IN(types, option->type));
  cJSON_AddBoolToObject(object, "required", option->flags & WEIGATE_OPTION_REQUIRED);
  cJSON_AddBoolToObject(object, "secret", option->flags & WEIGATE_OPTION_SECRET);
  if (option->fallback) cJSON_AddStringToObject(object, "default", option->fallback);
  if (option->min != 0 || option->max != 0) {
    add_number(object, "min", option->min);
    add_number(object, "max", option->max);
  }
  if (option->choices) cJSON_AddStringToObject(object, "choices", option->choices);
  cJSON_AddStringToObject(object, "help", option->help ? option->help : "");
  cJSON_AddItemToArray(options, object);
}

static cJSON *describe(const struct plugin *plugin) {
  static const char *const durabilities[] = {"nothing", "the worker", "all processes", "a power cut", "the loss of a server"};
  const struct weigate_storage_plugin *desc = plugin->desc;
  char abi[32];
  cJSON *card = cJSON_CreateObject();
  snprintf(abi, sizeof abi, "%u.%u", desc->abi_major, desc->abi_minor);
  cJSON_AddStringToObject(card, "name", desc->name);
  cJSON_AddStringToObject(card, "version", desc->version);
  cJSON_AddStringToObject(card, "summary", desc->summary);
  cJSON_AddStringToObject(card, "path", plugin->path);
  cJSON_AddStringToObject(card, "sha256", plugin->digest);
  cJSON_AddStringToObject(card, "abi", abi);
  cJSON_AddStringToObject(card, "survives", NAME_IN(durabilities, desc->durability));
  add_number(card, "durability", desc->durability);
  add_number(card, "writers_max", desc->writers_max);
  cJSON *extensions = cJSON_AddArrayToObject(card, "extensions");
  if (plugin->tickets) cJSON_AddItemToArray(extensions, cJSON_CreateString(WEIGATE_TICKETS_V1));
  cJSON *options = cJSON_AddArrayToObject(card, "options");
  for (uint32_t i = 0; i < desc->option_count; i++)
    add_option(options, (const void *)((const char *)desc->options + (size_t)i * desc->option_stride));
  return card;
}

static void write_all(int fd, const char *text, size_t size) {
  while (size > 0) {
    ssize_t n = write(fd, text, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) _exit(EXIT_FAILURE);
    text += n;
    size -= (size_t)n;
  }
}

_Noreturn static void be_child(const struct plugin_settings *settings, int fd) {
  struct plugin plugin;
  struct err err = {""};
  int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int standard = 0; standard < 3; standard++) dup2(nothing, standard);
  bool is_good = plugin_describe(settings, &plugin, &err) == 0;
  char *text = is_good ? cJSON_PrintUnformatted(describe(&plugin)) : err.text;
  if (!text) _exit(EXIT_FAILURE);
  write_all(fd, (char[]){is_good ? GOOD : BAD}, 1);
  write_all(fd, text, strlen(text));
  _exit(EXIT_SUCCESS);
}

/* --- its parent --- */

/* False when the time was up. */
static bool read_answer(int fd, struct buf *answer) {
  uint64_t end_ms = clock_mono_ms() + CARD_MAX_MS;
  for (;;) {
    uint64_t now_ms = clock_mono_ms();
    struct pollfd look = {.fd = fd, .events = POLLIN};
    if (now_ms >= end_ms || poll(&look, 1, (int)(end_ms - now_ms)) == 0) return false;
    char *room = buf_reserve(answer, 4096);
    ssize_t n = room ? read(fd, room, 4096) : 0;
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return true;
    buf_grew(answer, (size_t)n);
  }
}

static int judge(struct buf *answer, int status, bool is_late, const char *plugin, cJSON **ret_card, struct err *err) {
  if (is_late) return err_set(err, "%s does not say what it is within %d s: loading it hangs", plugin, CARD_MAX_MS / 1000);
  if (WIFSIGNALED(status))
    return err_set(err, "%s crashes when it is loaded: signal %d (%s)", plugin, WTERMSIG(status), strsignal(WTERMSIG(status)));
  if (answer->len == 0) return err_set(err, "%s ends the process when it is loaded (it may not call exit)", plugin);
  if (answer->data[0] == BAD) return err_set(err, "%s", buf_text(answer) + 1);
  *ret_card = cJSON_Parse(buf_text(answer) + 1);
  return *ret_card ? 0 : err_set(err, "%s describes itself in a way that cannot be read", plugin);
}

int plugin_card_read(const char *plugin, const char *directory, struct cJSON **ret_card, struct err *err) {
  SCOPE_BUF struct buf answer;
  int ends[2], status = 0;
  struct plugin_settings settings = {.plugin = plugin, .plugin_dir = directory, .asked_by = "plugin"};
  buf_init(&answer, CARD_MAX_BYTES);
  if (pipe2(ends, O_CLOEXEC) != 0) return err_set(err, "cannot make a pipe: %m");
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) be_child(&settings, ends[1]);
  close(ends[1]);
  bool is_late = pid > 0 && !read_answer(ends[0], &answer);
  close(ends[0]);
  if (pid < 0) return err_set(err, "cannot fork: %m");
  if (is_late) kill(pid, SIGKILL);
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  return judge(&answer, status, is_late, plugin, ret_card, err);
}
