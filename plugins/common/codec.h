/* SPDX-License-Identifier: Apache-2.0
 * codec: records as bytes and back; one form for every machine. Pure. */
#ifndef WEIGATE_COMMON_CODEC_H
#define WEIGATE_COMMON_CODEC_H

#include "map.h"

/* Writers: the bytes lie in `room`, of MAP_VALUE_MAX. changed_us: the store's clock at this change. */
struct map_bytes codec_write_person(uint8_t *room, const struct weigate_person *person, int64_t changed_us);
struct map_bytes codec_write_event(uint8_t *room, const struct weigate_event *event, int64_t changed_us);
struct map_bytes codec_write_ticket(uint8_t *room, const struct weigate_ticket *ticket, uint64_t number);
struct map_bytes codec_write_stamp(uint8_t *room, const struct weigate_stamp *stamp, int64_t changed_us);
struct map_bytes codec_write_day(uint8_t *room, uint64_t count, int64_t last_us);
struct map_bytes codec_write_number(uint8_t *room, uint64_t number);

/* Readers: false for bytes that no writer made. Texts point into the value; what a key holds is the caller's to fill in. */
bool codec_read_person(struct map_bytes value, struct weigate_person *ret_person, int64_t *ret_changed_us);
bool codec_read_event(struct map_bytes value, struct weigate_event *ret_event, int64_t *ret_changed_us);
bool codec_read_ticket(struct map_bytes value, struct weigate_ticket *ret_ticket, uint64_t *ret_number);
bool codec_read_stamp(struct map_bytes value, struct weigate_stamp *ret_stamp, int64_t *ret_changed_us);
bool codec_read_day(struct map_bytes value, uint64_t *ret_count, int64_t *ret_last_us);
bool codec_read_number(struct map_bytes value, uint64_t *ret_number);

#endif
