/* correlation_codec.h: one correlation as MessagePack, and the small values it shares with the
 * lists around it.
 *
 * Layout: an array in the order of correlation.def. Owner: texts borrow from the bytes. Errors,
 * threads, limits: contribution.h.
 */
#ifndef SIEM_PROTO_CORRELATION_CODEC_H
#define SIEM_PROTO_CORRELATION_CODEC_H

#include "proto/contribution.h"

/* Packs a correlation; texts beyond their limit are cut. */
void correlation_pack(msgpack_packer *packer, const struct correlation *correlation);

/* The most bytes that takes. */
size_t correlation_packed_max(const struct correlation *correlation);

/* Takes a correlation, checks it, and fills its identity. */
MUST_CHECK enum status correlation_take(struct msgpack_cursor *cursor,
                                        struct correlation *correlation);

/* Packs a number, as an integer where it is one. */
void correlation_pack_real(msgpack_packer *packer, double value);

/* Takes a text that may be null, of at most `limit` bytes. */
MUST_CHECK enum status correlation_take_optional(struct msgpack_cursor *cursor, size_t limit,
                                                 struct text *ret_text);

/* The same for one that may not be null. */
MUST_CHECK enum status correlation_take_text(struct msgpack_cursor *cursor, size_t limit,
                                             struct text *ret_text);

#endif
