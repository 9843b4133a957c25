/* SPDX-License-Identifier: Apache-2.0
 * meter: what is counted about storage calls. */
#ifndef WEIGATE_STORE_METER_H
#define WEIGATE_STORE_METER_H

#include "store/op.h"

/* Before metrics_start(). */
void meter_register(void);
/* A batch of one kind begins: its size, and how long each op waited for it. Storage threads. */
void meter_batch(struct op *const *ops, size_t count);
/* One plugin call ended. Storage threads. */
void meter_call(enum op_kind kind, int class, uint64_t us);
/* An op was answered without reaching a plugin. Any thread. */
void meter_refused(enum op_kind kind);
/* One record that was sent again after another server took the store's place: it has it now, or refused it. */
void meter_resent(bool is_done);

#endif
