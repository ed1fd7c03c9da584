/* cmd_incidents.c: siemctl incidents: lists them, shows one, changes its status. */
#include "common/scoped.h"
#include "services/siemctl/api.h"
#include "services/siemctl/command.h"
#include "services/siemctl/terminal.h"

#include <stdio.h>

#define PATH_SIZE_MAX 2048
#define BODY_SIZE_MAX (64 * 1024)

static struct incidents_arguments {
#define OPTION CONF_FIELD
#include "services/siemctl/incidents.def"
#undef OPTION
} arguments;

#define CONF_STRUCT struct incidents_arguments
static const struct conf_option options[] = {
#define OPTION CONF_ROW
#include "services/siemctl/incidents.def"
#undef OPTION
};
#undef CONF_STRUCT

/* Appends &name=value, percent-encoded. */
static void add_parameter(struct buffer *path, const char *name, const char *value) {
    if (value[0] == '\0')
        return;
    buffer_printf(path, "&%s=", name);
    http_client_encode(path, value);
}

/* The cells of one incident, in the order of the heads in print_list. */
static void add_row(struct table *table, const struct json_node *incident) {
    static const char *const members[] = {
        "id",        "severity",  "status",        "detection_count",
        "last_seen", "source_ip", "affected_user", "title"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        table_add(table, json_node_member_text(incident, members[i]));
}

static void print_list(const struct json_node *root) {
    static const char *const heads[] = {"ID",        "SEVERITY", "STATUS", "COUNT",
                                        "LAST SEEN", "SOURCE",   "USER",   "TITLE"};
    const struct json_node *incidents = json_node_member(root, "incidents");
    struct table table;
    table_init(&table, sizeof heads / sizeof *heads, heads);
    for (size_t i = 0; i < json_node_count(incidents); i++)
        add_row(&table, json_node_element(incidents, i));
    table_print(&table, stdout);
    table_fini(&table);
    size_t count = json_node_count(incidents);
    bool more = json_node_text(json_node_member(root, "next_cursor")).data != NULL;
    printf("%zu incident%s%s\n", count, count == 1 ? "" : "s",
           more ? ", and older ones: raise --limit, or filter" : "");
}

/* The texts of an array, or the titles of an array of rules. */
static void print_array(const struct json_node *array) {
    for (size_t i = 0; i < json_node_count(array); i++) {
        const struct json_node *element = json_node_element(array, i);
        printf("%s", i == 0 ? "" : ", ");
        terminal_print(stdout, json_node_is_object(element)
                                   ? json_node_member_text(element, "title")
                                   : json_node_text(element));
    }
    if (json_node_count(array) == 0)
        printf("-");
}

/* One line a member. */
static void print_incident(const struct json_node *incident) {
    for (size_t i = 0; i < json_node_count(incident); i++) {
        struct text name = {NULL, 0};
        const struct json_node *value = json_node_member_at(incident, i, &name);
        printf("%-16.*s  ", TEXT_ARG(name));
        if (json_node_is_array(value))
            print_array(value);
        else if (text_is(name, "severity"))
            terminal_print_severity(stdout, json_node_text(value), 0);
        else
            terminal_print(stdout, json_node_text(value));
        printf("\n");
    }
}

/* The body of a change of status. */
static void write_change(struct buffer *body) {
    struct json_writer json;
    json_writer_init(&json, body);
    json_object_begin(&json);
    json_key(&json, "status");
    json_string(&json, arguments.status);
    if (arguments.note[0] != '\0') {
        json_key(&json, "analyst_notes");
        json_string(&json, arguments.note);
    }
    if (arguments.resolution[0] != '\0') {
        json_key(&json, "resolution");
        json_string(&json, arguments.resolution);
    }
    json_object_end(&json);
    json_writer_fini(&json);
}

/* Sends the request and prints what came: a list, an incident, or the incident of {"incident":...}.
 */
static int call_and_print(const struct siemctl_config *config,
                          const struct http_client_request *request) {
    SCOPED(http_client)
    struct http_client *client = api_open(config);
    SCOPED(json_node)
    struct json_node *root = NULL;
    SCOPED_FINI(http_client_reply) struct http_client_reply reply;
    http_client_reply_init(&reply);
    if (!api_call(client, config, request, &reply, &root))
        return EXIT_FAILED;
    const struct json_node *changed = json_node_member(root, "incident");
    if (arguments.json)
        printf("%.*s\n", TEXT_ARG(buffer_text(&reply.body)));
    else if (json_node_is_array(json_node_member(root, "incidents")))
        print_list(root);
    else
        print_incident(changed != NULL ? changed : root);
    return EXIT_DONE;
}

static int list(const struct siemctl_config *config) {
    SCOPED_FINI(buffer) struct buffer path;
    buffer_init(&path, PATH_SIZE_MAX);
    buffer_printf(&path, "/incidents?limit=%lld", (long long)arguments.limit);
    add_parameter(&path, "status", arguments.status);
    add_parameter(&path, "severity", arguments.severity);
    buffer_append(&path, "", 1);
    if (!buffer_is_whole(&path))
        return command_usage_error(&command_incidents, "the filter is too long");
    return call_and_print(
        config, &(struct http_client_request){.method = "GET", .path = buffer_text(&path).data});
}

/* Shows one incident, or changes its status. */
static int one(const struct siemctl_config *config, const char *id) {
    SCOPED_FINI(buffer) struct buffer path, body;
    char match[48];
    bool change = arguments.status[0] != '\0';
    buffer_init(&path, PATH_SIZE_MAX);
    buffer_init(&body, BODY_SIZE_MAX);
    if (!change && (arguments.note[0] != '\0' || arguments.resolution[0] != '\0'))
        return command_usage_error(&command_incidents, "--note and --resolution need --status");
    buffer_append_text(&path, TEXT("/incidents/"));
    http_client_encode(&path, id);
    if (change) {
        buffer_append_text(&path, TEXT("/status"));
        write_change(&body);
    }
    buffer_append(&path, "", 1);
    if (!buffer_is_whole(&path) || !buffer_is_whole(&body))
        return command_usage_error(&command_incidents, "the note or resolution is too long");
    snprintf(match, sizeof match, "If-Match: %lld", (long long)arguments.revision);
    return call_and_print(config, &(struct http_client_request){
                                      .method = change ? "POST" : "GET",
                                      .path = buffer_text(&path).data,
                                      .header = arguments.revision > 0 ? match : NULL,
                                      .body = buffer_bytes(&body),
                                  });
}

static int run(const struct siemctl_config *config, int count, char **operands) {
    if (count > 1)
        return command_usage_error(&command_incidents, "one incident at a time");
    return count == 0 ? list(config) : one(config, operands[0]);
}

const struct command command_incidents = {
    .name = "incidents",
    .summary = "Lists incidents, shows one, or changes its status.",
    .usage = "[ID]",
    .examples = "  siemctl incidents\n"
                "  siemctl incidents --severity critical --status detected --limit 10\n"
                "  siemctl incidents INC-20260131-0001\n"
                "  siemctl incidents INC-20260131-0001 --status resolved --note \"scanner of the "
                "auditors\" \\\n"
                "                    --resolution \"allow-listed\"\n",
    .options = options,
    .options_count = sizeof options / sizeof *options,
    .arguments = &arguments,
    .run = run,
};
