/* scratch_page.h: a page of shared memory that names the event being judged, and survives the
 * process that judges it: how its successor learns which event a detector died over.
 *
 * A directory holds detector-1.page, detector-2.page, ...; a process locks the first that is free,
 * so a restarted detector finds its predecessor's. Marking is two plain stores. Owner:
 * open/destroy; NULL is a page that notes nothing. Threads: one. Errors: open logs the remedy and
 * returns IO_ERROR. Limits: SCRATCH_PAGES_MAX detectors share a directory. Source: flock(2),
 * mmap(2).
 */
#ifndef SIEM_DETECTOR_SCRATCH_PAGE_H
#define SIEM_DETECTOR_SCRATCH_PAGE_H

#include "proto/finding.h"

#include <stdatomic.h>

#define SCRATCH_PAGES_MAX 1024

/* The page's layout, in the byte order of the machine: both readers are on it. */
struct scratch_slot {
    uint64_t magic;
    uint64_t producer;
    uint64_t seq;
    uint32_t epoch;
    _Atomic uint32_t marked; /* index of the event in judgement, + 1; 0: none */
};

struct scratch_page {
    struct scratch_slot *slot;
    int descriptor;
};

/* Opens the first free page of a directory, making both when they are not there; "" gives NULL. */
MUST_CHECK enum status scratch_page_open(const char *directory, struct scratch_page **ret_page);

/* Frees it and nulls the pointer; NULL is fine. */
void scratch_page_destroy(struct scratch_page **page);

/* True when a predecessor died over an event; it stays on the page until the next clear. */
bool scratch_page_find_crash(const struct scratch_page *page, struct crash_report *ret_report);

/* Names no event any more. */
void scratch_page_clear(struct scratch_page *page);

/* Names the batch whose events are judged next. */
void scratch_page_begin(struct scratch_page *page, const struct batch_head *head);

/* Names the event that is judged now. */
static inline void scratch_page_mark(struct scratch_page *page, uint32_t index) {
    if (page == NULL)
        return;
    atomic_store_explicit(&page->slot->marked, index + 1, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
}

#endif
