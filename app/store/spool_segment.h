/* SPDX-License-Identifier: Apache-2.0
 * spool_segment: a file of frames behind a head that names the store they are for. One process appends, others read, rewrite and
 * remove it: each under the file's lock, and the appender notices when its file is not the one in the directory any more. */
#ifndef WEIGATE_STORE_SPOOL_SEGMENT_H
#define WEIGATE_STORE_SPOOL_SEGMENT_H

#include "base/buf.h"
#include "store/plugin.h"
#include "store/spool_dir.h"
#include "store/spool_frame.h"

/* A segment is removed when all of it is delivered; 64 MiB are about 50,000 sign-ins, delivered in half a minute. */
#define SPOOL_SEGMENT_MAX_BYTES (UINT64_C(64) * 1024 * 1024)
#define SPOOL_CLASS_BYTES       32
#define SPOOL_REASON_BYTES      256

/* What a segment says of itself. */
struct spool_head {
  char target[PLUGIN_PATH_BYTES]; /* storage.plugin or storage.mirror as written */
  char class[SPOOL_CLASS_BYTES];  /* of one that was set aside, or "" */
  char reason[SPOOL_REASON_BYTES];
  uint64_t bytes; /* of the head: where the first frame begins */
};

/* --- appending --- */

struct spool_segment {
  const char *target;
  int fd; /* -1: none yet */
  char name[SPOOL_NAME_BYTES];
};

/* Appends frames, durable when it returns 0. -1 with errno: nothing of them is there, and what was is as it was. One thread. */
int spool_segment_append(const struct spool_dir *dir, struct spool_segment *segment, struct str frames);
/* An empty one is removed. */
void spool_segment_close(struct spool_segment *segment);
/* A segment of its own with a head of that kind, under that name, whole or not there: set aside, put back, rewritten. `frames`
 * behind the head, or NULL. Replaces what has the name. -1 with errno. */
int spool_segment_write(int dir_fd, const char *name, const struct spool_head *head, struct str frames);

/* --- reading --- */

/* What stands at the reader's place. */
enum spool_found {
  SPOOL_FOUND_FRAME,   /* reader->frame; its bytes are read by spool_reader_load() */
  SPOOL_FOUND_END,     /* nothing more for now */
  SPOOL_FOUND_TORN,    /* a write that was cut short, never acknowledged */
  SPOOL_FOUND_DAMAGED, /* reader->found_bytes that are no frame */
  SPOOL_FOUND_NEWER,   /* of a later version: nothing behind it can be trusted */
  SPOOL_FOUND_ERROR    /* errno */
};

struct spool_reader {
  int fd;
  char name[SPOOL_NAME_BYTES];
  bool is_locked; /* by the caller, on fd; otherwise each look takes the lock for a moment */
  struct spool_head head;
  uint64_t offset, size;
  enum spool_found found;
  uint64_t found_bytes; /* of what was found */
  struct spool_frame frame;
  uint8_t frame_head[SPOOL_FRAME_HEAD_BYTES];
};

/* -1 with errno: ENOENT where it is gone, ENOTSUP where a later version wrote it. With two more the reader is open all the same:
 * ENODATA where the first write was cut short within the head, EBADMSG where the head cannot be read but the frames may be. */
int spool_reader_open(int dir_fd, const char *name, struct spool_reader *ret_reader);
void spool_reader_close(struct spool_reader *reader);
/* Looks at the reader's place, which it does not move. */
enum spool_found spool_reader_look(struct spool_reader *reader);
/* Reads the bytes of what was found into *ret_bytes, a frame without its head. FRAME; DAMAGED where they are not what was
 * written; ERROR. */
enum spool_found spool_reader_load(struct spool_reader *reader, struct buf *ret_bytes);
/* Moves behind what was found. */
void spool_reader_skip(struct spool_reader *reader);
/* True while the file that is read is the one in the directory. */
bool spool_reader_is_current(const struct spool_reader *reader);
/* Removes the segment if nothing was added behind the reader's place. 0: removed; 1: there is more; -1 with errno. */
int spool_reader_remove(int dir_fd, struct spool_reader *reader);

#endif
