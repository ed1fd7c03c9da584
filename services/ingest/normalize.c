/* normalize.c: event types, addresses and times as the pipeline knows them. */
#include "services/ingest/normalize.h"

#include <arpa/inet.h>

/* Longer than any type; what does not fit is none. */
#define TYPE_TEXT_MAX 64

bool normalize_event_type(struct text text, enum event_type *ret_type) {
    char name[TYPE_TEXT_MAX];
    if (text.length > sizeof name)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        name[i] = c == ' ' || c == '-' ? '_' : c;
    }
    return event_type_parse((struct text){name, text.length}, ret_type);
}

/* True for four decimal numbers up to 255 without leading zeros: an address that is canonical
 * already. */
static bool is_canonical_v4(struct text text) {
    int numbers = 0;
    int value = -1;
    bool leading_zero = false;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (c >= '0' && c <= '9') {
            if (leading_zero)
                return false;
            leading_zero = value < 0 && c == '0';
            value = (value < 0 ? 0 : value * 10) + (c - '0');
            if (value > 255)
                return false;
        } else if (c == '.' && value >= 0) {
            numbers++;
            value = -1;
            leading_zero = false;
        } else {
            return false;
        }
    }
    return numbers == 3 && value >= 0;
}

struct text normalize_address(struct text text, char room[INET6_ADDRSTRLEN]) {
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr six;
    if (text.data == NULL || text.length >= sizeof copy || is_canonical_v4(text) ||
        memchr(text.data, ':', text.length) == NULL || memchr(text.data, '\0', text.length) != NULL)
        return text;
    memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    if (inet_pton(AF_INET6, copy, &six) != 1)
        return text;
    const char *written = IN6_IS_ADDR_V4MAPPED(&six)
                              ? inet_ntop(AF_INET, &six.s6_addr[12], room, INET6_ADDRSTRLEN)
                              : inet_ntop(AF_INET6, &six, room, INET6_ADDRSTRLEN);
    return written != NULL ? text_of(written) : text;
}

/* When it happened: what the sender says, unless his clock is too far off. */
static void take_time(const struct event_input *input, const struct normalize_limits *limits,
                      struct wall_time now, struct normalized *normalized) {
    struct event *event = &normalized->event;
    event->received_ms = now.ms;
    event->time_ms = now.ms;
    if (input->timestamp.data == NULL)
        return;
    int64_t said_ms = input->time.ms;
    if (said_ms >= 0 && said_ms >= now.ms - limits->behind_ms &&
        said_ms <= now.ms + limits->ahead_ms) {
        event->time_ms = said_ms;
        return;
    }
    if (input->has_original_timestamp)
        return;
    normalized->adds_timestamp = true;
    metadata_key(input->metadata, TEXT("original_timestamp"));
    metadata_text(input->metadata, input->timestamp);
}

static void take_type(const struct event_input *input, struct normalized *normalized) {
    normalized->event.event_type = EVENT_TYPE_UNKNOWN;
    if (normalize_event_type(input->event_type, &normalized->event.event_type) ||
        input->has_original_type)
        return;
    normalized->adds_type = true;
    metadata_key(input->metadata, TEXT("original_event_type"));
    metadata_text(input->metadata, input->event_type);
}

/* Room for the heads of all fields. */
#define HEADS_SIZE 128

static size_t event_size(const struct event *event) {
    return event->source_ip.length + event->destination_ip.length + event->username.length +
           event->description.length + event->raw_log.length + event->metadata.length + HEADS_SIZE;
}

enum status normalize_event(const struct event_input *input, const struct normalize_limits *limits,
                            struct wall_time now, struct normalized *ret_normalized) {
    struct normalized *normalized = ret_normalized;
    struct event *event = &normalized->event;
    normalized->adds_type = false;
    normalized->adds_timestamp = false;
    take_type(input, normalized);
    take_time(input, limits, now, normalized);
    event->count = input->count;
    event->source_ip = normalize_address(input->source_ip, normalized->source_ip);
    event->destination_ip = normalize_address(input->destination_ip, normalized->destination_ip);
    event->username = input->username;
    event->description = input->description;
    event->raw_log = input->raw_log;
    event->request_tag = (struct text){NULL, 0};
    event->metadata = metadata_finish(input->metadata);
    if (!metadata_is_whole(input->metadata) || event_size(event) > EVENT_SIZE_MAX)
        return STATUS_TOO_LARGE;
    return STATUS_OK;
}
