/* SPDX-License-Identifier: Apache-2.0
 * main: weigatectl's command line: options anywhere, a command of one or two words, its help from the table. */
#include "config.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/seal.h"
#include "ctl/ctl.h"

#define EXIT_USAGE 2
/* A command, its argument, and one too many. */
#define WORDS_MAX 4

struct option_row {
  const char *name;
  unsigned flag;
  const char *value; /* its name in the help, or NULL */
  const char *help;
};

static const struct option_row option_rows[] = {
    {"--json", CTL_JSON, NULL, "one JSON object a line"},
    {"--plain", CTL_PLAIN, NULL, "columns separated by one tab, without a heading"},
    {"--account", CTL_ACCOUNT, "NAME", "only this account: the name of its section, \"default\", or its appid"},
    {"--limit", CTL_LIMIT, "N", "at most N; 0 for all"},
    {"--running", CTL_RUNNING, NULL, "ask the running service in place of reading the file"},
};
#define OPTION_ROWS (sizeof option_rows / sizeof option_rows[0])

struct command_line {
  struct ctl ctl;
  const char *words[WORDS_MAX];
  size_t words_count;
  bool wants_help, wants_version;
};

static bool is(const char *a, const char *b) {
  return strcmp(a, b) == 0;
}

static void print_command(FILE *out, const struct ctl_command *command) {
  char name[64];
  snprintf(name, sizeof name, "%s%s%s%s%s", command->group, command->verb ? " " : "", command->verb ? command->verb : "",
           command->argument ? " " : "", command->argument ? command->argument : "");
  fprintf(out, "  %-20s %s\n", name, command->help);
}

static void print_options(FILE *out, unsigned options) {
  fprintf(out, "  %-20s %s\n", "-c FILE", "configuration (default " WEIGATE_CONF_FILE ")");
  for (size_t i = 0; i < OPTION_ROWS; i++) {
    char name[64];
    if (!(options & option_rows[i].flag)) continue;
    snprintf(name, sizeof name, "%s%s%s", option_rows[i].name, option_rows[i].value ? " " : "",
             option_rows[i].value ? option_rows[i].value : "");
    fprintf(out, "  %-20s %s\n", name, option_rows[i].help);
  }
}

static void print_help(FILE *out, const char *group) {
  unsigned options = 0;
  fprintf(out, "usage: weigatectl [-c FILE] COMMAND [OPTION …]\n\ncommands:\n");
  for (size_t i = 0; i < ctl_commands_count; i++) {
    if (group && !is(group, ctl_commands[i].group)) continue;
    print_command(out, &ctl_commands[i]);
    options |= ctl_commands[i].options;
  }
  fprintf(out, "\noptions:\n");
  print_options(out, options);
  fprintf(out, "  %-20s %s\n  %-20s %s\n", "-h, --help", "this, or with a command more about it", "-V, --version", "the version");
}

static void print_command_help(const struct ctl_command *command) {
  printf("usage: weigatectl [-c FILE] %s%s%s%s%s%s\n\n%s\n\noptions:\n", command->group, command->verb ? " " : "",
         command->verb ? command->verb : "", command->argument ? " " : "", command->argument ? command->argument : "",
         command->options ? " [OPTION …]" : "", command->help);
  print_options(stdout, command->options);
}

static const struct ctl_command *find_command(const struct command_line *line, size_t *ret_words) {
  for (size_t i = 0; i < ctl_commands_count; i++) {
    const struct ctl_command *command = &ctl_commands[i];
    size_t needed = command->verb ? 2 : 1;
    if (line->words_count < needed || !is(line->words[0], command->group)) continue;
    if (command->verb && !is(line->words[1], command->verb)) continue;
    *ret_words = needed;
    return command;
  }
  return NULL;
}

static bool is_group(const char *word) {
  for (size_t i = 0; i < ctl_commands_count; i++)
    if (is(word, ctl_commands[i].group)) return true;
  return false;
}

static int take_value(struct command_line *line, unsigned flag, const char *value, struct err *err) {
  if (flag == CTL_ACCOUNT) line->ctl.account = value;
  if (flag == CTL_LIMIT && text_parse_u64(str_of(value), UINT64_C(1) << 40, &line->ctl.limit) != 0)
    return err_set(err, "--limit %s: not a number", value);
  return 0;
}

/* Returns how many words of argv the option took, or -1. */
static int take_option(struct command_line *line, int left, char **argv, struct err *err) {
  const char *name = argv[0], *value = left > 1 ? argv[1] : NULL;
  if (is(name, "-h") || is(name, "--help")) return line->wants_help = true;
  if (is(name, "-V") || is(name, "--version")) return line->wants_version = true;
  if (is(name, "-c")) {
    line->ctl.conf_path = value;
    return value ? 2 : err_set(err, "-c needs a file");
  }
  for (size_t i = 0; i < OPTION_ROWS; i++) {
    const struct option_row *row = &option_rows[i];
    if (!is(name, row->name)) continue;
    line->ctl.options |= row->flag;
    if (!row->value) return 1;
    if (!value) return err_set(err, "%s needs %s", name, row->value);
    return take_value(line, row->flag, value, err) == 0 ? 2 : -1;
  }
  return err_set(err, "unknown option %s (an argument that begins with \"-\" stands behind \"--\")", name);
}

static int read_command_line(int argc, char **argv, struct command_line *line, struct err *err) {
  bool only_words = false;
  for (int i = 1; i < argc;) {
    if (!only_words && is(argv[i], "--")) {
      only_words = true;
      i++;
    } else if (!only_words && argv[i][0] == '-') {
      int taken = take_option(line, argc - i, argv + i, err);
      if (taken < 0) return -1;
      i += taken;
    } else if (line->words_count == WORDS_MAX) {
      return err_set(err, "too many words on the command line");
    } else {
      line->words[line->words_count++] = argv[i++];
    }
  }
  return 0;
}

static int check_command(const struct ctl_command *command, const struct command_line *line, size_t words, struct err *err) {
  if (line->words_count > words + (command->argument ? 1 : 0))
    return err_set(err, "unexpected word \"%s\"", line->words[words + (command->argument ? 1 : 0)]);
  if (command->argument && line->words_count == words)
    return err_set(err, "%s %s needs %s", command->group, command->verb, command->argument);
  for (size_t i = 0; i < OPTION_ROWS; i++)
    if ((line->ctl.options & option_rows[i].flag) && !(command->options & option_rows[i].flag))
      return err_set(err, "%s%s%s takes no %s", command->group, command->verb ? " " : "", command->verb ? command->verb : "",
                     option_rows[i].name);
  return 0;
}

static int complain(const struct err *err, int status) {
  fprintf(stderr, "weigatectl: %s\n", err->text);
  return status;
}

/* A full disk shows only when the last bytes are written. */
static int finish_output(struct err *err) {
  return fflush(stdout) == 0 && !ferror(stdout) ? 0 : err_set(err, "cannot write the output: %m");
}

static int run_command(const struct ctl_command *command, struct command_line *line, size_t words) {
  struct err err = {""};
  if (check_command(command, line, words, &err) != 0) return complain(&err, EXIT_USAGE);
  line->ctl.argument = command->argument ? line->words[words] : NULL;
  int result = seal_start(&err) == 0 ? command->run(&line->ctl, &err) : -1;
  struct err output_err;
  if (finish_output(&output_err) != 0 && result == 0) return complain(&output_err, EXIT_FAILURE);
  return result == 0 ? EXIT_SUCCESS : complain(&err, EXIT_FAILURE);
}

int main(int argc, char **argv) {
  struct command_line line = {.ctl = {.conf_path = WEIGATE_CONF_FILE, .limit = CTL_LIMIT_UNSET}};
  struct err err = {""};
  size_t words = 0;
  setlocale(LC_CTYPE, "C.UTF-8"); /* widths of characters; nothing else depends on it */
  log_name("weigatectl");
  if (read_command_line(argc, argv, &line, &err) != 0) return complain(&err, EXIT_USAGE);
  const struct ctl_command *command = find_command(&line, &words);
  if (line.wants_version) {
    printf("weigatectl %s\n", PACKAGE_VERSION);
    return finish_output(&err) == 0 ? EXIT_SUCCESS : complain(&err, EXIT_FAILURE);
  }
  if (line.wants_help) {
    if (command)
      print_command_help(command);
    else
      print_help(stdout, line.words_count > 0 && is_group(line.words[0]) ? line.words[0] : NULL);
    return finish_output(&err) == 0 ? EXIT_SUCCESS : complain(&err, EXIT_FAILURE);
  }
  if (command) return run_command(command, &line, words);
  if (line.words_count > 0)
    fprintf(stderr, "weigatectl: unknown command \"%s\"\n\n", line.words[line.words_count > 1 && is_group(line.words[0])]);
  print_help(stderr, NULL);
  return EXIT_USAGE;
}
