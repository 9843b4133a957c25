/* SPDX-License-Identifier: Apache-2.0
 * output: a temporary file beside it, a child that writes, fsync and link by the parent; the program's only thread. */
#include "ctl/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/random.h"
#include "base/text.h"

#define EXIT_BY_SIGNAL 128

static int name_draft(const char *path, char draft[PATH_MAX], struct err *err) {
  uint8_t bytes[8];
  char hex[2 * sizeof bytes + 1];
  struct stat st;
  if (lstat(path, &st) == 0) return err_set(err, "--output %s: it exists already; remove it or choose another name", path);
  if (random_bytes(bytes, sizeof bytes) != 0) return err_set(err, "the kernel gives no random bytes: %m");
  text_hex_encode(hex, bytes, sizeof bytes);
  int n = snprintf(draft, PATH_MAX, "%s.%s.unfinished", path, hex);
  return n > 0 && n < PATH_MAX ? 0 : err_set(err, "--output: the path is too long");
}

/* Whoever stops the parent means the work. */
static pid_t worker_pid;
static void pass_on(int signal_number) {
  kill(worker_pid, signal_number);
}

static int wait_for(pid_t pid) {
  int status;
  worker_pid = pid;
  signal(SIGINT, pass_on);
  signal(SIGTERM, pass_on);
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return EXIT_FAILURE;
  return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_BY_SIGNAL + WTERMSIG(status);
}

static int finish(int fd, const char *draft, const char *path) {
  int failed = fsync(fd) != 0 ? errno : 0;
  if (close(fd) != 0 && !failed) failed = errno;
  if (!failed && link(draft, path) != 0) failed = errno;
  unlink(draft);
  if (!failed) return EXIT_SUCCESS;
  errno = failed;
  fprintf(stderr, "weigatectl: cannot write %s: %m\n", path);
  return EXIT_FAILURE;
}

int output_redirect(const char *path, struct err *err) {
  char draft[PATH_MAX];
  if (name_draft(path, draft, err) != 0) return -1;
  int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return err_set(err, "--output %s: cannot be made: %m", path);
  pid_t parent = getpid(), pid = fork();
  if (pid < 0) {
    unlink(draft);
    close(fd);
    return err_set(err, "cannot start a process: %m");
  }
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent || dup2(fd, STDOUT_FILENO) < 0) _exit(EXIT_FAILURE);
    close(fd);
    return 0;
  }
  int status = wait_for(pid);
  if (status != EXIT_SUCCESS) {
    close(fd);
    unlink(draft);
    exit(status);
  }
  exit(finish(fd, draft, path));
}
