/* routes_docs.c: /docs, /redoc, /openapi.json and the files the pages load. */
#include "services/ingest/answer.h"
#include "services/ingest/docs_files.h"
#include "services/ingest/routes.h"

#include <strings.h>

static const struct docs_file *find_file(struct text path) {
    for (size_t i = 0; i < docs_files_count; i++) {
        if (text_is(path, docs_files[i].path))
            return &docs_files[i];
    }
    return NULL;
}

/* "q=0", "q=0.0": not acceptable. */
static bool is_refusal(struct text parameter) {
    if (parameter.length < 3 || strncasecmp(parameter.data, "q=0", 3) != 0)
        return false;
    for (size_t i = 3; i < parameter.length; i++) {
        if (parameter.data[i] != '.' && parameter.data[i] != '0')
            return false;
    }
    return true;
}

static bool is_gzip(struct text item, const void *context) {
    (void)context;
    struct text coding = text_take_part(&item, ';');
    return coding.length == 4 && strncasecmp(coding.data, "gzip", 4) == 0 &&
           !is_refusal(text_trim_spaces(item));
}

/* The client can read gzip (RFC 9110 §12.5.3). One that says nothing gets the plain bytes. */
static bool accepts_gzip(const struct http_request *request) {
    return http_header_any(request, "Accept-Encoding", is_gzip, NULL);
}

static bool is_tag(struct text tag, const void *etag) {
    if (tag.length > 2 && tag.data[0] == 'W' && tag.data[1] == '/')
        tag = (struct text){tag.data + 2, tag.length - 2};
    return text_is(tag, etag) || text_is(tag, "*");
}

/* The client has these bytes already (RFC 9110 §13.1.2). */
static bool has_already(const struct http_request *request, const char *etag) {
    return http_header_any(request, "If-None-Match", is_tag, etag);
}

/* Clients keep the files and ask each time whether they are still these: a new version shows at
 * once. */
static void answer_file(struct http_request *request, const struct docs_file *file) {
    bool gzip = file->gzip.length > 0 && accepts_gzip(request);
    const char *etag = gzip ? file->gzip_etag : file->etag;
    http_answer_header(request, "ETag", etag);
    http_answer_header(request, "Cache-Control", "no-cache");
    if (file->gzip.length > 0)
        http_answer_header(request, "Vary", "Accept-Encoding");
    if (file->policy != NULL)
        http_answer_header(request, "Content-Security-Policy", file->policy);
    if (gzip)
        http_answer_header(request, "Content-Encoding", "gzip");
    /* 304 has the headers of 200; libmicrohttpd leaves the body out by itself. */
    http_answer_constant(request, has_already(request, etag) ? 304 : 200, file->type,
                         gzip ? file->gzip : file->plain);
}

void route_docs(struct http_request *request) {
    const struct docs_file *file = find_file(http_path(request));
    if (file != NULL)
        answer_file(request, file);
    else
        answer_error(request, 404, "Not Found");
}
