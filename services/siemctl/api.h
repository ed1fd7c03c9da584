/* api.h: what the commands share when they talk to the REST API: the key, and errors in words.
 *
 * Owner: api_open gives a client. Threads: the main thread. Errors: printed on stderr.
 */
#ifndef SIEM_SIEMCTL_API_H
#define SIEM_SIEMCTL_API_H

#include "services/siemctl/config.h"
#include "services/siemctl/http_client.h"
#include "services/siemctl/json_tree.h"

/* The API key: --api-key or API_KEY, else the file SIEM_STATE_DIR/api_key, else "". Static storage.
 */
const char *api_key(const struct siemctl_config *config);

/* A client with that key. */
struct http_client *api_open(const struct siemctl_config *config);

/* Sends; true when the answer is 2xx and (unless `ret_root` is NULL) JSON, which the caller
 * destroys. Otherwise says on stderr what is wrong, and the remedy where there is one. */
MUST_CHECK bool api_call(struct http_client *client, const struct siemctl_config *config,
                         const struct http_client_request *request, struct http_client_reply *reply,
                         struct json_node **ret_root);

/* Says on stderr what an answer that is not 2xx means. */
void api_print_refusal(const struct http_client_reply *reply);

#endif
