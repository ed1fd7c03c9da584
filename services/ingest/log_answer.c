/* log_answer.c: NormalizedLog and its verdict as JSON. */
#include "services/ingest/log_answer.h"

#define KEEP_BYTES 8192

void log_answer_init(struct log_answer *answer) {
    buffer_init(&answer->text, LOG_ANSWER_MAX);
}

void log_answer_fini(struct log_answer *answer) {
    buffer_fini(&answer->text);
}

static void append_escape(struct buffer *out, unsigned char c) {
    static const char digits[] = "0123456789abcdef";
    char escape[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
    const char *known = strchr("\"\\\b\f\n\r\t", c);
    if (c == '\0' || known == NULL) {
        buffer_append(out, escape, sizeof escape);
        return;
    }
    escape[1] = "\"\\bfnrt"[known - "\"\\\b\f\n\r\t"];
    buffer_append(out, escape, 2);
}

/* A text in quotes; null when it is none. */
static void append_text(struct buffer *out, struct text text) {
    if (text.data == NULL) {
        buffer_append_text(out, TEXT("null"));
        return;
    }
    size_t from = 0;
    buffer_append(out, "\"", 1);
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buffer_append(out, text.data + from, i - from);
        append_escape(out, c);
        from = i + 1;
    }
    buffer_append(out, text.data + from, text.length - from);
    buffer_append(out, "\"", 1);
}

/* A member; `lead` is its name with all punctuation around. */
static void append_member(struct buffer *out, struct text lead, struct text value) {
    buffer_append_text(out, lead);
    append_text(out, value);
}

/* The sender's object as he wrote it, with what was added in front. */
static void append_metadata(struct buffer *out, const struct event_input *input,
                            const struct normalized *normalized) {
    struct text rest = input->metadata_json.data != NULL ? input->metadata_json : TEXT("{}");
    size_t start = out->length;
    buffer_append(out, "{", 1);
    if (normalized->adds_type)
        append_member(out, TEXT("\"original_event_type\":"), input->event_type);
    if (normalized->adds_timestamp) {
        struct text comma = normalized->adds_type ? TEXT(",") : TEXT("");
        buffer_append_text(out, comma);
        append_member(out, TEXT("\"original_timestamp\":"), input->timestamp);
    }
    bool added = out->length > start + 1;
    size_t first = 1;
    while (strchr(" \t\r\n", rest.data[first]) != NULL)
        first++;
    if (added && rest.data[first] != '}')
        buffer_append(out, ",", 1);
    buffer_append(out, rest.data + 1, rest.length - 1);
}

static void append_description(struct buffer *out, const struct event *event) {
    if (event->description.data != NULL) {
        append_member(out, TEXT(",\"description\":"), event->description);
        return;
    }
    buffer_append_text(out, TEXT(",\"description\":\""));
    buffer_append_text(out, text_of(event_type_text(event->event_type)));
    buffer_append_text(out, TEXT(" event detected\""));
}

static void append_number(struct buffer *out, uint64_t value) {
    char digits[DECIMAL_DIGITS_MAX];
    buffer_append(out, digits, (size_t)(text_put_decimal(digits, value) - digits));
}

void log_answer_prepare(struct log_answer *answer, const struct event_input *input,
                        const struct normalized *normalized) {
    struct buffer *out = &answer->text;
    const struct event *event = &normalized->event;
    char time[CLOCK_RFC3339_SIZE];
    if (out->capacity > KEEP_BYTES)
        buffer_fini(out);
    buffer_reset(out);
    (void)buffer_reserve(out, 1024);
    append_member(out, TEXT("\"log\":{\"timestamp\":"),
                  text_of(clock_format_rfc3339((struct wall_time){event->time_ms}, time)));
    append_member(out, TEXT(",\"event_type\":"), text_of(event_type_text(event->event_type)));
    buffer_append_text(out, TEXT(",\"severity\":"));
    answer->severity_at = out->length;
    append_member(out, TEXT(",\"source_ip\":"), event->source_ip);
    append_member(out, TEXT(",\"destination_ip\":"), event->destination_ip);
    append_member(out, TEXT(",\"username\":"), event->username);
    buffer_append_text(out, TEXT(",\"count\":"));
    append_number(out, event->count);
    append_description(out, event);
    append_member(out, TEXT(",\"raw_log\":"), event->raw_log);
    buffer_append_text(out, TEXT(",\"metadata\":"));
    append_metadata(out, input, normalized);
}

static void append_rule(struct buffer *out, const struct finding *finding) {
    append_member(out, TEXT("{\"id\":"), finding->rule_id);
    append_member(out, TEXT(",\"title\":"), finding->rule_title);
    append_member(out, TEXT(",\"level\":"), text_of(severity_text(finding->level)));
    buffer_append_text(out, TEXT(",\"tags\":["));
    for (uint32_t i = 0; i < finding->tags.count; i++)
        append_member(out, i > 0 ? TEXT(",") : TEXT(""), finding->tags.items[i]);
    buffer_append_text(out, TEXT("]}"));
}

/* The end of the log: what the rules said. */
static void append_verdict(struct buffer *out, const char *event_id, const struct verdict *verdict,
                           bool threat) {
    buffer_append_text(out, threat ? TEXT(",\"is_threat\":true,\"threat_details\":")
                                   : TEXT(",\"is_threat\":false,\"threat_details\":"));
    append_text(out, verdict != NULL && verdict->finding_count > 0 ? verdict->details
                                                                   : (struct text){NULL, 0});
    append_member(out, TEXT(",\"id\":"), text_of(event_id));
    buffer_append_text(out, TEXT(",\"rules\":["));
    for (uint32_t i = 0; verdict != NULL && i < verdict->finding_count; i++) {
        if (i > 0)
            buffer_append(out, ",", 1);
        append_rule(out, &verdict->findings[i]);
    }
    buffer_append_text(out, TEXT("]}"));
}

void log_answer_finish(const struct log_answer *answer, const char *event_id,
                       const struct verdict *verdict, struct buffer *out) {
    struct text text = buffer_text(&answer->text);
    bool threat = verdict != NULL && verdict->incident_id.data != NULL;
    enum severity severity = verdict != NULL ? verdict->severity : SEVERITY_INFO;
    (void)buffer_reserve(out, text.length + (verdict != NULL ? 1024 : 256));
    buffer_append_text(out, threat ? TEXT("{\"status\":\"threat_detected\",")
                                   : TEXT("{\"status\":\"ok\","));
    buffer_append(out, text.data, answer->severity_at);
    append_text(out, text_of(severity_text(severity)));
    buffer_append(out, text.data + answer->severity_at, text.length - answer->severity_at);
    append_verdict(out, event_id, verdict, threat);
    if (threat)
        append_member(out, TEXT(",\"incident_id\":"), verdict->incident_id);
    buffer_append_text(out, threat && verdict->alert_queued ? TEXT(",\"alert_sent\":true}")
                                                            : TEXT(",\"alert_sent\":false}"));
}

void log_answer_accepted(const char *event_id, struct buffer *out) {
    append_member(out, TEXT("{\"status\":\"accepted\",\"id\":"), text_of(event_id));
    buffer_append(out, "}", 1);
}
