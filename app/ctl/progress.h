/* SPDX-License-Identifier: Apache-2.0
 * progress: how far a long command is, on standard error: a bar that redraws itself on a terminal, a line now and then elsewhere.
 */
#ifndef WEIGATE_CTL_PROGRESS_H
#define WEIGATE_CTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
  const char *what; /* "importing", "copying" */
  const char *unit; /* "people" */
  uint64_t total;   /* 0: nobody knows */
  uint64_t done;
  uint64_t parts_total,
      parts_done; /* where only the way is known, such as bytes of a file: the bar and the time left follow it */
  uint64_t started_ms, drawn_ms;
  uint64_t rate_max; /* done a second at most; 0: as fast as it goes */
  bool is_terminal, is_drawn;
};

/* Begins; nothing is drawn before the first second is over, so that what is quick stays quiet. Texts are kept by reference. */
void progress_start(struct progress *progress, const char *what, const char *unit, uint64_t total, uint64_t rate_max);
/* So much more is done; draws, and waits as long as rate_max asks for. Returns early when the process is asked to stop. */
void progress_add(struct progress *progress, uint64_t count);
/* The same, so many parts of the way further. */
void progress_add_part(struct progress *progress, uint64_t count, uint64_t parts);
/* Takes the bar away, so that what is printed next stands alone. */
void progress_end(struct progress *progress);

/* From now on SIGINT and SIGTERM only ask: a long command looks here between two batches, says how far it came, and ends. */
void progress_catch_signals(void);
bool progress_is_interrupted(void);
/* Waits that long, or until a signal. */
void progress_pause(uint64_t ms);

#endif
