/* verdict_codec.h: the verdicts inside a receipt.
 *
 * Owner: lists live in the frame's zone, texts borrow from the bytes. Errors, threads, limits:
 * receipt.h.
 */
#ifndef SIEM_PROTO_VERDICT_CODEC_H
#define SIEM_PROTO_VERDICT_CODEC_H

#include "proto/receipt.h"

/* Packs the verdicts of all batches. */
void verdicts_pack(msgpack_packer *packer, const struct receipt *receipt);

/* Takes them into the receipt. */
MUST_CHECK enum status verdicts_take(struct msgpack_cursor *cursor, struct msgpack_frame *frame,
                                     struct receipt *receipt);

#endif
