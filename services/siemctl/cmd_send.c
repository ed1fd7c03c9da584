/* cmd_send.c: siemctl send: one event from arguments, or events from a file, and the verdict. */
#include "common/nearest_name.h"
#include "common/scoped.h"
#include "services/ingest/normalize.h"
#include "services/siemctl/api.h"
#include "services/siemctl/command.h"
#include "services/siemctl/event_json.h"
#include "services/siemctl/terminal.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define BODY_SIZE_MAX (1024 * 1024)

static struct send_arguments {
#define OPTION CONF_FIELD
#include "services/siemctl/send.def"
#undef OPTION
} arguments;

#define CONF_STRUCT struct send_arguments
static const struct conf_option options[] = {
#define OPTION CONF_ROW
#include "services/siemctl/send.def"
#undef OPTION
};
#undef CONF_STRUCT

/* Reads all of a file, "-" being stdin. */
static enum status read_file(const char *path, struct buffer *out) {
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "re");
    char piece[16384];
    size_t length;
    if (file == NULL) {
        fprintf(stderr, "siemctl send: %s: %s\n", path, strerror(errno));
        return STATUS_IO_ERROR;
    }
    while ((length = fread(piece, 1, sizeof piece, file)) > 0)
        buffer_append(out, piece, length);
    bool failed = ferror(file) != 0;
    if (failed)
        fprintf(stderr, "siemctl send: %s: %s\n", path, strerror(errno));
    if (!standard)
        fclose(file);
    if (failed)
        return STATUS_IO_ERROR;
    if (buffer_is_whole(out))
        return STATUS_OK;
    fprintf(stderr, "siemctl send: more than 1 MiB; use \"siemctl replay %s\"\n", path);
    return STATUS_TOO_LARGE;
}

/* Chooses the route by the shape of the body: one object, an array, or lines. */
static void choose_route(struct buffer *body, struct http_client_request *request) {
    char error[JSON_TREE_ERROR_SIZE];
    struct json_node *root = NULL;
    bool whole = json_tree_parse(buffer_text(body), &root, error) == STATUS_OK;
    request->path = whole && json_node_is_object(root) ? "/log" : "/logs";
    if (!whole)
        request->content_type = "application/x-ndjson";
    json_node_destroy(&root);
}

static void print_rules(const struct json_node *rules) {
    for (size_t i = 0; i < json_node_count(rules); i++) {
        const struct json_node *rule = json_node_element(rules, i);
        printf("  rule ");
        terminal_print_severity(stdout, json_node_member_text(rule, "level"), 8);
        printf("  ");
        terminal_print(stdout, json_node_member_text(rule, "title"));
        printf("\n");
    }
}

/* One line for the verdict of POST /log, and one for each rule. */
static void print_verdict(const struct json_node *root) {
    const struct json_node *log = json_node_member(root, "log");
    struct text status = json_node_member_text(root, "status");
    if (text_is(status, "accepted")) {
        printf("accepted  ");
        terminal_print(stdout, json_node_member_text(root, "id"));
        printf("  stored; no verdict yet\n");
        return;
    }
    bool threat = text_is(status, "threat_detected");
    printf("%s  ", threat ? "THREAT" : "ok");
    terminal_print_severity(stdout, json_node_member_text(log, "severity"), 0);
    printf("  ");
    terminal_print(stdout, json_node_member_text(log, "event_type"));
    if (threat) {
        printf("  ");
        terminal_print(stdout, json_node_member_text(root, "incident_id"));
        printf("  %s  ",
               json_node_is_true(json_node_member(root, "alert_sent")) ? "alert sent" : "no alert");
        terminal_print(stdout, json_node_member_text(log, "threat_details"));
    }
    printf("\n");
    print_rules(json_node_member(log, "rules"));
}

/* The counts of POST /logs, and what was refused; false when anything was. */
static bool print_bulk(const struct json_node *root) {
    const struct json_node *errors = json_node_member(root, "errors");
    int64_t rejected = json_node_integer(json_node_member(root, "rejected"));
    printf("accepted %lld, rejected %lld\n",
           (long long)json_node_integer(json_node_member(root, "accepted")), (long long)rejected);
    for (size_t i = 0; i < json_node_count(errors); i++) {
        const struct json_node *error = json_node_element(errors, i);
        printf("  line ");
        terminal_print(stdout, json_node_member_text(error, "line"));
        printf(": ");
        terminal_print(stdout, json_node_member_text(error, "field"));
        printf(": ");
        terminal_print(stdout, json_node_member_text(error, "message"));
        printf("\n");
    }
    return rejected == 0;
}

/* Posts the body and prints the answer; the exit status. */
static int post(const struct siemctl_config *config, struct buffer *body) {
    struct http_client_request request = {.method = "POST", .body = buffer_bytes(body)};
    SCOPED(http_client)
    struct http_client *client = api_open(config);
    SCOPED_FINI(http_client_reply) struct http_client_reply reply;
    SCOPED(json_node)
    struct json_node *root = NULL;
    choose_route(body, &request);
    request.header = arguments.no_wait ? "Prefer: respond-async" : NULL;
    http_client_reply_init(&reply);
    if (!api_call(client, config, &request, &reply, &root))
        return EXIT_FAILED;
    bool bulk = strcmp(request.path, "/logs") == 0;
    if (arguments.json) {
        printf("%.*s\n", TEXT_ARG(buffer_text(&reply.body)));
        return bulk && json_node_integer(json_node_member(root, "rejected")) > 0 ? EXIT_FAILED
                                                                                 : EXIT_DONE;
    }
    if (bulk)
        return print_bulk(root) ? EXIT_DONE : EXIT_FAILED;
    print_verdict(root);
    return EXIT_DONE;
}

/* A name of letters, digits and what joins them. */
static bool is_name(const char *operand) {
    static const char joining[] = "_-. ";
    size_t length = 0;
    while (isalnum((unsigned char)operand[length]) ||
           (operand[length] != '\0' && strchr(joining, operand[length]) != NULL))
        length++;
    return length > 0 && operand[length] == '\0';
}

/* The API takes any type, and what it does not know for "unknown", which few rules look for. */
static void note_unknown_type(const char *name) {
    struct nearest_name nearest;
    enum event_type type;
    if (normalize_event_type(text_of(name), &type))
        return;
    nearest_name_init(&nearest, name);
    for (int known = 0; known < EVENT_TYPE_COUNT_; known++)
        nearest_name_consider(&nearest, event_type_text((enum event_type)known));
    fprintf(stderr, "siemctl send: \"%s\" is no known event type%s; it is taken for \"unknown\"\n",
            name, nearest.hint);
}

/* Makes the event of the operands: JSON as it is, or a type and fields. */
static int build(int count, char **operands, struct buffer *body) {
    SCOPED_FINI(buffer) struct buffer error;
    const char *first = operands[0];
    buffer_init(&error, 1024);
    if (count == 1 && (first[0] == '{' || first[0] == '[')) {
        buffer_append(body, first, strlen(first));
        return EXIT_DONE;
    }
    if (!is_name(first))
        return command_usage_error(&command_send, "\"%s\" is no event type (files: --file)", first);
    if (event_json_build(first, count - 1, operands + 1, body, &error) != STATUS_OK)
        return command_usage_error(&command_send, "%.*s", TEXT_ARG(buffer_text(&error)));
    note_unknown_type(first);
    return EXIT_DONE;
}

static int run(const struct siemctl_config *config, int count, char **operands) {
    SCOPED_FINI(buffer) struct buffer body;
    const char *file = arguments.file;
    buffer_init(&body, BODY_SIZE_MAX);
    if (count == 0 && file[0] == '\0' && !isatty(STDIN_FILENO))
        file = "-";
    if (count == 1 && strcmp(operands[0], "-") == 0) {
        file = "-";
        count = 0;
    }
    if ((count == 0) == (file[0] == '\0'))
        return command_usage_error(&command_send, "give an event type and fields, or --file");
    if (file[0] != '\0') {
        if (read_file(file, &body) != STATUS_OK)
            return EXIT_FAILED;
    } else {
        int status = build(count, operands, &body);
        if (status != EXIT_DONE)
            return status;
    }
    if (body.length == 0)
        return command_usage_error(&command_send, "nothing to send");
    return post(config, &body);
}

const struct command command_send = {
    .name = "send",
    .summary = "Sends an event, or a few, and prints the verdict.",
    .usage = "EVENT_TYPE [FIELD=VALUE]... | JSON | --file FILE | -",
    .examples = "  siemctl send login_failed source_ip=203.0.113.9 username=alice count=12\n"
                "  siemctl send network_anomaly count=25 metadata.unique_ips_count=30\n"
                "  siemctl send sql_injection raw_log=\"id=1 OR 1=1; DROP TABLE users;--\" --json\n"
                "  siemctl send '{\"event_type\":\"login_failed\",\"count\":12}'\n"
                "  siemctl send unknown metadata:='{\"tags\":[\"a\",\"b\"]}'\n"
                "  siemctl send --file events.ndjson        (thousands of them: siemctl replay)\n",
    .options = options,
    .options_count = sizeof options / sizeof *options,
    .arguments = &arguments,
    .run = run,
};
