/* SPDX-License-Identifier: Apache-2.0
 * schema: the tables, and whether a file is one of ours. */
#ifndef WEIGATE_FILE_SCHEMA_H
#define WEIGATE_FILE_SCHEMA_H

#include <sqlite3.h>

/* PRAGMA user_version of what schema_create() makes. */
#define SCHEMA_VERSION 1

enum schema_state {
  SCHEMA_READY,
  SCHEMA_EMPTY,  /* a database without tables: schema_create() may run */
  SCHEMA_NEWER,  /* made by a later version */
  SCHEMA_FOREIGN /* somebody else's database */
};

/* Looks; writes nothing. An SQLite result code. */
int schema_look(sqlite3 *db, enum schema_state *ret_state, int *ret_version);
/* Makes the tables; inside a write transaction. An SQLite result code. */
int schema_create(sqlite3 *db);

#endif
