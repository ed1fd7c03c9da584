/* literal_machine.c: a row for each state, breadth first: where it goes on by each kind of byte. A
 * row begins as a copy of the row of the longest other beginning that the state ends in. */
#include "services/detector/literal_machine.h"

#include <stdlib.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* A literal has this many states at least, so that its rest is seldom compared. */
#define STATES_MIN 4
/* Beside where a row stands: some literal may end in its state. */
#define ENDS 0x80000000u
/* Bytes of a search that are taken in one go. */
#define STRETCH_MAX 64
/* Texts of this length are searched in several parts at once, each from before where it begins. */
#define PARTS_FROM (16 * 1024)
/* A row's first column: first in the chain of literals that may end here; 0: none. */
#define ENDING 0
/* Its second: where bytes lead that are in no literal, so always back to the root. */
#define OTHER 1

/* A literal, when what follows is its rest. */
struct ending {
    struct text rest;
    uint32_t number;
    uint32_t next;
};

/* Sorted literals that share their first `depth` bytes: what a state stands for, while the machine
 * is made. */
struct range {
    const struct literal *literals;
    size_t count;
    size_t depth;
    uint32_t fallback; /* the row of the longest other beginning that this one ends in */
};

struct literal_machine {
    uint32_t *rows; /* the root's first */
    uint32_t columns;
    uint32_t count; /* of states */
    uint32_t depth; /* bytes to the state that is farthest from the root */
    uint32_t capacity;
    struct ending *endings; /* the first is unused */
    uint32_t ending_count;
    struct range *ranges;
    uint16_t columns_of[256]; /* by byte */
};

static void *resize(void *items, size_t count, size_t size) {
    void *larger = reallocarray(items, count, size);
    if (larger == NULL)
        abort();
    return larger;
}

static int compare(const void *a, const void *b) {
    const struct text *first = &((const struct literal *)a)->text;
    const struct text *second = &((const struct literal *)b)->text;
    size_t least = first->length < second->length ? first->length : second->length;
    int order = memcmp(first->data, second->data, least);
    return order != 0 ? order : (first->length > second->length) - (first->length < second->length);
}

static uint8_t byte_of(const struct literal *literal, size_t at) {
    return (uint8_t)literal->text.data[at];
}

/* Gives each byte of the literals a column. */
static void number_columns(struct literal_machine *machine, const struct literal *literals,
                           size_t count) {
    bool is_used[256] = {false};
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < literals[i].text.length; k++)
            is_used[byte_of(&literals[i], k)] = true;
    machine->columns = OTHER + 1;
    for (size_t byte = 0; byte < 256; byte++)
        machine->columns_of[byte] = is_used[byte] ? (uint16_t)machine->columns++ : OTHER;
}

/* Where the machine goes on by a byte, with ENDS or without. */
static inline uint32_t step(const struct literal_machine *machine, uint32_t row, uint8_t byte) {
    return machine->rows[row + machine->columns_of[byte]];
}

/* Takes the literal that ends in a state, or will when its rest follows, out of its range. */
static void take_ending(struct literal_machine *machine, struct range *range, uint32_t *ending) {
    struct text text = range->literals[0].text;
    size_t left = text.length - range->depth;
    bool is_last = range->count == 1 && range->depth >= STATES_MIN && left <= LITERAL_REST_MAX;
    if (left > 0 && !is_last)
        return;
    machine->endings[machine->ending_count] =
        (struct ending){{text.data + range->depth, left}, range->literals[0].number, *ending};
    *ending = machine->ending_count++;
    range->literals++;
    range->count--;
}

/* Adds a state; where it stands, and whether some literal ends there. The rest of its row is filled
 * when all states nearer to the root have theirs. */
static uint32_t add_state(struct literal_machine *machine, struct range range) {
    if (machine->count == machine->capacity) {
        machine->capacity = 2 * machine->capacity + 16;
        machine->rows = resize(machine->rows, (size_t)machine->capacity * machine->columns,
                               sizeof *machine->rows);
        machine->ranges = resize(machine->ranges, machine->capacity, sizeof *machine->ranges);
    }
    uint32_t row = machine->count * machine->columns;
    uint32_t ending = range.depth > 0 ? machine->rows[range.fallback + ENDING] : 0;
    take_ending(machine, &range, &ending);
    machine->rows[row + ENDING] = ending;
    machine->ranges[machine->count++] = range;
    machine->depth = (uint32_t)range.depth; /* each state is as far from the root as the last */
    return row | (ending != 0 ? ENDS : 0);
}

/* Fills a state's row: a copy of where it falls back to, then a new state for each byte that
 * follows in its range. */
static void fill_row(struct literal_machine *machine, uint32_t state) {
    struct range range = machine->ranges[state];
    uint32_t row = state * machine->columns, others = machine->columns - OTHER;
    if (state == 0)
        memset(machine->rows + OTHER, 0, others * sizeof *machine->rows);
    else
        memcpy(machine->rows + row + OTHER, machine->rows + range.fallback + OTHER,
               others * sizeof *machine->rows);
    for (size_t i = 0, first = 0; i < range.count; i++) {
        uint8_t byte = byte_of(&range.literals[i], range.depth);
        if (i + 1 < range.count && byte_of(&range.literals[i + 1], range.depth) == byte)
            continue;
        uint32_t fallback = step(machine, row, byte) & ~ENDS;
        uint32_t child = add_state(machine, (struct range){range.literals + first, i + 1 - first,
                                                           range.depth + 1, fallback});
        machine->rows[row + machine->columns_of[byte]] = child;
        first = i + 1;
    }
}

struct literal_machine *literal_machine_new(struct literal *literals, size_t count) {
    struct literal_machine *machine = resize(NULL, 1, sizeof *machine);
    *machine = (struct literal_machine){.ending_count = 1};
    machine->endings = resize(NULL, count + 1, sizeof *machine->endings);
    qsort(literals, count, sizeof *literals, compare);
    number_columns(machine, literals, count);
    (void)add_state(machine, (struct range){literals, count, 0, 0});
    for (uint32_t state = 0; state < machine->count; state++)
        fill_row(machine, state);
    free(machine->ranges);
    machine->ranges = NULL;
    machine->rows =
        resize(machine->rows, (size_t)machine->count * machine->columns, sizeof *machine->rows);
    return machine;
}

void literal_machine_destroy(struct literal_machine **machine) {
    if (*machine == NULL)
        return;
    free((*machine)->rows);
    free((*machine)->endings);
    free(*machine);
    *machine = NULL;
}

void literal_searches_init(struct literal_searches *searches) {
    searches->count = 0;
}

/* Adds the literals of a chain whose rests follow at a place of the search's text. Where all of
 * them are known, a long text's searches are told so. */
static void report(const struct literal_search *search, uint32_t row, const char *place) {
    size_t left = (size_t)(search->end - place);
    const struct ending *endings = search->machine->endings, *ending;
    bool all_known = search->known != NULL;
    if (all_known && search->known[row % LITERAL_KNOWN_ROWS] == row)
        return;
    for (uint32_t at = search->machine->rows[row + ENDING]; at != 0; at = ending->next) {
        ending = &endings[at];
        if (hit_set_has(search->hits, ending->number))
            continue;
        if (ending->rest.length <= left &&
            memcmp(ending->rest.data, place, ending->rest.length) == 0)
            (void)hit_set_add(search->hits, ending->number);
        else
            all_known = false;
    }
    if (all_known)
        search->known[row % LITERAL_KNOWN_ROWS] = row;
}

/* A bit for each of the states in which some literal may end. */
#ifdef __SSE2__
static inline uint64_t find_ends(const uint32_t states[STRETCH_MAX]) {
    uint64_t ends = 0;
    for (size_t i = 0; i < STRETCH_MAX; i += 4) {
        __m128i four = _mm_loadu_si128((const __m128i *)(const void *)(states + i));
        ends |= (uint64_t)(unsigned)_mm_movemask_ps(_mm_castsi128_ps(four)) << i;
    }
    return ends;
}
#else
static inline uint64_t find_ends(const uint32_t states[STRETCH_MAX]) {
    uint64_t ends = 0;
    for (size_t i = 0; i < STRETCH_MAX; i++)
        ends |= (uint64_t)(states[i] / ENDS) << i;
    return ends;
}
#endif

/* Takes a stretch of each of `count` searches. States are noted without a branch on what was found,
 * which could not be foretold; what ends in them is reported when the stretch is done. */
static inline void take_stretch(struct literal_search *searches, size_t count, size_t length) {
    uint32_t states[LITERAL_TOGETHER_MAX][STRETCH_MAX];
    const uint32_t *rows[LITERAL_TOGETHER_MAX];
    const uint16_t *columns[LITERAL_TOGETHER_MAX];
    const uint8_t *bytes[LITERAL_TOGETHER_MAX];
    uint32_t state[LITERAL_TOGETHER_MAX];
    for (size_t k = 0; k < count; k++) {
        rows[k] = searches[k].machine->rows;
        columns[k] = searches[k].machine->columns_of;
        bytes[k] = (const uint8_t *)searches[k].at;
        state[k] = searches[k].row;
    }
    for (size_t i = 0; i < length; i++) {
#pragma GCC unroll 8
        for (size_t k = 0; k < count; k++) {
            state[k] = rows[k][(state[k] & ~ENDS) + columns[k][bytes[k][i]]];
            states[k][i] = state[k];
        }
    }
    for (size_t k = 0; k < count; k++) {
        uint64_t ends = find_ends(states[k]) & UINT64_MAX >> (STRETCH_MAX - length);
        for (; ends != 0; ends &= ends - 1) {
            size_t i = (size_t)__builtin_ctzll(ends);
            report(&searches[k], states[k][i] & ~ENDS, searches[k].at + i + 1);
        }
        searches[k].row = state[k] & ~ENDS;
        searches[k].at += length;
    }
}

/* Takes as many bytes of each of `count` searches. */
static inline void take_bytes(struct literal_search *searches, size_t count, size_t length) {
    for (size_t left = length, size; left > 0; left -= size) {
        size = left < STRETCH_MAX ? left : STRETCH_MAX;
        take_stretch(searches, count, size);
    }
}

/* Takes as many bytes as the shortest of the last searches has left. */
static void take_together(struct literal_search *searches, size_t count) {
    size_t length = SIZE_MAX;
    for (size_t k = 0; k < count; k++) {
        size_t left = (size_t)(searches[k].stop - searches[k].at);
        length = left < length ? left : length;
    }
    switch (count) { /* so that each count has a loop of its own */
    case 1:
        take_bytes(searches, 1, length);
        break;
    case 2:
        take_bytes(searches, 2, length);
        break;
    case 3:
        take_bytes(searches, 3, length);
        break;
    default:
        take_bytes(searches, LITERAL_TOGETHER_MAX, length);
        break;
    }
}

void literal_searches_run(struct literal_searches *searches) {
    while (searches->count > 0) {
        size_t together =
            searches->count < LITERAL_TOGETHER_MAX ? searches->count : LITERAL_TOGETHER_MAX;
        size_t first = searches->count - together;
        take_together(searches->items + first, together);
        for (size_t i = searches->count; i > first; i--)
            if (searches->items[i - 1].at == searches->items[i - 1].stop)
                searches->items[i - 1] = searches->items[--searches->count];
    }
}

static void add_search(struct literal_searches *searches, const struct literal_search *search) {
    if (search->at == search->stop)
        return;
    if (searches->count == LITERAL_SEARCHES_MAX)
        literal_searches_run(searches);
    searches->items[searches->count++] = *search;
}

/* Searches a long text now, in parts: each from before where it begins, for what stands across. */
static void search_parts(struct literal_searches *searches, struct literal_search search) {
    size_t size = (size_t)(search.end - search.at) / LITERAL_TOGETHER_MAX;
    const char *text = search.at;
    literal_searches_run(searches);
    memset(searches->known, 0, sizeof searches->known);
    search.known = searches->known;
    for (size_t i = 0; i < LITERAL_TOGETHER_MAX; i++) {
        search.at = text + size * i - (i > 0 ? search.machine->depth : 0);
        search.stop = i + 1 < LITERAL_TOGETHER_MAX ? text + size * (i + 1) : search.end;
        add_search(searches, &search);
    }
    literal_searches_run(searches);
}

void literal_searches_add(struct literal_searches *searches, const struct literal_machine *machine,
                          struct text text, struct hit_set *hits) {
    const char *end = text.data + text.length;
    struct literal_search search = {machine, text.data, end, end, hits, NULL, 0};
    if (text.length < PARTS_FROM || machine->depth > text.length / LITERAL_TOGETHER_MAX)
        add_search(searches, &search);
    else
        search_parts(searches, search);
}
