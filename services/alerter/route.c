/* route.c: decides which channels an alert goes to. */
#include "services/alerter/route.h"

uint32_t route_configured(const struct alerter_config *config) {
    uint32_t set = 0;
    for (int i = 0; i < CHANNEL_COUNT_; i++) {
        if (channel_url((enum channel_id)i, config)[0] != '\0')
            set |= CHANNEL_BIT(i);
    }
    return set;
}

uint32_t route_alert(const struct alert *alert, uint32_t configured) {
    (void)alert; /* every alert concerns every channel: which incidents alert is commit.lua's
                    decision */
    return configured;
}
