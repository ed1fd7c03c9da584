/* http_refusal.c: the words of libmicrohttpd's own refusals.
 *
 * What libmicrohttpd refuses itself (a line without a colon, a bad chunk, headers beyond its
 * memory) it answers with a page of HTML, without the headers every answer of ours has, and after a
 * bad Content-Length with two heads. It does so through its public MHD_queue_response, and calls it
 * as any program does, through the dynamic linker, which finds the function below first. Ours sends
 * the API's kind of error and ends the connection; then the library's own answer goes where nothing
 * is sent any more. It must get one: without, it frees the request and, if it was reading the
 * query, goes on with it. Our own answers go to the library's function. Were the library linked in
 * another way its pages would come back; test_http_server would tell. */
#include "common/http_private.h"

#include "common/counters.h"

#include <assert.h>
#include <dlfcn.h>
#include <sys/socket.h>

typedef enum MHD_Result (*queue_function)(struct MHD_Connection *, unsigned, struct MHD_Response *);

static queue_function library_queue;
static pthread_once_t found = PTHREAD_ONCE_INIT;

static void find_library_queue(void) {
    library_queue = (queue_function)(uintptr_t)dlsym(RTLD_NEXT, "MHD_queue_response");
    assert(library_queue != NULL);
}

void http_refusal_init(void) {
    pthread_once(&found, find_library_queue);
}

enum MHD_Result http_refusal_queue(struct MHD_Connection *mhd, unsigned code,
                                   struct MHD_Response *response) {
    return library_queue(mhd, code, response);
}

/* Called by libmicrohttpd, and by nobody else. */
enum MHD_Result MHD_queue_response(struct MHD_Connection *mhd, unsigned code,
                                   struct MHD_Response *response) {
    struct http_connection *connection =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    count_drop(code == 413 || code == 414 || code == 431 ? STATUS_TOO_LARGE : STATUS_BAD_SYNTAX);
    const char *reason = code == 413 ? HTTP_TOO_LARGE : MHD_get_reason_phrase_for(code);
    http_connection_say(connection, (int)code, reason);
    shutdown(connection->fd, SHUT_RDWR);
    return http_refusal_queue(mhd, code, response);
}
