/* SPDX-License-Identifier: Apache-2.0
 * print: walks the table of options; pure, any thread. */
#include "conf/print.h"

#include "base/json.h"
#include "conf/options.h"
#include "conf/values.h"

/* Comments of the sample file are broken before this column. */
#define SAMPLE_COLUMNS 100

/* What is known of one option in one section. */
struct shown {
  const struct option *option;
  const char *value; /* "" where there is none */
  int line;          /* 0: the default */
};

static bool is_of(const struct option *option, const char *section) {
  return str_eq(str_of(option->section), str_of(section));
}

static struct shown look_up(const struct conf *conf, const struct option *option, const char *id) {
  struct shown shown = {.option = option};
  shown.value = conf_value(conf, option->section, id, option->name, &shown.line);
  if (!shown.value) shown.value = "";
  return shown;
}

/* An option of a plugin whose value may carry a password: the table that says so is the plugin's, which is not loaded here. */
static bool may_be_secret(const char *name, const char *value) {
  static const char *const hints[] = {"pass", "secret", "key", "token", "dsn", "credential", "conninfo", "url", "uri"};
  for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
    if (str_contains_nocase(str_of(name), str_of(hints[i]))) return true;
  return str_contains_nocase(str_of(value), STR("password")) || str_has(str_of(value), '@');
}

static const char *show_plugin_value(const struct line_entry *entry) {
  return may_be_secret(entry->name, entry->value) ? "(hidden)" : entry->value;
}

static void add_heading(struct buf *out, const char *kind, const char *id) {
  buf_addf(out, "%s[%s%s%s]\n", out->len ? "\n" : "", kind, *id ? " " : "", id);
}

static void add_text_section(struct buf *out, const struct conf *conf, const char *kind, const char *id) {
  add_heading(out, kind, id);
  for (size_t i = 0; i < options_count; i++) {
    if (!is_of(&options[i], kind)) continue;
    struct shown shown = look_up(conf, &options[i], id);
    buf_addf(out, "%s = %s%s\n", options[i].name, shown.value, shown.line ? "" : *shown.value ? " ; default" : "; not set");
  }
}

static void add_text_plugin(struct buf *out, const struct conf *conf, size_t section) {
  add_heading(out, "plugin", conf->lines.sections[section].id);
  for (size_t i = 0; i < conf->lines.entries_count; i++) {
    const struct line_entry *entry = &conf->lines.entries[i];
    if (entry->section == section) buf_addf(out, "%s = %s\n", entry->name, show_plugin_value(entry));
  }
}

static void add_json_option(struct buf *out, const char *name, const char *value, int line, bool is_reloadable,
                            const char **separator) {
  buf_addf(out, "%s{\"name\":\"", *separator);
  buf_add_text(out, name);
  buf_add_text(out, "\",\"value\":");
  json_add_string(out, str_of(value));
  buf_addf(out, ",\"default\":%s,\"line\":%d,\"reloadable\":%s}", line ? "false" : "true", line,
           is_reloadable ? "true" : "false");
  *separator = ",";
}

static void begin_json_section(struct buf *out, const char *kind, const char *id, const char **separator) {
  buf_addf(out, "%s{\"section\":\"%s\",\"name\":", *separator, kind);
  json_add_string(out, str_of(id));
  buf_add_text(out, ",\"options\":[");
  *separator = ",";
}

static void add_json_section(struct buf *out, const struct conf *conf, const char *kind, const char *id, const char **separator) {
  const char *inner = "";
  begin_json_section(out, kind, id, separator);
  for (size_t i = 0; i < options_count; i++) {
    if (!is_of(&options[i], kind)) continue;
    struct shown shown = look_up(conf, &options[i], id);
    add_json_option(out, options[i].name, shown.value, shown.line, options[i].is_reloadable, &inner);
  }
  buf_add_text(out, "]}");
}

static void add_json_plugin(struct buf *out, const struct conf *conf, size_t section, const char **separator) {
  const char *inner = "";
  begin_json_section(out, "plugin", conf->lines.sections[section].id, separator);
  for (size_t i = 0; i < conf->lines.entries_count; i++) {
    const struct line_entry *entry = &conf->lines.entries[i];
    if (entry->section != section) continue;
    buf_add_text(out, inner);
    buf_add_text(out, "{\"name\":");
    json_add_string(out, str_of(entry->name));
    buf_add_text(out, ",\"value\":");
    json_add_string(out, str_of(show_plugin_value(entry)));
    buf_addf(out, ",\"default\":false,\"line\":%d,\"reloadable\":true}", entry->line);
    inner = ",";
  }
  buf_add_text(out, "]}");
}

static bool is_kind(const struct line_section *section, const char *kind) {
  return str_eq(str_of(section->kind), str_of(kind));
}

/* Breaks a sentence into comment lines at blanks. */
static void add_comment(struct buf *out, const char *text) {
  struct str rest = str_of(text), word;
  size_t column = 0;
  while (str_split(&rest, ' ', &word)) {
    if (column > 0 && column + 1 + word.n > SAMPLE_COLUMNS) {
      buf_add_char(out, '\n');
      column = 0;
    }
    buf_add_text(out, column == 0 ? "; " : " ");
    buf_add_str(out, word);
    column += word.n + (column == 0 ? 2 : 1);
  }
  buf_add_char(out, '\n');
}

/* Required options stand there as examples to fill in; the others are commented out with their defaults. */
static void add_sample_option(struct buf *out, const struct option *option) {
  struct buf accepts;
  buf_init(&accepts, 512);
  buf_add_text(&accepts, "Accepts ");
  value_describe(&accepts, option);
  if (!option->is_reloadable) buf_add_text(&accepts, "; a change takes a restart");
  buf_add_char(&accepts, '.');
  add_comment(out, option->help);
  add_comment(out, buf_text(&accepts));
  buf_done(&accepts);
  if (option->is_required)
    buf_addf(out, "%s = %s\n\n", option->name, option->example);
  else
    buf_addf(out, ";%s = %s\n\n", option->name, option->fallback ? option->fallback : "");
}

/* Dots at line starts and backslashes mean something to man(7), and a plain minus is a hyphen. */
static void add_roff(struct buf *out, const char *text) {
  for (const char *p = text; *p; p++) {
    if (*p == '\\')
      buf_add_text(out, "\\e");
    else if (*p == '-')
      buf_add_text(out, "\\-");
    else if (*p == '.' && (p == text || p[-1] == '\n'))
      buf_add_text(out, "\\&.");
    else
      buf_add_char(out, *p);
  }
}

static void add_man_option(struct buf *out, const struct option *option) {
  struct buf accepts;
  buf_init(&accepts, 512);
  value_describe(&accepts, option);
  buf_add_text(out, ".TP\n.B ");
  add_roff(out, option->name);
  buf_add_char(out, '\n');
  add_roff(out, option->help);
  buf_add_text(out, "\nAccepts ");
  add_roff(out, buf_text(&accepts));
  if (option->is_required) {
    buf_add_text(out, ". Required");
  } else if (option->fallback && *option->fallback) {
    buf_add_text(out, ". Default:\n.BR ");
    add_roff(out, option->fallback);
    buf_add_char(out, ' ');
  } else {
    buf_add_text(out, ". Not set by default");
  }
  buf_add_text(out, option->is_reloadable ? ".\n" : ";\na change takes a restart.\n");
  buf_done(&accepts);
}

void conf_print_text(struct buf *out, const struct conf *conf) {
  for (size_t i = 0; i < option_sections_count; i++) {
    const char *kind = option_sections[i].name;
    if (!str_eq(str_of(kind), STR("account"))) add_text_section(out, conf, kind, "");
    for (size_t j = 0; j < conf->lines.sections_count; j++)
      if (is_kind(&conf->lines.sections[j], kind) && is_kind(&conf->lines.sections[j], "account"))
        add_text_section(out, conf, kind, conf->lines.sections[j].id);
  }
  for (size_t j = 0; j < conf->lines.sections_count; j++)
    if (is_kind(&conf->lines.sections[j], "plugin")) add_text_plugin(out, conf, j);
}

void conf_print_json(struct buf *out, const struct conf *conf) {
  const char *separator = "";
  buf_add_text(out, "{\"file\":");
  json_add_string(out, str_of(conf->path));
  buf_add_text(out, ",\"sections\":[");
  for (size_t i = 0; i < option_sections_count; i++) {
    const char *kind = option_sections[i].name;
    if (!str_eq(str_of(kind), STR("account"))) add_json_section(out, conf, kind, "", &separator);
    for (size_t j = 0; j < conf->lines.sections_count; j++)
      if (is_kind(&conf->lines.sections[j], kind) && is_kind(&conf->lines.sections[j], "account"))
        add_json_section(out, conf, kind, conf->lines.sections[j].id, &separator);
  }
  for (size_t j = 0; j < conf->lines.sections_count; j++)
    if (is_kind(&conf->lines.sections[j], "plugin")) add_json_plugin(out, conf, j, &separator);
  buf_add_text(out, "]}");
}

void conf_print_sample(struct buf *out) {
  buf_add_text(out, "; weigate.conf: see weigate.conf(5). Lines that are commented out show the defaults.\n"
                    "; Check it with: weigatectl config check\n");
  for (size_t i = 0; i < option_sections_count; i++) {
    buf_add_char(out, '\n');
    add_comment(out, option_sections[i].help);
    buf_addf(out, "[%s]\n\n", option_sections[i].name);
    for (size_t j = 0; j < options_count; j++)
      if (is_of(&options[j], option_sections[i].name)) add_sample_option(out, &options[j]);
  }
  buf_add_text(out, "\n; One section per storage plugin; its manual page lists the options.\n[plugin file]\n\n"
                    "path = /var/lib/weigate/profiles.db\n");
}

void conf_print_man(struct buf *out) {
  for (size_t i = 0; i < option_sections_count; i++) {
    buf_addf(out, ".SS [%s]\n", option_sections[i].name);
    add_roff(out, option_sections[i].help);
    buf_add_char(out, '\n');
    for (size_t j = 0; j < options_count; j++)
      if (is_of(&options[j], option_sections[i].name)) add_man_option(out, &options[j]);
  }
}
