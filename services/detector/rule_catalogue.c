/* rule_catalogue.c: a set's rules and correlations as lines. */
#include "services/detector/rule_catalogue.h"

#include "common/json_writer.h"

/* One rule, of either kind. */
struct entry {
    const char *kind;
    struct text id, title, status;
    enum severity level;
    enum sigma_mode mode;
    const struct text_list *tags;
    const struct logsource *logsource; /* NULL: a correlation has none */
};

static void write_pair(struct json_writer *json, const char *name, struct text value) {
    json_key(json, name);
    json_text(json, value);
}

static void write_logsource(struct json_writer *json, const struct logsource *logsource) {
    json_key(json, "logsource");
    if (logsource == NULL) {
        json_null(json);
        return;
    }
    json_object_begin(json);
    write_pair(json, "category", logsource->category);
    write_pair(json, "product", logsource->product);
    write_pair(json, "service", logsource->service);
    json_object_end(json);
}

static void write_entry(const struct entry *entry, struct buffer *out) {
    struct json_writer json;
    buffer_append_text(out, entry->id);
    buffer_append(out, "\n", 1);
    json_writer_init(&json, out);
    json_object_begin(&json);
    write_pair(&json, "id", entry->id);
    write_pair(&json, "title", entry->title);
    write_pair(&json, "kind", text_of(entry->kind));
    write_pair(&json, "level", text_of(severity_text(entry->level)));
    write_pair(&json, "status", entry->status);
    write_pair(&json, "mode", text_of(sigma_mode_text(entry->mode)));
    json_key(&json, "tags");
    json_array_begin(&json);
    for (uint32_t i = 0; i < entry->tags->count; i++)
        json_text(&json, entry->tags->items[i]);
    json_array_end(&json);
    write_logsource(&json, entry->logsource);
    json_object_end(&json);
    json_writer_fini(&json);
    buffer_append(out, "\n", 1);
}

void rule_catalogue_write(const struct sigma_rules *rules, struct buffer *out) {
    for (size_t i = 0; i < rules->count; i++) {
        const struct sigma_loaded_rule *rule = &rules->rules[i];
        const struct finding *finding = &rule->finding;
        write_entry(&(struct entry){"rule", finding->rule_id, finding->rule_title, rule->status,
                                    finding->level, rule->mode, &finding->tags, &rule->logsource},
                    out);
    }
    for (size_t i = 0; i < rules->correlation_count; i++) {
        const struct sigma_correlation *correlation = &rules->correlations[i];
        const struct correlation *wire = &correlation->correlation;
        if (correlation->is_linked)
            write_entry(&(struct entry){"correlation", wire->rule_id, wire->rule_title,
                                        correlation->status, wire->level, correlation->mode,
                                        &wire->tags, NULL},
                        out);
    }
}
