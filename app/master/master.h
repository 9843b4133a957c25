/* SPDX-License-Identifier: Apache-2.0
 * master: holds the listening socket and the configuration, keeps workers alive, obeys signals and the control socket. */
#ifndef WEIGATE_MASTER_MASTER_H
#define WEIGATE_MASTER_MASTER_H

#include "base/err.h"
#include "conf/conf.h"

/* Registers the counters of the master and of all that its workers run. Before metrics_start(). */
void master_register_metrics(void);
/* How many rows of counters the processes need. */
size_t master_slots_count(void);
/* Serves until told to stop; returns the exit status, or -1 when it could not start. The configuration is the master's from now
 * on. Before threads start. */
int master_run(int listen_fd, const char *conf_path, struct conf *conf, int *ret_exit_status, struct err *err);

#endif
