/* SPDX-License-Identifier: Apache-2.0
 * values: the lines of [plugin NAME] read with the plugin's own table of options. */
#ifndef WEIGATE_STORE_VALUES_H
#define WEIGATE_STORE_VALUES_H

#include "store/plugin.h"

/* Checks the table, the lines against it, and fills in defaults. The array (one value per option, texts behind it) is freed with
 * free(). Each refusal names file, line, option and what is expected; never the value of a secret one. Any thread. */
int values_parse(const struct weigate_storage_plugin *desc, const struct plugin_settings *settings,
                 struct weigate_value **ret_values, struct err *err);

#endif
