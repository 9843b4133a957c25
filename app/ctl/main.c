/* SPDX-License-Identifier: Apache-2.0
 * main: weigatectl's command line: options anywhere, a command of one or two words, its help from the table. */
#include "config.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/seal.h"
#include "ctl/audit.h"
#include "ctl/ctl.h"
#include "ctl/output.h"
#include "store/host.h"

#define EXIT_USAGE 2
/* A command, its argument, and one too many. */
#define WORDS_MAX 4

struct command_line {
  struct ctl ctl;
  const char *words[WORDS_MAX];
  size_t words_count;
  bool wants_help, wants_version;
};

static bool is(const char *a, const char *b) {
  return strcmp(a, b) == 0;
}

/* "people show". */
static const char *name_of(const struct ctl_command *command, char *to, size_t size) {
  snprintf(to, size, "%s%s%s", command->group, command->verb ? " " : "", command->verb ? command->verb : "");
  return to;
}

static void print_command(FILE *out, const struct ctl_command *command) {
  char name[64], whole[96];
  snprintf(whole, sizeof whole, "%s%s%s", name_of(command, name, sizeof name), command->argument ? " " : "",
           command->argument ? command->argument : "");
  fprintf(out, "  %-26s %s\n", whole, command->help);
}

static void print_options(FILE *out, uint64_t options) {
  fprintf(out, "  %-26s %s\n", "-c FILE", "configuration (default " WEIGATE_CONF_FILE ")");
  for (size_t i = 0; i < CTL_OPTION_COUNT; i++) {
    const struct ctl_option_row *row = &ctl_options[i];
    char name[64];
    if (!(options & CTL_BIT(i))) continue;
    snprintf(name, sizeof name, "%s%s%s", row->name, row->value ? " " : "", row->value ? row->value : "");
    fprintf(out, "  %-26s %s\n", name, row->help);
  }
}

/* Of a group, or of everything: then without the options, which each command has its own of. */
static void print_help(FILE *out, const char *group) {
  uint64_t options = 0;
  fprintf(out, "usage: weigatectl [-c FILE] COMMAND [OPTION …]\n\ncommands:\n");
  for (size_t i = 0; i < ctl_commands_count; i++) {
    if (group && !is(group, ctl_commands[i].group)) continue;
    print_command(out, &ctl_commands[i]);
    options |= group ? ctl_commands[i].options : 0;
  }
  fprintf(out, "\noptions:\n");
  print_options(out, options);
  fprintf(out, "  %-26s %s\n  %-26s %s\n", "-h, --help", group ? "this" : "this; behind a command, what that command takes",
          "-V, --version", "the version");
}

static void print_command_help(const struct ctl_command *command) {
  char name[64];
  printf("usage: weigatectl [-c FILE] %s%s%s%s\n\n%s\n\noptions:\n", name_of(command, name, sizeof name),
         command->argument ? " " : "", command->argument ? command->argument : "", command->options ? " [OPTION …]" : "",
         command->help);
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

/* Returns how many words of argv the option took, or -1. */
static int take_option(struct command_line *line, int left, char **argv, struct err *err) {
  const char *name = argv[0], *value = left > 1 ? argv[1] : NULL;
  if (is(name, "-h") || is(name, "--help")) return line->wants_help = true;
  if (is(name, "-V") || is(name, "--version")) return line->wants_version = true;
  if (is(name, "-c")) {
    line->ctl.conf_path = value;
    return value ? 2 : err_set(err, "-c needs a file");
  }
  int taken = ctl_option_take(&line->ctl, left, argv, err);
  if (taken != 0) return taken;
  return err_set(err, "unknown option %s (an argument that begins with \"-\" stands behind \"--\")", name);
}

static int read_command_line(int argc, char **argv, struct command_line *line, struct err *err) {
  bool only_words = false;
  for (int i = 1; i < argc;) {
    if (!only_words && is(argv[i], "--")) {
      only_words = true;
      i++;
    } else if (!only_words && argv[i][0] == '-' && argv[i][1] != '\0') {
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
  char name[64];
  size_t taken = words + (command->argument ? 1 : 0);
  name_of(command, name, sizeof name);
  if (line->words_count > taken) return err_set(err, "unexpected word \"%s\"", line->words[taken]);
  if (command->argument && command->argument[0] != '[' && line->words_count == words)
    return err_set(err, "%s needs %s", name, command->argument);
  for (size_t i = 0; i < CTL_OPTION_COUNT; i++)
    if (ctl_has(&line->ctl, (enum ctl_option)i) && !(command->options & CTL_BIT(i)))
      return err_set(err, "%s takes no %s", name, ctl_options[i].name);
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
  line->ctl.argument = line->words_count > words ? line->words[words] : NULL;
  const char *output = ctl_text(&line->ctl, CTL_OUTPUT);
  if (output && output_redirect(output, &err) != 0) return complain(&err, EXIT_FAILURE);
  int result = seal_start(&err) == 0 ? command->run(&line->ctl, &err) : -1;
  struct err output_err;
  if (finish_output(&output_err) != 0 && result == 0) return complain(&output_err, EXIT_FAILURE);
  return result == 0 ? EXIT_SUCCESS : complain(&err, EXIT_FAILURE);
}

int main(int argc, char **argv) {
  struct command_line line = {.ctl = {.conf_path = WEIGATE_CONF_FILE}};
  struct err err = {""};
  size_t words = 0;
  setlocale(LC_CTYPE, "C.UTF-8"); /* widths of characters; nothing else depends on it */
  log_name("weigatectl");
  audit_start();
  host_name_process("weigatectl");
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
