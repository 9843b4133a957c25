/* SPDX-License-Identifier: Apache-2.0
 * lines: looks at every line first, then lets libinih split them; one thread at a time. */
#include "conf/lines.h"

#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

/* What libinih's reader and handler share. */
struct splitting {
  struct lines *lines;
  struct str rest; /* lines not yet read */
  int line;        /* number of the line being handled */
  size_t *places;  /* places[line]: section in force on that line, plus one; 0 before the first */
  const char *path;
  struct err *err;
  bool failed;
};

static size_t count_lines(struct str text) {
  size_t n = 1;
  for (size_t i = 0; i < text.n; i++) n += text.p[i] == '\n';
  return n;
}

/* Blanks, tabs and the carriage return of a file from Windows. */
static struct str trim_line(struct str line) {
  line = str_trim(line);
  while (line.n > 0 && line.p[line.n - 1] == '\r') line = str_trim(str_make(line.p, line.n - 1));
  return line;
}

static bool is_comment(struct str line) {
  return line.n == 0 || line.p[0] == ';' || line.p[0] == '#';
}

static int check_bytes(struct str line, const char *path, int number, struct err *err) {
  if (line.n > LINES_LINE_MAX_BYTES - 3)
    return err_set(err, "%s:%d: the line is longer than %d bytes", path, number, LINES_LINE_MAX_BYTES - 3);
  struct str body = trim_line(line);
  for (size_t i = 0; i < body.n; i++) {
    unsigned char c = (unsigned char)body.p[i];
    if (c == 0) return err_set(err, "%s:%d: the line holds a NUL byte: this is not a text file", path, number);
    if ((c < 0x20 && c != '\t') || c == 0x7f)
      return err_set(err, "%s:%d: the line holds a control byte (0x%02x); remove it", path, number, c);
  }
  if (!utf8_is_valid(body)) return err_set(err, "%s:%d: the line is not UTF-8; save the file as UTF-8", path, number);
  return 0;
}

static int add_section(struct lines *lines, struct str kind, struct str id, int number, size_t *ret_index, struct err *err) {
  for (size_t i = 0; i < lines->sections_count; i++)
    if (str_eq(kind, str_of(lines->sections[i].kind)) && str_eq(id, str_of(lines->sections[i].id))) {
      *ret_index = i;
      return 0;
    }
  if (lines->sections_count == LINES_SECTIONS_MAX) return err_set(err, "more than %d sections", LINES_SECTIONS_MAX);
  struct line_section *section = &lines->sections[lines->sections_count++];
  *section = (struct line_section){.line = number, .kind = str_dup(kind), .id = str_dup(id)};
  *ret_index = lines->sections_count - 1;
  return section->kind && section->id ? 0 : err_set(err, "out of memory");
}

/* "[kind]" or "[kind id]", with nothing behind it but a comment. */
static int read_section(struct lines *lines, struct str line, int number, size_t *ret_index, struct err *err) {
  const char *close = memchr(line.p, ']', line.n);
  if (!close) return err_set(err, "the section's name does not end: \"]\" is missing");
  struct str inner = str_trim(str_make(line.p + 1, (size_t)(close - line.p) - 1));
  struct str behind = str_trim(str_from(line, (size_t)(close - line.p) + 1));
  if (behind.n > 0 && behind.p[0] != ';') return err_set(err, "only a comment may stand behind \"]\"");
  if ((size_t)(close - line.p) > LINES_SECTION_MAX_BYTES)
    return err_set(err, "the section's name is longer than %d bytes", LINES_SECTION_MAX_BYTES);
  size_t kind_bytes = 0;
  while (kind_bytes < inner.n && inner.p[kind_bytes] != ' ' && inner.p[kind_bytes] != '\t') kind_bytes++;
  struct str kind = str_make(inner.p, kind_bytes), id = str_trim(str_from(inner, kind_bytes));
  if (kind.n == 0) return err_set(err, "the section has no name");
  if (str_has(id, ' ') || str_has(id, '\t') || str_has(inner, ';') || str_has(inner, '['))
    return err_set(err, "a section is [name] or [name word]");
  return add_section(lines, kind, id, number, ret_index, err);
}

/* Everything about the text that libinih would not tell us. */
static int look_at_lines(struct splitting *splitting, struct str text) {
  struct str line;
  size_t section = 0;
  for (int number = 1; str_split(&text, '\n', &line); number++) {
    if (check_bytes(line, splitting->path, number, splitting->err) != 0) return -1;
    struct str body = trim_line(line);
    if (body.n > 0 && body.p[0] == '[') {
      if (read_section(splitting->lines, body, number, &section, splitting->err) != 0)
        return err_prefix(splitting->err, "%s:%d", splitting->path, number);
      section++;
    } else if (!is_comment(body) && section == 0) {
      return err_set(splitting->err, "%s:%d: the line stands before the first [section]", splitting->path, number);
    }
    splitting->places[number] = section;
  }
  return 0;
}

/* libinih's fgets: the next line, which is known to fit. */
static char *give_line(char *to, int size, void *stream) {
  struct splitting *splitting = stream;
  struct str line;
  if (splitting->failed || !str_split(&splitting->rest, '\n', &line)) return NULL;
  splitting->line++;
  if (str_copy(trim_line(line), to, (size_t)size) != 0) return NULL;
  return to;
}

static int refuse(struct splitting *splitting, const char *sentence) {
  splitting->failed = true;
  err_set(splitting->err, "%s:%d: %s", splitting->path, splitting->line, sentence);
  return 0;
}

static int add_entry(struct splitting *splitting, size_t section, const char *name, const char *value) {
  struct lines *lines = splitting->lines;
  struct line_entry *entry = &lines->entries[lines->entries_count++];
  *entry = (struct line_entry){
      .line = splitting->line, .section = section, .name = str_dup(str_of(name)), .value = str_dup(str_of(value))};
  return entry->name && entry->value ? 1 : refuse(splitting, "out of memory");
}

static int take_entry(void *user, const char *section_name, const char *name, const char *value) {
  struct splitting *splitting = user;
  struct lines *lines = splitting->lines;
  size_t section = splitting->places[splitting->line] - 1;
  (void)section_name;
  if (!*name) return refuse(splitting, "there is no name before \"=\"");
  if (lines->entries_count == LINES_ENTRIES_MAX) return refuse(splitting, "the file has too many options");
  const struct line_entry *first = lines_entry(lines, &lines->sections[section], str_of(name));
  if (first) {
    splitting->failed = true;
    err_set(splitting->err, "%s:%d: %s is given a second time (first in line %d); remove one", splitting->path, splitting->line,
            name, first->line);
    return 0;
  }
  return add_entry(splitting, section, name, value);
}

static int split_lines(struct splitting *splitting, struct str text) {
  ini_allow_multiline = false;
  ini_allow_inline_comments = true;
  ini_allow_no_value = false;
  ini_stop_on_first_error = true;
  ini_use_stack = false;
  ini_allow_realloc = false;
  ini_initial_alloc = ini_max_line = LINES_LINE_MAX_BYTES;
  splitting->rest = text;
  int line = ini_parse_stream(give_line, splitting, take_entry, splitting);
  if (splitting->failed) return -1;
  if (line < 0) return err_set(splitting->err, "%s: out of memory", splitting->path);
  if (line > 0) return err_set(splitting->err, "%s:%d: expected \"name = value\"", splitting->path, line);
  return 0;
}

/* Gives back what was taken for the largest file. */
static void shrink(struct lines *lines) {
  void *sections = realloc(lines->sections, (lines->sections_count + 1) * sizeof *lines->sections);
  void *entries = realloc(lines->entries, (lines->entries_count + 1) * sizeof *lines->entries);
  if (sections) lines->sections = sections;
  if (entries) lines->entries = entries;
}

int lines_parse(struct str text, const char *path, struct lines *ret_lines, struct err *err) {
  if (text.n > LINES_TEXT_MAX_BYTES) return err_set(err, "%s: the file is longer than %d bytes", path, LINES_TEXT_MAX_BYTES);
  if (str_starts(text, STR("\xef\xbb\xbf"))) text = str_from(text, 3);
  struct lines lines = {.sections = calloc(LINES_SECTIONS_MAX, sizeof *lines.sections),
                        .entries = calloc(LINES_ENTRIES_MAX, sizeof *lines.entries)};
  struct splitting splitting = {.lines = &lines, .path = path, .err = err};
  splitting.places = calloc(count_lines(text) + 1, sizeof *splitting.places);
  int result = -1;
  if (!lines.sections || !lines.entries || !splitting.places)
    err_set(err, "%s: out of memory", path);
  else if (look_at_lines(&splitting, text) == 0)
    result = split_lines(&splitting, text);
  free(splitting.places);
  if (result != 0) {
    lines_done(&lines);
    return -1;
  }
  shrink(&lines);
  *ret_lines = lines;
  return 0;
}

void lines_done(struct lines *lines) {
  for (size_t i = 0; i < lines->sections_count; i++) {
    free(lines->sections[i].kind);
    free(lines->sections[i].id);
  }
  for (size_t i = 0; i < lines->entries_count; i++) {
    if (lines->entries[i].value) explicit_bzero(lines->entries[i].value, strlen(lines->entries[i].value));
    free(lines->entries[i].name);
    free(lines->entries[i].value);
  }
  free(lines->sections);
  free(lines->entries);
  *lines = (struct lines){0};
}

const struct line_section *lines_section(const struct lines *lines, struct str kind, struct str id) {
  for (size_t i = 0; i < lines->sections_count; i++)
    if (str_eq(kind, str_of(lines->sections[i].kind)) && str_eq(id, str_of(lines->sections[i].id))) return &lines->sections[i];
  return NULL;
}

const struct line_entry *lines_entry(const struct lines *lines, const struct line_section *section, struct str name) {
  if (!section) return NULL;
  size_t place = (size_t)(section - lines->sections);
  for (size_t i = 0; i < lines->entries_count; i++)
    if (lines->entries[i].section == place && str_eq(name, str_of(lines->entries[i].name))) return &lines->entries[i];
  return NULL;
}
