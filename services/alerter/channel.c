/* channel.c: the rows of channels.def as lookups. */
#include "services/alerter/channel.h"

#include <assert.h>

const char *channel_name(enum channel_id channel) {
    static const char *const names[] = {
#define CHANNEL(NAME, name, url, build) name,
#include "services/alerter/channels.def"
#undef CHANNEL
    };
    assert((unsigned)channel < CHANNEL_COUNT_);
    return names[channel];
}

const char *channel_url(enum channel_id channel, const struct alerter_config *config) {
    const char *const urls[] = {
#define CHANNEL(NAME, name, url, build) config->url,
#include "services/alerter/channels.def"
#undef CHANNEL
    };
    assert((unsigned)channel < CHANNEL_COUNT_);
    return urls[channel];
}

void channel_build(enum channel_id channel, const struct alert *alert, struct buffer *out) {
    static void (*const builders[])(const struct alert *, struct buffer *) = {
#define CHANNEL(NAME, name, url, build) build,
#include "services/alerter/channels.def"
#undef CHANNEL
    };
    assert((unsigned)channel < CHANNEL_COUNT_);
    builders[channel](alert, out);
}
