/* sigma_pipeline.h: pipelines in pySigma's format: what changes rules as they are loaded, so that
 * they ask for the fields that events here have.
 *
 * Files are put together by their priority, lowest first, then in the order they were loaded;
 * `vars` of the later ones replace those of the earlier. What concerns queries (postprocessing,
 * finalizers, allowed_backends, lists of fields) has no meaning here and is passed over. Owner:
 * new/destroy. Threads: one at a time. Errors: a file with something unknown in it, be it a
 * parameter, is refused as a whole with line and reason; a rule or correlation that a pipeline
 * fails (rule_failure, a placeholder without a value) is refused with the pipeline's words. Limits:
 * PIPELINE_ITEMS_MAX items, PIPELINE_FILE_MAX bytes a file, nested PIPELINE_DEPTH_MAX deep. Source:
 * pySigma's processing pipelines.
 */
#ifndef SIEM_DETECTOR_SIGMA_PIPELINE_H
#define SIEM_DETECTOR_SIGMA_PIPELINE_H

#include "services/detector/sigma_rule.h"

#define PIPELINE_ITEMS_MAX 10000
#define PIPELINE_FILE_MAX (4u * 1024 * 1024)
#define PIPELINE_DEPTH_MAX 8

struct sigma_pipelines;

/* No pipeline. */
struct sigma_pipelines *sigma_pipelines_new(void);

/* Frees it and nulls the pointer; NULL is fine. */
void sigma_pipelines_destroy(struct sigma_pipelines **pipelines);

/* Adds a file, or every *.yml and *.yaml of a directory. The error names the file. */
MUST_CHECK enum status sigma_pipelines_load(struct sigma_pipelines *pipelines, const char *path,
                                            struct sigma_error *error);

/* Adds one file's text. */
MUST_CHECK enum status sigma_pipelines_add_text(struct sigma_pipelines *pipelines,
                                                struct text source, struct sigma_error *error);

/* Changes a rule. NULL for `pipelines` changes nothing. */
MUST_CHECK enum status sigma_pipelines_apply(const struct sigma_pipelines *pipelines,
                                             const struct sigma_reader *reader,
                                             struct sigma_rule *rule);

/* Whether a correlation with this document is left, which refers to rules of these logsources:
 * rule_failure fails it where its conditions hold for correlations. What changes detections does
 * nothing to one. */
MUST_CHECK enum status sigma_pipelines_apply_to_correlation(
    const struct sigma_pipelines *pipelines, const struct sigma_reader *reader,
    const struct sigma_node *root, const struct logsource *const *logsources, size_t count);

/* The name a field has in the events of rules with this logsource: for what names fields without a
 * rule's selections, as correlations do. It is as it was where a pipeline fails such rules. */
struct text sigma_pipelines_map_field(const struct sigma_pipelines *pipelines, struct arena *arena,
                                      const struct logsource *logsource, struct text field);

/* A hash of all texts, in their order: the generation of rules depends on it. */
uint64_t sigma_pipelines_hash(const struct sigma_pipelines *pipelines);

#endif
