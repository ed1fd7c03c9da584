/* correlations.c: what a correlation says of an event, in the words findings have. */
#include "services/incident/correlations.h"

struct finding correlation_finding(const struct correlation *correlation,
                                   const struct correlation_group *group) {
    return (struct finding){
        .rule_id = correlation->rule_id,
        .rule_title = correlation->rule_title,
        .level = correlation->level,
        .tags = correlation->tags,
        .details = group->details,
        .incident = correlation->incident,
        .group_key = group->key,
    };
}
