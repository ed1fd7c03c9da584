/* enrich_reputation.c: sorted, joined address ranges and a binary search. */
#include "services/detector/enrich_reputation.h"

#include "common/log.h"
#include "services/detector/address.h"
#include "services/detector/file_text.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Bad lines named in the log; the rest are only counted. */
#define LINES_LOGGED_MAX 5

struct range_list {
    struct address_range *ranges;
    size_t count;
    size_t capacity;
    size_t refused; /* lines */
};

struct enrich_reputation {
    const char *path;
    struct timespec changed; /* of the file that was read */
    struct range_list list;
};

static void add_range(struct range_list *list, const struct address_range *range) {
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        list->ranges = reallocarray(list->ranges, list->capacity, sizeof *list->ranges);
        if (list->ranges == NULL)
            abort();
    }
    list->ranges[list->count++] = *range;
}

static bool is_blank(char character) {
    return character == ' ' || character == '\t' || character == '\r';
}

/* The line without its comment and the blanks around it. */
static struct text strip_line(struct text line) {
    const char *comment = line.length > 0 ? memchr(line.data, '#', line.length) : NULL;
    if (comment != NULL)
        line.length = (size_t)(comment - line.data);
    while (line.length > 0 && is_blank(line.data[0]))
        line = (struct text){line.data + 1, line.length - 1};
    while (line.length > 0 && is_blank(line.data[line.length - 1]))
        line.length--;
    return line;
}

static void read_line(struct range_list *list, const char *path, struct text line, size_t number) {
    struct address_range range;
    line = strip_line(line);
    if (line.length == 0)
        return;
    if (address_range_parse(line, &range)) {
        add_range(list, &range);
    } else if (list->refused++ < LINES_LOGGED_MAX) {
        log_warning("no address or network, line passed over", LOG_STRING("file", path),
                    LOG_INT("line", number), LOG_TEXT("text", line));
    }
}

static int compare_ranges(const void *a, const void *b) {
    return address_compare(&((const struct address_range *)a)->first,
                           &((const struct address_range *)b)->first);
}

/* Sorts the ranges and joins those that overlap. */
static void join_ranges(struct range_list *list) {
    size_t kept = 0;
    if (list->count > 1)
        qsort(list->ranges, list->count, sizeof *list->ranges, compare_ranges);
    for (size_t i = 0; i < list->count; i++) {
        struct address_range *range = &list->ranges[i];
        struct address_range *before = kept > 0 ? &list->ranges[kept - 1] : NULL;
        if (before != NULL && address_compare(&range->first, &before->last) <= 0) {
            if (address_compare(&before->last, &range->last) < 0)
                before->last = range->last;
        } else {
            list->ranges[kept++] = *range;
        }
    }
    list->count = kept;
}

static struct range_list parse_list(const char *path, struct text source) {
    struct range_list list = {0};
    size_t number = 1;
    while (source.length > 0) {
        const char *end = memchr(source.data, '\n', source.length);
        size_t length = end != NULL ? (size_t)(end - source.data) : source.length;
        read_line(&list, path, (struct text){source.data, length}, number++);
        size_t taken = end != NULL ? length + 1 : length;
        source = (struct text){source.data + taken, source.length - taken};
    }
    join_ranges(&list);
    return list;
}

/* Replaces the list by the file's. */
static enum status load(struct enrich_reputation *enrichment) {
    struct buffer source;
    buffer_init(&source, REPUTATION_FILE_MAX);
    enum status status = file_text_read(enrichment->path, &source);
    if (status == STATUS_OK) {
        free(enrichment->list.ranges);
        enrichment->list = parse_list(enrichment->path, buffer_text(&source));
        log_info("known-bad addresses read", LOG_STRING("file", enrichment->path),
                 LOG_INT("ranges", enrichment->list.count),
                 LOG_INT("lines_refused", enrichment->list.refused));
    }
    buffer_fini(&source);
    return status;
}

/* When the file last changed; false when it is not there. */
static bool read_changed(const char *path, struct timespec *ret_changed) {
    struct stat found;
    if (stat(path, &found) != 0)
        return false;
    *ret_changed = found.st_mtim;
    return true;
}

struct enrich_reputation *enrich_reputation_new(const char *path) {
    struct enrich_reputation *enrichment = calloc(1, sizeof *enrichment);
    if (enrichment == NULL)
        abort();
    enrichment->path = path;
    if (path[0] == '\0')
        return enrichment;
    if (!read_changed(path, &enrichment->changed) || load(enrichment) != STATUS_OK) {
        log_error(
            "SIEM_BAD_ADDRESSES cannot be read: name a readable file with one address or network "
            "a line, or leave it empty",
            LOG_STRING("file", path), LOG_STRING("reason", strerror(errno)));
        enrich_reputation_destroy(&enrichment);
    }
    return enrichment;
}

void enrich_reputation_destroy(struct enrich_reputation **enrichment) {
    if (*enrichment != NULL)
        free((*enrichment)->list.ranges);
    free(*enrichment);
    *enrichment = NULL;
}

void enrich_reputation_refresh(struct enrich_reputation *enrichment) {
    struct timespec changed;
    if (enrichment->path[0] == '\0' || !read_changed(enrichment->path, &changed))
        return;
    if (changed.tv_sec == enrichment->changed.tv_sec &&
        changed.tv_nsec == enrichment->changed.tv_nsec)
        return;
    enrichment->changed = changed;
    if (load(enrichment) != STATUS_OK)
        log_warning("known-bad addresses cannot be read; the list stays as it was",
                    LOG_STRING("file", enrichment->path), LOG_STRING("reason", strerror(errno)));
}

bool enrich_reputation_is_bad(const struct enrich_reputation *enrichment, struct text text) {
    const struct range_list *list = &enrichment->list;
    struct address address;
    if (list->count == 0 || text.data == NULL || !address_parse(text, &address))
        return false;
    size_t low = 0, high = list->count;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (address_compare(&list->ranges[middle].first, &address) <= 0)
            low = middle;
        else
            high = middle;
    }
    return address_range_holds(&list->ranges[low], &address);
}

void enrich_reputation_apply(const struct enrich_reputation *enrichment, const struct event *event,
                             struct fields *fields) {
    if (enrich_reputation_is_bad(enrichment, event->source_ip))
        fields_add_text(fields, FIELD_NUMBER_source_ip_reputation, TEXT("known_bad"));
}
