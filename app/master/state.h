/* SPDX-License-Identifier: Apache-2.0
 * state: what the files of the master share; it has one thread. */
#ifndef WEIGATE_MASTER_STATE_H
#define WEIGATE_MASTER_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "conf/conf.h"
#include "master/generation.h"
#include "master/probe.h"

struct control;

enum reload_phase {
  RELOAD_IDLE,
  RELOAD_PROBING, /* conf holds what was read, probe tries its plugin */
  RELOAD_STARTING /* master.next starts; conf is its own now */
};

struct reload {
  enum reload_phase phase;
  bool is_wanted_again; /* asked for while one ran, or while too many old generations were leaving */
  unsigned begun_count; /* the number of the one that runs, or ran last */
  struct conf *conf;
  struct probe probe;
  struct loop_watch watch; /* of probe.fd */
  struct loop_timer timer;
  int64_t at_s;               /* when the last one ended; 0: there was none */
  char error[ERR_TEXT_BYTES]; /* of the last one; "" if it went well */
};

struct master {
  struct loop *loop;
  int listen_fd;
  const char *conf_path;
  int64_t started_at_s;
  struct loop_watch signals;
  struct generation *current;                              /* serves */
  struct generation *next;                                 /* starts; NULL unless reload.phase is RELOAD_STARTING */
  struct generation *leaving[GENERATIONS_LEAVING_MAX + 2]; /* finish their requests; NULL: no entry */
  bool slots[GENERATION_SLOTS];
  unsigned generations_count;
  struct reload reload;
  struct control *control; /* NULL without a control socket */
  struct loop_timer status_timer;
  bool is_asking; /* workers for their status */
  bool is_stopping;
  int exit_status;
};

/* master.c */
/* Makes a generation of the configuration, which is its own from now on. */
int master_start_generation(struct master *master, struct conf *conf, struct generation **ret_generation, struct err *err);
/* Moves a generation to those that leave. */
void master_retire(struct master *master, struct generation *generation);
bool master_is_crowded(const struct master *master); /* as many are leaving as may */
/* In a forked child: closes what is the master's. arg is the master. */
void master_forget(void *arg);

/* reload.c */
/* Registers the counters of reloads. Before metrics_start(). */
void reload_register_metrics(void);
/* Begins a reload, or notes that one is wanted when the one that runs has ended. Returns the number of the one that will answer
 * this request. */
unsigned reload_request(struct master *master);
void reload_note_ready(struct master *master);                   /* master.next is ready */
void reload_note_failed(struct master *master, const char *why); /* master.next cannot start */
void reload_note_gone(struct master *master);                    /* an old generation left */
void reload_abort(struct master *master);                        /* the master stops */

/* status.c */
/* Asks the workers; control_status() is told when all have answered or a second is over. */
void status_ask(struct master *master);
void status_heard(struct master *master);

#endif
