/* SPDX-License-Identifier: Apache-2.0
 * options: the table of weigatectl's options, and how the value of one is read; the program's only thread. */
#include "base/buf.h"
#include "base/scope.h"
#include "ctl/ctl.h"

static bool is_within(const struct ctl_option_row *row, uint64_t number) {
  return (row->min == 0 && row->max == 0) || (number >= row->min && number <= row->max);
}

/* The place of the word in "a|b|c". */
static int read_choice(const struct ctl_option_row *row, struct str text, uint64_t *ret_place) {
  struct str rest = str_of(row->choices), choice;
  for (uint64_t place = 0; str_split(&rest, '|', &choice); place++) {
    if (!str_eq(choice, text)) continue;
    *ret_place = place;
    return 0;
  }
  return -1;
}

static int read_number(const struct ctl_option_row *row, struct str text, uint64_t *ret_number) {
  switch (row->kind) {
  case CTL_NUMBER:
    return text_parse_u64(text, row->max ? row->max : UINT64_MAX, ret_number);
  case CTL_SIZE:
    return text_parse_size_bytes(text, ret_number);
  case CTL_DURATION:
    return text_parse_duration_ms(text, ret_number);
  case CTL_CHOICE:
    return read_choice(row, text, ret_number);
  case CTL_FLAG:
  case CTL_TEXT:
  case CTL_LIST:
    break;
  }
  return 0;
}

/* "a number from 1 to 1000", "one of jsonl|csv". */
static void describe(struct buf *out, const struct ctl_option_row *row) {
  static const char *const nouns[] = {
      [CTL_NUMBER] = "a number", [CTL_SIZE] = "a size (64K, 256M)", [CTL_DURATION] = "a duration"};
  if (row->kind == CTL_CHOICE) {
    buf_addf(out, "one of %s", row->choices);
    return;
  }
  buf_add_text(out, nouns[row->kind]);
  if (row->min == 0 && row->max == 0) {
    if (row->kind == CTL_DURATION) buf_add_text(out, " (10s, 5m, 2h, 30d)");
    return;
  }
  void (*const add)(struct buf *, uint64_t) = row->kind == CTL_SIZE       ? text_format_size
                                              : row->kind == CTL_DURATION ? text_format_duration
                                                                          : NULL;
  buf_add_text(out, " from ");
  add ? add(out, row->min) : (void)buf_addf(out, "%llu", (unsigned long long)row->min);
  buf_add_text(out, " to ");
  add ? add(out, row->max) : (void)buf_addf(out, "%llu", (unsigned long long)row->max);
}

static int refuse(const struct ctl_option_row *row, const char *text, struct err *err) {
  SCOPE_BUF struct buf wanted;
  buf_init(&wanted, 256);
  describe(&wanted, row);
  return err_set(err, "%s %s: not %s", row->name, text, buf_text(&wanted));
}

static int take_value(struct ctl *ctl, enum ctl_option option, const char *text, struct err *err) {
  const struct ctl_option_row *row = &ctl_options[option];
  struct ctl_value *value = &ctl->values[option];
  uint64_t number = 0;
  if (value->text && row->kind != CTL_LIST && row->kind != CTL_FLAG) return err_set(err, "%s is given twice", row->name);
  if (read_number(row, str_of(text), &number) != 0 || !is_within(row, number)) return refuse(row, text, err);
  if (row->kind == CTL_LIST) {
    if (ctl->list_count == CTL_LIST_MAX) return err_set(err, "%s is given more than %d times", row->name, CTL_LIST_MAX);
    ctl->list[ctl->list_count++] = (struct ctl_item){option, text};
  }
  *value = (struct ctl_value){text, number};
  return 0;
}

static const struct ctl_option_row *find_row(struct str name) {
  for (size_t i = 0; i < CTL_OPTION_COUNT; i++)
    if (str_eq(str_of(ctl_options[i].name), name)) return &ctl_options[i];
  return NULL;
}

int ctl_option_take(struct ctl *ctl, int argc, char *const *argv, struct err *err) {
  struct str rest = str_of(argv[0]), name;
  bool is_joined = str_has(rest, '=');
  str_split(&rest, '=', &name);
  const struct ctl_option_row *row = find_row(name);
  if (!row) return 0;
  enum ctl_option option = (enum ctl_option)(row - ctl_options);
  if (row->kind == CTL_FLAG) {
    if (is_joined) return err_set(err, "%s takes no value", row->name);
    return take_value(ctl, option, "", err) == 0 ? 1 : -1;
  }
  if (is_joined) return take_value(ctl, option, argv[0] + name.n + 1, err) == 0 ? 1 : -1;
  if (argc < 2) return err_set(err, "%s needs %s", row->name, row->value);
  return take_value(ctl, option, argv[1], err) == 0 ? 2 : -1;
}

/* Numbers that stand for a count of records: a store of a million millions is beyond every plugin. */
#define COUNT_MAX (UINT64_C(1) << 40)

/* More than any store takes; what is above it is meant as no limit, and is said so. */
#define RATE_MAX UINT64_C(10000000)

const struct ctl_option_row ctl_options[CTL_OPTION_COUNT] = {
    [CTL_JSON] = {"--json", CTL_FLAG, NULL, "one JSON object a line"},
    [CTL_PLAIN] = {"--plain", CTL_FLAG, NULL, "columns separated by one tab, without a heading"},
    [CTL_ACCOUNT] = {"--account", CTL_TEXT, "NAME", "only this account: the name of its section, \"default\", or its appid"},
    [CTL_LIMIT] = {"--limit", CTL_NUMBER, "N", "at most N; 0 for all", 0, COUNT_MAX},
    [CTL_RETRY] = {"--retry", CTL_FLAG, NULL, "put what was set aside back in line"},
    [CTL_OPTION] = {"--option", CTL_LIST, "NAME=VALUE", "an option of the plugin; may be given again"},
    [CTL_LEVEL] = {"--level", CTL_CHOICE, "LEVEL", "core (default), full, crash or soak; each contains those before it", 0, 0,
                   "core|full|crash|soak"},
    [CTL_SEED] = {"--seed", CTL_NUMBER, "N", "of random histories; the one of a run that failed, to see it again", 0, 0},
    [CTL_ONLY] = {"--only", CTL_TEXT, "TEXT", "only checks with the text in their name, of that chapter, or of that number"},
    [CTL_FRESH] = {"--fresh", CTL_TEXT, "PROGRAM", "called as \"PROGRAM make NAME\" and \"PROGRAM drop NAME\" around each check"},
    [CTL_SOAK] = {"--soak", CTL_DURATION, "TIME", "how long the level soak is (default 10m)", 1000, 7 * 86400000ull},
    [CTL_LIST_ALL] = {"--list", CTL_FLAG, NULL, "print the table of checks and run none"},
    [CTL_RUNNING] = {"--running", CTL_FLAG, NULL, "ask the running service in place of reading the file"},
    [CTL_OUTPUT] = {"--output", CTL_TEXT, "FILE", "write to a new file, readable by its owner; an existing one is left alone"},
    [CTL_RATE] = {"--rate", CTL_NUMBER, "N", "at most N a second", 1, RATE_MAX},
    [CTL_FROM] = {"--from", CTL_TEXT, "PLUGIN",
                  "the store that is read: a plugin's name or path, with the options of its [plugin NAME]"},
    [CTL_TO] = {"--to", CTL_TEXT, "PLUGIN", "the store that is written to, or compared with"},
    [CTL_PLUGIN] = {"--plugin", CTL_TEXT, "PLUGIN", "this storage plugin in place of storage.plugin: a name or a path"},
    [CTL_RESTART] = {"--restart", CTL_FLAG, NULL, "begin anew, whatever an earlier copy has done"},
    [CTL_YES] = {"--yes", CTL_FLAG, NULL, "do it without asking"},
    [CTL_FORMAT] = {"--format", CTL_CHOICE, "FORMAT", "jsonl (one JSON object a line) or csv", .choices = "jsonl|csv"},
    [CTL_ERASED] = {"--erased", CTL_FLAG, NULL, "with the marks that erasures left, which hold nothing of the person"},
    [CTL_DRY_RUN] = {"--dry-run", CTL_FLAG, NULL, "say what would be done, and change nothing"},
    [CTL_OBSERVED_AT] = {"--observed-at", CTL_TEXT, "TIME",
                         "when records without stamps were true (default: the file's own time)"},
    [CTL_FROM_LINE] = {"--from-line", CTL_NUMBER, "N", "go on at this line", 1, COUNT_MAX},
    [CTL_ALL] = {"--all", CTL_FLAG, NULL, "everybody"},
    [CTL_FIELD] = {"--field", CTL_LIST, "OURS=THEIRS",
                   "what another system calls a field, such as nickname=nick_name; repeatable"},
    [CTL_NGINX] = {"--nginx", CTL_TEXT, "FILE", "nginx's configuration, as nginx -T prints it (default: ask nginx)"},
    [CTL_OLDER_THAN] = {"--older-than", CTL_DURATION, "TIME", "only profiles that were pulled longer ago (default 7d)"},
};
