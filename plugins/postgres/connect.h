/* SPDX-License-Identifier: Apache-2.0
 * connect: the first host of dsn that is what we look for, within the call's time. */
#ifndef WEIGATE_POSTGRES_CONNECT_H
#define WEIGATE_POSTGRES_CONNECT_H

#include "handle.h"

/* Makes handle->conn, which must be NULL. WEIGATE_OK, or a class and a sentence that names each host that was tried. */
int connect_any(struct weigate_handle *handle, struct weigate_call *call);

#endif
