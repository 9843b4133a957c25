/* SPDX-License-Identifier: Apache-2.0
 * kit: a plugin in a fresh store, records to hand it, and what it hands back; for the checks, and for tests of a single plugin.
 */
#ifndef WEIGATE_KIT_KIT_H
#define WEIGATE_KIT_KIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weigate/storage.h>

#include "base/buf.h"
#include "store/plugin.h"
#include "store/store.h"

#define KIT_APPID       "wx0123456789abcdef"
#define KIT_TIMEOUT_MS  5000
#define KIT_OPTIONS_MAX 32
/* All options of one store, with what stands for @DIR@ and @NAME@. */
#define KIT_OPTION_TEXT_BYTES 8192
/* Letters that a server takes for the name of a database, 63 of them at most (PostgreSQL). */
#define KIT_NAME_BYTES 64

/* Where a plugin's stores come from. @DIR@ in an option's value is a fresh directory, @NAME@ a fresh name. */
struct kit_plan {
  const char *plugin, *plugin_dir;
  const struct plugin_option *options;
  size_t options_count;
  const char *fresh; /* a program, called with "make NAME" and "drop NAME"; NULL: the directory is all there is to a store */
};

struct kit {
  const struct kit_plan *plan;
  char directory[256];
  char name[KIT_NAME_BYTES];
  char option_text[KIT_OPTION_TEXT_BYTES];
  struct plugin_option options[KIT_OPTIONS_MAX];
  struct plugin_settings settings;
  struct plugin plugin;
  struct weigate_handle *handle;
  struct weigate_call call; /* of the last call */
  bool is_set_up;           /* by this process, or the one that forked it */
  int64_t base_us;          /* a thousand seconds ago: when a check's records begin */
};

/* A store of that name in that directory, which exists; nothing is opened. Freed with free(). Ends the check where the options
 * do not fit. Before threads start. */
struct kit *kit_new(const struct kit_plan *plan, const char *directory, const char *name);
/* Lets the plan's program make or drop the named store; 0 where there is none. Before threads start. */
int kit_fresh(const struct kit_plan *plan, const char *word, const char *name);
/* Opens, the first time with setup; and closes, so that it may be opened anew, as after a restart. Ends the check where that
 * fails. */
void kit_open(struct kit *kit);
void kit_close(struct kit *kit);
/* Another handle of the open store. Any thread. */
struct weigate_handle *kit_connect(struct kit *kit);
/* A call with the usual time; its message is kit->call.message. */
struct weigate_call *kit_call(struct kit *kit);
/* False for a store on a server. */
bool kit_has_files(const struct kit *kit);
/* Is the text somewhere in the store's own files? False for a store on a server. */
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
/* One item; whatever class comes of it. */
int kit_try_record(struct kit *kit, const struct weigate_person *person, const struct weigate_event *event);
/* The field that a refused item names. */
const char *kit_refused_field(struct kit *kit, const struct weigate_person *person, const struct weigate_event *event);

/* What is stored under the openid (everything wanted); is_found is false if nothing. Owned by the caller: store_person_done(). */
struct store_person kit_load(struct kit *kit, const char *openid);
/* One line with everything that merging decides, for comparisons: static text, valid until the next call but one. */
const char *kit_describe(const struct store_person *person);
/* Loads, describes, frees. */
const char *kit_state_of(struct kit *kit, const char *openid);

#endif
