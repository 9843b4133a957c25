/* SPDX-License-Identifier: Apache-2.0
 * generations: workers that still serve by an earlier configuration. */
#ifndef WEIGATE_CTL_GENERATIONS_H
#define WEIGATE_CTL_GENERATIONS_H

#include "conf/conf.h"

/* Waits until the running service has no worker left that began before its last reload: such a one does not know of a mirror yet.
 * Says on standard error that it waits. At once where no service answers. False when it was told to stop. Blocks, server.grace at
 * most. */
bool generations_wait_for_last(const struct conf *conf);

#endif
