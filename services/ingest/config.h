/* config.h: ingest's options as a struct, expanded from options.def. Owner, threads: of conf.h. */
#ifndef SIEM_INGEST_CONFIG_H
#define SIEM_INGEST_CONFIG_H

#include "common/conf.h"

struct ingest_config {
#define OPTION CONF_FIELD
#include "services/ingest/options.def"
#undef OPTION
};

#endif
