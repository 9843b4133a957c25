/* SPDX-License-Identifier: Apache-2.0
 * route: finds the row of a route table that answers a method and a path. */
#ifndef WEIGATE_WEB_ROUTE_H
#define WEIGATE_WEB_ROUTE_H

#include <stddef.h>

#include "base/text.h"
#include "web/request.h"

enum route_found { ROUTE_FOUND, ROUTE_NOT_FOUND, ROUTE_WRONG_METHOD };

/* A row: methods is a set of enum web_method (HEAD goes with GET by itself), path the part behind the account's prefix. */
struct route {
  unsigned methods;
  const char *path;
  const void *target; /* the owner's own row data */
};

/* Exact match: no trailing slash, no case folding, no parameters. On WRONG_METHOD *ret_allow is the set of methods the path has.
 */
enum route_found route_find(const struct route *routes, size_t count, enum web_method method, struct str path,
                            const struct route **ret_route, unsigned *ret_allow);
/* "GET, HEAD, POST" into to[64]. */
void route_format_methods(unsigned methods, char to[64]);

#endif
