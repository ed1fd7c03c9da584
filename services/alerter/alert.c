/* alert.c: one alert, a copy of an entry of the outbox. */
#include "services/alerter/alert.h"

#include "common/utf8.h"

#include <stdio.h>
#include <stdlib.h>

static size_t total_size(const struct redis_reply *fields) {
    size_t size = 1;
    for (size_t i = 0; i < redis_reply_count(fields); i++)
        size += redis_reply_text(redis_reply_at(fields, i)).length;
    return size;
}

/* Copies a field's text to *at and moves *at behind it; null when the field is absent. */
static struct text take_field(const struct redis_reply *fields, const char *name, char **at) {
    struct text text = redis_reply_text(redis_reply_field(fields, name));
    if (text.data == NULL)
        return text;
    char *copy = *at;
    memcpy(copy, text.data, text.length);
    *at += text.length;
    return (struct text){copy, text.length};
}

static bool is_whole(const struct alert *alert) {
#define REQUIRED true
#define OPTIONAL false
#define FIELD(name, need, unit, meaning)                                                           \
    if (need && alert->name.data == NULL)                                                          \
        return false;
#include "proto/alert.def"
#undef FIELD
#undef OPTIONAL
#undef REQUIRED
    return true;
}

enum status alert_read(const struct redis_reply *entry, struct alert *ret_alert) {
    if (redis_reply_count(entry) != 2)
        return STATUS_BAD_TYPE;
    struct text id = redis_reply_text(redis_reply_at(entry, 0));
    const struct redis_reply *fields = redis_reply_at(entry, 1);
    if (id.data == NULL || id.length >= ALERT_ID_SIZE || redis_reply_type(fields) != REDIS_ARRAY)
        return STATUS_BAD_TYPE;
    struct alert alert = {.storage = NULL};
    snprintf(alert.id, sizeof(alert.id), "%.*s", TEXT_ARG(id));
    size_t size = total_size(fields);
    if (size > ALERT_SIZE_MAX) {
        *ret_alert = alert;
        return STATUS_TOO_LARGE;
    }
    alert.storage = malloc(size);
    if (alert.storage == NULL)
        abort();
    char *at = alert.storage;
#define FIELD(name, need, unit, meaning) alert.name = take_field(fields, #name, &at);
#include "proto/alert.def"
#undef FIELD
    *ret_alert = alert;
    if (!is_whole(&alert))
        return STATUS_BAD_VALUE;
    bool is_text = utf8_is_valid((const uint8_t *)alert.storage, (size_t)(at - alert.storage));
    return is_text ? STATUS_OK : STATUS_BAD_TEXT;
}

void alert_fini(struct alert *alert) {
    free(alert->storage);
    *alert = (struct alert){.storage = NULL};
}

int64_t alert_queued_ms(const struct alert *alert) {
    return strtoll(alert->id, NULL, 10);
}

size_t alert_fields(const struct alert *alert, struct text out[ALERT_FIELD_TEXTS]) {
    size_t count = 0;
#define FIELD(name, need, unit, meaning)                                                           \
    if (alert->name.data != NULL) {                                                                \
        out[count++] = TEXT(#name);                                                                \
        out[count++] = alert->name;                                                                \
    }
#include "proto/alert.def"
#undef FIELD
    return count;
}
