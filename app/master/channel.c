/* SPDX-License-Identifier: Apache-2.0
 * channel: whole packets over a Unix socket pair; master's and worker's main thread. */
#include "master/channel.h"

#include <errno.h>
#include <sys/socket.h>

int channel_new(int ret_fds[2], struct err *err) {
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret_fds) != 0)
    return err_set(err, "cannot make a socket pair: %m; raise the limit of open files (ulimit -n)");
  return 0;
}

int channel_send(int fd, struct str message) {
  ssize_t n;
  do n = send(fd, message.p, message.n, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  return n == (ssize_t)message.n ? 0 : -1;
}

enum channel_got channel_receive(int fd, struct buf *message) {
  ssize_t n;
  buf_clear(message);
  char *to = buf_reserve(message, CHANNEL_MESSAGE_MAX_BYTES);
  if (!to) return CHANNEL_NOTHING;
  do n = recv(fd, to, CHANNEL_MESSAGE_MAX_BYTES, 0);
  while (n < 0 && errno == EINTR);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return CHANNEL_NOTHING;
  if (n <= 0) return CHANNEL_ENDED;
  buf_grew(message, (size_t)n);
  return CHANNEL_MESSAGE;
}
