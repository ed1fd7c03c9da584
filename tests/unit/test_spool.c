/* test_spool.c: what was synced is there after any crash, and nothing else is (promise P1). */
#include "common/clock.h"
#include "common/counters.h"
#include "common/spool.h"

#include <criterion/criterion.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

#define SEGMENT (2 * 1024 * 1024)
#define SEGMENT_HEAD 32 /* of the layout on top of spool.c */
#define RECORD_HEAD 24

static char directory[64];

static void make_directory(void) {
    snprintf(directory, sizeof directory, "/tmp/siem-spool-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
}

static void remove_directory(void) {
    DIR *listing = opendir(directory);
    struct dirent *entry;
    while (listing != NULL && (entry = readdir(listing)) != NULL)
        unlinkat(dirfd(listing), entry->d_name, 0);
    if (listing != NULL)
        closedir(listing);
    rmdir(directory);
}

TestSuite(spool, .init = make_directory, .fini = remove_directory);

static struct spool_options options_of(int64_t retain_ms, int64_t max_bytes) {
    return (struct spool_options){.directory = directory,
                                  .segment_bytes = SEGMENT,
                                  .max_bytes = max_bytes,
                                  .retain_ms = retain_ms,
                                  .retain_bytes = INT64_C(1) << 40};
}

static struct spool *open_spool(void) {
    struct spool_options options = options_of(0, INT64_C(1) << 32);
    return spool_open(&options);
}

/* The content of record `number`: its length and every byte follow from the number. */
static struct bytes content_of(uint64_t number, size_t length) {
    static uint8_t data[1024 * 1024 + 1];
    for (size_t i = 0; i < length; i++)
        data[i] = (uint8_t)(number * 31 + i * 7 + 1);
    return (struct bytes){data, length};
}

static size_t length_of(uint64_t number) {
    return 1 + (size_t)(number * 37 % 300);
}

static void append(struct spool *spool, uint64_t number, size_t length) {
    struct bytes content = content_of(number, length);
    /* Two parts, as a batch's head and body are. */
    struct bytes parts[2] = {{content.data, length / 3},
                             {content.data + length / 3, length - length / 3}};
    uint64_t given = UINT64_MAX;
    cr_assert_eq(spool_append(spool, parts, 2, &given), STATUS_OK);
    cr_assert_eq(given, number);
}

static void expect(struct spool *spool, uint64_t number, size_t length) {
    struct bytes record = {NULL, 0};
    enum status status = spool_read(spool, number, &record);
    cr_assert_eq(status, STATUS_OK, "record %lu: %s", (unsigned long)number, status_reason(status));
    cr_assert_eq(record.length, length);
    cr_assert_eq(memcmp(record.data, content_of(number, length).data, length), 0);
}

static void expect_status(struct spool *spool, uint64_t number, enum status wanted) {
    struct bytes record;
    enum status status = spool_read(spool, number, &record);
    cr_assert_eq(status, wanted, "record %lu: %s, not %s", (unsigned long)number,
                 status_reason(status), status_reason(wanted));
}

static void fill(struct spool *spool, uint64_t from, uint64_t to) {
    for (uint64_t number = from; number < to; number++)
        append(spool, number, length_of(number));
    cr_assert_eq(spool_sync(spool), STATUS_OK);
}

static void path_of(char *out, size_t size, uint64_t first) {
    snprintf(out, size, "%s/%016lx.spool", directory, (unsigned long)first);
}

/* Where record `number` stands in the first segment, when all before have length_of. */
static int64_t offset_of(uint64_t number) {
    int64_t offset = SEGMENT_HEAD;
    for (uint64_t i = 0; i < number; i++)
        offset += RECORD_HEAD + (int64_t)((length_of(i) + 7) / 8 * 8);
    return offset;
}

static void damage(uint64_t first, int64_t offset, uint8_t bits) {
    char path[128];
    path_of(path, sizeof path, first);
    int fd = open(path, O_RDWR);
    uint8_t byte;
    cr_assert_eq(pread(fd, &byte, 1, offset), 1);
    byte ^= bits;
    cr_assert_eq(pwrite(fd, &byte, 1, offset), 1);
    close(fd);
}

static int count_files(const char *prefix) {
    int count = 0;
    DIR *listing = opendir(directory);
    struct dirent *entry;
    while ((entry = readdir(listing)) != NULL)
        count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    closedir(listing);
    return count;
}

Test(spool, gives_back_what_was_appended) {
    struct spool *spool = open_spool();
    cr_assert_eq(spool_next(spool), 0);
    fill(spool, 0, 1000);
    for (uint64_t number = 0; number < 1000; number++)
        expect(spool, number, length_of(number));
    for (uint64_t i = 0; i < 1000; i++)
        expect(spool, i * 7919 % 1000, length_of(i * 7919 % 1000));
    expect_status(spool, 1000, STATUS_NOT_FOUND);
    spool_destroy(&spool);
    cr_assert_null(spool);
}

Test(spool, reads_while_it_is_written) {
    struct spool *spool = open_spool();
    for (uint64_t number = 0; number < 500; number++) {
        append(spool, number, length_of(number));
        expect(spool, number, length_of(number));
        expect(spool, number / 2, length_of(number / 2));
    }
    spool_destroy(&spool);
}

Test(spool, goes_on_where_it_was_over_many_starts_and_segments) {
    uint64_t producer = 0;
    uint64_t next = 0;
    for (uint32_t start = 1; start <= 30; start++) {
        struct spool *spool = open_spool();
        cr_assert_not_null(spool);
        producer = start == 1 ? spool_producer(spool) : producer;
        cr_assert_eq(spool_producer(spool), producer);
        cr_assert_eq(spool_epoch(spool), start);
        cr_assert_eq(spool_next(spool), next);
        for (int i = 0; i < 3; i++, next++)
            append(spool, next, 90000 + next);
        cr_assert_eq(spool_sync(spool), STATUS_OK);
        for (uint64_t number = 0; number < next; number++)
            expect(spool, number, 90000 + number);
        spool_destroy(&spool);
    }
    cr_assert_geq(count_files("0000"), 4);
}

Test(spool, takes_records_of_every_allowed_length) {
    struct spool *spool = open_spool();
    const size_t lengths[] = {1, 7, 8, 9, 4095, 4096, 65536, 1024 * 1024 - 1, 1024 * 1024};
    for (uint64_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        append(spool, i, lengths[i]);
    struct bytes too_large = content_of(9, 1024 * 1024 + 1);
    uint64_t number;
    cr_assert_eq(spool_append(spool, &too_large, 1, &number), STATUS_TOO_LARGE);
    spool_destroy(&spool);
    spool = open_spool();
    for (uint64_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        expect(spool, i, lengths[i]);
    spool_destroy(&spool);
}

Test(spool, two_processes_never_share_it) {
    struct spool *spool = open_spool();
    cr_assert_null(open_spool());
    spool_destroy(&spool);
    spool = open_spool();
    cr_assert_not_null(spool);
    spool_destroy(&spool);
}

Test(spool, survives_a_kill_between_any_two_calls) {
    for (int round = 0; round < 10; round++) {
        int ready[2];
        cr_assert_eq(pipe(ready), 0);
        pid_t child = fork();
        if (child == 0) {
            struct spool *spool = open_spool();
            for (uint64_t number = spool_next(spool);; number++) {
                append(spool, number, length_of(number));
                if (spool_sync(spool) != STATUS_OK || write(ready[1], &number, 8) != 8)
                    _exit(1);
            }
        }
        close(ready[1]);
        uint64_t synced = 0;
        for (int i = 0; i < 20 + round * 3; i++)
            cr_assert_eq(read(ready[0], &synced, 8), 8);
        kill(child, SIGKILL);
        while (read(ready[0], &synced, 8) == 8) {
        }
        close(ready[0]);
        waitpid(child, NULL, 0);
        struct spool *spool = open_spool();
        cr_assert_gt(spool_next(spool), synced);
        for (uint64_t number = 0; number < spool_next(spool); number++)
            expect(spool, number, length_of(number));
        spool_destroy(&spool);
    }
}

Test(spool, cuts_a_tail_torn_at_any_byte, .timeout = 300) {
    struct spool *spool = open_spool();
    fill(spool, 0, 5);
    spool_destroy(&spool);
    const int64_t start = offset_of(4);
    const int64_t whole = RECORD_HEAD + (int64_t)length_of(4);
    char path[128];
    path_of(path, sizeof path, 0);
    uint8_t record[512];
    int fd = open(path, O_RDWR);
    cr_assert_eq(pread(fd, record, (size_t)whole, start), whole);
    static const uint8_t zeros[512];
    struct counter *damaged_bytes = counter_new("siem_spool_damaged_bytes_total", NULL, "");
    for (int64_t kept = 0; kept < whole; kept++) {
        if (record[kept] == 0 && kept + 1 == whole)
            continue;
        cr_assert_eq(pwrite(fd, record, (size_t)kept, start), kept);
        cr_assert_eq(pwrite(fd, zeros, (size_t)(512 - kept), start + kept), 512 - kept);
        spool = open_spool();
        cr_assert_eq(spool_next(spool), 4, "torn after %ld bytes", (long)kept);
        expect(spool, 3, length_of(3));
        append(spool, 4, 1); /* what follows takes the torn one's place */
        cr_assert_eq(spool_sync(spool), STATUS_OK);
        spool_destroy(&spool);
        uint64_t damaged = counter_read(damaged_bytes);
        spool = open_spool();
        cr_assert_eq(counter_read(damaged_bytes), damaged); /* nothing of it is left */
        cr_assert_eq(spool_next(spool), 5);
        expect(spool, 4, 1);
        spool_destroy(&spool);
    }
    close(fd);
}

Test(spool, cuts_a_tail_where_the_file_ends_early, .timeout = 300) {
    struct spool *spool = open_spool();
    fill(spool, 0, 5);
    spool_destroy(&spool);
    char path[128];
    path_of(path, sizeof path, 0);
    const int64_t end = offset_of(5);
    for (int64_t length = end - 1; length >= 0; length -= 3) {
        cr_assert_eq(truncate(path, length), 0);
        uint64_t whole = 0;
        while (whole < 5 && offset_of(whole) + RECORD_HEAD + (int64_t)length_of(whole) <= length)
            whole++;
        spool = open_spool();
        cr_assert_not_null(spool);
        cr_assert_eq(spool_next(spool), whole, "cut to %ld bytes", (long)length);
        for (uint64_t number = 0; number < whole; number++)
            expect(spool, number, length_of(number));
        spool_destroy(&spool);
    }
}

Test(spool, a_bit_flipped_anywhere_costs_its_record_only, .timeout = 300) {
    struct spool *spool = open_spool();
    fill(spool, 0, 8);
    spool_destroy(&spool);
    for (int64_t offset = offset_of(3); offset < offset_of(4); offset++) {
        bool padding = offset >= offset_of(3) + RECORD_HEAD + (int64_t)length_of(3);
        damage(0, offset, (uint8_t)(1u << (offset % 8)));
        spool = open_spool();
        cr_assert_eq(spool_next(spool), 8);
        for (uint64_t number = 0; number < 8; number++) {
            if (number == 3 && !padding)
                expect_status(spool, number, STATUS_CORRUPT);
            else
                expect(spool, number, length_of(number));
        }
        spool_destroy(&spool);
        damage(0, offset, (uint8_t)(1u << (offset % 8)));
    }
    cr_assert_gt(count_files("damaged-"), 0);
}

Test(spool, damage_while_it_runs_is_found_and_counted_once) {
    struct spool *spool = open_spool();
    fill(spool, 0, 300);
    damage(0, offset_of(100) + 4, 0x10);           /* a length: the heads no longer chain */
    damage(0, offset_of(200) + RECORD_HEAD, 0x01); /* a body */
    damage(0, offset_of(201) + 9, 0xff);           /* a number */
    struct counter *counter = counter_new("siem_spool_damaged_records_total", NULL, "");
    uint64_t before = counter_read(counter);
    for (int round = 0; round < 3; round++) {
        for (uint64_t number = 0; number < 300; number++) {
            if (number == 100 || number == 200 || number == 201)
                expect_status(spool, number, STATUS_CORRUPT);
            else
                expect(spool, number, length_of(number));
        }
    }
    cr_assert_eq(counter_read(counter), before + 3);
    append(spool, 300, 10);
    expect(spool, 300, 10);
    spool_destroy(&spool);
}

Test(spool, damages_beyond_the_table_join_and_the_rest_stays_readable) {
    struct spool *spool = open_spool();
    fill(spool, 0, 400);
    spool_destroy(&spool);
    for (uint64_t number = 2; number < 300; number += 3) /* 100 damages, the table holds 64 */
        damage(0, offset_of(number) + RECORD_HEAD, 0x01);
    spool = open_spool();
    cr_assert_eq(spool_next(spool), 400);
    for (uint64_t number = 0; number < 400; number++) {
        struct bytes record;
        enum status status = spool_read(spool, number, &record);
        if (number < 300 && number % 3 == 2)
            cr_assert_eq(status, STATUS_CORRUPT);
        else if (number < 180 || number >= 299)
            cr_assert_eq(status, STATUS_OK, "record %lu", (unsigned long)number);
    }
    cr_assert_leq(count_files("damaged-"), 64);
    spool_destroy(&spool);
}

Test(spool, a_missing_segment_is_a_gap_in_a_gapless_numbering) {
    struct spool *spool = open_spool();
    for (uint64_t number = 0; number < 9; number++)
        append(spool, number, 900000); /* two a segment */
    cr_assert_eq(spool_sync(spool), STATUS_OK);
    spool_destroy(&spool);
    char path[128];
    path_of(path, sizeof path, 4);
    cr_assert_eq(unlink(path), 0);
    spool = open_spool();
    cr_assert_eq(spool_next(spool), 9);
    for (uint64_t number = 0; number < 9; number++) {
        if (number == 4 || number == 5)
            expect_status(spool, number, STATUS_CORRUPT);
        else
            expect(spool, number, 900000);
    }
    spool_destroy(&spool);
}

Test(spool, a_damaged_segment_head_costs_nothing) {
    struct spool *spool = open_spool();
    fill(spool, 0, 10);
    spool_destroy(&spool);
    damage(0, 9, 0xff);
    for (int i = 0; i < 2; i++) {
        spool = open_spool();
        for (uint64_t number = 0; number < 10; number++)
            expect(spool, number, length_of(number));
        spool_destroy(&spool);
    }
}

/* Makes it another one, whatever it was. */
static void change_byte(int fd, off_t at) {
    char byte;
    cr_assert_eq(pread(fd, &byte, 1, at), 1);
    byte = (char)(byte ^ 1);
    cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
}

Test(spool, a_lost_or_damaged_meta_file_makes_a_new_producer_and_keeps_the_records) {
    struct spool *spool = open_spool();
    uint64_t producer = spool_producer(spool);
    fill(spool, 0, 10);
    spool_destroy(&spool);
    char meta[128];
    snprintf(meta, sizeof meta, "%s/meta", directory);
    for (int round = 0; round < 2; round++) {
        int fd = open(meta, O_RDWR);
        if (round == 0)
            change_byte(fd, 9);
        else
            cr_assert_eq(unlink(meta), 0);
        close(fd);
        spool = open_spool();
        cr_assert_neq(spool_producer(spool), producer);
        cr_assert_eq(spool_epoch(spool), 1);
        for (uint64_t number = 0; number < 10; number++)
            expect(spool, number, length_of(number));
        producer = spool_producer(spool);
        spool_destroy(&spool);
    }
}

Test(spool, bytes_that_look_like_a_record_inside_a_record_are_none) {
    struct spool *spool = open_spool();
    fill(spool, 0, 2);
    spool_destroy(&spool);
    /* The sender knows all but the salt, and puts a record of number 3 into the event that
     * becomes 2. */
    uint8_t forged[32] = {0x73, 0x70, 0x6f, 0x7c, 8, 0, 0, 0, 3};
    uint8_t summed[20] = {3};
    summed[8] = 8;
    uint64_t checksum = XXH3_64bits(summed, sizeof summed);
    memcpy(forged + 16, &checksum, sizeof checksum);
    spool = open_spool();
    struct bytes part = {forged, sizeof forged};
    uint64_t number;
    cr_assert_eq(spool_append(spool, &part, 1, &number), STATUS_OK);
    append(spool, 3, 50);
    cr_assert_eq(spool_sync(spool), STATUS_OK);
    spool_destroy(&spool);
    damage(0, offset_of(2) + 2, 0xff);
    spool = open_spool();
    expect_status(spool, 2, STATUS_CORRUPT);
    expect(spool, 3, 50);
    spool_destroy(&spool);
}

Test(spool, keeps_what_is_committed_for_the_retention_and_no_longer) {
    struct spool_options options = options_of(60000, INT64_C(1) << 32);
    struct spool *spool = spool_open(&options);
    for (uint64_t number = 0; number < 9; number++)
        append(spool, number, 900000);
    cr_assert_eq(spool_sync(spool), STATUS_OK);
    cr_assert_eq(spool_bytes(spool), 5 * SEGMENT);
    struct wall_time now = clock_wall();
    spool_release(spool, 9, now);
    cr_assert_eq(spool_first(spool), 0);
    now.ms += 60001;
    spool_release(spool, 3, now); /* only what is wholly below the floor */
    cr_assert_eq(spool_first(spool), 2);
    expect_status(spool, 1, STATUS_NOT_FOUND);
    spool_release(spool, 9, now);
    cr_assert_eq(spool_first(spool), 8); /* the last record's segment stays */
    expect(spool, 8, 900000);
    cr_assert_eq(spool_bytes(spool), SEGMENT);
    spool_destroy(&spool);
    spool = spool_open(&options);
    cr_assert_eq(spool_next(spool), 9);
    cr_assert_eq(spool_floor(spool), 9);
    spool_destroy(&spool);
}

Test(spool, keeps_no_more_committed_bytes_than_told) {
    struct spool_options options = options_of(INT64_C(1) << 40, INT64_C(1) << 32);
    options.retain_bytes = 2 * SEGMENT;
    struct spool *spool = spool_open(&options);
    for (uint64_t number = 0; number < 9; number++)
        append(spool, number, 900000);
    spool_release(spool, 9, clock_wall());
    cr_assert_eq(spool_first(spool), 4); /* two committed segments and the newest */
    spool_destroy(&spool);
}

Test(spool, a_full_spool_says_so_stays_whole_and_goes_on_when_there_is_room) {
    struct spool_options options = options_of(INT64_C(1) << 40, 3 * SEGMENT);
    struct spool *spool = spool_open(&options);
    for (uint64_t number = 0; number < 6; number++)
        append(spool, number, 900000);
    cr_assert_eq(spool_sync(spool), STATUS_OK);
    struct bytes part = content_of(6, 900000);
    uint64_t number = 99;
    for (int i = 0; i < 3; i++)
        cr_assert_eq(spool_append(spool, &part, 1, &number), STATUS_DISK_FULL);
    cr_assert_eq(number, 99);
    cr_assert_eq(spool_next(spool), 6);
    cr_assert_eq(spool_sync(spool), STATUS_OK);
    append(spool, 6, 1000); /* what fits into the newest segment is still taken */
    spool_release(spool, 2, clock_wall());
    append(spool, 7, 900000); /* room goes before retention */
    cr_assert_eq(spool_first(spool), 2);
    spool_destroy(&spool);
    spool = spool_open(&options);
    for (uint64_t i = 2; i < 8; i++)
        expect(spool, i, i == 6 ? 1000 : 900000);
    spool_destroy(&spool);
}

Test(spool, leaves_the_reserve_free) {
    struct spool_options options = options_of(0, INT64_C(1) << 40);
    struct spool *spool = spool_open(&options);
    append(spool, 0, 900000);
    spool_destroy(&spool);
    options.reserve_bytes = INT64_C(1) << 50;
    spool = spool_open(&options); /* what is there can be read and written to its end */
    append(spool, 1, 900000);
    struct bytes part = content_of(2, 900000);
    uint64_t number;
    cr_assert_eq(spool_append(spool, &part, 1, &number), STATUS_DISK_FULL);
    expect(spool, 1, 900000);
    spool_destroy(&spool);
}

Test(spool, a_disk_that_is_really_full_leaves_it_whole) {
    if (mount("siem-test", directory, "tmpfs", 0, "size=7m") != 0)
        cr_skip("needs the right to mount a tmpfs");
    struct spool_options options = options_of(0, INT64_C(1) << 40);
    struct spool *spool = spool_open(&options);
    uint64_t next = 0;
    enum status status = STATUS_OK;
    while (status == STATUS_OK) {
        struct bytes part = content_of(next, 300000);
        uint64_t number;
        status = spool_append(spool, &part, 1, &number);
        next += status == STATUS_OK;
    }
    cr_expect_eq(status, STATUS_DISK_FULL);
    cr_expect_eq(next, 18); /* three segments of six */
    cr_expect_eq(spool_sync(spool), STATUS_OK);
    spool_destroy(&spool);
    spool = spool_open(&options); /* and it opens on the full disk */
    cr_expect_eq(spool_next(spool), next);
    expect(spool, next - 1, 300000);
    spool_release(spool, next, clock_wall());
    append(spool, next, 300000);
    spool_destroy(&spool);
    umount(directory);
}

Test(spool, a_write_that_the_system_cuts_short_is_taken_back) {
    struct spool *spool = open_spool();
    fill(spool, 0, 10);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {(rlim_t)offset_of(10) + 40, RLIM_INFINITY};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    struct bytes part = content_of(10, 5000);
    uint64_t number = 99;
    cr_assert_eq(spool_append(spool, &part, 1, &number), STATUS_DISK_FULL);
    cr_assert_eq(spool_next(spool), 10);
    append(spool, 10, 3); /* a smaller one still fits */
    limit.rlim_cur = RLIM_INFINITY;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    append(spool, 11, 100);
    cr_assert_eq(spool_sync(spool), STATUS_OK);
    spool_destroy(&spool);
    spool = open_spool();
    cr_assert_eq(spool_next(spool), 12);
    expect(spool, 10, 3);
    expect(spool, 11, 100);
    spool_destroy(&spool);
}

Test(spool, a_directory_it_may_not_use_is_refused) {
    struct spool_options options = options_of(0, INT64_C(1) << 32);
    char file[128];
    snprintf(file, sizeof file, "%s/file", directory);
    close(open(file, O_CREAT | O_WRONLY, 0600));
    options.directory = file;
    cr_assert_null(spool_open(&options));
    options.directory = "/proc/no/such";
    cr_assert_null(spool_open(&options));
}

Test(spool, makes_its_directory_with_its_parents) {
    char deep[128];
    snprintf(deep, sizeof deep, "%s/state", directory);
    struct spool_options options = options_of(0, INT64_C(1) << 32);
    options.directory = deep;
    struct spool *spool = spool_open(&options);
    cr_assert_not_null(spool);
    struct stat made;
    cr_assert_eq(stat(deep, &made), 0);
    cr_assert_eq(made.st_mode & 0777, 0700);
    spool_destroy(&spool);
    char keep[sizeof directory];
    memcpy(keep, directory, sizeof keep);
    snprintf(directory, sizeof directory, "%.50s/state", keep);
    remove_directory();
    memcpy(directory, keep, sizeof keep);
}
