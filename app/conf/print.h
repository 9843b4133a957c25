/* SPDX-License-Identifier: Apache-2.0
 * print: the options and their values for people: what is set, a sample file, the manual page. */
#ifndef WEIGATE_CONF_PRINT_H
#define WEIGATE_CONF_PRINT_H

#include "base/buf.h"
#include "conf/conf.h"

/* The effective configuration as a configuration file; what is a default says so. Options of plugins that may hold a password are
 * hidden. Any thread. */
void conf_print_text(struct buf *out, const struct conf *conf);
/* The same as one JSON object:
 * {"file":…,"sections":[{"section","name","options":[{"name","value","default","line","reloadable"}]}]}. Any thread. */
void conf_print_json(struct buf *out, const struct conf *conf);
/* A configuration file with every option, its meaning and its default. Any thread. */
void conf_print_sample(struct buf *out);
/* The OPTIONS section of weigate.conf(5), in man(7) macros. Any thread. */
void conf_print_man(struct buf *out);

#endif
