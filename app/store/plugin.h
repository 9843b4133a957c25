/* SPDX-License-Identifier: Apache-2.0
 * plugin: finds, checks and loads a storage plugin and reads its options. Never in the master; after fork only. */
#ifndef WEIGATE_STORE_PLUGIN_H
#define WEIGATE_STORE_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weigate/storage.h>

#include "base/err.h"
#include "base/text.h"

/* PATH_MAX, as an absolute path of storage.plugin may be. */
#define PLUGIN_PATH_BYTES 4096

/* One `name = value` of [plugin NAME], with its line for the error. */
struct plugin_option {
  const char *name;
  const char *value;
  int line;
};

struct plugin_settings {
  const char *plugin; /* name in plugin_dir, or an absolute path */
  const char *plugin_dir;
  const struct plugin_option *options;
  size_t options_count;
  const char *conf_file; /* for error sentences */
  const char *asked_by;  /* who named the plugin, for error sentences; NULL for storage.plugin */
};

/* A loaded plugin with an open store; its code stays mapped for the life of the process. */
struct plugin {
  const struct weigate_storage_plugin *desc; /* a copy; members the plugin does not have are zero */
  const struct weigate_tickets_v1 *tickets;  /* NULL without the extension */
  struct weigate_store *store;
  char path[PLUGIN_PATH_BYTES];
  char digest[65]; /* SHA-256 of the file, hex, for log and status */
  /* private */
  struct plugin_memory *memory;
};

/* Finds the file (regular, owned by root or us, not writable by others, likewise every directory above it, inside plugin_dir
 * unless absolute), loads that descriptor (RTLD_NOW | RTLD_LOCAL), checks magic, version, size, required calls, name; parses the
 * options; opens the store. Each refusal is a sentence with the file and the fix. Before threads start. */
int plugin_load(const struct plugin_settings *settings, struct plugin *ret_plugin, struct err *err);
/* The same without reading options and without a store: what the plugin says of itself. Its code runs in this process all the
 * same. Before threads start. */
int plugin_describe(const struct plugin_settings *settings, struct plugin *ret_plugin, struct err *err);
/* Closes the store, if there is one; the code stays mapped. Every handle must be disconnected. */
void plugin_unload(struct plugin *plugin);

/* Makes a handle for the calling thread. An enum weigate_class; the sentence is in the call. May block for the call's time. Any
 * thread. */
int plugin_connect(const struct plugin *plugin, struct weigate_call *call, struct weigate_handle **ret_handle);
/* Creates or upgrades the store's tables, where the plugin has such a call: at an admin's word only, never by a worker, whose
 * role in the database may not do that. Likewise. */
int plugin_setup(const struct plugin *plugin, struct weigate_handle *handle, struct weigate_call *call);
void plugin_disconnect(const struct plugin *plugin, struct weigate_handle *handle); /* accepts NULL */

/* Names a class: "unavailable", "outcome_unknown", … A class that this version does not know is "failed". */
const char *plugin_class_name(int class);
/* A call struct with that time. */
struct weigate_call plugin_call(uint32_t timeout_ms);
/* What a call returned, made safe: a known class, a terminated message. */
int plugin_answer(int class, struct weigate_call *call);

#endif
