/* cmd_tail.c: siemctl tail: shows threats as they are found, and fetches those it missed.
 *
 *   THREATS (SUB) -> gap_tracker -> lines on stdout
 *   Redis stream  -^  at a gap, a heartbeat that is ahead, a publisher that is new or gone, and
 * every 15 s, so that each threat is shown once and none is missed
 */
#include "common/counters.h"
#include "common/scoped.h"
#include "common/wire.h"
#include "proto/vocabulary.h"
#include "proto/wiring.h"
#include "services/siemctl/command.h"
#include "services/siemctl/gap_tracker.h"
#include "services/siemctl/stream_reader.h"
#include "services/siemctl/threat_message.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#define TICK_MS 1000
#define SYNC_MS 15000
#define RETRY_MS 1000 /* between two tries to reach a Redis that does not answer */
#define SILENCE_MS 3500
#define RECEIVE_MAX 1000
#define STREAM_PAGE 500
#define LINE_SIZE_MAX (2 * 1024 * 1024)

static struct tail_arguments {
#define OPTION CONF_FIELD
#include "services/siemctl/tail.def"
#undef OPTION
} arguments;

#define CONF_STRUCT struct tail_arguments
static const struct conf_option options[] = {
#define OPTION CONF_ROW
#include "services/siemctl/tail.def"
#undef OPTION
};
#undef CONF_STRUCT

struct tail {
    struct wire *wire;
    struct stream_reader *stream;
    struct gap_tracker tracker;
    struct msgpack_frame frame;
    struct buffer line;
    struct text topic; /* only topics that begin with it are shown */
    struct mono_time synced, failed;
    bool failing;
    int64_t shown;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal) {
    (void)signal;
    interrupted = 1;
}

static bool is_done(const struct tail *tail) {
    return interrupted || (arguments.count > 0 && tail->shown >= arguments.count);
}

/* Shows a threat whose topic is wanted. */
static void show(struct tail *tail, struct text topic, const struct threat_message *message) {
    bool wanted = topic.length >= tail->topic.length &&
                  memcmp(topic.data, tail->topic.data, tail->topic.length) == 0;
    if (!wanted || is_done(tail))
        return;
    tail->shown++;
    if (!arguments.json) {
        threat_message_print(message);
        return;
    }
    buffer_reset(&tail->line);
    threat_message_write_json(message, &tail->line);
    printf("%.*s\n", TEXT_ARG(buffer_text(&tail->line)));
}

/* An entry of the stream: shown unless it was. One that lacks a field is no threat of ours. */
static void on_entry(void *context, int64_t added_ms, const struct redis_reply *fields) {
    (void)added_ms;
    struct tail *tail = context;
    struct threat_message message;
    struct text publisher = redis_reply_text(redis_reply_field(fields, "publisher"));
    struct text topic = redis_reply_text(redis_reply_field(fields, "topic"));
    struct text body = redis_reply_text(redis_reply_field(fields, "body"));
    int64_t seq = redis_reply_integer(redis_reply_field(fields, "seq"));
    if (publisher.data == NULL || topic.data == NULL || body.data == NULL || seq <= 0)
        return;
    if (!gap_tracker_take(&tail->tracker, publisher, (uint64_t)seq))
        return;
    const void *bytes = body.data;
    if (threat_message_decode((struct bytes){bytes, body.length}, &tail->frame, &message) ==
        STATUS_OK)
        show(tail, topic, &message);
}

/* Says once that Redis is away, and once that it is back. */
static void note_redis(struct tail *tail, enum status status) {
    bool failing = status != STATUS_OK;
    if (failing && !tail->failing)
        fprintf(stderr, "siemctl tail: gaps cannot be filled now, Redis: %s (--redis-url)\n",
                stream_reader_error(tail->stream));
    if (!failing && tail->failing)
        fprintf(stderr, "siemctl tail: Redis is back\n");
    tail->failing = failing;
    tail->failed = clock_mono();
}

/* Reads on in the stream; if holes are left, once more from its beginning, and then gives them up.
 */
static void sync_with_stream(struct tail *tail) {
    if (tail->failing && clock_elapsed_ms(tail->failed) < RETRY_MS)
        return;
    enum status status = stream_reader_read(tail->stream, on_entry, tail);
    if (status == STATUS_OK && gap_tracker_missing(&tail->tracker) > 0) {
        stream_reader_rewind(tail->stream);
        status = stream_reader_read(tail->stream, on_entry, tail);
    }
    note_redis(tail, status);
    tail->synced = clock_mono();
    uint64_t lost = status == STATUS_OK ? gap_tracker_give_up(&tail->tracker) : 0;
    if (lost > 0)
        fprintf(stderr,
                "siemctl tail: %" PRIu64 " threats missed; Redis no longer has them "
                "(SIEM_THREATS_KEPT)\n",
                lost);
}

/* Says once that messages come which cannot be read. */
static void note_unreadable(enum status status) {
    static bool noted;
    count_drop(status);
    if (!noted)
        fprintf(stderr, "siemctl tail: messages that cannot be read: %s\n",
                status_sentence(status));
    noted = true;
}

/* A heartbeat or a threat. What is ahead is preceded by what the stream knows; what the stream
 * should have known by then is looked for once more from its beginning. */
static void on_message(struct tail *tail, struct text topic, struct bytes body) {
    struct threat_message message;
    bool heartbeat = text_is(topic, "heartbeat");
    enum status status = threat_message_decode(body, &tail->frame, &message);
    if (status != STATUS_OK) {
        note_unreadable(status);
        return;
    }
    uint64_t next = message.seq + (heartbeat ? 1 : 0);
    bool ahead = gap_tracker_is_ahead(&tail->tracker, message.publisher, next);
    gap_tracker_hear(&tail->tracker, message.publisher, clock_mono());
    if (ahead) {
        sync_with_stream(tail); /* reads into the same frame */
        if (threat_message_decode(body, &tail->frame, &message) != STATUS_OK)
            return;
    }
    if (heartbeat)
        gap_tracker_expect(&tail->tracker, message.publisher, message.seq);
    else if (gap_tracker_take(&tail->tracker, message.publisher, message.seq))
        show(tail, topic, &message);
    if (ahead && gap_tracker_missing(&tail->tracker) > 0)
        sync_with_stream(tail);
}

/* Takes what waits, up to a bound, so that the ticks get their turn. */
static void receive_waiting(struct tail *tail) {
    struct wire_message received;
    enum status status = STATUS_OK;
    for (int i = 0; i < RECEIVE_MAX && !is_done(tail) && status != STATUS_AGAIN; i++) {
        status = wire_receive(tail->wire, &received);
        if (status != STATUS_OK)
            continue; /* a malformed message was read and counted; AGAIN ends the loop */
        struct bytes topic = wire_frame_bytes(&received.frames[0]);
        if (received.count == 2)
            on_message(tail, (struct text){(const char *)topic.data, topic.length},
                       wire_frame_bytes(&received.frames[1]));
        else
            note_unreadable(STATUS_BAD_FRAMES);
        wire_message_close(&received);
    }
}

static void run_loop(struct tail *tail) {
    zmq_pollitem_t item = {wire_socket(tail->wire), 0, ZMQ_POLLIN, 0};
    while (!is_done(tail) && !ferror(stdout)) {
        zmq_poll(&item, 1, TICK_MS);
        wire_refresh(tail->wire);
        receive_waiting(tail);
        bool gone = gap_tracker_has_vanished(&tail->tracker, clock_mono(), SILENCE_MS);
        if (gone || clock_elapsed_ms(tail->synced) >= SYNC_MS ||
            (tail->failing && clock_elapsed_ms(tail->failed) >= RETRY_MS))
            sync_with_stream(tail);
        fflush(stdout);
    }
}

static void catch_interrupts(void) {
    struct sigaction action = {.sa_handler = on_interrupt};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* Whether topics may begin so; types of events may be newer than we are. */
static bool begins_topics(struct text begin) {
    char topic[64];
    for (int severity = 0; severity < SEVERITY_COUNT_; severity++) {
        int length = snprintf(topic, sizeof topic, "threat.%s.", severity_text(severity));
        size_t shorter = begin.length < (size_t)length ? begin.length : (size_t)length;
        if (memcmp(topic, begin.data, shorter) == 0)
            return true;
    }
    return false;
}

static int run(const struct siemctl_config *config, int count, char **operands) {
    SCOPED(wire)
    struct wire *wire = NULL;
    SCOPED(stream_reader)
    struct stream_reader *stream = NULL;
    if (count > 1)
        return command_usage_error(&command_tail, "one topic at most");
    if (count == 1 && !begins_topics(text_of(operands[0])))
        return command_usage_error(&command_tail,
                                   "no topic begins with \"%s\"; topics are threat.SEVERITY.TYPE, "
                                   "e.g. threat.critical.sql_injection",
                                   operands[0]);
    stream = stream_reader_new(config->redis_url, KEY_THREATS, arguments.since_ms, STREAM_PAGE);
    wire = wire_connect(wire_row(WIRE_THREATS), config->threats_from, false);
    if (stream == NULL || wire == NULL)
        return command_usage_error(&command_tail, "--redis-url or --threats-from is malformed");
    zmq_setsockopt(wire_socket(wire), ZMQ_SUBSCRIBE, "", 0);
    struct tail tail = {.wire = wire, .stream = stream, .topic = TEXT("")};
    if (count == 1)
        tail.topic = text_of(operands[0]);
    gap_tracker_init(&tail.tracker);
    msgpack_frame_init(&tail.frame);
    buffer_init(&tail.line, LINE_SIZE_MAX);
    catch_interrupts();
    sync_with_stream(&tail);
    run_loop(&tail);
    msgpack_frame_fini(&tail.frame);
    buffer_fini(&tail.line);
    return ferror(stdout) ? EXIT_FAILED : EXIT_DONE;
}

const struct command command_tail = {
    .name = "tail",
    .summary = "Shows threats as they are found; a topic such as threat.critical limits them.",
    .usage = "[TOPIC]",
    .examples = "  siemctl tail\n"
                "  siemctl tail threat.critical\n"
                "  siemctl tail --since 10m --json | jq .incident_id\n"
                "  siemctl tail --threats-from tcp://incident-1:5560,tcp://incident-2:5560\n",
    .options = options,
    .options_count = sizeof options / sizeof *options,
    .arguments = &arguments,
    .run = run,
};
