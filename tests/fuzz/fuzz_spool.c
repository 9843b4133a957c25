/* SPDX-License-Identifier: Apache-2.0
 * fuzz_spool: the bytes as entries of the spool, and as a segment that a crash, a disk or a later version has left there. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/scope.h"
#include "fuzz.h"
#include "store/spool_record.h"
#include "store/spool_segment.h"

#define NAME "fuzzed.seg"

/* What is read is written the same way again, but for members that a later version added. */
static void read_entries(struct str bytes) {
  struct spool_entry entry, again;
  struct buf written, twice;
  buf_init(&written, 4 * SPOOL_ENTRY_MAX_BYTES);
  buf_init(&twice, 4 * SPOOL_ENTRY_MAX_BYTES);
  while (spool_record_next(&bytes, &entry) == 1) {
    buf_clear(&written);
    buf_clear(&twice);
    spool_record_add(&written, &entry);
    FUZZ_CHECK(!written.failed);
    struct str rest = buf_str(&written);
    FUZZ_CHECK(spool_record_next(&rest, &again) == 1 && rest.n == 0 && again.kind == entry.kind);
    spool_record_add(&twice, &again);
    FUZZ_CHECK(str_eq(buf_str(&written), buf_str(&twice)));
  }
  buf_done(&written);
  buf_done(&twice);
}

static int make_directory(void) {
  static char path[] = "/tmp/weigate-fuzz-XXXXXX";
  FUZZ_CHECK(mkdtemp(path) != NULL);
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  FUZZ_CHECK(fd >= 0 && rmdir(path) == 0 && mkdir(path, 0700) == 0);
  close(fd);
  return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Whatever stands there, a reader comes to its end. */
static void read_segment(int dir_fd, const uint8_t *data, size_t size) {
  struct spool_reader reader;
  struct buf bytes;
  SCOPE_CLOSE int fd = openat(dir_fd, NAME, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  FUZZ_CHECK(fd >= 0 && (size == 0 || pwrite(fd, data, size, 0) == (ssize_t)size));
  reader.fd = -1;
  spool_reader_open(dir_fd, NAME, &reader);
  if (reader.fd < 0) return;
  buf_init(&bytes, SPOOL_FRAME_MAX_BYTES + 1);
  for (size_t steps = 0;; steps++) {
    enum spool_found found = spool_reader_look(&reader);
    FUZZ_CHECK(steps <= size && reader.offset <= size);
    if (found != SPOOL_FOUND_FRAME && found != SPOOL_FOUND_DAMAGED) break;
    FUZZ_CHECK(reader.found_bytes > 0 && reader.offset + reader.found_bytes <= size);
    FUZZ_CHECK(spool_reader_load(&reader, &bytes) != SPOOL_FOUND_ERROR);
    spool_reader_skip(&reader);
  }
  buf_done(&bytes);
  spool_reader_close(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static int dir_fd = -1;
  if (dir_fd < 0) dir_fd = make_directory();
  read_entries(str_make((const char *)data, size));
  read_segment(dir_fd, data, size);
  unlinkat(dir_fd, NAME, 0);
  return 0;
}
