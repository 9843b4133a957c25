/* SPDX-License-Identifier: Apache-2.0
 * generation: the workers that serve one configuration; starts them, starts a dead one again, lets all of them leave. */
#ifndef WEIGATE_MASTER_GENERATION_H
#define WEIGATE_MASTER_GENERATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"
#include "conf/conf.h"

/* One generation serves and one starts; up to four more still finish their requests before a further reload has to wait. */
#define GENERATIONS_LEAVING_MAX 4
/* Slot 0 is the master's. */
#define GENERATION_SLOTS (1 + SERVER_WORKERS_MAX * (GENERATIONS_LEAVING_MAX + 2))

struct generation;

/* What happens, told on the loop's thread. None of them may free the generation but `gone`. */
struct generation_events {
  void (*ready)(struct generation *generation, void *arg); /* every worker is */
  void (*failed)(struct generation *generation, const char *why,
                 void *arg);                                /* a worker of one that was never ready ended; once */
  void (*gone)(struct generation *generation, void *arg);   /* the last worker left */
  void (*status)(struct generation *generation, void *arg); /* a worker answered generation_ask() */
  void (*forked)(void *arg);                                /* in the child: close what is the master's */
  void *arg;
};

struct generation_settings {
  struct loop *loop;
  int listen_fd;
  unsigned number;
  bool *slots; /* [GENERATION_SLOTS]: which rows of counters are taken */
  struct generation_events events;
};

enum child_state {
  CHILD_NONE,     /* no process: never started, left, or waiting for its restart */
  CHILD_STARTING, /* forked, not ready */
  CHILD_READY
};

/* One worker as the master sees it. */
struct child {
  struct generation *generation;
  size_t number;
  enum child_state state;
  bool was_ready;            /* this process, or the one before it while there is none */
  pid_t pid;                 /* 0 in CHILD_NONE */
  size_t slot;               /* 0 in CHILD_NONE */
  struct loop_watch channel; /* fd -1 in CHILD_NONE, and once it ended */
  struct loop_timer restart;
  uint64_t started_ms;
  int64_t started_at_s;
  uint64_t backoff_ms;
  unsigned restarts_count;
  char why[ERR_TEXT_BYTES]; /* what it said before it failed */
  bool is_asked;            /* for its status, and has not answered */
  struct buf status;        /* its last answer */
};

struct generation {
  struct generation_settings settings;
  struct conf *conf; /* ours */
  struct child *children;
  size_t count;
  size_t alive_count;
  bool was_ready;
  bool has_failed;
  bool is_leaving;
  struct loop_timer deadline; /* start, then leaving */
  uint64_t left_at_ms;        /* since when it is leaving */
};

/* Registers the counters of restarts. Before metrics_start(). */
void generation_register_metrics(void);
/* Forks the workers. The configuration is the generation's from now on, also when this fails. */
int generation_start(const struct generation_settings *settings, struct conf *conf, struct generation **ret_generation,
                     struct err *err);
/* SIGTERM to every worker; those that have not left some time after server.grace are killed. Then `gone`. */
void generation_drain(struct generation *generation);
/* SIGINT to every worker, SIGKILL soon after. Then `gone`. */
void generation_end(struct generation *generation);
void generation_signal(struct generation *generation, int signal_number);
/* True if the process was one of its workers. */
bool generation_reap(struct generation *generation, pid_t pid, int status);
/* Asks every ready worker for its status; returns how many were asked. */
size_t generation_ask(struct generation *generation);
size_t generation_waiting_count(const struct generation *generation);
/* In a forked child: closes the master's ends of the channels. (The epoll set is shared, so nothing may be removed from it
 * there.) */
void generation_forget(const struct generation *generation);
/* Every worker must have left. */
void generation_free(struct generation *generation);

#endif
