/* SPDX-License-Identifier: Apache-2.0
 * status: what monitoring asks. */
#ifndef WEIGATE_SIGNIN_STATUS_H
#define WEIGATE_SIGNIN_STATUS_H

#include "signin/job.h"

/* GET /status/live, /ready, /metrics, /info: only where the nginx location sets WEIGATE_STATUS=on, else 404. Reactor only. */
void status_live_run(struct job *job);
void status_ready_run(struct job *job);
void status_metrics_run(struct job *job);
void status_info_run(struct job *job);

#endif
