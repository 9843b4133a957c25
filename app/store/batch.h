/* SPDX-License-Identifier: Apache-2.0
 * batch: ops of one kind as one call of the plugin. */
#ifndef WEIGATE_STORE_BATCH_H
#define WEIGATE_STORE_BATCH_H

#include "store/op.h"

/* A storage thread's arrays for the largest batch. */
struct batch;

int batch_new(size_t max, struct batch **ret_batch);
void batch_free(struct batch *batch);

/* Makes the call. is_again: the batch was sent before and nobody knows what came of it. With WEIGATE_OK every op has its answer;
 * with any other class none has. Storage threads. */
int batch_call(struct batch *batch, const struct plugin *plugin, struct weigate_handle *handle, struct op *const *ops,
               size_t count, bool is_again, struct weigate_call *call);

#endif
