/* SPDX-License-Identifier: Apache-2.0
 * lines: the text of weigate.conf as sections and entries with their line numbers (libinih behind the checks it lacks). */
#ifndef WEIGATE_CONF_LINES_H
#define WEIGATE_CONF_LINES_H

#include <stddef.h>

#include "base/err.h"
#include "base/text.h"

/* The longest sensible line is a list of 32 origins (32 x 280 bytes: 9 KiB); a file of 64 accounts with 23 options is 60 KiB. */
#define LINES_LINE_MAX_BYTES 16384
#define LINES_TEXT_MAX_BYTES 1048576
#define LINES_SECTIONS_MAX   256
#define LINES_ENTRIES_MAX    4096
/* libinih cuts a section's name at 49 bytes. */
#define LINES_SECTION_MAX_BYTES 48

struct line_section {
  int line;   /* of its first mention */
  char *kind; /* "account" */
  char *id;   /* "shop", or "" */
};

struct line_entry {
  int line;
  size_t section; /* index into sections */
  char *name;
  char *value;
};

struct lines {
  struct line_section *sections;
  size_t sections_count;
  struct line_entry *entries;
  size_t entries_count;
};

/* Splits the text. Refuses with file and line: what is not `name = value`, control bytes, NUL, ill-formed UTF-8, text behind a
 * section's bracket, lines, names and files that are too long, a name given twice in a section. A section that is named again
 * goes on. Not for two threads at once (libinih has global settings). */
int lines_parse(struct str text, const char *path, struct lines *ret_lines, struct err *err);
/* Wipes and releases. */
void lines_done(struct lines *lines);
/* NULL if the file does not say. Any thread. */
const struct line_section *lines_section(const struct lines *lines, struct str kind, struct str id);
const struct line_entry *lines_entry(const struct lines *lines, const struct line_section *section, struct str name);

#endif
