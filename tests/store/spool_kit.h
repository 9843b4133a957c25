/* SPDX-License-Identifier: Apache-2.0
 * spool_kit: a spool in a fresh directory, and the faulty plugin as the store it is drained into. The plugin's memory is shared
 * with children, so that what one of them delivered before it was killed is seen. */
#ifndef WEIGATE_TESTS_STORE_SPOOL_KIT_H
#define WEIGATE_TESTS_STORE_SPOOL_KIT_H

#include "faulty.h"
#include "kit.h"
#include "store/drain.h"
#include "store/spool_segment.h"

struct spool_kit {
  char directory[256], control_text[32];
  struct plugin_option option;
  struct spool_settings settings;
  struct seal_keys *keys;
  struct faulty_control *control;
  struct plugin_settings plugin;
  struct runner_shared shared;
  struct loop *loop;
  struct drain *drain;
  const char *known[2];
  struct spool_dir dir;
  struct spool_segment segment;
};

int spool_kit_setup(void **state);
int spool_kit_teardown(void **state);
/* A keys file's text of that many keys, made of digits. */
struct seal_keys *spool_kit_keys(const char *digits);

/* Appends one frame of sign-ins, one per openid (separated by blanks), as the kit's process. 0, or -1 with errno. */
int spool_kit_append(struct spool_kit *kit, const char *openids);
/* The same for another process: a segment of its own. */
void spool_kit_append_elsewhere(struct spool_kit *kit, const char *openids);
/* A drain of its own for known[which]. */
void spool_kit_open_drain(struct spool_kit *kit, size_t which);
void spool_kit_close_drain(struct spool_kit *kit);
/* Steps until nothing waits, or the store does not take it. */
enum drain_step spool_kit_drain(struct spool_kit *kit);
/* How often that key was written to the store; the number of its first write among all (from 0), or -1. */
unsigned spool_kit_writes(const struct spool_kit *kit, const char *key);
int spool_kit_place(const struct spool_kit *kit, const char *key);
/* The store forgets everything. */
void spool_kit_forget(struct spool_kit *kit);
/* The only segment's path, below the spool's directory or aside/ in it. */
void spool_kit_segment(const struct spool_kit *kit, const char *below, char to[512]);
struct spool_sight spool_kit_look(const struct spool_kit *kit);

#endif
