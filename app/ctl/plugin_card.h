/* SPDX-License-Identifier: Apache-2.0
 * plugin_card: what a plugin says of itself, learned in a process that may be lost. */
#ifndef WEIGATE_CTL_PLUGIN_CARD_H
#define WEIGATE_CTL_PLUGIN_CARD_H

#include "base/err.h"
#include "ctl/ctl.h"
#include "store/plugin.h"

struct cJSON;

/* Where plugins with a name are: storage.plugin_dir of the configuration, or the installed one where there is no configuration.
 * Owned by the caller, freed with free(). Before threads start. */
int plugin_card_directory(const struct ctl *ctl, char **ret_directory, struct err *err);

/* The plugin that a command line means: a name, an absolute path, or a path from here (with a slash, or ending in .so), which is
 * made absolute. Any thread. */
int plugin_card_find(const char *argument, char ret_plugin[PLUGIN_PATH_BYTES], struct err *err);

/* Loads the plugin (a name in the directory, or a path) in a child process and reads its description: name, version, summary,
 * path, sha256, abi, durability, writers_max, extensions, options [{name, type, required, secret, default, min, max, choices,
 * help}]. A plugin that is not trusted, not whole, crashes or hangs is refused with the sentence. Freed with cJSON_Delete().
 * Before threads start. */
int plugin_card_read(const char *plugin, const char *directory, struct cJSON **ret_card, struct err *err);

/* A member's text, or "". Any thread. */
const char *plugin_card_text(const struct cJSON *card, const char *name);

#endif
