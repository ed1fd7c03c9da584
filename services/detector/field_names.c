/* field_names.c: a hash table from a member's path to its numbers. */
#include "services/detector/field_names.h"

#include "services/detector/arena.h"

#include <assert.h>
#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define FULL_PREFIX "metadata."

struct name_entry {
    struct text path; /* null: free */
    struct member_numbers numbers;
};

struct field_names {
    struct arena texts;
    struct name_entry *entries;
    uint32_t capacity; /* a power of 2, at most half full */
    uint32_t used;
    uint32_t count;
};

static struct name_entry *find_entry(const struct field_names *names, struct text path) {
    uint32_t mask = names->capacity - 1;
    uint32_t at = (uint32_t)XXH3_64bits(path.data, path.length) & mask;
    while (names->entries[at].path.data != NULL && !text_equal(names->entries[at].path, path))
        at = (at + 1) & mask;
    return &names->entries[at];
}

static void allocate_entries(struct field_names *names, uint32_t capacity) {
    names->entries = calloc(capacity, sizeof *names->entries);
    if (names->entries == NULL)
        abort();
    names->capacity = capacity;
}

static void grow(struct field_names *names) {
    struct name_entry *old = names->entries;
    uint32_t old_capacity = names->capacity;
    allocate_entries(names, old_capacity * 2);
    for (uint32_t i = 0; i < old_capacity; i++)
        if (old[i].path.data != NULL)
            *find_entry(names, old[i].path) = old[i];
    free(old);
}

struct field_names *field_names_new(void) {
    struct field_names *names = calloc(1, sizeof *names);
    if (names == NULL)
        abort();
    arena_init(&names->texts);
    allocate_entries(names, 256);
    static const char *const known[] = {
#define FIELD(name, type, need, unit, meaning) #name,
#include "proto/event.def"
#undef FIELD
        "off_hours",
        "source_ip_reputation",
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        uint32_t number;
        enum status status = field_names_intern(names, text_of(known[i]), &number);
        assert(status == STATUS_OK && number == i);
    }
    return names;
}

void field_names_destroy(struct field_names **names) {
    if (*names == NULL)
        return;
    arena_fini(&(*names)->texts);
    free((*names)->entries);
    free(*names);
    *names = NULL;
}

enum status field_names_intern(struct field_names *names, struct text name, uint32_t *ret_number) {
    size_t prefix = sizeof FULL_PREFIX - 1;
    bool full = name.length > prefix && memcmp(name.data, FULL_PREFIX, prefix) == 0;
    struct text path = full ? (struct text){name.data + prefix, name.length - prefix} : name;
    if (path.length == 0)
        return STATUS_BAD_VALUE;
    if (path.length > FIELD_NAME_SIZE_MAX || names->count >= FIELD_NAMES_MAX)
        return STATUS_TOO_LARGE;
    if (names->used * 2 >= names->capacity)
        grow(names);
    struct name_entry *entry = find_entry(names, path);
    if (entry->path.data == NULL) {
        *entry = (struct name_entry){arena_text(&names->texts, path), {-1, -1}};
        names->used++;
    }
    int32_t *number = full ? &entry->numbers.full : &entry->numbers.bare;
    if (*number < 0)
        *number = (int32_t)names->count++;
    *ret_number = (uint32_t)*number;
    return STATUS_OK;
}

uint32_t field_names_count(const struct field_names *names) {
    return names->count;
}

struct member_numbers field_names_member(const struct field_names *names, struct text path) {
    struct name_entry *entry = find_entry(names, path);
    if (entry->path.data == NULL)
        return (struct member_numbers){-1, -1};
    struct member_numbers numbers = entry->numbers;
    if (numbers.bare == FIELD_NUMBER_off_hours || numbers.bare == FIELD_NUMBER_source_ip_reputation)
        numbers.bare = -1;
    return numbers;
}
