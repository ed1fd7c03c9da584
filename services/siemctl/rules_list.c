/* rules_list.c: siemctl rules list: the rules in use, with their hits, from GET /rules. */
#include "services/siemctl/rules.h"

#include "common/scoped.h"
#include "services/siemctl/api.h"
#include "services/siemctl/terminal.h"

#define PAGE 500
#define PATH_SIZE 96

static void add_row(struct table *table, const struct json_node *rule) {
    static const char *const members[] = {"hits",     "level", "mode", "kind",
                                          "last_hit", "id",    "title"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        table_add(table, json_node_member_text(rule, members[i]));
}

/* Reads one page into the table, or prints it as it came; takes the cursor on. False at the end. */
static bool read_page(struct http_client *client, const struct rules_arguments *arguments,
                      const struct siemctl_config *config, struct table *table,
                      char path[PATH_SIZE], bool *ret_failed) {
    const struct http_client_request request = {.method = "GET", .path = path};
    struct http_client_reply reply;
    struct json_node *root = NULL;
    http_client_reply_init(&reply);
    *ret_failed = !api_call(client, config, &request, &reply, &root);
    const struct json_node *rules = *ret_failed ? NULL : json_node_member(root, "rules");
    struct text cursor =
        *ret_failed ? (struct text){NULL, 0} : json_node_member_text(root, "next_cursor");
    if (arguments->json && !*ret_failed)
        printf("%.*s\n", TEXT_ARG(buffer_text(&reply.body)));
    for (size_t i = 0; !arguments->json && i < json_node_count(rules); i++)
        add_row(table, json_node_element(rules, i));
    bool more = cursor.data != NULL;
    if (more)
        snprintf(path, PATH_SIZE, "/rules?limit=%d&cursor=%.*s", PAGE, (int)(cursor.length % 24),
                 cursor.data);
    if (root != NULL)
        json_node_destroy(&root);
    http_client_reply_fini(&reply);
    return more;
}

int rules_list(const struct rules_arguments *arguments, const struct siemctl_config *config) {
    static const char *const heads[] = {"HITS",     "SEVERITY", "MODE", "KIND",
                                        "LAST HIT", "RULE",     "TITLE"};
    char path[PATH_SIZE];
    bool failed = false;
    struct table table;
    SCOPED(http_client)
    struct http_client *client = api_open(config);
    snprintf(path, sizeof path, "/rules?limit=%d", PAGE);
    table_init(&table, sizeof heads / sizeof *heads, heads);
    while (read_page(client, arguments, config, &table, path, &failed) && !failed)
        continue;
    if (!failed && !arguments->json)
        table_print(&table, stdout);
    table_fini(&table);
    return failed ? EXIT_FAILED : EXIT_DONE;
}
