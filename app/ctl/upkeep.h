/* SPDX-License-Identifier: Apache-2.0
 * upkeep: extensions of a plugin that only weigatectl uses. */
#ifndef WEIGATE_CTL_UPKEEP_H
#define WEIGATE_CTL_UPKEEP_H

#include "ctl/people.h"

/* The extension of that id, or NULL where the plugin has none, or one that is too short. */
const void *upkeep_extension_of(const struct people *people, const char *id, uint32_t least_bytes);
/* A weigate_text_sink: to standard output. */
int upkeep_print(void *context, struct weigate_text piece);

#endif
