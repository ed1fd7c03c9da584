/* route.h: decides which channels an alert goes to. Threads: pure functions. */
#ifndef SIEM_ALERTER_ROUTE_H
#define SIEM_ALERTER_ROUTE_H

#include "services/alerter/channel.h"

/* The channels that have an address, as a set. */
uint32_t route_configured(const struct alerter_config *config);

/* The channels this alert goes to, of those that are configured: all of them. */
uint32_t route_alert(const struct alert *alert, uint32_t configured);

#endif
