/* SPDX-License-Identifier: Apache-2.0
 * options: the table of every option of weigate.conf; the parser, `config show`, the sample file and the manual page read it. */
#ifndef WEIGATE_CONF_OPTIONS_H
#define WEIGATE_CONF_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum option_type {
  OPTION_COUNT,       /* size_t within min..max */
  OPTION_COUNT_AUTO,  /* the same, or "auto": one per CPU */
  OPTION_DURATION,    /* uint64_t milliseconds within min..max */
  OPTION_SIZE,        /* uint64_t bytes within min..max */
  OPTION_BOOL,        /* bool: yes | no */
  OPTION_CHOICE,      /* an enum: the word's place in choices */
  OPTION_WORD_OF,     /* const char *: one of choices */
  OPTION_WORD,        /* const char *: letters, digits, '-' and '_', at most max bytes */
  OPTION_PATH,        /* const char *: absolute */
  OPTION_PATH_OR,     /* const char *: absolute, or one of choices */
  OPTION_PLUGIN,      /* const char *: a plugin's name, or an absolute path */
  OPTION_READABLE,    /* const char *: absolute path of a file that can be read now */
  OPTION_SECRET_FILE, /* const char *: what the file holds, one line */
  OPTION_KEYS_FILE,   /* struct seal_keys *: what the file holds */
  OPTION_SITE,        /* struct origin; http for loopback only */
  OPTION_SITES,       /* struct origin[], count behind it: separated by blanks */
  OPTION_URL,         /* const char *: address without query; http for loopback only */
  OPTION_URLS,        /* const char *[], count behind it: addresses without path; http for loopback only */
  OPTION_PREFIX,      /* const char *: "/weixin" */
  OPTION_NEXT,        /* const char *: where a visitor goes without a `next` */
  OPTION_TIME_ZONE,   /* int32_t: minutes east of UTC */
  OPTION_USERS        /* uint32_t[], count behind it: names or numbers of this machine's users, separated by blanks */
};

struct option {
  const char *section; /* "server", "account", … */
  const char *name;
  enum option_type type;
  uint64_t min, max;
  const char *choices;  /* "a|b|c" */
  const char *fallback; /* in the option's own spelling; NULL: none */
  const char *example;  /* for the sample file where there is no default */
  bool is_required;
  bool is_reloadable;  /* SIGHUP suffices; otherwise a restart */
  const char *help;    /* one sentence */
  size_t offset;       /* of the member in the section's struct */
  size_t count_offset; /* of the number of elements, for lists */
};

struct option_section {
  const char *name;
  const char *help;
};

extern const struct option options[];
extern const size_t options_count;
extern const struct option_section option_sections[];
extern const size_t option_sections_count;

/* The row, or NULL. Any thread. */
const struct option *option_find(struct str section, struct str name);
/* The name of that section that looks most like the misspelt one, or NULL. Any thread. */
const char *option_nearest(struct str section, struct str name);
/* Another section that has an option of that name, or NULL. Any thread. */
const char *option_elsewhere(struct str section, struct str name);

#endif
