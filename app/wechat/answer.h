/* SPDX-License-Identifier: Apache-2.0
 * answer: what the readers of all of WeChat's bodies share: the document, its errcode, identities. Inside wechat/ only. Pure. */
#ifndef WEIGATE_WECHAT_ANSWER_H
#define WEIGATE_WECHAT_ANSWER_H

#include "base/json.h"
#include "wechat/reply.h"

/* Parses the body and reads errcode and errmsg. Returns the document when the call succeeded (errcode absent or 0), to be freed
 * with json_free(); otherwise NULL with the answer filled. Any thread. */
struct cJSON *answer_open(struct str body, enum wechat_call call, struct wechat_answer *ret_answer);
/* Turns the answer into "the body is of no use"; `why` is a static text for the log. Any thread. */
void answer_refuse(struct wechat_answer *answer, const char *why);

/* Strict: a string of [A-Za-z0-9_-]{1,128}, never trimmed. -1 when it is missing or anything else. Any thread. */
int answer_read_openid(const struct cJSON *object, char ret_id[WECHAT_ID_MAX_BYTES + 1]);
/* The same, but absent, null and "" are the empty id: most accounts have no unionid. Any thread. */
int answer_read_unionid(const struct cJSON *object, char ret_id[WECHAT_ID_MAX_BYTES + 1]);
/* The integer of a number or of a numeric string; JSON_ODD for anything else. Any thread. */
enum json_got answer_read_int(const struct cJSON *object, const char *name, int64_t min, int64_t max, int64_t *ret_value);

#endif
