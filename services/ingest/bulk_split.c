/* bulk_split.c: lines of NDJSON and elements of a JSON array, as they arrive. */
#include "services/ingest/bulk_split.h"

#include "services/ingest/event_json.h"

void bulk_split_init(struct bulk_split *split, enum bulk_form form, bulk_on_item *on_item,
                     void *context) {
    *split = (struct bulk_split){.form = form,
                                 .on_item = on_item,
                                 .context = context,
                                 .item_start = {1, 1},
                                 .position = {1, 1}};
    buffer_init(&split->carry, EVENT_JSON_MAX);
}

void bulk_split_fini(struct bulk_split *split) {
    buffer_fini(&split->carry);
}

struct json_position bulk_split_position(const struct bulk_split *split) {
    return split->position;
}

/* Counts lines and columns on to a byte of the piece. */
static void count_to(struct bulk_split *split, struct bytes piece, size_t at) {
    while (split->counted < at) {
        const uint8_t *from = piece.data + split->counted;
        const uint8_t *newline = memchr(from, '\n', at - split->counted);
        size_t step = newline != NULL ? (size_t)(newline - from) + 1 : at - split->counted;
        split->position.line += newline != NULL;
        split->position.column = newline != NULL ? 1 : split->position.column + step;
        split->counted += step;
    }
}

static bool is_space(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_blank(struct bytes text) {
    for (size_t i = 0; i < text.length; i++) {
        if (!is_space(text.data[i]))
            return false;
    }
    return true;
}

/* Keeps a part of an item for later. */
static void carry_part(struct bulk_split *split, struct bytes part) {
    if (part.length == 0)
        return;
    if (part.length > EVENT_JSON_MAX - split->carry.length)
        split->oversize = true;
    if (!split->oversize)
        buffer_append(&split->carry, part.data, part.length);
}

/* An item ends with this part: gives it, together with what was carried. */
static void give_item(struct bulk_split *split, struct bytes part) {
    struct bulk_item item = {.text = part,
                             .number = split->number,
                             .offset = split->item_offset,
                             .start = split->item_start};
    bool carried = split->carry.length > 0 || split->oversize;
    if (carried) {
        carry_part(split, part);
        item.text = buffer_bytes(&split->carry);
    }
    if (split->oversize || item.text.length > EVENT_JSON_MAX)
        item.text = (struct bytes){NULL, 0};
    if (!split->on_item(split->context, &item))
        split->stopped = true;
    buffer_reset(&split->carry);
    split->oversize = false;
}

/* A line ends with this part. */
static void give_line(struct bulk_split *split, struct bytes part) {
    split->number++;
    if (split->carry.length == 0 && !split->oversize && is_blank(part))
        return;
    if (!split->oversize && is_blank(buffer_bytes(&split->carry)) && is_blank(part)) {
        buffer_reset(&split->carry);
        return;
    }
    give_item(split, part);
}

static void feed_lines(struct bulk_split *split, struct bytes piece) {
    const uint8_t *at = piece.data;
    const uint8_t *end = piece.data + piece.length;
    while (at < end && !split->stopped) {
        const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
        if (newline == NULL) {
            carry_part(split, (struct bytes){at, (size_t)(end - at)});
            break;
        }
        give_line(split, (struct bytes){at, (size_t)(newline - at)});
        at = newline + 1;
        split->item_offset = split->consumed + (size_t)(at - piece.data);
    }
    split->consumed += piece.length;
}

/* Begins an element behind position `at`. */
static void begin_element(struct bulk_split *split, enum bulk_place place, struct bytes piece,
                          size_t at) {
    count_to(split, piece, at + 1);
    split->item_start = split->position;
    split->place = place;
    split->blank = true;
    split->whole = false;
    split->item_offset = split->consumed + at + 1;
}

/* A byte outside of elements; false when it has no business there. */
static bool step_outside(struct bulk_split *split, struct bytes piece, size_t at) {
    uint8_t c = piece.data[at];
    if (is_space(c))
        return true;
    if (split->place != BULK_BEFORE || c != '[')
        return false;
    begin_element(split, BULK_FIRST, piece, at);
    return true;
}

/* Passes the rest of a string; where it ends, or the piece does. */
static size_t pass_string(struct bulk_split *split, struct bytes piece, size_t at) {
    for (; at < piece.length; at++) {
        uint8_t c = piece.data[at];
        if (split->escaped)
            split->escaped = false;
        else if (c == '\\')
            split->escaped = true;
        else if (c == '"') {
            split->in_string = false;
            split->whole = split->depth == 0;
            return at;
        }
    }
    return at;
}

/* An element ends before `at` with a comma or the array's bracket. */
static bool end_element(struct bulk_split *split, struct bytes piece, size_t from, size_t at) {
    bool last = piece.data[at] == ']';
    if (split->blank && !(last && split->place == BULK_FIRST))
        return false;
    if (!split->blank) {
        split->number++;
        give_item(split, (struct bytes){piece.data + from, at - from});
    }
    buffer_reset(&split->carry);
    if (last)
        split->place = BULK_AFTER;
    else
        begin_element(split, BULK_ELEMENT, piece, at);
    return true;
}

/* A byte of an element outside of strings; false when the array is broken. */
static bool step_element(struct bulk_split *split, struct bytes piece, size_t *from, size_t at) {
    uint8_t c = piece.data[at];
    if (split->depth == 0 && (c == ',' || c == ']')) {
        bool fine = end_element(split, piece, *from, at);
        *from = at + 1;
        return fine;
    }
    if (split->whole && !is_space(c))
        return false; /* a comma is missing */
    split->blank &= is_space(c);
    split->in_string = c == '"';
    if (c == '{' || c == '[')
        split->depth++;
    else if (c == '}' || c == ']')
        split->depth--;
    split->whole |= (c == '}' || c == ']') && split->depth == 0;
    return split->depth >= 0;
}

static bool in_element(const struct bulk_split *split) {
    return split->place == BULK_FIRST || split->place == BULK_ELEMENT;
}

static enum status feed_array(struct bulk_split *split, struct bytes piece) {
    size_t from = 0;
    for (size_t at = 0; at < piece.length && !split->stopped; at++) {
        if (split->in_string) {
            at = pass_string(split, piece, at);
            continue;
        }
        bool inside = in_element(split);
        bool fine = inside ? step_element(split, piece, &from, at) : step_outside(split, piece, at);
        if (!inside)
            from = at + 1;
        if (!fine) {
            split->stopped = true;
            count_to(split, piece, at);
            return STATUS_BAD_SYNTAX;
        }
    }
    if (in_element(split) && !split->stopped)
        carry_part(split, (struct bytes){piece.data + from, piece.length - from});
    count_to(split, piece, piece.length);
    split->consumed += piece.length;
    return STATUS_OK;
}

/* The first byte that is no white space decides; what blank lines left behind is dropped. */
static void choose_form(struct bulk_split *split, struct bytes piece) {
    for (size_t i = 0; i < piece.length && split->form == BULK_UNKNOWN; i++) {
        if (!is_space(piece.data[i]))
            split->form = piece.data[i] == '[' ? BULK_ARRAY : BULK_LINES;
    }
    if (split->form == BULK_ARRAY) {
        split->number = 0;
        buffer_reset(&split->carry);
        split->oversize = false;
    }
}

enum status bulk_split_feed(struct bulk_split *split, struct bytes piece) {
    if (split->stopped)
        return STATUS_OK;
    split->counted = 0;
    if (split->form == BULK_UNKNOWN)
        choose_form(split, piece);
    if (split->form == BULK_ARRAY)
        return feed_array(split, piece);
    if (split->form == BULK_UNKNOWN)
        count_to(split, piece, piece.length); /* blank lines before an array */
    feed_lines(split, piece);
    return STATUS_OK;
}

enum status bulk_split_end(struct bulk_split *split) {
    if (split->stopped)
        return STATUS_OK;
    if (split->form == BULK_ARRAY)
        return split->place == BULK_AFTER ? STATUS_OK : STATUS_BAD_SYNTAX;
    if (split->carry.length > 0 || split->oversize)
        give_line(split, (struct bytes){NULL, 0});
    return STATUS_OK;
}
