/* metadata.h: an event's metadata as MessagePack, built value by value while its JSON is read.
 *
 * The number of a container's members is only known at its end, so heads are patched then: a
 * container of up to 15 members needs no move, a larger one is moved up by 2 or 4 bytes. The
 * outermost map has room for its head in front, so that members can be added until metadata_finish.
 * Owner: init/fini; the memory is reused event after event. Threads: one at a time. Errors: the
 * buffer's bound, EVENT_SIZE_MAX, asked once by metadata_is_whole. Limits: METADATA_DEPTH_MAX
 * containers within each other. Source: the MessagePack specification.
 */
#ifndef SIEM_INGEST_METADATA_H
#define SIEM_INGEST_METADATA_H

#include "common/buffer.h"
#include "proto/event.h"

#define METADATA_DEPTH_MAX EVENT_METADATA_DEPTH_MAX

struct metadata_level {
    size_t head;    /* where its head stands */
    uint32_t count; /* members so far */
    bool map;
};

struct metadata {
    struct buffer bytes;
    uint32_t count; /* members of the outermost map */
    int depth;      /* containers open within it */
    struct metadata_level levels[METADATA_DEPTH_MAX];
};

/* Begins an empty map, within the bound of an event. */
void metadata_init(struct metadata *metadata);

/* Frees the memory that all events shared. */
void metadata_fini(struct metadata *metadata);

/* Begins an empty map. */
void metadata_reset(struct metadata *metadata);

/* The name of the next member; its value follows. */
void metadata_key(struct metadata *metadata, struct text name);

/* The value null. */
void metadata_nil(struct metadata *metadata);

/* The value true or false. */
void metadata_bool(struct metadata *metadata, bool value);

/* A number, in the shortest encoding. */
void metadata_int(struct metadata *metadata, int64_t value);

/* The same for numbers above INT64_MAX. */
void metadata_uint(struct metadata *metadata, uint64_t value);

/* A number with a fraction or an exponent, in eight bytes. */
void metadata_double(struct metadata *metadata, double value);

/* A string; copied. */
void metadata_text(struct metadata *metadata, struct text value);

/* Begins a map or an array, whose values come next; asserts METADATA_DEPTH_MAX. */
void metadata_open(struct metadata *metadata, bool map);

/* Ends the container opened last and writes its head. */
void metadata_close(struct metadata *metadata);

/* Writes the outermost head; the whole map, or a NULL one when it has no member. Borrows until the
 * next reset; more members may still be added, and finish called again. */
struct bytes metadata_finish(struct metadata *metadata);

/* True when everything found room. */
bool metadata_is_whole(const struct metadata *metadata);

#endif
