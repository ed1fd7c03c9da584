/* config.h: siemctl's options as a struct, expanded from options.def. Owner, threads: of conf.h. */
#ifndef SIEM_SIEMCTL_CONFIG_H
#define SIEM_SIEMCTL_CONFIG_H

#include "common/conf.h"

struct siemctl_config {
#define OPTION CONF_FIELD
#include "services/siemctl/options.def"
#undef OPTION
};

#endif
