/* SPDX-License-Identifier: Apache-2.0
 * values: one parser per type of option; the table is the plugin's. At start. */
#include "store/values.h"

#include <stdlib.h>
#include <string.h>

#include "base/near.h"
#include "base/scope.h"

/* Options of one plugin; the largest planned has 20. */
#define OPTIONS_MAX 128

/* The option as this version knows it, whatever the plugin's header had. */
static struct weigate_option option_at(const struct weigate_storage_plugin *desc, size_t index) {
  const struct weigate_option *from = (const void *)((const char *)desc->options + index * desc->option_stride);
  struct weigate_option option = {0};
  memcpy(&option, from, from->struct_size < sizeof(option) ? from->struct_size : sizeof(option));
  return option;
}

/* --- one parser per type: 0, or -1 --- */

static int parse_text(const struct weigate_option *option, struct str text, int64_t *ret_number) {
  (void)option, (void)text;
  *ret_number = 0;
  return 0;
}

static int parse_bool(const struct weigate_option *option, struct str text, int64_t *ret_number) {
  (void)option;
  *ret_number = str_eq(text, STR("yes"));
  return str_eq(text, STR("yes")) || str_eq(text, STR("no")) ? 0 : -1;
}

static int keep_within(const struct weigate_option *option, uint64_t value, bool is_negative, int64_t *ret_number) {
  if (value > INT64_MAX) return -1;
  int64_t number = is_negative ? -(int64_t)value : (int64_t)value;
  if (number < option->min || number > option->max) return -1;
  *ret_number = number;
  return 0;
}

static int parse_int(const struct weigate_option *option, struct str text, int64_t *ret_number) {
  uint64_t value = 0;
  bool is_negative = str_starts(text, STR("-"));
  if (text_parse_u64(is_negative ? str_from(text, 1) : text, INT64_MAX, &value) != 0) return -1;
  return keep_within(option, value, is_negative, ret_number);
}

static int parse_size(const struct weigate_option *option, struct str text, int64_t *ret_number) {
  uint64_t bytes = 0;
  return text_parse_size_bytes(text, &bytes) == 0 ? keep_within(option, bytes, false, ret_number) : -1;
}

static int parse_duration(const struct weigate_option *option, struct str text, int64_t *ret_number) {
  uint64_t ms = 0;
  return text_parse_duration_ms(text, &ms) == 0 ? keep_within(option, ms, false, ret_number) : -1;
}

static int parse_path(const struct weigate_option *option, struct str text, int64_t *ret_number) {
  (void)option;
  *ret_number = 0;
  return str_starts(text, STR("/")) && text.n < PLUGIN_PATH_BYTES ? 0 : -1;
}

static int parse_choice(const struct weigate_option *option, struct str text, int64_t *ret_number) {
  struct str rest = str_of(option->choices), word;
  for (int64_t place = 0; str_split(&rest, '|', &word); place++) {
    if (!str_eq(word, text)) continue;
    *ret_number = place;
    return 0;
  }
  return -1;
}

static const struct type {
  int (*parse)(const struct weigate_option *option, struct str text, int64_t *ret_number);
  bool has_range;
  const char *expected;
} types[] = {
    [WEIGATE_TYPE_TEXT] = {parse_text, false, "a text"},
    [WEIGATE_TYPE_BOOL] = {parse_bool, false, "yes or no"},
    [WEIGATE_TYPE_INT] = {parse_int, true, "a whole number"},
    [WEIGATE_TYPE_SIZE] = {parse_size, true, "a size such as 64K, 256M or 1G"},
    [WEIGATE_TYPE_DURATION] = {parse_duration, true, "a duration such as 250ms, 5s or 10m"},
    [WEIGATE_TYPE_PATH] = {parse_path, false, "an absolute path"},
    [WEIGATE_TYPE_CHOICE] = {parse_choice, false, "one of"},
};
#define TYPE_COUNT (sizeof(types) / sizeof(types[0]))

/* --- sentences --- */

/* A range in the unit that the option is written in. */
static void describe_range(struct buf *out, const struct weigate_option *option) {
  int64_t ends[2] = {option->min, option->max};
  for (int i = 0; i < 2; i++) {
    buf_add_text(out, i == 0 ? ", from " : " to ");
    if (option->type == WEIGATE_TYPE_DURATION && ends[i] >= 0)
      text_format_duration(out, (uint64_t)ends[i]);
    else if (option->type == WEIGATE_TYPE_SIZE && ends[i] >= 0)
      text_format_size(out, (uint64_t)ends[i]);
    else
      buf_addf(out, "%lld", (long long)ends[i]);
  }
}

static int refuse_value(const struct plugin_settings *settings, const struct plugin_option *line,
                        const struct weigate_option *option, struct err *err) {
  SCOPE_BUF struct buf expected;
  buf_init(&expected, 512);
  buf_add_text(&expected, types[option->type].expected);
  if (option->type == WEIGATE_TYPE_CHOICE) buf_addf(&expected, " %s", option->choices);
  if (types[option->type].has_range) describe_range(&expected, option);
  bool is_secret = option->flags & WEIGATE_OPTION_SECRET;
  return err_set(err, "%s:%d: %s%s%s is not %s", settings->conf_file, line->line, option->name, is_secret ? "" : " = ",
                 is_secret ? "" : line->value, buf_text(&expected));
}

static int refuse_name(const struct weigate_storage_plugin *desc, const struct plugin_settings *settings,
                       const struct plugin_option *line, struct err *err) {
  struct near near;
  near_init(&near, str_of(line->name));
  for (size_t i = 0; i < desc->option_count; i++) near_look(&near, option_at(desc, i).name);
  return err_set(err, "%s:%d: [plugin %s] has no option \"%s\"%s%s%s", settings->conf_file, line->line, desc->name, line->name,
                 near.best ? "; did you mean \"" : "", near.best ? near.best : "", near.best ? "\"?" : "");
}

/* --- the table and the lines --- */

static int check_table(const struct weigate_storage_plugin *desc, struct err *err) {
  bool is_shaped = desc->option_count == 0 || (desc->options && desc->option_stride >= sizeof(struct weigate_option) &&
                                               desc->option_stride % 8 == 0 && desc->option_count <= OPTIONS_MAX);
  if (!is_shaped) return err_set(err, "plugin %s: its table of options is broken", desc->name);
  for (size_t i = 0; i < desc->option_count; i++) {
    struct weigate_option option = option_at(desc, i);
    if (!option.name || !option.help || option.type >= TYPE_COUNT || (option.type == WEIGATE_TYPE_CHOICE && !option.choices))
      return err_set(err, "plugin %s: option %zu of its table is broken", desc->name, i);
  }
  return 0;
}

static const struct plugin_option *find_line(const struct plugin_settings *settings, const char *name) {
  for (size_t i = 0; i < settings->options_count; i++)
    if (strcmp(settings->options[i].name, name) == 0) return &settings->options[i];
  return NULL;
}

static bool is_known(const struct weigate_storage_plugin *desc, const char *name) {
  for (size_t i = 0; i < desc->option_count; i++)
    if (strcmp(option_at(desc, i).name, name) == 0) return true;
  return false;
}

static int check_lines(const struct weigate_storage_plugin *desc, const struct plugin_settings *settings, struct err *err) {
  for (size_t i = 0; i < settings->options_count; i++) {
    const struct plugin_option *line = &settings->options[i];
    if (!is_known(desc, line->name)) return refuse_name(desc, settings, line, err);
    if (find_line(settings, line->name) != line)
      return err_set(err, "%s:%d: %s stands there twice", settings->conf_file, line->line, line->name);
  }
  return 0;
}

static int fill_value(const struct weigate_storage_plugin *desc, const struct plugin_settings *settings, size_t index,
                      struct weigate_value *value, struct err *err) {
  struct weigate_option option = option_at(desc, index);
  const struct plugin_option *line = find_line(settings, option.name);
  value->struct_size = sizeof(*value);
  value->text = line ? line->value : option.fallback;
  value->is_set = value->text != NULL;
  if (!value->text) {
    if (!(option.flags & WEIGATE_OPTION_REQUIRED)) return 0;
    return err_set(err, "%s: [plugin %s] needs %s: %s", settings->conf_file, desc->name, option.name, option.help);
  }
  if (types[option.type].parse(&option, str_of(value->text), &value->number) == 0) return 0;
  if (line) return refuse_value(settings, line, &option, err);
  return err_set(err, "plugin %s: the default of its option %s is not %s", desc->name, option.name, types[option.type].expected);
}

/* Moves the texts into the array's own memory: the settings may go before the plugin does. */
static struct weigate_value *copy_values(const struct weigate_value *values, size_t count) {
  size_t bytes = (count ? count : 1) * sizeof(*values);
  for (size_t i = 0; i < count; i++) bytes += values[i].text ? strlen(values[i].text) + 1 : 0;
  struct weigate_value *copy = calloc(1, bytes);
  if (!copy) return NULL;
  char *texts = (char *)(copy + count);
  for (size_t i = 0; i < count; i++) {
    copy[i] = values[i];
    if (!values[i].text) continue;
    size_t size = strlen(values[i].text) + 1;
    copy[i].text = memcpy(texts, values[i].text, size);
    texts += size;
  }
  return copy;
}

int values_parse(const struct weigate_storage_plugin *desc, const struct plugin_settings *settings,
                 struct weigate_value **ret_values, struct err *err) {
  struct weigate_value values[OPTIONS_MAX] = {0};
  if (check_table(desc, err) != 0 || check_lines(desc, settings, err) != 0) return -1;
  for (size_t i = 0; i < desc->option_count; i++)
    if (fill_value(desc, settings, i, &values[i], err) != 0) return -1;
  struct weigate_value *copy = copy_values(values, desc->option_count);
  if (!copy) return err_set(err, "plugin %s: out of memory", desc->name);
  *ret_values = copy;
  return 0;
}
