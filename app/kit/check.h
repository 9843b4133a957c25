/* SPDX-License-Identifier: Apache-2.0
 * check: what a chapter of checks sees, and the table that it ends with. The process of a check. */
#ifndef WEIGATE_KIT_CHECK_H
#define WEIGATE_KIT_CHECK_H

#include "kit/kit.h"
#include "kit/promise.h"

/* Each contains those before it. */
enum kit_level {
  KIT_CORE,  /* seconds: what every call promises */
  KIT_FULL,  /* a minute: crowds, long histories, many pages, odd surroundings */
  KIT_CRASH, /* processes that are killed, a full disk, damaged files */
  KIT_SOAK   /* minutes: nothing grows */
};

/* What a check needs; it is skipped where that is missing. */
#define KIT_NEEDS_TICKETS 0x01u
#define KIT_NEEDS_FILES   0x02u
#define KIT_NEEDS_DURABLE 0x04u /* OK means more than "survives the worker" */

struct kit_check {
  const char *name; /* a sentence, with _ for blanks: the promise */
  void (*run)(void);
  const char *numbers; /* in the list of README.md; NULL: not listed there */
  enum kit_level level;
  unsigned needs;
  bool is_closed;   /* opens the store itself */
  const char *hint; /* what usually went wrong, or NULL */
};
#define CHECK(function) .name = #function, .run = function

/* A file of checks. */
struct kit_chapter {
  const char *name;
  const struct kit_check *checks;
  size_t count;
};
extern const struct kit_chapter *const kit_chapters[];
extern const size_t kit_chapters_count;
extern const struct kit_chapter kit_loading, kit_people, kit_merging, kit_batch, kit_tickets, kit_scan, kit_life, kit_manners,
    kit_crowd, kit_crash, kit_soak;

/* The store of the check that runs; open unless the check opens it itself. */
extern struct kit *kit;
/* How long a soak is. */
extern unsigned kit_soak_s;
/* A second store, fresh as the first. */
struct kit *kit_second(void);
/* A file of the check's own, which is not in the store's directory; static text, valid until the next call but one. */
const char *kit_beside(const char *file);
/* A number from 0 to below bound, from the seed that was printed and the check's name. */
uint32_t kit_random_below(uint32_t bound);
/* A time that a plugin has, in a build that is as slow as this one (sanitizers). */
uint64_t kit_patience_ms(uint64_t ms);
/* Runs fn in that many processes, each with the plugin open; every one must return 0. */
void kit_in_processes(unsigned count, int (*fn)(unsigned number));

#endif
