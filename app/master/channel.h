/* SPDX-License-Identifier: Apache-2.0
 * channel: messages between the master and one of its children over a socket pair; a message is one packet. */
#ifndef WEIGATE_MASTER_CHANNEL_H
#define WEIGATE_MASTER_CHANNEL_H

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

/* The status of one worker: 64 accounts of about 300 bytes, and the store. Below the kernel's default send buffer (208 KiB). */
#define CHANNEL_MESSAGE_MAX_BYTES 65536

enum channel_got { CHANNEL_MESSAGE, CHANNEL_NOTHING, CHANNEL_ENDED };

/* Both ends are non-blocking and close-on-exec. */
int channel_new(int ret_fds[2], struct err *err);
/* -1 when the other side is gone or does not read. Any thread. */
int channel_send(int fd, struct str message);
/* Replaces the buffer's content by the next message. */
enum channel_got channel_receive(int fd, struct buf *message);

#endif
