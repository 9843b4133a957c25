/* SPDX-License-Identifier: Apache-2.0
 * drain_source: all segments for one store as one line of frames, the oldest first. */
#ifndef WEIGATE_STORE_DRAIN_SOURCE_H
#define WEIGATE_STORE_DRAIN_SOURCE_H

#include "store/spool_segment.h"

/* Segments that are read at once; the others are later ones. */
#define DRAIN_SEGMENTS_MAX 64

/* One segment that is read. */
struct drain_segment {
  struct spool_reader reader; /* behind what is delivered */
  struct spool_reader ahead;  /* behind what is counted; shares the descriptor */
  uint64_t records;           /* between the two */
  uint64_t taken_offset;      /* behind what was taken for the batch in progress */
  enum spool_found found;     /* at taken_offset */
  struct spool_frame frame;
};

struct drain_source {
  const struct spool_dir *dir;
  const char *target;       /* the store these are for */
  const char *const *known; /* all stores of the configuration; segments for others are for the first */
  size_t known_count;
  struct drain_segment segments[DRAIN_SEGMENTS_MAX];
  size_t count;
  uint64_t refused_again_ms; /* when one of a later version is named next */
};

void drain_source_init(struct drain_source *source, const struct spool_dir *dir, const char *const *known, size_t known_count,
                       const char *target);
void drain_source_done(struct drain_source *source);
/* Opens what is new, forgets what is gone or was rewritten, counts. Between batches. */
void drain_source_refresh(struct drain_source *source);

/* The segment with the oldest frame (or damage, which comes first) behind what was taken; NULL: nothing is left. */
struct drain_segment *drain_source_next(struct drain_source *source);
/* Takes what drain_source_next() found. */
void drain_source_take(struct drain_segment *segment);
/* What was taken is delivered; segments that are at their end are removed. Or it is not, and comes again. */
void drain_source_commit(struct drain_source *source);
void drain_source_rollback(struct drain_source *source);

/* What waits. oldest_us: 0 where nothing does. */
void drain_source_measure(const struct drain_source *source, uint64_t *ret_records, uint64_t *ret_bytes, int64_t *ret_oldest_us);

#endif
