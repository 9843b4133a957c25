/* SPDX-License-Identifier: Apache-2.0
 * route: a walk over a table of about ten rows. Any thread. */
#include "web/route.h"

#include <stdio.h>

static const struct {
  enum web_method method;
  const char *name;
} methods_named[] = {{WEB_GET, "GET"}, {WEB_HEAD, "HEAD"}, {WEB_POST, "POST"}, {WEB_DELETE, "DELETE"}};

static unsigned add_head(unsigned methods) {
  return methods & WEB_GET ? methods | WEB_HEAD : methods;
}

enum route_found route_find(const struct route *routes, size_t count, enum web_method method, struct str path,
                            const struct route **ret_route, unsigned *ret_allow) {
  unsigned allow = 0;
  for (size_t i = 0; i < count; i++) {
    if (!str_eq(path, str_of(routes[i].path))) continue;
    unsigned methods = add_head(routes[i].methods);
    if (methods & method) {
      *ret_route = &routes[i];
      return ROUTE_FOUND;
    }
    allow |= methods;
  }
  if (allow == 0) return ROUTE_NOT_FOUND;
  *ret_allow = allow;
  return ROUTE_WRONG_METHOD;
}

void route_format_methods(unsigned methods, char to[64]) {
  size_t used = 0;
  to[0] = '\0';
  for (size_t i = 0; i < sizeof methods_named / sizeof methods_named[0]; i++)
    if (methods & methods_named[i].method)
      used += (size_t)snprintf(to + used, 64 - used, "%s%s", used ? ", " : "", methods_named[i].name);
}
