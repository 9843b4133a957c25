/* SPDX-License-Identifier: Apache-2.0
 * values: from an option's text to its member in the settings; one function per type. */
#ifndef WEIGATE_CONF_VALUES_H
#define WEIGATE_CONF_VALUES_H

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "conf/conf.h"
#include "conf/options.h"

/* Checks the text and writes it to its member of the section's struct. The sentence says what is wrong and what is accepted,
 * without file, line and name. Texts and secrets are kept by the configuration. Before threads start. */
int value_set(struct conf *conf, const struct option *option, struct str text, void *section, struct err *err);
/* What the option accepts, for people: "a duration from 10ms to 1m". */
void value_describe(struct buf *out, const struct option *option);
/* A copy that lives as long as the configuration and is wiped with it; NULL without memory. */
char *value_keep(struct conf *conf, struct str text);
/* The same for a secret, in memory of its own: vault_keep(). */
char *value_keep_secret(struct conf *conf, struct str secret);

#endif
