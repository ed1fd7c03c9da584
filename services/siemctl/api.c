/* api.c: the API's key and its error bodies, for people. */
#include "services/siemctl/api.h"

#include "services/siemctl/terminal.h"

#include <stdio.h>

#define KEY_SIZE_MAX 512

const char *api_key(const struct siemctl_config *config) {
    static char key[KEY_SIZE_MAX];
    char path[4096 + 16];
    if (config->api_key[0] != '\0')
        return config->api_key;
    snprintf(path, sizeof path, "%s/api_key", config->state_dir);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return "";
    key[fread(key, 1, sizeof key - 1, file)] = '\0';
    fclose(file);
    key[strcspn(key, " \t\r\n")] = '\0';
    return key;
}

struct http_client *api_open(const struct siemctl_config *config) {
    return http_client_new(config->url, api_key(config), config->ca_file);
}

/* The list of 422: one line a field. */
static void print_details(const struct json_node *details) {
    for (size_t i = 0; i < json_node_count(details); i++) {
        const struct json_node *detail = json_node_element(details, i);
        fprintf(stderr, "  ");
        terminal_print(stderr, json_node_member_text(detail, "field"));
        fprintf(stderr, ": ");
        terminal_print(stderr, json_node_member_text(detail, "message"));
        fprintf(stderr, "\n");
    }
}

void api_print_refusal(const struct http_client_reply *reply) {
    char error[JSON_TREE_ERROR_SIZE];
    struct json_node *root = NULL;
    struct text words = buffer_text(&reply->body);
    bool parsed = json_tree_parse(words, &root, error) == STATUS_OK;
    if (parsed && json_node_member_text(root, "detail").data != NULL)
        words = json_node_member_text(root, "detail");
    else if (parsed && json_node_member_text(root, "error").data != NULL)
        words = json_node_member_text(root, "error");
    fprintf(stderr, "siemctl: the API answered %d: ", reply->code);
    terminal_print(stderr, words);
    fprintf(stderr, "\n");
    print_details(json_node_member(root, "details"));
    if (reply->code == 401 || reply->code == 403)
        fprintf(stderr, "Give the key with --api-key or API_KEY, or its directory with "
                        "--state-dir.\n");
    json_node_destroy(&root);
}

bool api_call(struct http_client *client, const struct siemctl_config *config,
              const struct http_client_request *request, struct http_client_reply *reply,
              struct json_node **ret_root) {
    char error[JSON_TREE_ERROR_SIZE];
    enum status status = http_client_send(client, request, reply);
    if (status != STATUS_OK) {
        fprintf(stderr, "siemctl: no answer from %s: %s. Is it right (--url, SIEM_URL)?\n",
                config->url, reply->error);
        return false;
    }
    if (reply->code < 200 || reply->code > 299) {
        api_print_refusal(reply);
        return false;
    }
    if (ret_root == NULL)
        return true;
    if (json_tree_parse(buffer_text(&reply->body), ret_root, error) == STATUS_OK)
        return true;
    fprintf(stderr, "siemctl: the answer is no JSON; is %s the REST API?\n", config->url);
    return false;
}
