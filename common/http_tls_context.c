/* http_tls_context.c: certificate and key as their files are now, and what TLS is spoken: 1.2 with
 * forward secrecy and authenticated ciphers, and 1.3. A new certificate is for new connections;
 * those that exist keep the one they began with. Files are replaced one after the other, so a pair
 * that does not fit is tried again when a file changes, and the old one stays until then. Source:
 * Mozilla's "intermediate" recommendation; RFC 9325. */
#include "common/http_private.h"

#include "common/counters.h"
#include "common/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CIPHERS                                                                                    \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"     \
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define GROUPS "X25519:P-256:P-384"
#define EXPIRY_WARNING_DAYS 14
#define DAY_S (24 * 60 * 60)

/* What a file looked like. */
struct stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

struct http_tls_context {
    const char *certificate_path;
    const char *key_path;
    struct stamp seen[2]; /* when they were last loaded, or could not be */
    struct gauge *expires;
    pthread_mutex_t lock; /* of `current` */
    SSL_CTX *current;
};

static void complain(const char *path, const char *reason, const char *remedy) {
    log_error("TLS certificate or key not usable", LOG_STRING("file", path),
              LOG_STRING("reason", reason), LOG_STRING("remedy", remedy));
}

/* Whether a file can be opened; says so when not. */
static bool can_read(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        complain(path, strerror(errno), "name a file in PEM form that this process may read");
        return false;
    }
    close(fd);
    return true;
}

/* Asked for a key's passphrase: there is nobody to ask. */
static int on_passphrase(char *buffer, int size, int writing, void *asked) {
    (void)buffer, (void)size, (void)writing;
    *(bool *)asked = true;
    return -1;
}

static bool load_certificate(SSL_CTX *context, const char *path) {
    if (!can_read(path))
        return false;
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, path) == 1)
        return true;
    unsigned long error = ERR_peek_error();
    if (ERR_GET_LIB(error) == ERR_LIB_PEM)
        complain(path, "it holds no certificate in PEM form",
                 "write the server's certificate into it, then those between it and its authority");
    else
        complain(path, ERR_reason_error_string(error),
                 "use a certificate with RSA of 2048 bits or ECDSA, signed with SHA-256 or better");
    return false;
}

static bool load_key(SSL_CTX *context, const char *path) {
    bool asked = false;
    if (!can_read(path))
        return false;
    SSL_CTX_set_default_passwd_cb(context, on_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(context, &asked);
    ERR_clear_error();
    bool loaded = SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM) == 1;
    unsigned long error = ERR_peek_last_error();
    if (loaded && SSL_CTX_check_private_key(context) == 1)
        return true;
    if (asked)
        complain(path, "the key has a passphrase",
                 "take it off (openssl pkey -in KEY -out NEW) and protect the file (chmod 600)");
    else if (loaded || ERR_GET_REASON(error) == X509_R_KEY_VALUES_MISMATCH ||
             ERR_GET_REASON(error) == X509_R_KEY_TYPE_MISMATCH)
        complain(path, "the key is not the certificate's",
                 "give the key the certificate was made with; the certificate's file begins with "
                 "the server's own");
    else
        complain(path, "it holds no private key in PEM form",
                 "write the key of the certificate into it");
    return false;
}

/* Clients speak HTTP/1.1 or nothing. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_length,
                   const unsigned char *offered, unsigned length, void *context) {
    static const unsigned char spoken[] = "\x08http/1.1\x08http/1.0";
    (void)ssl, (void)context;
    unsigned char *chosen = NULL;
    int result =
        SSL_select_next_proto(&chosen, out_length, spoken, sizeof spoken - 1, offered, length);
    *out = chosen;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* What TLS is spoken, without a certificate yet. */
static SSL_CTX *make_context(void) {
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL)
        abort();
    bool set = SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
               SSL_CTX_set_cipher_list(context, CIPHERS) == 1 &&
               SSL_CTX_set1_groups_list(context, GROUPS) == 1 &&
               SSL_CTX_set_num_tickets(context, 1) == 1;
    assert(set);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_alpn_select_cb(context, on_alpn, NULL);
    return context;
}

/* Says until when it is good. */
static void note_expiry(const struct http_tls_context *tls, const SSL_CTX *context) {
    int days = 0, seconds = 0;
    const ASN1_TIME *until = X509_get0_notAfter(SSL_CTX_get0_certificate(context));
    if (ASN1_TIME_diff(&days, &seconds, NULL, until) != 1)
        return;
    int64_t left_s = (int64_t)days * DAY_S + seconds;
    gauge_set(tls->expires, clock_wall().ms / 1000 + left_s);
    log_info("TLS certificate loaded", LOG_STRING("file", tls->certificate_path),
             LOG_INT("days_left", days));
    if (left_s <= 0)
        log_warning("the TLS certificate has expired: clients will refuse it",
                    LOG_STRING("file", tls->certificate_path));
    else if (days < EXPIRY_WARNING_DAYS)
        log_warning("the TLS certificate expires soon", LOG_STRING("file", tls->certificate_path),
                    LOG_INT("days_left", days));
}

/* Loads both files; false, and everything as it was, when they are of no use. */
static bool load(struct http_tls_context *tls) {
    SSL_CTX *context = make_context();
    if (!load_certificate(context, tls->certificate_path) || !load_key(context, tls->key_path)) {
        SSL_CTX_free(context);
        ERR_clear_error();
        return false;
    }
    note_expiry(tls, context);
    pthread_mutex_lock(&tls->lock);
    SSL_CTX *old = tls->current;
    tls->current = context;
    pthread_mutex_unlock(&tls->lock);
    SSL_CTX_free(old);
    return true;
}

static void take_stamps(const struct http_tls_context *tls, struct stamp stamps[2]) {
    const char *const paths[] = {tls->certificate_path, tls->key_path};
    memset(stamps, 0, 2 * sizeof stamps[0]);
    for (int i = 0; i < 2; i++) {
        struct stat about;
        if (stat(paths[i], &about) != 0)
            continue;
        stamps[i].device = about.st_dev;
        stamps[i].inode = about.st_ino;
        stamps[i].size = about.st_size;
        stamps[i].changed = about.st_mtim;
    }
}

struct http_tls_context *http_tls_context_new(const char *certificate, const char *key) {
    if (certificate[0] == '\0' || key[0] == '\0') {
        log_error("TLS needs a certificate and a key",
                  LOG_STRING("remedy", "set both SIEM_TLS_CERTIFICATE and SIEM_TLS_KEY, or none"));
        return NULL;
    }
    struct http_tls_context *tls = calloc(1, sizeof *tls);
    if (tls == NULL || pthread_mutex_init(&tls->lock, NULL) != 0)
        abort();
    tls->certificate_path = certificate;
    tls->key_path = key;
    tls->expires = gauge_new("siem_tls_certificate_expiry_timestamp_seconds", NULL,
                             "When the TLS certificate in use ends");
    take_stamps(tls, tls->seen);
    if (!load(tls))
        http_tls_context_destroy(&tls);
    return tls;
}

void http_tls_context_destroy(struct http_tls_context **tls) {
    if (*tls == NULL)
        return;
    SSL_CTX_free((*tls)->current);
    pthread_mutex_destroy(&(*tls)->lock);
    free(*tls);
    *tls = NULL;
}

struct ssl_st *http_tls_context_session(struct http_tls_context *tls) {
    pthread_mutex_lock(&tls->lock);
    SSL *ssl = SSL_new(tls->current);
    pthread_mutex_unlock(&tls->lock);
    return ssl;
}

void http_tls_context_check(struct http_tls_context *tls, bool even_if_unchanged) {
    struct stamp now[2];
    take_stamps(tls, now);
    if (!even_if_unchanged && memcmp(now, tls->seen, sizeof now) == 0)
        return;
    memcpy(tls->seen, now, sizeof now);
    if (!load(tls))
        log_warning("the TLS certificate in use stays");
}
