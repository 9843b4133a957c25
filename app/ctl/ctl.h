/* SPDX-License-Identifier: Apache-2.0
 * ctl: what every command of weigatectl gets and returns; a program of one thread. */
#ifndef WEIGATE_CTL_CTL_H
#define WEIGATE_CTL_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

/* Which options a command knows. */
#define CTL_JSON    0x01u
#define CTL_PLAIN   0x02u
#define CTL_ACCOUNT 0x04u
#define CTL_LIMIT   0x08u
#define CTL_RUNNING 0x10u

#define CTL_LIMIT_UNSET UINT64_MAX

/* The command line, read. */
struct ctl {
  const char *conf_path;
  unsigned options;     /* those that were given */
  const char *account;  /* NULL for all */
  uint64_t limit;       /* 0: all; CTL_LIMIT_UNSET */
  const char *argument; /* behind the command; NULL without */
};

/* A command: one file each. run() returns 0 when all was done, or -1 with the reason. */
struct ctl_command {
  const char *group, *verb; /* verb NULL for commands of one word */
  const char *argument;     /* its name where the command needs one, or NULL */
  unsigned options;
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
int storage_init_run(const struct ctl *ctl, struct err *err);

extern const struct ctl_command ctl_commands[];
extern const size_t ctl_commands_count;

static inline bool ctl_has(const struct ctl *ctl, unsigned option) {
  return (ctl->options & option) != 0;
}

#endif
