/* sigma_rule_siem.c: our own key `siem`: how a rule's findings become incidents. */
#include "services/detector/sigma_modes.h"

static enum status read_group_by(const struct sigma_reader *reader, const struct sigma_node *list,
                                 struct sigma_rule *rule) {
    if (list == NULL) {
        rule->group_by[rule->group_by_count++] = TEXT("source_ip");
        rule->group_by[rule->group_by_count++] = TEXT("username");
        return STATUS_OK;
    }
    if (list->kind != SIGMA_NODE_LIST || list->count > SIGMA_GROUP_BY_MAX)
        return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, list->line,
                            "'siem.group_by' must be a list of at most %d fields",
                            SIGMA_GROUP_BY_MAX);
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].kind != SIGMA_NODE_SCALAR || list->items[i].text.length == 0)
            return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, list->items[i].line,
                                "'siem.group_by' must name fields");
        rule->group_by[rule->group_by_count++] = list->items[i].text;
    }
    return STATUS_OK;
}

/* Refuses a misspelt member of `siem`. */
static enum status check_members(const struct sigma_reader *reader, const struct sigma_node *siem) {
    static const char *const known[] = {"incident", "group_by", "details", "mode"};
    if (siem->kind != SIGMA_NODE_MAP)
        return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, siem->line, "'siem' must be a map");
    for (size_t i = 0; i < siem->count; i++) {
        bool is_known = false;
        for (size_t k = 0; k < sizeof known / sizeof known[0]; k++)
            is_known |= text_is(siem->names[i].text, known[k]);
        if (!is_known)
            return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, siem->names[i].line,
                                "'siem' has no '%.*s' (it has incident, group_by, details, mode)",
                                TEXT_ARG(siem->names[i].text));
    }
    return STATUS_OK;
}

enum status sigma_rule_read_siem(const struct sigma_reader *reader, const struct sigma_node *root,
                                 struct sigma_rule *rule) {
    const struct sigma_node *siem = sigma_node_member(root, "siem");
    rule->incident = rule->id;
    if (siem == NULL)
        return read_group_by(reader, NULL, rule);
    enum status status = check_members(reader, siem);
    rule->names_incident = sigma_node_member(siem, "incident") != NULL;
    if (status == STATUS_OK)
        status = sigma_rule_read_text(reader, siem, "incident", &rule->incident);
    if (status == STATUS_OK &&
        (rule->incident.length == 0 || rule->incident.length > SIGMA_TITLE_MAX))
        status =
            sigma_refuse(reader->error, STATUS_BAD_SYNTAX, siem->line,
                         "'siem.incident' must be a name of at most %d bytes", SIGMA_TITLE_MAX);
    if (status == STATUS_OK)
        status = sigma_rule_read_text(reader, siem, "details", &rule->details);
    if (status == STATUS_OK)
        status = sigma_mode_read(reader, siem, &rule->mode);
    if (status == STATUS_OK)
        status = read_group_by(reader, sigma_node_member(siem, "group_by"), rule);
    return status;
}
