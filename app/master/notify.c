/* SPDX-License-Identifier: Apache-2.0
 * notify: sd_notify(3) without the library: one datagram; master's thread. */
#include "master/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/log.h"
#include "base/scope.h"
#include "base/text.h"

void notify_say(const char *state) {
  struct str path = str_of(getenv("NOTIFY_SOCKET"));
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (path.n == 0 || str_copy(path, address.sun_path, sizeof address.sun_path) != 0) return;
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0'; /* the abstract namespace */
  SCOPE_CLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.n);
  if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address, size) < 0)
    log_warn("cannot tell systemd %s: %m", state);
}
