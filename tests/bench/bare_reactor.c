/* SPDX-License-Identifier: Apache-2.0
 * bare_reactor: the yardstick of the /auth benchmark: the least that a program over libfcgi and epoll can do. Answers 204 to
 * everything on the listening socket that it is given as descriptor 0 (spawn-fcgi … -- ./bare_reactor). One thread; no deadlines,
 * no limits, no checks. */
#include <fcgiapp.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Largest descriptor number served: nginx's workers keep some dozens of connections. */
enum { FD_MAX = 1024 };

static FCGX_Request requests[FD_MAX];

static void watch(int epoll_fd, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void open_connection(int epoll_fd) {
  int fd = accept(0, NULL, NULL);
  if (fd < 0) return;
  if (fd >= FD_MAX) {
    close(fd);
    return;
  }
  FCGX_InitRequest(&requests[fd], -1, 0);
  watch(epoll_fd, fd);
}

/* The hand-over: libfcgi takes a connection that is open already, and closes it itself when its read fails. */
static void answer(int fd) {
  static const char reply[] = "Status: 204 No Content\r\n\r\n";
  FCGX_Request *request = &requests[fd];
  request->ipcFd = fd;
  request->keepConnection = 1;
  if (FCGX_Accept_r(request) != 0) return;
  FCGX_PutStr(reply, sizeof reply - 1, request->out);
  FCGX_FClose(request->err);
  FCGX_FClose(request->out);
  FCGX_Free(request, 0);
  if (!request->keepConnection) close(fd);
}

int main(void) {
  int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  FCGX_Init();
  signal(SIGPIPE, SIG_IGN);
  signal(SIGTERM, SIG_DFL);
  watch(epoll_fd, 0);
  for (;;) {
    struct epoll_event events[64];
    int n = epoll_wait(epoll_fd, events, 64, -1);
    for (int i = 0; i < n; i++) {
      if (events[i].data.fd == 0)
        open_connection(epoll_fd);
      else
        answer(events[i].data.fd);
    }
  }
}
