/* SPDX-License-Identifier: Apache-2.0
 * plugin: from a name in the configuration to an open store. In a worker after fork (or a probe's child), before its threads
 * start. */
#include "store/plugin.h"

#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/near.h"
#include "store/elf.h"
#include "store/host.h"
#include "store/trust.h"
#include "store/values.h"

#define ENTRY "weigate_storage_plugin_v1"
/* A struct_size beyond this is not one. */
#define DESCRIPTION_MAX_BYTES 65536
/* Different plugin files that one process may load: a plugin, its mirror, and some of tests. */
#define LOADED_MAX 16
/* Opening reads a file or two; a plugin connects later. */
#define OPEN_TIMEOUT_MS 5000

/* The copies that struct plugin points to. */
struct plugin_memory {
  struct weigate_storage_plugin desc;
  struct weigate_tickets_v1 tickets;
  struct weigate_value *values;
};

/* What was loaded stays, and so does its descriptor: dlopen() knows the file by the descriptor's name under /proc. */
static struct loaded {
  dev_t device;
  ino_t inode;
  void *handle;
} loaded[LOADED_MAX];
static size_t loaded_count;

/* [a-z][a-z0-9_]* */
static bool is_name(const char *name) {
  if (!islower((unsigned char)name[0])) return false;
  for (const char *p = name; *p; p++)
    if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) && *p != '_') return false;
  return true;
}

static const char *asked_by(const struct plugin_settings *settings) {
  return settings->asked_by ? settings->asked_by : "storage.plugin";
}

/* Says which plugin of the directory may have been meant. */
static int refuse_absent(const struct plugin_settings *settings, struct err *err) {
  char best[NAME_MAX + 1] = "";
  struct near near;
  near_init(&near, str_of(settings->plugin));
  DIR *directory = opendir(settings->plugin_dir);
  if (!directory) return err_set(err, "%s: %s; are the plugins installed there?", settings->plugin_dir, strerror(errno));
  for (struct dirent *entry; (entry = readdir(directory));) {
    struct str file = str_of(entry->d_name);
    if (!str_ends(file, STR(".so"))) continue;
    char name[NAME_MAX + 1];
    str_copy(str_make(file.p, file.n - 3), name, sizeof name);
    near.best = NULL;
    near_look(&near, name);
    if (near.best) str_copy(str_of(name), best, sizeof best);
  }
  closedir(directory);
  return err_set(err, "there is no plugin \"%s\" in %s%s%s%s", settings->plugin, settings->plugin_dir,
                 best[0] ? "; did you mean " : "", best, best[0] ? "?" : "");
}

static int find_path(const struct plugin_settings *settings, char ret_path[PLUGIN_PATH_BYTES], struct err *err) {
  const char *plugin = settings->plugin;
  int size;
  if (plugin[0] == '/')
    size = snprintf(ret_path, PLUGIN_PATH_BYTES, "%s", plugin);
  else if (is_name(plugin))
    size = snprintf(ret_path, PLUGIN_PATH_BYTES, "%s/%s.so", settings->plugin_dir, plugin);
  else
    return err_set(err, "%s = %s: a plugin is given by its name (small letters, digits, _) or by an absolute path",
                   asked_by(settings), plugin);
  if (size >= PLUGIN_PATH_BYTES)
    return err_set(err, "%s: the path is longer than %d bytes", asked_by(settings), PLUGIN_PATH_BYTES - 1);
  if (plugin[0] != '/' && access(ret_path, F_OK) != 0 && errno == ENOENT && refuse_absent(settings, err) != 0)
    return err_prefix(err, "%s", asked_by(settings));
  return 0;
}

/* dlerror() names the descriptor; the reader wants the file. */
static int refuse_load(const char *path, struct err *err) {
  const char *why = dlerror();
  const char *colon = why && strncmp(why, "/proc/self/fd/", 14) == 0 ? strstr(why, ": ") : NULL;
  return err_set(err, "%s cannot be loaded: %s", path, colon ? colon + 2 : why ? why : "unknown reason");
}

/* Takes over fd. */
static int load_code(int fd, const char *path, void **ret_handle, struct err *err) {
  struct stat file;
  char name[32];
  if (fstat(fd, &file) != 0) {
    close(fd);
    return err_set(err, "%s: %s", path, strerror(errno));
  }
  for (size_t i = 0; i < loaded_count; i++) {
    if (loaded[i].device != file.st_dev || loaded[i].inode != file.st_ino) continue;
    close(fd);
    *ret_handle = loaded[i].handle;
    return 0;
  }
  snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
  void *handle = loaded_count < LOADED_MAX ? dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) : NULL;
  if (!handle) {
    close(fd);
    if (loaded_count == LOADED_MAX) return err_set(err, "%s: %d different plugins are loaded already", path, LOADED_MAX);
    return refuse_load(path, err);
  }
  loaded[loaded_count++] = (struct loaded){file.st_dev, file.st_ino, handle};
  *ret_handle = handle;
  return 0;
}

/* --- the description --- */

static int check_versions(const struct weigate_storage_plugin *from, const char *path, struct err *err) {
  if (from->magic != WEIGATE_STORAGE_MAGIC)
    return err_set(err, "%s is not a storage plugin of weigate (magic %08x)", path, from->magic);
  if (from->abi_major != WEIGATE_STORAGE_ABI_MAJOR)
    return err_set(err, "%s is built for storage interface %u, this weigate has %d; build it anew", path, from->abi_major,
                   WEIGATE_STORAGE_ABI_MAJOR);
  if (from->struct_size < sizeof(struct weigate_storage_plugin) || from->struct_size > DESCRIPTION_MAX_BYTES)
    return err_set(err, "%s describes itself with %u bytes; interface %d.0 has %zu", path, from->struct_size,
                   WEIGATE_STORAGE_ABI_MAJOR, sizeof(struct weigate_storage_plugin));
  if (from->host_minor_min > WEIGATE_STORAGE_ABI_MINOR)
    return err_set(err, "%s needs storage interface %u.%u, this weigate has %d.%d; install a later weigate", path,
                   from->abi_major, from->host_minor_min, WEIGATE_STORAGE_ABI_MAJOR, WEIGATE_STORAGE_ABI_MINOR);
  return 0;
}

static int check_calls(const struct weigate_storage_plugin *desc, const char *path, struct err *err) {
  const struct {
    const char *name;
    bool is_there;
  } calls[] = {
      {"open", desc->open},
      {"connect", desc->connect},
      {"record_signins", desc->record_signins},
      {"merge_people", desc->merge_people},
      {"load_people", desc->load_people},
      {"erase_people", desc->erase_people},
      {"scan_people", desc->scan_people},
      {"scan_events", desc->scan_events},
      {"health", desc->health},
      {"maintain", desc->maintain},
      {"disconnect", desc->disconnect},
      {"close", desc->close},
  };
  for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
    if (!calls[i].is_there) return err_set(err, "%s lacks the call %s, which every plugin must have", path, calls[i].name);
  return 0;
}

static int check_name(const struct weigate_storage_plugin *desc, const struct plugin_settings *settings, const char *path,
                      struct err *err) {
  if (!desc->name || !desc->version || !desc->summary || !is_name(desc->name))
    return err_set(err, "%s does not say its name, version and summary", path);
  if (settings->plugin[0] != '/' && strcmp(desc->name, settings->plugin) != 0)
    return err_set(err, "%s is the plugin \"%s\", not \"%s\"; was it renamed?", path, desc->name, settings->plugin);
  return 0;
}

static int read_description(void *code, const struct plugin_settings *settings, struct plugin *plugin, struct err *err) {
  /* The cast that POSIX asks for: a data pointer that is a function. */
  weigate_storage_plugin_function entry;
  void *symbol = dlsym(code, ENTRY);
  if (!symbol) return err_set(err, "%s has no function %s: it is not a storage plugin of weigate", plugin->path, ENTRY);
  memcpy(&entry, &symbol, sizeof(entry));
  const struct weigate_storage_plugin *from = entry(&host_services);
  if (!from) return err_set(err, "%s does not work with this version of weigate", plugin->path);
  if (check_versions(from, plugin->path, err) != 0) return -1;
  memcpy(&plugin->memory->desc, from, sizeof(plugin->memory->desc));
  plugin->desc = &plugin->memory->desc;
  return check_calls(plugin->desc, plugin->path, err) == 0 ? check_name(plugin->desc, settings, plugin->path, err) : -1;
}

static int read_extensions(struct plugin *plugin, struct err *err) {
  const struct weigate_tickets_v1 *from = plugin->desc->extension ? plugin->desc->extension(WEIGATE_TICKETS_V1) : NULL;
  if (!from) return 0;
  if (from->struct_size < sizeof(*from) || !from->claim || !from->put || !from->get || !from->take || !from->scan)
    return err_set(err, "%s: its extension " WEIGATE_TICKETS_V1 " lacks a call", plugin->path);
  memcpy(&plugin->memory->tickets, from, sizeof(plugin->memory->tickets));
  plugin->tickets = &plugin->memory->tickets;
  return 0;
}

static int open_store(struct plugin *plugin, const struct plugin_settings *settings, struct err *err) {
  struct weigate_value *values = NULL;
  if (values_parse(plugin->desc, settings, &values, err) != 0) return -1;
  struct weigate_call call = plugin_call(OPEN_TIMEOUT_MS);
  int class = plugin_answer(plugin->desc->open(&host_services, values, &call, &plugin->store), &call);
  if (class == WEIGATE_OK && plugin->store) {
    plugin->memory->values = values;
    return 0;
  }
  free(values);
  return err_set(err, "%s: [plugin %s]: %s", settings->conf_file, plugin->desc->name,
                 call.message[0] ? call.message : plugin_class_name(class));
}

static int load(const struct plugin_settings *settings, struct plugin *plugin, struct err *err) {
  void *code = NULL;
  int fd = -1;
  if (find_path(settings, plugin->path, err) != 0) return -1;
  if (trust_open(plugin->path, &fd, plugin->digest, err) != 0) return err_prefix(err, "%s", asked_by(settings));
  if (elf_check(fd, plugin->path, err) != 0) {
    close(fd);
    return -1;
  }
  if (load_code(fd, plugin->path, &code, err) != 0) return -1;
  return read_description(code, settings, plugin, err) == 0 ? read_extensions(plugin, err) : -1;
}

static int load_and(int (*then)(struct plugin *plugin, const struct plugin_settings *settings, struct err *err),
                    const struct plugin_settings *settings, struct plugin *ret_plugin, struct err *err) {
  struct plugin plugin = {.memory = calloc(1, sizeof(*plugin.memory))};
  if (!plugin.memory) return err_set(err, "storage.plugin: out of memory");
  if (load(settings, &plugin, err) != 0 || (then && then(&plugin, settings, err) != 0)) {
    free(plugin.memory);
    return -1;
  }
  *ret_plugin = plugin;
  return 0;
}

int plugin_load(const struct plugin_settings *settings, struct plugin *ret_plugin, struct err *err) {
  return load_and(open_store, settings, ret_plugin, err);
}

int plugin_describe(const struct plugin_settings *settings, struct plugin *ret_plugin, struct err *err) {
  return load_and(NULL, settings, ret_plugin, err);
}

void plugin_unload(struct plugin *plugin) {
  if (!plugin->memory) return;
  if (plugin->store) plugin->desc->close(plugin->store);
  free(plugin->memory->values);
  free(plugin->memory);
  *plugin = (struct plugin){0};
}

int plugin_connect(const struct plugin *plugin, struct weigate_call *call, struct weigate_handle **ret_handle) {
  struct weigate_handle *handle = NULL;
  int class = plugin_answer(plugin->desc->connect(plugin->store, call, &handle), call);
  if (class == WEIGATE_OK) *ret_handle = handle;
  return class;
}

int plugin_setup(const struct plugin *plugin, struct weigate_handle *handle, struct weigate_call *call) {
  return plugin->desc->setup ? plugin_answer(plugin->desc->setup(handle, call), call) : WEIGATE_OK;
}

void plugin_disconnect(const struct plugin *plugin, struct weigate_handle *handle) {
  if (handle) plugin->desc->disconnect(handle);
}

struct weigate_call plugin_call(uint32_t timeout_ms) {
  return (struct weigate_call){.struct_size = sizeof(struct weigate_call), .timeout_ms = timeout_ms};
}

int plugin_answer(int class, struct weigate_call *call) {
  call->message[sizeof(call->message) - 1] = '\0';
  call->native[sizeof(call->native) - 1] = '\0';
  return class >= WEIGATE_OK && class <= WEIGATE_FAILED ? class : WEIGATE_FAILED;
}

const char *plugin_class_name(int class) {
  static const char *const names[] = {
      [WEIGATE_OK] = "ok",
      [WEIGATE_INVALID] = "invalid",
      [WEIGATE_UNSUPPORTED] = "unsupported",
      [WEIGATE_CONFIG] = "config",
      [WEIGATE_AUTH] = "auth",
      [WEIGATE_BUSY] = "busy",
      [WEIGATE_UNAVAILABLE] = "unavailable",
      [WEIGATE_TIMEOUT] = "timeout",
      [WEIGATE_OUTCOME_UNKNOWN] = "outcome_unknown",
      [WEIGATE_FULL] = "full",
      [WEIGATE_READ_ONLY] = "read_only",
      [WEIGATE_CORRUPT] = "corrupt",
      [WEIGATE_SCHEMA_NEWER] = "schema_newer",
      [WEIGATE_FAILED] = "failed",
  };
  return class >= WEIGATE_OK && class <= WEIGATE_FAILED ? names[class] : names[WEIGATE_FAILED];
}
