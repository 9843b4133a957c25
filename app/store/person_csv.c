/* SPDX-License-Identifier: Apache-2.0
 * person_csv: cells, quotes, and what a spreadsheet must not run; pure, any thread. */
#include "store/person_csv.h"

#include "base/json.h"
#include "base/scope.h"

/* Beginnings that make a spreadsheet compute: its own, and those it takes for them in East Asian locales. */
static const struct str formulas[] = {
    {"=", 1},
    {"+", 1},
    {"-", 1},
    {"@", 1},
    {"\t", 1},
    {"\r", 1},
    {"\n", 1},
    {"\xEF\xBC\x9D", 3}, /* full-width = + - @ */
    {"\xEF\xBC\x8B", 3},
    {"\xEF\xBC\x8D", 3},
    {"\xEF\xBC\xA0", 3},
};

static bool is_formula(struct str cell) {
  for (size_t i = 0; i < sizeof formulas / sizeof formulas[0]; i++)
    if (str_starts(cell, formulas[i])) return true;
  return false;
}

/* --- writing ---------------------------------------------------------------------------------------------------------------- */

static void add_cell(struct buf *out, struct str cell) {
  bool is_marked = is_formula(cell) || str_starts(cell, STR("'"));
  bool is_quoted = str_has(cell, ',') || str_has(cell, '"') || str_has(cell, '\n') || str_has(cell, '\r') ||
                   (cell.n > 0 && (cell.p[0] == ' ' || cell.p[cell.n - 1] == ' '));
  if (is_quoted) buf_add_char(out, '"');
  if (is_marked) buf_add_char(out, '\'');
  for (struct str rest = cell; rest.n > 0;) {
    const char *quote = memchr(rest.p, '"', rest.n);
    size_t n = quote ? (size_t)(quote - rest.p) + 1 : rest.n;
    buf_add(out, rest.p, n);
    if (quote) buf_add_char(out, '"');
    rest = str_from(rest, n);
  }
  if (is_quoted) buf_add_char(out, '"');
}

void person_csv_add_head(struct buf *out) {
  for (size_t i = 0; i < person_columns_count; i++) buf_addf(out, "%s%s", i == 0 ? "" : ",", person_columns[i].name);
  buf_add_char(out, '\n');
}

void person_csv_add(struct buf *out, const struct weigate_person *person) {
  SCOPE_BUF struct buf cell;
  buf_init(&cell, PERSON_TEXT_MAX_BYTES);
  for (size_t i = 0; i < person_columns_count; i++) {
    buf_clear(&cell);
    person_text_add_plain(&cell, person, &person_columns[i]);
    if (i > 0) buf_add_char(out, ',');
    add_cell(out, buf_str(&cell));
  }
  buf_add_char(out, '\n');
}

/* --- reading ---------------------------------------------------------------------------------------------------------------- */

size_t person_csv_measure(struct str text, bool is_last) {
  bool is_inside = false;
  for (size_t i = 0; i < text.n; i++) {
    if (text.p[i] == '"') is_inside = !is_inside;
    if (text.p[i] == '\n' && !is_inside) return i + 1;
  }
  return is_last ? text.n : 0;
}

static struct str trim_line_end(struct str record) {
  if (str_ends(record, STR("\n"))) record.n--;
  if (str_ends(record, STR("\r"))) record.n--;
  return record;
}

/* Takes one cell and the comma behind it off *rest; *ret_more: another follows. -1: a quote out of place. */
static int take_cell(struct str *rest, struct buf *cell, bool *ret_more) {
  struct str s = *rest;
  size_t i = 0;
  if (str_starts(s, STR("\""))) {
    for (i = 1;; i++) {
      if (i >= s.n) return -1;
      if (s.p[i] != '"') {
        buf_add_char(cell, s.p[i]);
      } else if (i + 1 < s.n && s.p[i + 1] == '"') {
        buf_add_char(cell, s.p[i++]);
      } else {
        break;
      }
    }
    i++;
  } else {
    while (i < s.n && s.p[i] != ',') {
      if (s.p[i] == '"') return -1;
      buf_add_char(cell, s.p[i++]);
    }
  }
  if (i < s.n && s.p[i] != ',') return -1;
  *ret_more = i < s.n;
  *rest = str_from(s, i + 1);
  return 0;
}

static int add_name(struct person_csv *csv, struct str name, struct err *err) {
  if (name.n == 0) return err_set(err, "column %zu has no name in the first line", csv->count + 1);
  if (csv->count == PERSON_CSV_COLUMNS_MAX) return err_set(err, "more than %d columns", PERSON_CSV_COLUMNS_MAX);
  for (size_t i = 0; i < csv->count; i++)
    if (str_eq(str_of(person_csv_name(csv, i)), name)) return err_set(err, "two columns are called %.*s", STR_ARG(name));
  csv->names[csv->count++] = csv->memory.len;
  buf_add_str(&csv->memory, name);
  buf_add_char(&csv->memory, '\0');
  return csv->memory.failed ? err_set(err, "the first line is too long") : 0;
}

int person_csv_read_head(struct str record, struct person_csv *ret_csv, struct err *err) {
  struct person_csv csv = {.count = 0};
  SCOPE_BUF struct buf cell;
  bool more = true;
  int result = 0;
  buf_init(&cell, PERSON_TEXT_MAX_BYTES);
  buf_init(&csv.memory, PERSON_TEXT_MAX_BYTES);
  if (str_starts(record, STR("\xEF\xBB\xBF"))) record = str_from(record, 3);
  for (struct str rest = trim_line_end(record); result == 0 && more;) {
    buf_clear(&cell);
    if (take_cell(&rest, &cell, &more) != 0)
      result = err_set(err, "a quote out of place in the first line");
    else
      result = add_name(&csv, str_trim(buf_str(&cell)), err);
  }
  if (result == 0)
    *ret_csv = csv;
  else
    buf_done(&csv.memory);
  return result;
}

void person_csv_done(struct person_csv *csv) {
  buf_done(&csv->memory);
  csv->count = 0;
}

const char *person_csv_name(const struct person_csv *csv, size_t column) {
  return csv->memory.data + csv->names[column];
}

static bool is_json_column(struct str name) {
  for (size_t i = 0; i < person_columns_count; i++)
    if (str_eq(str_of(person_columns[i].name), name)) return person_columns[i].kind == PERSON_JSON;
  return false;
}

/* True if it can stand in an object as it is. */
static bool is_json(struct str value) {
  SCOPE_BUF struct buf object;
  struct cJSON *parsed = NULL;
  const char *why = NULL;
  buf_init(&object, value.n + 16);
  buf_add_text(&object, "{\"v\":");
  buf_add_str(&object, value);
  buf_add_char(&object, '}');
  bool is_whole =
      (str_starts(value, STR("[")) && str_ends(value, STR("]"))) || (str_starts(value, STR("{")) && str_ends(value, STR("}")));
  bool is_good = is_whole && !object.failed && json_parse_object(buf_str(&object), &parsed, &why) == 0;
  json_free(parsed);
  return is_good;
}

static void add_member(struct buf *out, const char *name, struct str cell) {
  if (str_starts(cell, STR("'")) && (is_formula(str_from(cell, 1)) || str_starts(str_from(cell, 1), STR("'"))))
    cell = str_from(cell, 1);
  if (cell.n == 0) return;
  buf_add_char(out, str_ends(buf_str(out), STR("{")) ? ' ' : ',');
  json_add_string(out, str_of(name));
  buf_add_char(out, ':');
  if (is_json_column(str_of(name)) && is_json(cell))
    buf_add_str(out, cell);
  else
    json_add_string(out, cell);
}

int person_csv_to_json(const struct person_csv *csv, struct str record, struct buf *out, struct err *err) {
  SCOPE_BUF struct buf cell;
  bool more = true;
  size_t count = 0;
  buf_init(&cell, PERSON_TEXT_MAX_BYTES);
  buf_add_char(out, '{');
  for (struct str rest = trim_line_end(record); more; count++) {
    buf_clear(&cell);
    if (take_cell(&rest, &cell, &more) != 0) return err_set(err, "a quote out of place in cell %zu", count + 1);
    if (count < csv->count) add_member(out, person_csv_name(csv, count), buf_str(&cell));
  }
  buf_add_char(out, '}');
  if (out->failed || cell.failed) return err_set(err, "it is too long");
  return count == csv->count ? 0 : err_set(err, "%zu cells where the first line names %zu", count, csv->count);
}
