/* SPDX-License-Identifier: Apache-2.0
 * conf: weigate.conf as one read-only struct, made of each module's own settings. Only main, master and weigatectl include this.
 */
#ifndef WEIGATE_CONF_CONF_H
#define WEIGATE_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "conf/lines.h"
#include "fcgi/reactor.h"
#include "signin/signin.h"

/* More than the CPUs of any machine this runs on; each has its row of counters. */
#define SERVER_WORKERS_MAX 256
/* A web server's user, an admin's, a monitor's: a list is a few names long. */
#define SERVER_PEERS_MAX 16

enum server_lock { SERVER_LOCK_TRY, SERVER_LOCK_REQUIRE, SERVER_LOCK_NO };

struct server_settings {
  size_t workers;
  size_t signins_max;
  uint64_t grace_ms;
  const char *control_socket; /* NULL: none */
  uint32_t allowed_peers[SERVER_PEERS_MAX];
  size_t allowed_peers_count; /* 0: anybody that the socket lets in */
  enum server_lock lock_memory;
};

struct conf {
  char *path;
  struct server_settings server;
  struct account_settings *accounts;
  size_t accounts_count;
  struct session_settings session;
  struct store_settings store;
  struct fcgi_settings fcgi;
  struct log_settings log;
  struct lines lines; /* what the file says, for conf_value() and printing */
  /* private */
  unsigned flags;
  char **kept; /* texts that the settings point to */
  size_t kept_count;
  char **secrets; /* the same of AppSecrets, from vault_keep() */
  size_t secrets_count;
  struct plugin_option *plugin_options; /* of all [plugin NAME] sections, section by section */
};

/* Paths of secrets are checked but the files not opened: account.secret is "" and session.keys NULL. For admin commands that
 * need neither, and for fuzzing. */
#define CONF_WITHOUT_SECRETS 0x1u

/* Reads and checks the file and every file it names, each once. A failure leaves nothing behind; the sentence begins with file
 * and line. seal_start() comes before. Owned by the caller. Before threads start. */
int conf_load(const char *path, unsigned flags, struct conf **ret_conf, struct err *err);
/* The same from a text; path is only named in sentences. */
int conf_parse(struct str text, const char *path, unsigned flags, struct conf **ret_conf, struct err *err);
/* Wipes the secrets. Accepts NULL. */
void conf_free(struct conf *conf);

/* Locks keys and AppSecrets in the memory of the calling process, as server.lock_memory asks: once after conf_load(), and again
 * in every child that lives on. 0 when they are, or need not be; 1 with the sentence where they are not and that is permitted; -1
 * with the sentence where it is not. Any thread. */
int conf_lock_secrets(const struct conf *conf, struct err *err);

/* What the file gives for an option, or its default; *ret_line (may be NULL) is 0 for a default. id: "" or an account's name in
 * the file. NULL where there is neither. Any thread. */
const char *conf_value(const struct conf *conf, const char *section, const char *id, const char *name, int *ret_line);
/* What a plugin other than the chosen one is loaded with: its name or absolute path, and the lines of its [plugin NAME], which
 * may be absent (then its defaults hold). asked_by is what sentences about the name begin with: "storage.mirror", "--from". The
 * texts belong to the configuration and to the caller. Any thread. */
struct plugin_settings conf_plugin(const struct conf *conf, const char *plugin, const char *asked_by);
/* What the store's part of a worker's settings looks like to signin. */
struct signin_settings conf_signin(const struct conf *conf, const char *node);

#endif
