/* raw_log.h: fields and the logsource that stand in an event's raw log line.
 *
 * Lines of web servers' access logs (common and combined format, Apache's with the virtual host)
 * get the fields rules for webservers and proxies ask for (cs-method, cs-uri-query, sc-status,
 * ...), lines of auditd their keys; of a syslog line the program says where it is from. A member of
 * the event's metadata with a field's name stands above it. Fields nobody asks for are not read,
 * and no field is searched by keywords: the line is. Owner: new/destroy; what is read lives until
 * the event's fields are loaded anew. Threads: read-only. Errors: a line of no known shape gives
 * nothing. Limits: RAW_LOG_HEAD_MAX bytes before what tells a line's shape; RAW_LOG_PAIRS_MAX keys.
 * Source: Apache's mod_log_config, auditd's audit_log_format, RFC 3164, RFC 5424, Sigma's taxonomy.
 */
#ifndef SIEM_DETECTOR_RAW_LOG_H
#define SIEM_DETECTOR_RAW_LOG_H

#include "services/detector/logsource.h"

#define RAW_LOG_HEAD_MAX 512
#define RAW_LOG_PAIRS_MAX 256

struct raw_log_reader;

/* A reader of the fields that these names ask for; all names are known by then. */
struct raw_log_reader *raw_log_reader_new(const struct field_names *names);

/* Frees it and nulls the pointer; NULL is fine. */
void raw_log_reader_destroy(struct raw_log_reader **reader);

/* Adds the line's fields; where it comes from. A null line gives nothing. */
struct logsource raw_log_read(const struct raw_log_reader *reader, struct text line,
                              struct fields *fields);

/* For raw_log.c: the parts of a line; those that are not there are null. */

/* parse_web_access.c: one request. */
struct web_access {
    struct text virtual_host, client, user, request, method, target, version;
    struct text status, size, referer, user_agent;
};

/* Reads a line of an access log, or one that is a request alone. */
bool parse_web_access(struct text line, struct web_access *ret_access);

/* parse_auditd.c: hands every key and value of a line of auditd to `take`, values as they are
 * meant: without quotes, hexadecimal texts decoded into the arena. False when it is no such line.
 */
bool parse_auditd(struct text line, struct arena *arena,
                  void (*take)(void *context, struct text key, struct text value), void *context);

/* parse_syslog.c: the program of a syslog line, without its number; null: none. */
struct text parse_syslog_program(struct text line);

#endif
