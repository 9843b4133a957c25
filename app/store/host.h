/* SPDX-License-Identifier: Apache-2.0
 * host: the services that a plugin is given. */
#ifndef WEIGATE_STORE_HOST_H
#define WEIGATE_STORE_HOST_H

#include <weigate/storage.h>

extern const struct weigate_host host_services;

/* What a store's admin sees as the name of our connections; "weigate" otherwise. Before threads start. */
void host_name_process(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
