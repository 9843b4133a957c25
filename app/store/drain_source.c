/* SPDX-License-Identifier: Apache-2.0
 * drain_source: merges segments by the time of their frames, so that what one person did is delivered in its order. Drain's
 * thread. */
#include "store/drain_source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/scope.h"
#include "store/spool_meter.h"

#define REFUSED_AGAIN_MS 600000

void drain_source_init(struct drain_source *source, const struct spool_dir *dir, const char *const *known, size_t known_count,
                       const char *target) {
  *source = (struct drain_source){.dir = dir, .target = target, .known = known, .known_count = known_count};
}

static void close_segment(struct drain_source *source, size_t index) {
  spool_reader_close(&source->segments[index].reader);
  memmove(&source->segments[index], &source->segments[index + 1], (source->count - index - 1) * sizeof(source->segments[0]));
  source->count--;
}

void drain_source_done(struct drain_source *source) {
  while (source->count) close_segment(source, source->count - 1);
}

/* --- which segments --- */

static bool is_open(const struct drain_source *source, const char *name) {
  for (size_t i = 0; i < source->count; i++)
    if (strcmp(source->segments[i].reader.name, name) == 0) return true;
  return false;
}

/* What is for a store that the configuration does not name any more goes to the one that took its place: merging is idempotent,
 * and nothing may be lost. */
static bool is_ours(const struct drain_source *source, const char *target) {
  for (size_t i = 0; i < source->known_count; i++)
    if (strcmp(source->known[i], target) == 0) return strcmp(source->target, target) == 0;
  return strcmp(source->target, source->known[0]) == 0;
}

/* At start and then once in a while: it stays until an admin does something. */
static void note_refused(struct drain_source *source, const char *name) {
  uint64_t now_ms = clock_mono_ms();
  if (source->refused_again_ms > now_ms) return;
  source->refused_again_ms = now_ms + REFUSED_AGAIN_MS;
  log_error("spool: %s was written by a later weigate and is left alone; drain it with that version", name);
}

/* Its writer died in its first write, or before it. */
static void remove_torn(const struct drain_source *source, struct spool_reader *reader) {
  reader->offset = reader->size;
  if (spool_reader_remove(source->dir->fd, reader) == 0 && reader->size) spool_meter_count(SPOOL_TORN, 1);
  spool_reader_close(reader);
  errno = ENODATA;
}

static void open_segment(struct drain_source *source, const char *name) {
  struct drain_segment *segment = &source->segments[source->count];
  *segment = (struct drain_segment){0};
  if (spool_reader_open(source->dir->fd, name, &segment->reader) != 0) {
    if (errno == ENOTSUP && strcmp(source->target, source->known[0]) == 0) note_refused(source, name);
    if (errno == ENODATA) remove_torn(source, &segment->reader);
    if (errno != EBADMSG) return;
  }
  if (!is_ours(source, segment->reader.head.target)) {
    spool_reader_close(&segment->reader);
    return;
  }
  segment->ahead = segment->reader;
  segment->taken_offset = segment->reader.offset;
  source->count++;
}

/* Counts what was appended since the last look. */
static void count_ahead(struct drain_segment *segment) {
  while (spool_reader_look(&segment->ahead) == SPOOL_FOUND_FRAME) {
    segment->records += segment->ahead.frame.count;
    spool_reader_skip(&segment->ahead);
  }
}

void drain_source_refresh(struct drain_source *source) {
  char(*names)[SPOOL_NAME_BYTES] = NULL;
  size_t count = 0;
  for (size_t i = source->count; i-- > 0;)
    if (!spool_reader_is_current(&source->segments[i].reader)) close_segment(source, i);
  if (spool_dir_list(source->dir->fd, &names, &count) != 0) return;
  for (size_t i = 0; i < count && source->count < DRAIN_SEGMENTS_MAX; i++)
    if (!is_open(source, names[i])) open_segment(source, names[i]);
  free(names);
  for (size_t i = 0; i < source->count; i++) count_ahead(&source->segments[i]);
  drain_source_rollback(source);
}

/* --- what stands there --- */

static void look(struct drain_segment *segment) {
  struct spool_reader at = segment->reader;
  at.offset = segment->taken_offset;
  segment->found = spool_reader_look(&at);
  segment->frame = at.frame;
  segment->reader.size = at.size;
}

struct drain_segment *drain_source_next(struct drain_source *source) {
  struct drain_segment *oldest = NULL;
  for (size_t i = 0; i < source->count; i++) {
    struct drain_segment *segment = &source->segments[i];
    if (segment->found == SPOOL_FOUND_END) continue;
    if (segment->found == SPOOL_FOUND_DAMAGED || segment->found == SPOOL_FOUND_TORN) return segment;
    if (segment->found == SPOOL_FOUND_NEWER) note_refused(source, segment->reader.name);
    if (segment->found != SPOOL_FOUND_FRAME) continue;
    if (!oldest || segment->frame.at_us < oldest->frame.at_us) oldest = segment;
  }
  return oldest;
}

void drain_source_take(struct drain_segment *segment) {
  struct spool_reader at = segment->reader;
  at.offset = segment->taken_offset;
  spool_reader_look(&at);
  spool_reader_skip(&at);
  segment->taken_offset = at.offset;
  look(segment);
}

void drain_source_rollback(struct drain_source *source) {
  for (size_t i = 0; i < source->count; i++) {
    source->segments[i].taken_offset = source->segments[i].reader.offset;
    look(&source->segments[i]);
  }
}

/* Ends early where somebody has cut the file. */
static void count_delivered(struct drain_segment *segment) {
  while (segment->reader.offset < segment->taken_offset) {
    enum spool_found found = spool_reader_look(&segment->reader);
    if (found == SPOOL_FOUND_END || found == SPOOL_FOUND_ERROR) break;
    if (found == SPOOL_FOUND_FRAME)
      segment->records -= segment->records < segment->reader.frame.count ? segment->records : segment->reader.frame.count;
    spool_reader_skip(&segment->reader);
  }
  if (segment->ahead.offset < segment->reader.offset) segment->ahead = segment->reader;
}

void drain_source_commit(struct drain_source *source) {
  for (size_t i = source->count; i-- > 0;) {
    struct drain_segment *segment = &source->segments[i];
    count_delivered(segment);
    if (spool_reader_look(&segment->reader) == SPOOL_FOUND_END && spool_reader_remove(source->dir->fd, &segment->reader) == 0)
      close_segment(source, i);
  }
}

void drain_source_measure(const struct drain_source *source, uint64_t *ret_records, uint64_t *ret_bytes, int64_t *ret_oldest_us) {
  *ret_records = *ret_bytes = 0;
  *ret_oldest_us = 0;
  for (size_t i = 0; i < source->count; i++) {
    const struct drain_segment *segment = &source->segments[i];
    *ret_records += segment->records;
    if (segment->reader.size > segment->reader.offset) *ret_bytes += segment->reader.size - segment->reader.offset;
    if (segment->found == SPOOL_FOUND_FRAME && (!*ret_oldest_us || segment->frame.at_us < *ret_oldest_us))
      *ret_oldest_us = segment->frame.at_us;
  }
}
