/* SPDX-License-Identifier: Apache-2.0
 * notify: tells systemd what state the service is in, where systemd asked for it. */
#ifndef WEIGATE_MASTER_NOTIFY_H
#define WEIGATE_MASTER_NOTIFY_H

/* Sends "READY=1" or the like to $NOTIFY_SOCKET; without one it does nothing. Master only. */
void notify_say(const char *state);

#endif
