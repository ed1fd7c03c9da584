/* test_judge.c: the order and bound of findings, batches with events to skip or that are none, the
 * frame that comes of it, and the page that names the event in judgement. */
#include "services/detector/judge_batch.h"

#include "common/counters.h"
#include "common/log.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Adds rules that all match, their levels going round. */
static void add_rules(struct sigma_rules *rules, int count, const char *details) {
    static const char *const levels[] = {"low", "critical", "informational", "medium", "high"};
    for (int i = 0; i < count; i++) {
        char text[4096];
        snprintf(text, sizeof text,
                 "title: Rule %d\nid: 00000000-0000-4000-8000-%012d\nlevel: %s\nlogsource:\n"
                 "siem: {details: '%s'}\n"
                 "detection: {s: {event_type: login_failed}, condition: s}\n",
                 i, i, levels[i % 5], details);
        sigma_rules_add_text(rules, "made.yml", text_of(text));
    }
    cr_assert_eq(rules->refusal_count, 0);
    sigma_rules_finish(rules);
}

static struct event make_event(enum event_type type) {
    return (struct event){
        .time_ms = 1, .received_ms = 2, .event_type = type, .count = 1, .source_ip = TEXT("::1")};
}

Test(judge, findings_come_gravest_first_then_by_id_and_not_more_than_fit) {
    const struct enrichments none = {NULL, NULL};
    struct sigma_rules *rules = sigma_rules_new();
    struct event event = make_event(EVENT_TYPE_LOGIN_FAILED);
    add_rules(rules, 30, "x");
    struct judge *judge = judge_new(rules);
    struct judgement judgement = judge_event(judge, &none, &event);
    cr_assert_eq(judgement.count, FINDINGS_PER_EVENT_MAX);
    cr_assert_eq(judgement.dropped, 30 - FINDINGS_PER_EVENT_MAX);
    for (size_t i = 1; i < judgement.count; i++) {
        const struct finding *before = &rules->rules[judgement.rules[i - 1]].finding;
        const struct finding *next = &rules->rules[judgement.rules[i]].finding;
        cr_expect(
            before->level > next->level ||
            (before->level == next->level && text_compare(before->rule_id, next->rule_id) < 0));
        cr_expect_geq(next->level, SEVERITY_MEDIUM, "the mildest are left out");
    }
    event = make_event(EVENT_TYPE_LOGIN_SUCCESS);
    cr_expect_eq(judge_event(judge, &none, &event).count, 0);
    judge_destroy(&judge);
    sigma_rules_destroy(&rules);
}

/* The findings about an event of one logsource that holds the words of all. */
static size_t count_findings(struct judge *judge, const char *metadata, size_t size) {
    const struct enrichments none = {NULL, NULL};
    struct event event = make_event(EVENT_TYPE_LOGIN_FAILED);
    event.raw_log = TEXT("the wordoflinux, the wordofwindows, the wordofboth");
    event.metadata = (struct bytes){(const uint8_t *)metadata, size - 1};
    return judge_event(judge, &none, &event).count;
}

/* Whether keywords are searched for all together, or for the logsource alone once it came often. */
Test(judge, keywords_of_a_logsource_are_found_from_the_first_event_to_the_last) {
    static const char linux_event[] = "\x81\xa9logsource\x81\xa7product\xa5linux";
    static const char other_event[] = "\x81\xa9logsource\x81\xa7product\xa5other";
    static const char rules_text[] =
        "title: L\nlogsource: {product: linux}\n"
        "detection: {k: [wordoflinux, neverthere], condition: k}\n---\n"
        "title: W\nlogsource: {product: windows}\n"
        "detection: {k: [wordofwindows, neverthere], condition: k}\n---\n"
        "title: B\nlogsource: {}\n"
        "detection: {k: [wordofboth, neverthere], condition: k}\n";
    struct sigma_rules *rules = sigma_rules_new();
    sigma_rules_add_text(rules, "made.yml", text_of(rules_text));
    cr_assert_eq(rules->refusal_count, 0);
    sigma_rules_finish(rules);
    struct judge *judge = judge_new(rules);
    for (int i = 0; i < 600; i++) {
        cr_assert_eq(count_findings(judge, linux_event, sizeof linux_event), 2, "%d", i);
        cr_assert_eq(count_findings(judge, other_event, sizeof other_event), 1, "%d", i);
    }
    judge_destroy(&judge);
    sigma_rules_destroy(&rules);
}

/* Members of an event's metadata: the logsource, and one more of which the bytes are given. */
#define MEMBERS "\x82\xa9logsource\x81\xa7product\xa5linux"
#define METADATA(bytes)                                                                            \
    { (const uint8_t *)MEMBERS bytes, sizeof(MEMBERS bytes) - 1 }

/* What keywords find, without and with one that is not ASCII. */
static const struct {
    struct bytes metadata;
    size_t expected[2];
} written[] = {
    {METADATA("\xa1x\xabSeKurlSA::z"), {1, 1}},
    {METADATA("\xa1x\xadse\xe2\x84\xaaurlsa::z"), {1, 1}}, /* the Kelvin sign folds to k */
    {METADATA("\xa1x\xac\xc5\xbf"
              "ekurlsa::z"),
     {1, 1}}, /* the long s to s */
    {METADATA("\xa1x\xaasekurlsa:z"), {0, 0}},
    {METADATA("\xa1x\xabsekurlsa\x1a:z"), {0, 0}}, /* differs in bit 5 */
    {METADATA("\xa1x\x91\x81\xa1y\xaasekurlsa::"), {1, 1}},
    {METADATA("\xa1x\xce\x49\x96\x02\xd2"), {1, 1}}, /* 1234567890 */
    {METADATA("\xa1x\xce\x49\x96\x02\xd3"), {0, 0}},
    {METADATA("\xaasekurlsa::\xa1x"), {0, 0}}, /* a name is no value */
    {METADATA("\xa1x\xaf\xc3\x84 MIMIKATZ sek "), {0, 1}},
};

/* However a member of the metadata is written, and whether its logsource came often or not: then it
 * is searched as it came, before anything is folded. */
Test(judge, keywords_are_found_in_the_metadata_however_it_is_written) {
    static const char *const keywords[] = {"'sekurlsa::', '1234567890'",
                                           "'sekurlsa::', '1234567890', '\xc3\xa4 mimikatz'"};
    const struct enrichments none = {NULL, NULL};
    for (size_t set = 0; set < 2; set++) {
        char text[256];
        snprintf(text, sizeof text,
                 "title: L\nlogsource: {product: linux}\ndetection: {k: [%s], condition: k}\n",
                 keywords[set]);
        struct sigma_rules *rules = sigma_rules_new();
        sigma_rules_add_text(rules, "made.yml", text_of(text));
        cr_assert_eq(rules->refusal_count, 0);
        sigma_rules_finish(rules);
        struct judge *judge = judge_new(rules);
        for (size_t i = 0; i < 1000; i++) {
            size_t row = i % (sizeof written / sizeof written[0]);
            struct event event = make_event(EVENT_TYPE_LOGIN_FAILED);
            event.metadata = written[row].metadata;
            cr_assert_eq(judge_event(judge, &none, &event).count, written[row].expected[set],
                         "event %zu, row %zu", i, row);
        }
        judge_destroy(&judge);
        sigma_rules_destroy(&rules);
    }
}

/* An event with a value that four mild rules search in vain until they give up, and one that is a
 * critical rule's; in either order. */
static struct bytes make_bait(bool bait_first, uint8_t room[2048]) {
    static const char evil[] = "\xa4"
                               "evil\xa8mimikatz";
    static const char bait[] = "\xa4"
                               "bait\xda\x03\xe8";
    size_t size = 0;
    room[size++] = 0x82;
    for (int i = 0; i < 2; i++) {
        const char *head = (i == 0) == bait_first ? bait : evil;
        size_t length = head == bait ? sizeof bait - 1 : sizeof evil - 1;
        memcpy(room + size, head, length);
        size += length;
        memset(room + size, 'a', head == bait ? 1000 : 0);
        size += head == bait ? 1000 : 0;
    }
    return (struct bytes){room, size};
}

/* Searches that give up are rationed for each event: the gravest rules have theirs first, whatever
 * the sender puts where. */
Test(judge, mild_rules_use_up_nothing_that_a_grave_one_needs) {
    static const char grave[] = "title: Grave\nlevel: critical\nlogsource:\n"
                                "detection: {s: {evil|contains: 'mimikatz'}, "
                                "r: {evil|re: 'mimi(?!z)katz'}, condition: s and r}\n";
    const struct enrichments none = {NULL, NULL};
    struct sigma_rules *rules = sigma_rules_new();
    uint8_t room[2048];
    for (int i = 1; i <= SIGMA_GIVE_UPS_MAX; i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "title: Mild %d\nlevel: low\nlogsource:\n"
                 "detection: {s: {bait|re: '^(a+)+(?!z)[b-z]{%d}[b-z]$'}, condition: s}\n",
                 i, i);
        sigma_rules_add_text(rules, "mild.yml", text_of(text));
    }
    sigma_rules_add_text(rules, "grave.yml", text_of(grave));
    sigma_rules_finish(rules);
    cr_assert_eq(rules->refusal_count, 0);
    struct judge *judge = judge_new(rules);
    for (int i = 0; i < 2; i++) {
        struct event event = make_event(EVENT_TYPE_LOGIN_FAILED);
        event.metadata = make_bait(i == 0, room);
        cr_expect_eq(judge_event(judge, &none, &event).count, 1, "order %d", i);
        cr_expect_eq(judge_searches_given_up(judge), (uint64_t)(i + 1) * SIGMA_GIVE_UPS_MAX);
    }
    judge_destroy(&judge);
    sigma_rules_destroy(&rules);
}

/* A batch of events of one type, the one at `broken` (-1: none) no event at all. */
static struct buffer make_batch(uint32_t count, enum event_type type, int broken) {
    struct buffer batch;
    struct event event = make_event(type);
    struct batch_head head = {.producer = 7, .epoch = 3, .seq = 9, .count = count};
    buffer_init(&batch, BATCH_SIZE_MAX);
    batch_encode_head(&head, &batch);
    for (uint32_t i = 0; i < count; i++) {
        if ((int)i == broken)
            buffer_append(&batch, "\xc4\x02\x01\x02", 4);
        else
            event_encode(&event, &batch);
    }
    cr_assert(buffer_is_whole(&batch));
    return batch;
}

struct bench {
    struct sigma_rules *rules;
    struct enrichments enrichments;
    struct judge_batch *judge;
    struct msgpack_frame frame;
};

static void bench_init(struct bench *bench, int rules, const char *details,
                       struct scratch_page *page) {
    *bench = (struct bench){.rules = sigma_rules_new()};
    add_rules(bench->rules, rules, details);
    bench->judge = judge_batch_new(TEXT("tester"), page);
    judge_batch_use(bench->judge, bench->rules, &bench->enrichments);
    msgpack_frame_init(&bench->frame);
}

static void bench_fini(struct bench *bench) {
    judge_batch_destroy(&bench->judge);
    sigma_rules_destroy(&bench->rules);
    msgpack_frame_fini(&bench->frame);
}

/* Judges a batch and reads the frame back; its length. */
static size_t bench_run(struct bench *bench, const struct delivery *delivery,
                        const struct buffer *batch, struct findings_view *ret_view) {
    struct bytes findings;
    enum status status = judge_batch_run(bench->judge, delivery, buffer_bytes(batch), &findings);
    cr_assert_eq(status, STATUS_OK);
    cr_assert_eq(findings_decode(findings, &bench->frame, ret_view), STATUS_OK);
    return findings.length;
}

Test(judge_batch, findings_stand_under_their_events_index) {
    struct bench bench;
    struct findings_view view;
    const struct delivery delivery = {.attempt = 1};
    bench_init(&bench, 2, "from %source_ip%", NULL);
    struct buffer batch = make_batch(5, EVENT_TYPE_LOGIN_FAILED, -1);
    bench_run(&bench, &delivery, &batch, &view);
    cr_assert_eq(view.entry_count, 5);
    cr_expect_eq(view.entries[4].index, 4);
    cr_expect_eq(view.entries[4].count, 2);
    cr_expect(text_is(view.entries[4].findings[0].details, "from ::1"));
    cr_expect_eq(view.head.generation, bench.rules->generation);
    cr_expect(text_is(view.head.detector, "tester"));
    cr_expect_eq(view.quarantined_count, 0);
    buffer_fini(&batch);
    bench_fini(&bench);
}

Test(judge_batch, events_to_skip_and_broken_ones_are_quarantined_and_the_others_judged) {
    struct bench bench;
    struct findings_view view;
    const struct delivery delivery = {.attempt = 4, .skip_count = 2, .skip = {0, 3}};
    bench_init(&bench, 1, "x", NULL);
    struct buffer batch = make_batch(6, EVENT_TYPE_LOGIN_FAILED, 2);
    bench_run(&bench, &delivery, &batch, &view);
    cr_assert_eq(view.quarantined_count, 3);
    cr_expect_eq(view.quarantined[0], 0);
    cr_expect_eq(view.quarantined[1], 2);
    cr_expect_eq(view.quarantined[2], 3);
    cr_assert_eq(view.entry_count, 3);
    cr_expect_eq(view.entries[0].index, 1);
    cr_expect_eq(view.entries[2].index, 5);
    buffer_fini(&batch);
    bench_fini(&bench);
}

Test(judge_batch, a_full_batch_of_the_loudest_findings_fits_a_frame) {
    struct bench bench;
    struct findings_view view;
    const struct delivery delivery = {.attempt = 1};
    char details[1001];
    memset(details, 'd', sizeof details - 1);
    details[sizeof details - 1] = '\0';
    bench_init(&bench, 16, details, NULL);
    struct buffer batch = make_batch(BATCH_EVENTS_MAX, EVENT_TYPE_LOGIN_FAILED, -1);
    size_t length = bench_run(&bench, &delivery, &batch, &view);
    cr_expect_leq(length, 1024 * 1024);
    cr_assert_eq(view.entry_count, BATCH_EVENTS_MAX);
    for (uint32_t i = 0; i < view.entry_count; i++) {
        cr_expect_geq(view.entries[i].count, 1);
        cr_expect_eq(view.entries[i].findings[0].level, SEVERITY_CRITICAL, "the gravest stays");
    }
    buffer_fini(&batch);
    batch = make_batch(1, EVENT_TYPE_LOGIN_FAILED, -1);
    bench_run(&bench, &delivery, &batch, &view);
    cr_expect_eq(view.entries[0].count, 16, "alone it has room for all");
    buffer_fini(&batch);
    bench_fini(&bench);
}

Test(judge_batch, what_is_no_batch_is_refused) {
    struct bench bench;
    struct bytes findings;
    const struct delivery delivery = {.attempt = 1};
    bench_init(&bench, 1, "x", NULL);
    struct buffer batch = make_batch(3, EVENT_TYPE_LOGIN_FAILED, -1);
    for (size_t length = 0; length < batch.length; length++)
        cr_expect_neq(
            judge_batch_run(bench.judge, &delivery, (struct bytes){batch.data, length}, &findings),
            STATUS_OK);
    buffer_fini(&batch);
    bench_fini(&bench);
}

static char *make_directory(void) {
    static char directory[64];
    snprintf(directory, sizeof directory, "/tmp/scratch-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    return directory;
}

static void remove_pages(const char *directory) {
    for (int i = 1; i <= 2; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/detector-%d.page", directory, i);
        unlink(path);
    }
    rmdir(directory);
}

Test(scratch_page, a_process_that_dies_leaves_the_events_name) {
    const char *directory = make_directory();
    pid_t child = fork();
    if (child == 0) {
        struct scratch_page *page;
        struct batch_head head = {.producer = 0xfedcba9876543210, .epoch = 5, .seq = 77};
        if (scratch_page_open(directory, &page) != STATUS_OK)
            _exit(1);
        scratch_page_begin(page, &head);
        scratch_page_mark(page, 3);
        raise(SIGKILL);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status));
    struct scratch_page *page, *other;
    struct crash_report report;
    cr_assert_eq(scratch_page_open(directory, &page), STATUS_OK);
    cr_assert(scratch_page_find_crash(page, &report));
    cr_expect_eq(report.producer, 0xfedcba9876543210);
    cr_expect_eq(report.epoch, 5);
    cr_expect_eq(report.seq, 77);
    cr_expect_eq(report.index, 3);
    cr_assert_eq(scratch_page_open(directory, &other), STATUS_OK, "a second one takes the next");
    cr_expect_not(scratch_page_find_crash(other, &report));
    scratch_page_clear(page);
    cr_expect_not(scratch_page_find_crash(page, &report));
    scratch_page_destroy(&other);
    scratch_page_destroy(&page);
    remove_pages(directory);
}

Test(scratch_page, a_batch_that_ends_well_leaves_nothing) {
    const char *directory = make_directory();
    struct scratch_page *page;
    struct crash_report report;
    struct bench bench;
    struct findings_view view;
    const struct delivery delivery = {.attempt = 1};
    cr_assert_eq(scratch_page_open(directory, &page), STATUS_OK);
    bench_init(&bench, 1, "x", page);
    struct buffer batch = make_batch(5, EVENT_TYPE_LOGIN_FAILED, -1);
    bench_run(&bench, &delivery, &batch, &view);
    cr_expect_not(scratch_page_find_crash(page, &report));
    cr_expect_eq(page->slot->seq, 9);
    buffer_fini(&batch);
    bench_fini(&bench);
    scratch_page_destroy(&page);
    remove_pages(directory);
}

Test(scratch_page, none_is_asked_for_and_one_cannot_be) {
    struct scratch_page *page;
    log_init("test", LOG_LEVEL_ERROR);
    cr_expect_eq(scratch_page_open("", &page), STATUS_OK);
    cr_expect_null(page);
    scratch_page_mark(page, 1);
    cr_expect_eq(scratch_page_open("/proc/nowhere", &page), STATUS_IO_ERROR);
}
