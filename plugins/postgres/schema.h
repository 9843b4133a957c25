/* SPDX-License-Identifier: Apache-2.0
 * schema: the numbered migrations, applied by setup, and the look at them that comes before anything else. */
#ifndef WEIGATE_POSTGRES_SCHEMA_H
#define WEIGATE_POSTGRES_SCHEMA_H

#include "handle.h"

/* One file of sql/, embedded by embed.sh. Their numbers are 1 to schema_count. */
struct migration {
  const char *name;
  const char *sql;
  const char *checksum; /* SHA-256 of the file */
};
extern const struct migration schema_migrations[];
extern const size_t schema_count;

/* WEIGATE_OK if the database holds exactly the version this plugin knows; else CONFIG or SCHEMA_NEWER with what to do. */
int schema_check(struct weigate_handle *handle, struct weigate_call *call);
/* The plugin's call of the same name: applies what is missing, one transaction per file. */
int schema_setup(struct weigate_handle *handle, struct weigate_call *call);
/* The upkeep extension's: the files that are missing, as psql takes them. */
int schema_plan(struct weigate_handle *handle, struct weigate_call *call, weigate_text_sink sink, void *context);

#endif
