/* spool_recover.c: finds out at open what the segments hold, cuts a torn tail, sets damages aside.
 */
#include "common/spool_internal.h"

#include "common/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCAN_CHUNK 1114112 /* a record and some more */

/* Reads a segment's name; false for any other file. */
static bool parse_name(const char *name, uint64_t *ret_first) {
    uint64_t first = 0;
    for (int i = 0; i < 16; i++) {
        const char *digit = name[i] == '\0' ? NULL : strchr("0123456789abcdef", name[i]);
        if (digit == NULL)
            return false;
        first = first << 4 | (uint64_t)(digit - "0123456789abcdef");
    }
    if (strcmp(name + 16, ".spool") != 0)
        return false;
    *ret_first = first;
    return true;
}

static int compare_first(const void *a, const void *b) {
    uint64_t left = ((const struct spool_segment *)a)->first;
    uint64_t right = ((const struct spool_segment *)b)->first;
    return (left > right) - (left < right);
}

/* Lists the segments in order, and counts what was set aside before. */
static bool list_segments(struct spool *spool) {
    int fd = openat(spool->directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (directory == NULL)
        return false;
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        uint64_t first;
        if (parse_name(entry->d_name, &first))
            spool_segment_add(spool, first);
        else if (strncmp(entry->d_name, "damaged-", 8) == 0)
            spool->damaged_files++;
    }
    closedir(directory);
    if (spool->segment_count > 0)
        qsort(spool->segments, spool->segment_count, sizeof *spool->segments, compare_first);
    return true;
}

bool spool_recover_salt(struct spool *spool, uint64_t *ret_salt) {
    bool found = false;
    if (!list_segments(spool))
        return false;
    for (size_t i = 0; i < spool->segment_count && !found; i++) {
        uint8_t head[SPOOL_SEGMENT_HEAD];
        uint32_t version;
        int fd = spool_segment_open(spool, spool->segments[i].first, O_RDONLY);
        found = fd >= 0 && pread(fd, head, sizeof head, 0) == (ssize_t)sizeof head &&
                spool_segment_head_decode(head, ret_salt, &version);
        if (fd >= 0)
            close(fd);
    }
    spool->segment_count = 0;
    spool->damaged_files = 0;
    return found;
}

void spool_set_aside(struct spool *spool, struct spool_view *view, uint64_t first, int64_t from,
                     int64_t to) {
    counter_add(spool->damaged_bytes, to > from ? (uint64_t)(to - from) : 0);
    if (spool->damaged_files >= SPOOL_DAMAGED_FILES_MAX) {
        log_warning("too many damaged files; this one is only counted",
                    LOG_STRING("remedy", "look at damaged-*.bin and move them away"));
        return;
    }
    char name[SPOOL_NAME_SIZE + 24];
    snprintf(name, sizeof name, "damaged-%016" PRIx64 "-%" PRIx64 ".bin", first, (uint64_t)from);
    int fd = openat(spool->directory_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    spool->damaged_files++;
    if (to - from > SPOOL_DAMAGED_BYTES_MAX)
        to = from + SPOOL_DAMAGED_BYTES_MAX;
    for (int64_t at = from; at < to;) {
        size_t piece = to - at < SCAN_CHUNK ? (size_t)(to - at) : SCAN_CHUNK;
        const uint8_t *bytes = spool_view_at(view, at, piece);
        if (bytes == NULL || write(fd, bytes, piece) != (ssize_t)piece)
            break;
        at += (int64_t)piece;
    }
    close(fd);
}

/* True when nothing but zeros stands from `offset` to the file's end. */
static bool rest_is_zero(struct spool_view *view, int64_t offset) {
    for (int64_t at = offset; at < view->size;) {
        size_t piece = view->size - at < SCAN_CHUNK ? (size_t)(view->size - at) : SCAN_CHUNK;
        const uint8_t *bytes = spool_view_at(view, at, piece);
        if (bytes == NULL)
            return true;
        if (bytes[0] != 0 || memcmp(bytes, bytes + 1, piece - 1) != 0)
            return false;
        at += (int64_t)piece;
    }
    return true;
}

/* What one segment's scan needs. */
struct scan {
    struct spool *spool;
    struct spool_segment *segment;
    struct spool_view view;
    uint64_t limit; /* the next segment's first number; UINT64_MAX for the last segment */
    int64_t offset; /* where record segment->next should stand */
};

/* Bytes from the scan's place up to the last that is not zero, of one record's length at most. */
static int64_t torn_end(struct scan *scan) {
    int64_t most = scan->view.size - scan->offset;
    if (most > SPOOL_RECORD_HEAD + SPOOL_RECORD_MAX)
        most = SPOOL_RECORD_HEAD + SPOOL_RECORD_MAX;
    const uint8_t *bytes = spool_view_at(&scan->view, scan->offset, (size_t)most);
    while (bytes != NULL && most > 0 && bytes[most - 1] == 0)
        most--;
    return scan->offset + most;
}

/* The last segment's bytes behind its last whole record: a write the crash cut short. */
static void cut_tail(struct scan *scan) {
    struct spool *spool = scan->spool;
    int64_t end = torn_end(scan);
    log_warning("the spool's torn tail is cut", LOG_INT("number", scan->segment->next),
                LOG_INT("bytes", end - scan->offset));
    spool_set_aside(spool, &scan->view, scan->segment->first, scan->offset, end);
    if (ftruncate(scan->view.fd, scan->offset) != 0)
        log_error("the spool's torn tail stays", LOG_STRING("error", strerror(errno)));
}

/* No record at the scan's place. True when a later one was found and the scan goes on. */
static bool scan_damage(struct scan *scan) {
    struct spool *spool = scan->spool;
    struct spool_segment *segment = scan->segment;
    bool last = scan->limit == UINT64_MAX;
    bool empty = rest_is_zero(&scan->view, scan->offset);
    if (empty && (last || segment->next == scan->limit))
        return false;
    uint64_t most = segment->next + (uint64_t)(scan->view.size - scan->offset) / SPOOL_RECORD_HEAD;
    struct spool_gap gap = {segment->next, scan->limit, scan->view.size};
    bool found = !empty && spool_record_find(spool, &scan->view, scan->offset, segment->next + 1,
                                             last ? most : scan->limit - 1, &gap.resume);
    if (found)
        gap.to = spool_get(spool_view_at(&scan->view, gap.resume, SPOOL_RECORD_HEAD) + 8, 8);
    if (!found && last) {
        cut_tail(scan);
        return false;
    }
    log_error("damaged spool records are set aside", LOG_INT("from", gap.from),
              LOG_INT("to", gap.to - 1));
    counter_add(spool->damaged_records, gap.to - gap.from);
    spool_set_aside(spool, &scan->view, segment->first, scan->offset, gap.resume);
    spool_segment_note_gap(segment, gap);
    segment->next = gap.to;
    segment->end = scan->offset = gap.resume;
    return found;
}

/* Reads a segment from one end to the other. */
static void scan_records(struct scan *scan) {
    struct spool_segment *segment = scan->segment;
    do {
        struct spool_record record;
        while (segment->next < scan->limit &&
               spool_record_at(scan->spool, &scan->view, scan->offset, &record) &&
               record.number == segment->next) {
            spool_segment_note(segment, scan->offset, record.length);
            scan->offset = segment->end;
        }
    } while (segment->next < scan->limit && scan_damage(scan));
}

/* False when the segment was written by a version we do not know. */
static bool check_head(const struct spool *spool, struct spool_view *view, uint64_t first) {
    uint64_t salt;
    uint32_t version = 1;
    const uint8_t *head = spool_view_at(view, 0, SPOOL_SEGMENT_HEAD);
    if (head == NULL || !spool_segment_head_decode(head, &salt, &version)) {
        log_warning("a spool segment's head is damaged; its records are read all the same",
                    LOG_INT("first", first));
        counter_add(spool->damaged_bytes, SPOOL_SEGMENT_HEAD);
    }
    if (version != 1)
        log_error("a spool segment has an unknown version", LOG_INT("version", version),
                  LOG_STRING("remedy", "start the version that wrote it, and let it drain"));
    return version == 1;
}

/* Opens and scans one segment. */
static enum status scan_segment(struct spool *spool, size_t place) {
    struct spool_segment *segment = &spool->segments[place];
    bool last = place + 1 == spool->segment_count;
    struct stat file;
    int fd = spool_segment_open(spool, segment->first, last ? O_RDWR : O_RDONLY);
    if (fd < 0 || fstat(fd, &file) != 0) {
        log_error("a spool segment cannot be opened", LOG_STRING("error", strerror(errno)),
                  LOG_STRING("remedy", "give this user the rights to it"));
        return STATUS_IO_ERROR;
    }
    segment->bytes = file.st_size;
    segment->touched.ms = (int64_t)file.st_mtim.tv_sec * 1000 + file.st_mtim.tv_nsec / 1000000;
    struct scan scan = {.spool = spool,
                        .segment = segment,
                        .limit = last ? UINT64_MAX : spool->segments[place + 1].first,
                        .offset = SPOOL_SEGMENT_HEAD};
    spool_view_init(&scan.view, fd, file.st_size, SCAN_CHUNK);
    bool known = file.st_size == 0 || check_head(spool, &scan.view, segment->first);
    if (known)
        scan_records(&scan);
    spool_view_fini(&scan.view);
    if (last)
        spool->write_fd = fd;
    else
        close(fd);
    return known ? STATUS_OK : STATUS_UNSUPPORTED;
}

/* Makes the last segment ready to be written to, and all that was found durable. */
static enum status adopt_last(struct spool *spool) {
    struct spool_segment *segment = &spool->segments[spool->segment_count - 1];
    uint8_t head[SPOOL_SEGMENT_HEAD];
    spool_segment_head_encode(spool, segment->first, head);
    int64_t wanted = spool->options.segment_bytes;
    if (segment->bytes > wanted)
        wanted = segment->bytes;
    /* With a full disk the segment stays as long as it is; the next append says DISK_FULL. */
    if (spool_segment_allocate(spool->write_fd, wanted))
        segment->bytes = wanted;
    else if (ftruncate(spool->write_fd, segment->end) == 0)
        segment->bytes = segment->end;
    segment->zeroed = segment->end;
    if (pwrite(spool->write_fd, head, sizeof head, 0) != (ssize_t)sizeof head ||
        fsync(spool->write_fd) != 0 || fsync(spool->directory_fd) != 0) {
        log_error("the spool cannot be synced", LOG_STRING("error", strerror(errno)),
                  LOG_STRING("remedy", "look at the disk"));
        return STATUS_IO_ERROR;
    }
    return STATUS_OK;
}

enum status spool_recover(struct spool *spool) {
    if (!list_segments(spool))
        return STATUS_IO_ERROR;
    if (spool->segment_count == 0) {
        spool->floor = 0;
        enum status status = spool_segment_create(spool, 0);
        if (status != STATUS_OK)
            log_error("the spool's first segment cannot be made",
                      LOG_STRING("reason", status_sentence(status)),
                      LOG_STRING("remedy", "make room, or lower SIEM_SPOOL_RESERVE, "
                                           "SIEM_SPOOL_SEGMENT or raise SIEM_SPOOL_MAX"));
        return status;
    }
    for (size_t i = 0; i < spool->segment_count; i++) {
        enum status status = scan_segment(spool, i);
        if (status != STATUS_OK)
            return status;
    }
    if (spool->floor > spool_next(spool))
        spool->floor = spool_next(spool);
    return adopt_last(spool);
}
