/* judge_batch.h: judges the events of a batch one after the other and makes the findings frame.
 *
 * Events on the delivery's skip list, and events that cannot be decoded, are quarantined: named in
 * the frame, not judged. Owner: new/destroy; borrows everything it is given. Threads: one. Errors:
 * a status of batch.h when the frame as a whole is no batch, counted; nothing is made then. Limits:
 * the frame stays below the wire's: an event gets its share of FINDINGS_BYTES_MAX, carried over to
 * those behind it when unused; findings beyond, the mildest first, are dropped and counted.
 */
#ifndef SIEM_DETECTOR_JUDGE_BATCH_H
#define SIEM_DETECTOR_JUDGE_BATCH_H

#include "services/detector/judge.h"
#include "services/detector/scratch_page.h"

/* Bytes of findings in a frame, at most: a full batch can always say one thing of each event. */
#define FINDING_SIZE_MAX 3600
#define FINDINGS_BYTES_MAX (BATCH_EVENTS_MAX * FINDING_SIZE_MAX)

struct judge_batch;

/* A judge of batches for the detector of this name. */
struct judge_batch *judge_batch_new(struct text detector, struct scratch_page *page);

/* Frees it and nulls the pointer; NULL is fine. */
void judge_batch_destroy(struct judge_batch **judge);

/* Takes this set of rules for all batches to come. */
void judge_batch_use(struct judge_batch *judge, const struct sigma_rules *rules,
                     const struct enrichments *enrichments);

/* Judges a batch; the findings frame is borrowed until the next one. */
MUST_CHECK enum status judge_batch_run(struct judge_batch *judge, const struct delivery *delivery,
                                       struct bytes batch, struct bytes *ret_findings);

#endif
