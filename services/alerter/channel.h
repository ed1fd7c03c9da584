/* channel.h: the channels an alert can go to, expanded from channels.def.
 *
 * A channel is an address from an option and a pure function that writes the body of a POST with
 * JSON. Owner: nothing. Threads: pure functions. Errors: the body's bound (CHANNEL_BODY_MAX) is the
 * buffer's; builders cut long texts, so that they stay far below it.
 */
#ifndef SIEM_ALERTER_CHANNEL_H
#define SIEM_ALERTER_CHANNEL_H

#include "common/buffer.h"
#include "services/alerter/alert.h"
#include "services/alerter/config.h"

#define CHANNEL_BODY_MAX 262144

enum channel_id {
#define CHANNEL(NAME, name, url, build) CHANNEL_##NAME,
#include "services/alerter/channels.def"
#undef CHANNEL
    CHANNEL_COUNT_
};

/* Sets of channels are a uint32_t. */
#define CHANNEL_BIT(channel) (UINT32_C(1) << (channel))

/* The name as in options, counters and the hash CHANNELS; static. */
const char *channel_name(enum channel_id channel);

/* Where it delivers to; "" when it is not configured. Borrows from the configuration. */
const char *channel_url(enum channel_id channel, const struct alerter_config *config);

/* Writes the body of the request. */
void channel_build(enum channel_id channel, const struct alert *alert, struct buffer *out);

/* The builders of channels.def; each in its channel_NAME.c. */
#define CHANNEL(NAME, name, url, build) void build(const struct alert *alert, struct buffer *out);
#include "services/alerter/channels.def"
#undef CHANNEL

#endif
