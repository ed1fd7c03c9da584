/* accept.c: media types of an Accept header, by their quality. */
#include "services/ingest/accept.h"

#include <strings.h>

#define QUALITY_ONE 1000

static bool text_is_caseless(struct text text, const char *string) {
    return text.length == strlen(string) && strncasecmp(text.data, string, text.length) == 0;
}

/* "0.8" in thousandths; 0 for what is no quality. */
static int parse_quality(struct text text) {
    if (text.length == 0 || text.length > 5 || (text.data[0] != '0' && text.data[0] != '1') ||
        (text.length > 1 && text.data[1] != '.'))
        return 0;
    int quality = (text.data[0] - '0') * QUALITY_ONE;
    int scale = QUALITY_ONE / 10;
    for (size_t i = 2; i < text.length; i++, scale /= 10) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return 0;
        quality += (text.data[i] - '0') * scale;
    }
    return quality < QUALITY_ONE ? quality : QUALITY_ONE;
}

/* The quality among a range's parameters. */
static int quality_of(struct text parameters) {
    while (parameters.length > 0) {
        struct text parameter = text_take_part(&parameters, ';');
        if (parameter.length >= 2 && strncasecmp(parameter.data, "q=", 2) == 0)
            return parse_quality((struct text){parameter.data + 2, parameter.length - 2});
    }
    return QUALITY_ONE;
}

/* How closely a range names the type: 3 itself, 2 its family, 1 anything; 0: another. */
static int closeness(struct text range, const char *type, const char *family) {
    if (text_is_caseless(range, type))
        return 3;
    if (text_is_caseless(range, family))
        return 2;
    return text_is_caseless(range, "*/*") ? 1 : 0;
}

static void note(struct accept_quality *noted, struct text item, const char *type,
                 const char *family) {
    struct text range = text_take_part(&item, ';');
    int close = closeness(range, type, family);
    if (close > noted->closeness)
        *noted = (struct accept_quality){close, quality_of(item)};
}

bool accept_note(struct text item, void *accept) {
    struct accept *noted = accept;
    note(&noted->html, item, "text/html", "text/*");
    note(&noted->json, item, "application/json", "application/*");
    return true;
}

bool accept_prefers_html(const struct accept *accept) {
    return accept->html.quality > accept->json.quality;
}
