/* SPDX-License-Identifier: Apache-2.0
 * host: the services that a plugin is given. */
#ifndef WEIGATE_STORE_HOST_H
#define WEIGATE_STORE_HOST_H

#include <weigate/storage.h>

extern const struct weigate_host host_services;

#endif
