/* SPDX-License-Identifier: Apache-2.0
 * spooler: the thread of a worker that writes to the spool: what waits when it becomes free is one write and one sync. Ops come
 * through a queue, as they come to storage threads, and are answered as by a store. */
#ifndef WEIGATE_STORE_SPOOLER_H
#define WEIGATE_STORE_SPOOLER_H

#include "store/queue.h"
#include "store/spool_dir.h"

struct spooler;

/* Opens the directory and starts the thread, signals blocked. The settings must outlive it. In a worker, after fork. */
int spooler_start(struct loop *loop, const struct spool_settings *settings, struct spooler **ret_spooler, struct err *err);
/* Where its ops wait. It takes:
 *   RECORD, PUT   kept for op->target; tickets in them are put in the directory too
 *   CLAIM, TAKE   of the directory's tickets
 *   GET           likewise; item TAKEN: what was found is a claim and nothing more
 *   SCAN          all of the kind that were written since op->cursor (microseconds), which moves
 * Classes: OK; FULL, where spool_max or the disk is reached; READ_ONLY; UNAVAILABLE. Loop's thread. */
struct queue *spooler_queue(struct spooler *spooler);
const struct spool_dir *spooler_dir(const struct spooler *spooler);
/* The last write was refused: the spool is full, or its disk fails. Any thread. */
bool spooler_is_failing(const struct spooler *spooler);
/* Ends the thread after what waits. Accepts NULL. */
void spooler_stop(struct spooler *spooler);

#endif
