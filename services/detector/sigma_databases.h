/* sigma_databases.h: the multi-pattern databases of all lanes, compiled side by side.
 *
 * Owner: the lanes own what is made. Threads: see sigma_lanes.h. Errors: none.
 */
#ifndef SIEM_DETECTOR_SIGMA_DATABASES_H
#define SIEM_DETECTOR_SIGMA_DATABASES_H

#include "services/detector/sigma_lanes.h"

/* Numbers of a lane's atoms. */
struct lane_atoms {
    uint32_t *numbers;
    uint32_t count;
};

/* Makes the databases of literals and of expressions; `atoms` are those of each lane. */
void sigma_databases_make(struct sigma_lanes *lanes, struct plan *plan,
                          const struct lane_atoms *atoms);

#endif
