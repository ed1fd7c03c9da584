/* test_hostile_frames.c: no frame, cut, lengthened or damaged, makes a decoder do anything but
 * accept or refuse it (promise P6: nothing a peer sends can stop or bloat a process). */
#include "decoders.h"
#include "golden.h"

#include "proto/frame.h"

#include <criterion/criterion.h>

#include <stdlib.h>

struct hostile_case {
    const char *golden;
    enum status (*decode)(struct bytes bytes);
    bool has_version; /* its second byte is the version */
    bool is_bin;      /* the frame is the content of the golden bin */
};

static const struct hostile_case cases[] = {
    {"event", decode_event, false, true},
    {"event_minimal", decode_event, false, true},
    {"event_newer", decode_event, false, true},
    {"batch", decode_batch, true, false},
    {"batch_newer", decode_batch, true, false},
    {"delivery", decode_delivery, true, false},
    {"delivery_newer", decode_delivery, true, false},
    {"findings", decode_findings, true, false},
    {"findings_none", decode_findings, true, false},
    {"findings_newer", decode_findings, true, false},
    {"findings_contributions", decode_findings, true, false},
    {"findings_shadow", decode_findings, true, false},
    {"crash_report", decode_crash_report, true, false},
    {"receipt", decode_receipt, true, false},
    {"receipt_older", decode_receipt, true, false},
    {"receipt_newer", decode_receipt, true, false},
    {"threat", decode_free_form, false, false},
    {"heartbeat", decode_free_form, false, false},
};
#define CASES (sizeof cases / sizeof cases[0])

/* The golden frame of a case in memory that ends where it ends. */
static struct bytes load(const struct hostile_case *row, uint8_t **ret_memory) {
    struct buffer golden = golden_load(row->golden);
    struct bytes frame = buffer_bytes(&golden);
    if (row->is_bin)
        frame = golden_bin_content(frame);
    *ret_memory = golden_tight_copy(frame);
    struct bytes copy = {*ret_memory, frame.length};
    buffer_fini(&golden);
    return copy;
}

Test(hostile_frames, whole_frames_are_accepted) {
    for (size_t i = 0; i < CASES; i++) {
        uint8_t *memory;
        struct bytes frame = load(&cases[i], &memory);
        cr_assert_eq(cases[i].decode(frame), STATUS_OK, "%s", cases[i].golden);
        free(memory);
    }
}

Test(hostile_frames, every_truncation_is_refused) {
    for (size_t i = 0; i < CASES; i++) {
        uint8_t *memory;
        struct bytes frame = load(&cases[i], &memory);
        for (size_t length = 0; length < frame.length; length++) {
            uint8_t *part = golden_tight_copy((struct bytes){frame.data, length});
            enum status status = cases[i].decode((struct bytes){part, length});
            cr_assert_eq(status, STATUS_TRUNCATED, "%s cut to %zu bytes: %s", cases[i].golden,
                         length, status_reason(status));
            free(part);
        }
        free(memory);
    }
}

Test(hostile_frames, a_byte_behind_the_frame_is_refused) {
    for (size_t i = 0; i < CASES; i++) {
        uint8_t *memory;
        struct bytes frame = load(&cases[i], &memory);
        uint8_t *longer = malloc(frame.length + 1);
        memcpy(longer, frame.data, frame.length);
        longer[frame.length] = 0xc0;
        cr_assert_eq(cases[i].decode((struct bytes){longer, frame.length + 1}), STATUS_TRAILING,
                     "%s", cases[i].golden);
        free(longer);
        free(memory);
    }
}

Test(hostile_frames, an_unknown_major_version_is_refused) {
    for (size_t i = 0; i < CASES; i++) {
        uint8_t *memory;
        struct bytes frame = load(&cases[i], &memory);
        if (cases[i].has_version) {
            cr_assert_eq(memory[1], PROTO_VERSION);
            const uint8_t others[] = {0, PROTO_VERSION + 1, 0x7f};
            for (size_t j = 0; j < sizeof others; j++) {
                memory[1] = others[j];
                cr_assert_eq(cases[i].decode(frame), STATUS_BAD_VERSION, "%s", cases[i].golden);
            }
        }
        free(memory);
    }
}

/* The next number of a xorshift generator: the same damage in every run. */
static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

Test(hostile_frames, damaged_frames_are_survived) {
    uint64_t random = UINT64_C(0x9e3779b97f4a7c15);
    size_t refused = 0;
    for (size_t i = 0; i < CASES; i++) {
        uint8_t *memory;
        struct bytes frame = load(&cases[i], &memory);
        for (int round = 0; round < 20000; round++) {
            uint8_t *damaged = golden_tight_copy(frame);
            for (uint64_t flips = 1 + next_random(&random) % 4; flips > 0; flips--)
                damaged[next_random(&random) % frame.length] = (uint8_t)next_random(&random);
            refused += cases[i].decode((struct bytes){damaged, frame.length}) != STATUS_OK;
            free(damaged);
        }
        free(memory);
    }
    cr_assert_gt(refused, CASES * 20000 / 4, "only %zu were refused", refused);
}
