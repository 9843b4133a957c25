/* SPDX-License-Identifier: Apache-2.0
 * call: one question to the running master over its control socket. */
#ifndef WEIGATE_CTL_CALL_H
#define WEIGATE_CTL_CALL_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "conf/conf.h"

struct cJSON;

/* Sends the command and waits for its answer, at most a minute. The answer is parsed into *ret_answer (freed with cJSON_Delete)
 * and, as it came, in *line (initialised by the caller). A refusal by the master is a failure with the master's sentence. */
int call_master(const struct conf *conf, const char *command, struct buf *line, struct cJSON **ret_answer, struct err *err);
/* Has the master write an audit line to the service's log. -1 where none answers. */
int call_audit(const struct conf *conf, const char *text);
/* Who runs the master; -1 where none answers. */
int call_whose(const struct conf *conf, uid_t *ret_uid, gid_t *ret_gid);

/* A member of an answer: its text, or "" where it is none; its number, or 0; is it true? */
const char *call_text(const struct cJSON *object, const char *name);
double call_number(const struct cJSON *object, const char *name);
bool call_is(const struct cJSON *object, const char *name);

#endif
