/* SPDX-License-Identifier: Apache-2.0
 * kit: what the contract tests share: a plugin in a fresh directory, records to hand it, and what it hands back.
 *
 *   WEIGATE_PLUGIN=/path/to/x.so WEIGATE_PLUGIN_OPTIONS="path=@DIR@/x.db" tests/store/contract_people
 *
 * runs any of them against any plugin; without the variables it is the file plugin of this build. WEIGATE_PLUGIN_FRESH names a
 * program that makes (--fresh NAME) and drops (--drop NAME) each test's store where that does not lie in the directory; @NAME@ in
 * the options is that name. */
#ifndef WEIGATE_TESTS_STORE_KIT_H
#define WEIGATE_TESTS_STORE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <weigate/storage.h>

#include "base/buf.h"
#include "store/plugin.h"
#include "store/store.h"

#define KIT_APPID       "wx0123456789abcdef"
#define KIT_TIMEOUT_MS  5000
#define KIT_OPTIONS_MAX 16

struct kit {
  char directory[256];
  char option_text[1024];
  struct plugin_option options[KIT_OPTIONS_MAX];
  struct plugin_settings settings;
  struct plugin plugin;
  struct weigate_handle *handle;
  struct weigate_call call; /* of the last call */
};

/* cmocka fixtures: a fresh directory, the plugin open in it, one handle. */
int kit_setup(void **state);
int kit_teardown(void **state);
/* Only the directory and the settings. */
int kit_setup_closed(void **state);
/* Opens, closes and opens anew, as after a restart. */
void kit_open(struct kit *kit);
void kit_close(struct kit *kit);
/* Another handle of the open store. */
struct weigate_handle *kit_connect(struct kit *kit);
/* A call with the usual time; its message is kit->call.message. */
struct weigate_call *kit_call(struct kit *kit);
/* The store's own files, as one buffer to search in. */
void kit_read_files(const struct kit *kit, struct buf *ret_bytes);
/* False for a store on a server. */
bool kit_has_files(void);
bool kit_files_hold(const struct kit *kit, const char *text);

struct weigate_text kit_text(const char *text);
/* Now, by the host's clock. */
int64_t kit_now_us(void);
/* A stamp of that time, whose id is made of the number. */
struct weigate_stamp kit_stamp(int64_t at_us, unsigned number);

/* A full person under that openid, every group stamped alike. Texts are literals. */
struct weigate_person kit_person(const char *openid, int64_t at_us, unsigned number);
struct weigate_event kit_event(const char *openid, int64_t at_us, unsigned number);
struct weigate_ticket kit_ticket(const char *kind, const char *key, const char *value);

/* One item each; the class must be OK; the item's outcome is returned. */
enum weigate_item kit_record(struct kit *kit, const struct weigate_person *person, const struct weigate_event *event,
                             const struct weigate_ticket *ticket);
enum weigate_item kit_merge(struct kit *kit, const struct weigate_person *person);
enum weigate_item kit_erase(struct kit *kit, const char *openid, struct weigate_stamp stamp);
/* The field that a refused item names. */
const char *kit_refused_field(struct kit *kit, const struct weigate_person *person, const struct weigate_event *event);

/* What is stored under the openid (everything wanted); is_found is false if nothing. Owned by the caller: store_person_done(). */
struct store_person kit_load(struct kit *kit, const char *openid);
/* One line with everything that merging decides, for comparisons: static text, valid until the next call but one. */
const char *kit_describe(const struct store_person *person);
/* Loads, describes, frees. */
const char *kit_state_of(struct kit *kit, const char *openid);

void assert_text(struct weigate_text text, const char *expected);

#endif
