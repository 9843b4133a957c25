/* SPDX-License-Identifier: Apache-2.0
 * codec: members in a fixed order, numbers in network order, texts behind two bytes of length. Storage threads; no state.
 *
 * One walk describes a record both ways: it writes where the stream has room to write to, and reads otherwise. */
#include "codec.h"

#include <string.h>

struct stream {
  uint8_t *to;         /* NULL: reading */
  const uint8_t *from; /* what is still to read */
  size_t left;         /* of either */
  bool is_bad;
};

static struct stream writing(uint8_t *room) {
  struct stream stream = {room, NULL, MAP_VALUE_MAX, false};
  return stream;
}

static struct stream reading(struct map_bytes value) {
  struct stream stream = {NULL, value.bytes, value.size, false};
  return stream;
}

static struct map_bytes written(const uint8_t *room, const struct stream *stream) {
  struct map_bytes bytes = {room, (size_t)(stream->to - room)};
  return bytes;
}

static bool is_read(const struct stream *stream) {
  return !stream->is_bad && stream->left == 0;
}

/* True if there are `size` bytes to write or read, and takes them. */
static bool take(struct stream *stream, size_t size) {
  if (stream->is_bad || size > stream->left) {
    stream->is_bad = true;
    return false;
  }
  stream->left -= size;
  return true;
}

static void pass_bytes(struct stream *stream, void *bytes, size_t size) {
  if (!take(stream, size)) return;
  if (stream->to) {
    memcpy(stream->to, bytes, size);
    stream->to += size;
  } else {
    memcpy(bytes, stream->from, size);
    stream->from += size;
  }
}

static void pass_u64(struct stream *stream, uint64_t *number) {
  uint8_t bytes[8];
  if (stream->to)
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(*number >> (56 - 8 * i));
  else
    memset(bytes, 0, sizeof(bytes));
  pass_bytes(stream, bytes, sizeof(bytes));
  if (stream->to) return;
  *number = 0;
  for (int i = 0; i < 8; i++) *number = *number << 8 | bytes[i];
}

static void pass_i64(struct stream *stream, int64_t *number) {
  uint64_t bits = (uint64_t)*number;
  pass_u64(stream, &bits);
  *number = (int64_t)bits;
}

static void pass_u32(struct stream *stream, uint32_t *number) {
  uint64_t bits = *number;
  pass_u64(stream, &bits);
  *number = (uint32_t)bits;
}

static void pass_i32(struct stream *stream, int32_t *number) {
  int64_t bits = *number;
  pass_i64(stream, &bits);
  *number = (int32_t)bits;
}

static void pass_text(struct stream *stream, struct weigate_text *text) {
  uint8_t size[2] = {(uint8_t)(text->size >> 8), (uint8_t)text->size};
  pass_bytes(stream, size, sizeof(size));
  if (stream->to) {
    if (!text->size || !take(stream, text->size)) return;
    memcpy(stream->to, text->bytes, text->size);
    stream->to += text->size;
    return;
  }
  text->size = stream->is_bad ? 0 : (size_t)(size[0] << 8 | size[1]);
  text->bytes = (const char *)stream->from;
  if (take(stream, text->size)) stream->from += text->size;
}

static void pass_stamp(struct stream *stream, struct weigate_stamp *stamp) {
  pass_i64(stream, &stamp->at_us);
  pass_bytes(stream, stamp->id, sizeof(stamp->id));
}

static void pass_person(struct stream *stream, struct weigate_person *p) {
  pass_u32(stream, &p->has);
  pass_i64(stream, &p->first_seen_us);
  pass_i64(stream, &p->last_seen_us);
  if (p->has & WEIGATE_PERSON_PROFILE) {
    pass_stamp(stream, &p->profile_stamp);
    pass_text(stream, &p->nickname);
    pass_text(stream, &p->headimgurl);
    pass_text(stream, &p->privilege);
    pass_text(stream, &p->language);
    pass_text(stream, &p->raw);
  }
  if (p->has & WEIGATE_PERSON_SCOPE) {
    pass_stamp(stream, &p->scope_stamp);
    pass_text(stream, &p->scope);
  }
  if (p->has & WEIGATE_PERSON_UNIONID) {
    pass_stamp(stream, &p->unionid_stamp);
    pass_text(stream, &p->unionid);
  }
  if (p->has & WEIGATE_PERSON_SEX) {
    pass_stamp(stream, &p->sex_stamp);
    pass_i32(stream, &p->sex);
  }
  if (p->has & WEIGATE_PERSON_REGION) {
    pass_stamp(stream, &p->region_stamp);
    pass_text(stream, &p->province);
    pass_text(stream, &p->city);
    pass_text(stream, &p->country);
  }
  if (p->has & WEIGATE_PERSON_TOKEN) {
    pass_stamp(stream, &p->token_stamp);
    pass_text(stream, &p->token_sealed);
    pass_i64(stream, &p->token_access_expires_us);
    pass_i64(stream, &p->token_refresh_expires_us);
  }
}

static void pass_event(struct stream *stream, struct weigate_event *e) {
  pass_u32(stream, &e->flags);
  pass_bytes(stream, e->event_id, sizeof(e->event_id));
  pass_i64(stream, &e->event_at_us);
  pass_i32(stream, &e->event_day);
  pass_i32(stream, &e->errcode);
  pass_u32(stream, &e->latency_ms);
  pass_text(stream, &e->appid);
  pass_text(stream, &e->openid);
  pass_text(stream, &e->outcome);
  pass_text(stream, &e->stage);
  pass_text(stream, &e->scope);
  pass_text(stream, &e->channel);
  pass_text(stream, &e->network);
  pass_text(stream, &e->node);
}

static void pass_ticket(struct stream *stream, struct weigate_ticket *ticket) {
  pass_i64(stream, &ticket->expires_at_us);
  pass_u32(stream, &ticket->flags);
  pass_text(stream, &ticket->value);
}

/* --- writing --- */

struct map_bytes codec_write_person(uint8_t *room, const struct weigate_person *person, int64_t changed_us) {
  struct stream stream = writing(room);
  struct weigate_person copy = *person;
  pass_i64(&stream, &changed_us);
  pass_person(&stream, &copy);
  return written(room, &stream);
}

struct map_bytes codec_write_event(uint8_t *room, const struct weigate_event *event, int64_t changed_us) {
  struct stream stream = writing(room);
  struct weigate_event copy = *event;
  pass_i64(&stream, &changed_us);
  pass_event(&stream, &copy);
  return written(room, &stream);
}

struct map_bytes codec_write_ticket(uint8_t *room, const struct weigate_ticket *ticket, uint64_t number) {
  struct stream stream = writing(room);
  struct weigate_ticket copy = *ticket;
  pass_u64(&stream, &number);
  pass_ticket(&stream, &copy);
  return written(room, &stream);
}

struct map_bytes codec_write_stamp(uint8_t *room, const struct weigate_stamp *stamp, int64_t changed_us) {
  struct stream stream = writing(room);
  struct weigate_stamp copy = *stamp;
  pass_i64(&stream, &changed_us);
  pass_stamp(&stream, &copy);
  return written(room, &stream);
}

struct map_bytes codec_write_day(uint8_t *room, uint64_t count, int64_t last_us) {
  struct stream stream = writing(room);
  pass_u64(&stream, &count);
  pass_i64(&stream, &last_us);
  return written(room, &stream);
}

struct map_bytes codec_write_number(uint8_t *room, uint64_t number) {
  struct stream stream = writing(room);
  pass_u64(&stream, &number);
  return written(room, &stream);
}

/* --- reading --- */

bool codec_read_person(struct map_bytes value, struct weigate_person *ret_person, int64_t *ret_changed_us) {
  struct stream stream = reading(value);
  memset(ret_person, 0, sizeof(*ret_person));
  ret_person->struct_size = sizeof(*ret_person);
  pass_i64(&stream, ret_changed_us);
  pass_person(&stream, ret_person);
  return is_read(&stream);
}

bool codec_read_event(struct map_bytes value, struct weigate_event *ret_event, int64_t *ret_changed_us) {
  struct stream stream = reading(value);
  memset(ret_event, 0, sizeof(*ret_event));
  ret_event->struct_size = sizeof(*ret_event);
  pass_i64(&stream, ret_changed_us);
  pass_event(&stream, ret_event);
  return is_read(&stream);
}

bool codec_read_ticket(struct map_bytes value, struct weigate_ticket *ret_ticket, uint64_t *ret_number) {
  struct stream stream = reading(value);
  memset(ret_ticket, 0, sizeof(*ret_ticket));
  ret_ticket->struct_size = sizeof(*ret_ticket);
  pass_u64(&stream, ret_number);
  pass_ticket(&stream, ret_ticket);
  return is_read(&stream);
}

bool codec_read_stamp(struct map_bytes value, struct weigate_stamp *ret_stamp, int64_t *ret_changed_us) {
  struct stream stream = reading(value);
  pass_i64(&stream, ret_changed_us);
  pass_stamp(&stream, ret_stamp);
  return is_read(&stream);
}

bool codec_read_day(struct map_bytes value, uint64_t *ret_count, int64_t *ret_last_us) {
  struct stream stream = reading(value);
  pass_u64(&stream, ret_count);
  pass_i64(&stream, ret_last_us);
  return is_read(&stream);
}

bool codec_read_number(struct map_bytes value, uint64_t *ret_number) {
  struct stream stream = reading(value);
  pass_u64(&stream, ret_number);
  return is_read(&stream);
}
