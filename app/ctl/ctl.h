/* SPDX-License-Identifier: Apache-2.0
 * ctl: what every command of weigatectl gets and returns; a program of one thread. */
#ifndef WEIGATE_CTL_CTL_H
#define WEIGATE_CTL_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

/* The options of all commands; each has its row in options.c. */
/* clang-format off */
enum ctl_option {
  CTL_JSON,
  CTL_PLAIN,
  CTL_ACCOUNT,
  CTL_LIMIT,
  CTL_RUNNING,
  CTL_OUTPUT,
  CTL_RATE,
  CTL_YES,
  CTL_FROM,
  CTL_TO,
  CTL_RESTART,
  CTL_PLUGIN,
  CTL_FORMAT,
  CTL_ERASED,
  CTL_DRY_RUN,
  CTL_OBSERVED_AT,
  CTL_FROM_LINE,
  CTL_FIELD,
  CTL_ALL,
  CTL_OLDER_THAN,
  CTL_NGINX,
  CTL_OPTION,
  CTL_LEVEL,
  CTL_SEED,
  CTL_ONLY,
  CTL_FRESH,
  CTL_SOAK,
  CTL_LIST_ALL,
  CTL_RETRY,
  CTL_OPTION_COUNT
};
/* clang-format on */

/* Its place in the set of options that a command knows. */
#define CTL_BIT(option) (UINT64_C(1) << (option))

enum ctl_kind {
  CTL_FLAG,     /* without a value */
  CTL_TEXT,     /* as it was given */
  CTL_NUMBER,   /* within min..max */
  CTL_SIZE,     /* 64K, 256M, 1G; bytes, within min..max */
  CTL_DURATION, /* 5s, 10m, 30d; milliseconds, within min..max */
  CTL_CHOICE,   /* a word of choices; its place */
  CTL_LIST      /* a text, and may be given again */
};

/* One row of options.c: the parser, --help and the check of the manual page follow it. */
struct ctl_option_row {
  const char *name;
  enum ctl_kind kind;
  const char *value; /* its name in the help; NULL for CTL_FLAG */
  const char *help;
  uint64_t min, max;   /* both 0: any */
  const char *choices; /* "jsonl|csv" */
};

/* How often one command line may repeat CTL_LIST options, all together. */
#define CTL_LIST_MAX 64

struct ctl_value {
  const char *text; /* NULL: not given */
  uint64_t number;  /* CTL_NUMBER, CTL_SIZE, CTL_DURATION, CTL_CHOICE */
};

struct ctl_item {
  enum ctl_option option;
  const char *text;
};

/* The command line, read. */
struct ctl {
  const char *conf_path;
  struct ctl_value values[CTL_OPTION_COUNT];
  struct ctl_item list[CTL_LIST_MAX]; /* CTL_LIST options in the order they were given */
  size_t list_count;
  const char *argument; /* behind the command; NULL without */
};

/* A command: one file each. run() returns 0 when all was done, or -1 with the reason. */
struct ctl_command {
  const char *group, *verb; /* verb NULL for commands of one word */
  const char *argument;     /* its name where the command takes one, "[NAME]" where it may be left out, or NULL */
  uint64_t options;         /* CTL_BIT of each that it knows */
  const char *help;
  int (*run)(const struct ctl *ctl, struct err *err);
};

int config_check_run(const struct ctl *ctl, struct err *err);
int config_show_run(const struct ctl *ctl, struct err *err);
int config_sample_run(const struct ctl *ctl, struct err *err);
int keys_new_run(const struct ctl *ctl, struct err *err);
int keys_rotate_run(const struct ctl *ctl, struct err *err);
int status_run(const struct ctl *ctl, struct err *err);
int reload_run(const struct ctl *ctl, struct err *err);
int people_list_run(const struct ctl *ctl, struct err *err);
int people_show_run(const struct ctl *ctl, struct err *err);
int people_export_run(const struct ctl *ctl, struct err *err);
int people_import_run(const struct ctl *ctl, struct err *err);
int plugins_list_run(const struct ctl *ctl, struct err *err);
int plugins_describe_run(const struct ctl *ctl, struct err *err);
int plugins_check_run(const struct ctl *ctl, struct err *err);
int people_erase_run(const struct ctl *ctl, struct err *err);
int sessions_revoke_run(const struct ctl *ctl, struct err *err);
int doctor_run(const struct ctl *ctl, struct err *err);
int refresh_run(const struct ctl *ctl, struct err *err);
int storage_init_run(const struct ctl *ctl, struct err *err);
int storage_plan_run(const struct ctl *ctl, struct err *err);
int storage_maintain_run(const struct ctl *ctl, struct err *err);
int storage_erasures_run(const struct ctl *ctl, struct err *err);
int storage_replay_erasures_run(const struct ctl *ctl, struct err *err);
int privacy_export_run(const struct ctl *ctl, struct err *err);
int storage_copy_run(const struct ctl *ctl, struct err *err);
int storage_spool_run(const struct ctl *ctl, struct err *err);
int storage_verify_run(const struct ctl *ctl, struct err *err);

extern const struct ctl_command ctl_commands[];
extern const size_t ctl_commands_count;
extern const struct ctl_option_row ctl_options[CTL_OPTION_COUNT];

static inline bool ctl_has(const struct ctl *ctl, enum ctl_option option) {
  return ctl->values[option].text != NULL;
}

/* The text that was given, or NULL. */
static inline const char *ctl_text(const struct ctl *ctl, enum ctl_option option) {
  return ctl->values[option].text;
}

/* Number, bytes, milliseconds or place of the choice; `otherwise` where the option was not given. */
static inline uint64_t ctl_number(const struct ctl *ctl, enum ctl_option option, uint64_t otherwise) {
  return ctl->values[option].text ? ctl->values[option].number : otherwise;
}

/* Takes the option at argv[0] and its value, "--name value" or "--name=value", into the ctl. Returns how many words it took, 0 if
 * there is no option of that name, or -1 with what is wrong. */
int ctl_option_take(struct ctl *ctl, int argc, char *const *argv, struct err *err);

#endif
