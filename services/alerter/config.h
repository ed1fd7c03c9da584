/* config.h: the alerter's options, expanded from options.def. Threads: read-only after start. */
#ifndef SIEM_ALERTER_CONFIG_H
#define SIEM_ALERTER_CONFIG_H

#include "common/conf.h"

struct alerter_config {
#define OPTION CONF_FIELD
#include "services/alerter/options.def"
#undef OPTION
};

#endif
