/* text_contains.h: one text looked for in another: where both its first byte and its last stand at
 * the right distance, the rest is compared; sixteen places are looked at at once.
 *
 * memmem() prepares a table for each call, which takes longer than looking through a short text.
 * Where both are long this might take the product of their lengths, so that is memmem()'s.
 *
 * Threads: pure functions. Errors: none. Source: W. Mula, SIMD-friendly algorithms for substring
 * searching (2016), "generic SIMD".
 */
#ifndef SIEM_DETECTOR_TEXT_CONTAINS_H
#define SIEM_DETECTOR_TEXT_CONTAINS_H

#include "common/bytes.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* A text above the first length with a part above the second are left to memmem(). */
#define TEXT_CONTAINS_SHORT_MAX 512
#define TEXT_CONTAINS_PART_MAX 8
#define TEXT_CONTAINS_STEP 16

/* A bit for each of the places from `at` on, at most TEXT_CONTAINS_STEP and all inside the text,
 * where a part of that length with these ends may stand. */
#ifdef __SSE2__
static inline uint32_t text_places_of_ends(const char *at, size_t length, char first, char last) {
    __m128i starts = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i ends = _mm_loadu_si128((const __m128i *)(const void *)(at + length - 1));
    return (uint32_t)_mm_movemask_epi8(_mm_and_si128(_mm_cmpeq_epi8(starts, _mm_set1_epi8(first)),
                                                     _mm_cmpeq_epi8(ends, _mm_set1_epi8(last))));
}

/* A bit for each of TEXT_CONTAINS_STEP places at which one of two bytes stands. */
static inline uint32_t text_places_of_either(const char *at, char a, char b) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(a)),
                                                    _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b))));
}
#else
static inline uint32_t text_places_of_ends(const char *at, size_t length, char first, char last) {
    uint32_t places = 0;
    for (uint32_t i = 0; i < TEXT_CONTAINS_STEP; i++)
        places |= (uint32_t)(at[i] == first && at[i + length - 1] == last) << i;
    return places;
}

static inline uint32_t text_places_of_either(const char *at, char a, char b) {
    uint32_t places = 0;
    for (uint32_t i = 0; i < TEXT_CONTAINS_STEP; i++)
        places |= (uint32_t)(at[i] == a || at[i] == b) << i;
    return places;
}
#endif

/* True when one of two bytes stands in the text. */
static inline bool text_has_either(struct text text, char a, char b) {
    if (text.length < TEXT_CONTAINS_STEP)
        return memchr(text.data, a, text.length) != NULL ||
               memchr(text.data, b, text.length) != NULL;
    uint32_t found = 0;
    for (size_t at = 0; at < text.length; at += TEXT_CONTAINS_STEP) {
        size_t last = text.length - TEXT_CONTAINS_STEP;
        found |= text_places_of_either(text.data + (at < last ? at : last), a, b);
    }
    return found != 0;
}

/* Where the part first stands in the text, an empty one at its start; NULL: nowhere. */
static inline const char *text_find(struct text text, struct text part) {
    if (part.length == 0 || part.length > text.length)
        return part.length == 0 ? text.data : NULL;
    size_t places = text.length - part.length + 1;
    bool may_be_slow =
        text.length > TEXT_CONTAINS_SHORT_MAX && part.length > TEXT_CONTAINS_PART_MAX;
    if (may_be_slow || places < TEXT_CONTAINS_STEP)
        return memmem(text.data, text.length, part.data, part.length);
    char first = part.data[0], last = part.data[part.length - 1];
    for (size_t at = 0; at < places; at += TEXT_CONTAINS_STEP) {
        size_t from = at <= places - TEXT_CONTAINS_STEP ? at : places - TEXT_CONTAINS_STEP;
        uint32_t found = text_places_of_ends(text.data + from, part.length, first, last);
        for (; found != 0; found &= found - 1) {
            const char *place = text.data + from + __builtin_ctz(found);
            if (part.length <= 2 || memcmp(place + 1, part.data + 1, part.length - 2) == 0)
                return place;
        }
    }
    return NULL;
}

/* True when the part stands in the text; an empty one does in any. */
static inline bool text_contains(struct text text, struct text part) {
    return part.length == 0 || text_find(text, part) != NULL;
}

#endif
