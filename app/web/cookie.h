/* SPDX-License-Identifier: Apache-2.0
 * cookie: reads Cookie headers strictly and writes Set-Cookie lines (RFC 6265bis). */
#ifndef WEIGATE_WEB_COOKIE_H
#define WEIGATE_WEB_COOKIE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "web/request.h"
#include "web/response.h"

/* The value of the cookie with exactly this name. MANY when it is there twice with different values: nothing is chosen then. */
enum web_value cookie_value(const struct request *request, struct str name, struct str *ret_value);

/* Calls the visitor for every cookie whose name begins with the prefix, at most 64. */
void cookie_each(const struct request *request, struct str name_prefix,
                 void (*visit)(struct str name, struct str value, void *arg), void *arg);

/* Set-Cookie with Path=/, HttpOnly, SameSite=Lax, and Secure where `secure`; max_age_s 0 deletes. The value must be
 * cookie-octets. */
void cookie_set(struct response *response, struct str name, struct str value, int64_t max_age_s, bool secure);

#endif
