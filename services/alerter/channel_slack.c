/* channel_slack.c: an alert as a message for Slack's incoming webhooks.
 *
 * One line of text for notifications, and an attachment in the severity's colour with the
 * particulars. Senders choose user names and details, so these must not act: & < > are escaped,
 * which leaves no mention, channel call or link, `verbatim` keeps Slack from making some of plain
 * text, and previews of links are off. Source: Slack's "Formatting text for app surfaces" and
 * "Reference: blocks".
 */
#include "common/clock.h"
#include "common/json_writer.h"
#include "services/alerter/channel.h"

#include <ctype.h>
#include <stdlib.h>

/* Longest parts, in escaped bytes; Slack allows 3000 characters in a section and 2000 in a field.
 */
#define SLACK_DETAILS_MAX 2500
#define SLACK_FIELD_MAX 300
#define SLACK_TEXT_MAX 1000

struct severity_row {
    const char *severity;
    const char *colour;
};

static const struct severity_row severity_rows[] = {
    {"critical", "#b71c1c"},
    {"high", "#e65100"},
    {"medium", "#f9a825"},
    {"low", "#1565c0"},
};

static const char *colour_of(struct text severity) {
    for (size_t i = 0; i < sizeof(severity_rows) / sizeof(severity_rows[0]); i++) {
        if (text_is(severity, severity_rows[i].severity))
            return severity_rows[i].colour;
    }
    return "#616161";
}

/* What stands for a byte in mrkdwn. */
static struct text escape_of(const char *byte) {
    switch (*byte) {
    case '&':
        return TEXT("&amp;");
    case '<':
        return TEXT("&lt;");
    case '>':
        return TEXT("&gt;");
    default:
        return (struct text){byte, 1};
    }
}

/* Appends the text escaped, at most `max` bytes of it; what is cut ends in "…", never inside of a
 * character or an escape. */
static void append_escaped(struct buffer *out, struct text text, size_t max) {
    size_t start = out->length;
    for (size_t i = 0; i < text.length; i++) {
        bool begins_character = ((unsigned char)text.data[i] & 0xc0) != 0x80;
        if (begins_character && out->length - start + 8 > max) {
            buffer_append_text(out, TEXT("…"));
            return;
        }
        buffer_append_text(out, escape_of(&text.data[i]));
    }
}

static void append_upper(struct buffer *out, struct text text) {
    for (size_t i = 0; i < text.length && i < SLACK_FIELD_MAX; i++) {
        char upper = (char)toupper((unsigned char)text.data[i]);
        buffer_append_text(out, escape_of(&upper));
    }
}

/* {"type": "mrkdwn", "text": ..., "verbatim": true} of what `scratch` holds. */
static void write_mrkdwn(struct json_writer *json, const struct buffer *scratch) {
    json_object_begin(json);
    json_key(json, "type");
    json_string(json, "mrkdwn");
    json_key(json, "text");
    json_text(json, buffer_text(scratch));
    json_key(json, "verbatim");
    json_bool(json, true);
    json_object_end(json);
}

static void write_field(struct json_writer *json, struct buffer *scratch, const char *label,
                        struct text value) {
    if (value.data == NULL || value.length == 0)
        return;
    buffer_reset(scratch);
    buffer_printf(scratch, "*%s*\n", label);
    append_escaped(scratch, value, SLACK_FIELD_MAX);
    write_mrkdwn(json, scratch);
}

static struct text format_time(struct text time_ms, char out[CLOCK_RFC3339_SIZE]) {
    char digits[24] = "";
    if (time_ms.length < sizeof(digits))
        memcpy(digits, time_ms.data, time_ms.length);
    return text_of(clock_format_rfc3339((struct wall_time){strtoll(digits, NULL, 10)}, out));
}

static void begin_block(struct json_writer *json, const char *type, const char *member) {
    json_object_begin(json);
    json_key(json, "type");
    json_string(json, type);
    json_key(json, member);
}

static void write_details(struct json_writer *json, struct buffer *scratch,
                          const struct alert *alert) {
    buffer_reset(scratch);
    buffer_append_text(scratch, TEXT("*"));
    append_escaped(scratch, alert->title, SLACK_FIELD_MAX);
    buffer_append_text(scratch, TEXT("*\n"));
    append_escaped(scratch, alert->details, SLACK_DETAILS_MAX);
    begin_block(json, "section", "text");
    write_mrkdwn(json, scratch);
    json_object_end(json);
}

static void write_fields(struct json_writer *json, struct buffer *scratch,
                         const struct alert *alert) {
    char time[CLOCK_RFC3339_SIZE];
    begin_block(json, "section", "fields");
    json_array_begin(json);
    write_field(json, scratch, "Severity", alert->severity);
    write_field(json, scratch, "Type", alert->event_type);
    write_field(json, scratch, "Source IP", alert->source_ip);
    write_field(json, scratch, "User", alert->user);
    write_field(json, scratch, "Incident", alert->incident_id);
    write_field(json, scratch, "Time", format_time(alert->time_ms, time));
    json_array_end(json);
    json_object_end(json);
}

static void write_context(struct json_writer *json, struct buffer *scratch,
                          const struct alert *alert) {
    buffer_reset(scratch);
    buffer_append_text(scratch, text_is(alert->kind, "escalated") ? TEXT("Incident escalated")
                                                                  : TEXT("Incident opened"));
    buffer_append_text(scratch, TEXT(" · event "));
    append_escaped(scratch, alert->event_id, SLACK_FIELD_MAX);
    begin_block(json, "context", "elements");
    json_array_begin(json);
    write_mrkdwn(json, scratch);
    json_array_end(json);
    json_object_end(json);
}

/* "[HIGH] Brute Force Attack from 203.0.113.9 (INC-20260101-0001)" */
static void write_text(struct json_writer *json, struct buffer *scratch,
                       const struct alert *alert) {
    buffer_reset(scratch);
    buffer_append_text(scratch, TEXT("["));
    append_upper(scratch, alert->severity);
    buffer_append_text(scratch, TEXT("] "));
    append_escaped(scratch, alert->title, SLACK_TEXT_MAX);
    buffer_append_text(scratch, TEXT(" ("));
    append_escaped(scratch, alert->incident_id, SLACK_FIELD_MAX);
    buffer_append_text(scratch, TEXT(")"));
    json_key(json, "text");
    json_text(json, buffer_text(scratch));
}

static void write_attachment(struct json_writer *json, struct buffer *scratch,
                             const struct alert *alert) {
    json_object_begin(json);
    json_key(json, "color");
    json_string(json, colour_of(alert->severity));
    json_key(json, "blocks");
    json_array_begin(json);
    write_details(json, scratch, alert);
    write_fields(json, scratch, alert);
    write_context(json, scratch, alert);
    json_array_end(json);
    json_object_end(json);
}

void channel_slack_build(const struct alert *alert, struct buffer *out) {
    struct json_writer json;
    struct buffer scratch;
    buffer_init(&scratch, CHANNEL_BODY_MAX);
    json_writer_init(&json, out);
    json_object_begin(&json);
    write_text(&json, &scratch, alert);
    json_key(&json, "unfurl_links");
    json_bool(&json, false);
    json_key(&json, "unfurl_media");
    json_bool(&json, false);
    json_key(&json, "attachments");
    json_array_begin(&json);
    write_attachment(&json, &scratch, alert);
    json_array_end(&json);
    json_object_end(&json);
    json_writer_fini(&json);
    buffer_fini(&scratch);
}
