/* SPDX-License-Identifier: Apache-2.0
 * run: makes a store, forks a check, waits for it with patience, cleans up behind it. The program's only thread; plugins are
 * loaded in the children only. */
#include "kit/run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/scope.h"
#include "kit/say.h"

/* The slowest checks take some 20 s of a slow disk; a plugin that hangs is to be found out before its author goes home. */
#define CHECK_MAX_MS 120000
/* What a process of a check may print before the rest is dropped. */
#define OUTPUT_MAX_BYTES 16384

#if defined(__SANITIZE_THREAD__)
#define PATIENCE 8
#elif defined(__SANITIZE_ADDRESS__)
#define PATIENCE 4
#else
#define PATIENCE 1
#endif

struct kit *kit;
unsigned kit_soak_s;
static const struct kit_run *running;
static uint64_t random_state;
static char place[256], name[KIT_NAME_BYTES];

/* --- what checks ask for --- */

uint64_t kit_patience_ms(uint64_t ms) {
  return ms * PATIENCE;
}

/* splitmix64: good enough for histories, and the same everywhere. */
uint32_t kit_random_below(uint32_t bound) {
  uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return (uint32_t)((z ^ (z >> 31)) >> 32) % bound;
}

static void seed_by_name(uint64_t seed, const char *check) {
  random_state = seed;
  for (const char *p = check; *p; p++) random_state = (random_state ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
}

/* Beside the first: cleaned up by its name. */
static void second_of(char directory[256], char ret_name[KIT_NAME_BYTES]) {
  snprintf(directory, 256, "%.240s/second", place);
  snprintf(ret_name, KIT_NAME_BYTES, "%.60s_b", name);
}

const char *kit_beside(const char *file) {
  static char paths[2][512];
  static size_t turn;
  char *path = paths[turn++ % 2];
  snprintf(path, sizeof paths[0], "%s/%s", place, file);
  return path;
}

struct kit *kit_second(void) {
  char directory[256], second[KIT_NAME_BYTES];
  second_of(directory, second);
  assert_int_equal(mkdir(directory, 0700), 0);
  assert_int_equal(kit_fresh(&running->plan, "make", second), 0);
  struct kit *other = kit_new(&running->plan, directory, second);
  kit_open(other);
  return other;
}

void kit_in_processes(unsigned count, int (*fn)(unsigned number)) {
  pid_t children[16];
  assert_true(count <= 16);
  for (unsigned i = 0; i < count; i++) {
    children[i] = fork();
    if (children[i] != 0) continue;
    kit_open(kit);
    int status = fn(i);
    kit_close(kit);
    _exit(status);
  }
  for (unsigned i = 0; i < count; i++) {
    int status = 0;
    waitpid(children[i], &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
  }
}

/* --- the process of a check --- */

static void redirect(int fd, int to) {
  if (dup2(fd, to) < 0) _exit(PROMISE_FAILED);
}

_Noreturn static void be_check(const struct kit_run *run, const struct kit_check *check, int report_fd, int output_fd) {
  int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  setpgid(0, 0);
  redirect(nothing, STDIN_FILENO);
  redirect(output_fd, STDOUT_FILENO);
  redirect(output_fd, STDERR_FILENO);
  close(nothing);
  close(output_fd);
  promise_report_fd = report_fd;
  seed_by_name(run->seed, check->name);
  kit_soak_s = run->soak_s;
  kit = kit_new(&run->plan, kit_beside("store"), name);
  if (!check->is_closed) kit_open(kit);
  check->run();
  clock_release();
  kit_close(kit);
  free(kit);
  kit = NULL;
  if (write(report_fd, PROMISE_KEPT, strlen(PROMISE_KEPT)) < 0) _exit(PROMISE_FAILED);
  exit(EXIT_SUCCESS);
}

/* --- its parent --- */

static void remove_tree(int parent, const char *entry_name) {
  int fd = openat(parent, entry_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *directory = fd < 0 ? NULL : fdopendir(fd);
  if (!directory) {
    unlinkat(parent, entry_name, 0);
    return;
  }
  fchmod(fd, 0700);
  for (struct dirent *entry; (entry = readdir(directory));)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) remove_tree(fd, entry->d_name);
  closedir(directory);
  unlinkat(parent, entry_name, AT_REMOVEDIR);
}

static void clean_up(const struct kit_run *run) {
  char directory[256], second[KIT_NAME_BYTES];
  second_of(directory, second);
  if (access(directory, F_OK) == 0) kit_fresh(&run->plan, "drop", second);
  kit_fresh(&run->plan, "drop", name);
  remove_tree(AT_FDCWD, place);
}

/* False at the end of the stream. What does not fit is dropped. */
static bool take_in(int fd, struct buf *to) {
  char block[4096];
  ssize_t n = read(fd, block, sizeof block);
  if (n < 0 && errno == EINTR) return true;
  if (n <= 0) return false;
  if (to->len + (size_t)n <= to->max) buf_add(to, block, (size_t)n);
  return true;
}

/* Reads both pipes until they end, or the time does: then everything that belongs to the check is killed. */
static bool listen_to(pid_t pid, int report_fd, int output_fd, uint64_t max_ms, struct buf *report, struct buf *output) {
  struct pollfd ends[2] = {{.fd = report_fd, .events = POLLIN}, {.fd = output_fd, .events = POLLIN}};
  uint64_t end_ms = clock_mono_ms() + max_ms;
  while (ends[0].fd >= 0 || ends[1].fd >= 0) {
    uint64_t now_ms = clock_mono_ms();
    if (now_ms >= end_ms) {
      kill(-pid, SIGKILL);
      return false;
    }
    poll(ends, 2, (int)(end_ms - now_ms));
    if (ends[0].revents && !take_in(report_fd, report)) ends[0].fd = -1;
    if (ends[1].revents && !take_in(output_fd, output)) ends[1].fd = -1;
  }
  return true;
}

/* What came of it, when it did not say so itself. */
static void judge(struct say_result *result, int status, bool is_late, uint64_t max_ms) {
  bool is_kept = str_ends(buf_str(result->report), STR(PROMISE_KEPT));
  if (is_kept) result->report->len -= strlen(PROMISE_KEPT);
  size_t said = result->report->len;
  result->outcome = SAY_BROKEN;
  if (is_late)
    buf_addf(result->report, "got: no end within %llu s; a call hangs\n", (unsigned long long)max_ms / 1000);
  else if (WIFSIGNALED(status))
    buf_addf(result->report, "got: the process died by signal %d (%s)\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
  else if (WEXITSTATUS(status) == PROMISE_SKIPPED)
    result->outcome = SAY_SKIPPED;
  else if (WEXITSTATUS(status) == 0 && is_kept && said == 0)
    result->outcome = SAY_KEPT;
  else if (said == 0 && !is_kept)
    buf_addf(result->report, "got: the process ended by itself with status %d; a plugin never calls exit\n", WEXITSTATUS(status));
  else if (WEXITSTATUS(status) != PROMISE_FAILED)
    buf_addf(result->report, "got: the process ended with status %d, see what it printed\n", WEXITSTATUS(status));
}

static int run_in_child(const struct kit_run *run, const struct kit_check *check, struct say_result *result, struct err *err) {
  int reports[2], outputs[2], status = 0;
  if (pipe2(reports, O_CLOEXEC) != 0) return err_set(err, "cannot make a pipe: %m");
  if (pipe2(outputs, O_CLOEXEC) != 0) {
    close(reports[0]);
    close(reports[1]);
    return err_set(err, "cannot make a pipe: %m");
  }
  uint64_t max_ms = kit_patience_ms(CHECK_MAX_MS) + (check->level == KIT_SOAK ? run->soak_s * UINT64_C(1000) : 0);
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) {
    close(reports[0]);
    close(outputs[0]);
    be_check(run, check, reports[1], outputs[1]);
  }
  close(reports[1]);
  close(outputs[1]);
  bool is_late = pid > 0 && !listen_to(pid, reports[0], outputs[0], max_ms, result->report, result->output);
  close(reports[0]);
  close(outputs[0]);
  if (pid < 0) return err_set(err, "cannot fork: %m");
  waitpid(pid, &status, 0);
  kill(-pid, SIGKILL); /* what the check itself left running */
  judge(result, status, is_late, max_ms);
  return 0;
}

static int run_check(const struct kit_run *run, const struct kit_check *check, unsigned number, struct say_result *result,
                     struct err *err) {
  snprintf(place, sizeof place, "%.220s/weigate-kit-%d-%u", run->scratch, (int)getpid(), number);
  snprintf(name, sizeof name, "weigate_kit_%d_%u", (int)getpid(), number);
  if (mkdir(place, 0700) != 0 || mkdir(kit_beside("store"), 0700) != 0)
    return err_set(err, "cannot make the scratch directory %s: %m", place);
  uint64_t began_ms = clock_mono_ms();
  int status = 0;
  if (kit_fresh(&run->plan, "make", name) != 0)
    status = err_set(err, "%s make %s did not make a store (its status was not 0)", run->plan.fresh, name);
  if (status == 0) status = run_in_child(run, check, result, err);
  result->took_ms = clock_mono_ms() - began_ms;
  clean_up(run);
  return status;
}

static bool is_wanted(const struct kit_run *run, const struct kit_chapter *chapter, const struct kit_check *check) {
  if (check->level > run->level) return false;
  if (!run->only) return true;
  if (strcmp(chapter->name, run->only) == 0 || strstr(check->name, run->only)) return true;
  struct str rest = str_of(check->numbers ? check->numbers : ""), one;
  while (str_split(&rest, ',', &one))
    if (str_eq(str_trim(one), str_of(run->only))) return true;
  return false;
}

static const char *why_not(const struct kit_run *run, const struct kit_check *check) {
  unsigned missing = check->needs & ~run->needs;
  if (missing & KIT_NEEDS_TICKETS) return "the plugin has no tickets";
  if (missing & KIT_NEEDS_FILES) return "the store has no files of its own here";
  if (missing & KIT_NEEDS_DURABLE) return "the plugin does not promise to outlive its worker";
  return NULL;
}

static unsigned count_wanted(const struct kit_run *run) {
  unsigned count = 0;
  for (size_t c = 0; c < kit_chapters_count; c++)
    for (size_t i = 0; i < kit_chapters[c]->count; i++) count += is_wanted(run, kit_chapters[c], &kit_chapters[c]->checks[i]);
  return count;
}

static int run_chapter(const struct kit_run *run, const struct kit_chapter *chapter, struct say *say, struct err *err) {
  for (size_t i = 0; i < chapter->count; i++) {
    const struct kit_check *check = &chapter->checks[i];
    if (!is_wanted(run, chapter, check)) continue;
    SCOPE_BUF struct buf report, output;
    buf_init(&report, OUTPUT_MAX_BYTES);
    buf_init(&output, OUTPUT_MAX_BYTES);
    struct say_result result = {.chapter = chapter->name, .check = check, .report = &report, .output = &output};
    const char *why = why_not(run, check);
    if (why) {
      result.outcome = SAY_SKIPPED;
      buf_add_text(&report, why);
    }
    int status = why ? 0 : run_check(run, check, say->number + 1, &result, err);
    if (status == 0) say_result(say, &result);
    if (status != 0) return -1;
  }
  return 0;
}

int kit_run(const struct kit_run *run, FILE *out, struct err *err) {
  struct say say = {.out = out, .is_json = run->is_json};
  running = run;
  unsigned count = count_wanted(run);
  if (count == 0) return err_set(err, "no check has \"%s\" in its name; --list shows them all", run->only ? run->only : "");
  say_begin(&say, run->title, kit_level_name(run->level), run->seed, count);
  for (size_t c = 0; c < kit_chapters_count; c++)
    if (run_chapter(run, kit_chapters[c], &say, err) != 0) return -1;
  say_end(&say);
  return say.broken == 0 ? 0 : 1;
}

void kit_list(FILE *out) {
  for (size_t c = 0; c < kit_chapters_count; c++)
    for (size_t i = 0; i < kit_chapters[c]->count; i++) {
      const struct kit_check *check = &kit_chapters[c]->checks[i];
      fprintf(out, "%s\t%s\t%s\t%s\n", check->numbers ? check->numbers : "-", kit_level_name(check->level), kit_chapters[c]->name,
              check->name);
    }
}

const char *kit_level_name(enum kit_level level) {
  static const char *const names[] = {[KIT_CORE] = "core", [KIT_FULL] = "full", [KIT_CRASH] = "crash", [KIT_SOAK] = "soak"};
  return names[level];
}

#ifdef __SANITIZE_THREAD__
/* Some checks fork a process that starts threads; all threads of the parent have ended by then. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void) {
  return "die_after_fork=0";
}
#endif
