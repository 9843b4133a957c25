/* SPDX-License-Identifier: Apache-2.0
 * control: the interface that tests and load generators steer the sandbox with. Bodies and answers are JSON. */
#ifndef WEIGATE_SANDBOX_CONTROL_H
#define WEIGATE_SANDBOX_CONTROL_H

#include "exchange.h"

/* Each serves one method of one path of the table in server.c. Any thread. */
void control_accounts(struct exchange *exchange);
void control_people(struct exchange *exchange);
void control_kinds(struct exchange *exchange);
void control_faults(struct exchange *exchange);
void control_faults_add(struct exchange *exchange);
void control_faults_remove(struct exchange *exchange);
void control_next(struct exchange *exchange);
void control_next_set(struct exchange *exchange);
void control_next_clear(struct exchange *exchange);
void control_codes(struct exchange *exchange);
void control_ledger(struct exchange *exchange);
void control_ledger_clear(struct exchange *exchange);
void control_counts(struct exchange *exchange);
void control_clock(struct exchange *exchange);
void control_clock_advance(struct exchange *exchange);
void control_latency(struct exchange *exchange);
void control_reset(struct exchange *exchange);

#endif
