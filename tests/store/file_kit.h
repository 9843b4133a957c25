/* SPDX-License-Identifier: Apache-2.0
 * file_kit: what the tests of the file plugin share beyond the kit. */
#ifndef WEIGATE_TESTS_STORE_FILE_KIT_H
#define WEIGATE_TESTS_STORE_FILE_KIT_H

#include "kit.h"

#include <sqlite3.h>

/* The fixture of the test in progress. */
extern struct kit *file_kit;

/* The database, or with a suffix one of its companions. Static text, valid until the next call. */
const char *file_path(const char *suffix);

/* Past the plugin. */
sqlite3 *file_open_raw(void);
void file_run_sql(sqlite3 *db, const char *sql);
void file_ask_text(const char *sql, char ret_text[256]);

enum weigate_item file_record(const char *openid);
/* The class of a call that need not succeed; its message is file_kit->call.message. */
int file_try_record(const char *openid, uint32_t timeout_ms);
int file_try_claim(const char *key, uint32_t flags, weigate_ticket_sink sink);
int file_try_load(void);
int file_try_connect(void);
void assert_file_says(const char *part);

#endif
