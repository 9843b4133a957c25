/* SPDX-License-Identifier: Apache-2.0
 * kit: the checks' own kit (app/kit) under cmocka, for tests of what a single plugin promises beyond them.
 *
 *   WEIGATE_PLUGIN=/path/to/x.so WEIGATE_PLUGIN_OPTIONS="path=@DIR@/x.db"
 *
 * choose another plugin than the file plugin of this build; @DIR@ is each test's fresh directory. */
#ifndef WEIGATE_TESTS_STORE_KIT_H
#define WEIGATE_TESTS_STORE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kit/kit.h"
#include "kit/promise.h"

/* cmocka fixtures: a fresh directory, the plugin open in it, one handle. */
int kit_setup(void **state);
int kit_teardown(void **state);
/* Only the directory and the settings. */
int kit_setup_closed(void **state);

#endif
