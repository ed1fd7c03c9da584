/* test_raw_log.c: what rules find in raw lines of web servers, of auditd and of syslog. */
#include "tests/support/rule_bench.h"

#include <criterion/criterion.h>

struct line_case {
    const char *logsource; /* the rule's */
    const char *selection; /* flow style */
    const char *line;      /* as JSON */
    bool matches;
};

static void check(const struct line_case *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char rule[2048], document[4096];
        snprintf(rule, sizeof rule, "title: T\nlogsource: {%s}\ndetection: {s: %s, condition: s}\n",
                 cases[i].logsource, cases[i].selection);
        snprintf(document, sizeof document, "{\"event_type\":\"unknown\",\"raw_log\":\"%s\"}",
                 cases[i].line);
        struct rule_verdict verdict = rule_bench_judge(rule, document);
        cr_expect_not(verdict.refused, "%s: %s", cases[i].selection, verdict.reason);
        cr_expect_eq(verdict.found, (size_t)cases[i].matches, "%s %s on %s", cases[i].logsource,
                     cases[i].selection, cases[i].line);
    }
}

#define CHECK(cases) check(cases, sizeof cases / sizeof cases[0])
#define WEB "category: webserver"
#define COMBINED                                                                                   \
    "203.0.113.7 - bob [10/Oct/2026:13:55:36 +0000] \\\"GET /a/b.php?id=1&f=../x HTTP/1.1\\\" "    \
    "404 2326 \\\"http://r/\\\" \\\"curl/7.0 (x)\\\""

Test(raw_log, fields_of_an_access_log) {
    static const struct line_case cases[] = {
        {WEB, "{cs-method: GET, sc-status: 404}", COMBINED, true},
        {WEB, "{sc-status: 200}", COMBINED, false},
        {WEB, "{sc-status|gte: 400}", COMBINED, true},
        {WEB, "{c-ip|cidr: 203.0.113.0/24, cs-username: bob}", COMBINED, true},
        {WEB, "{cs-uri-stem: /a/b.php, c-uri-query: 'id=1&f=../x'}", COMBINED, true},
        {WEB, "{cs-uri-query: 'id=1&f=../x'}", COMBINED, true},
        {WEB, "{cs-uri-query|contains: '/a/b.php?'}", COMBINED, true}, /* rules mean this, too */
        {WEB, "{c-uri|startswith: /a/, cs-uri|endswith: ../x}", COMBINED, true},
        {WEB, "{c-uri-extension: php, cs-version: HTTP/1.1, sc-bytes: 2326}", COMBINED, true},
        {WEB, "{cs-user-agent|contains: curl, cs-referer: 'http://r/'}", COMBINED, true},
        {WEB, "{c-useragent|startswith: curl, cs-referrer|endswith: /r/}", COMBINED, true},
        {WEB, "{cs-host|exists: false}", COMBINED, true},
        {WEB, "['b.php']", COMBINED, true}, /* keywords search the line */
        {WEB, "{cs-method: POST, cs-username: null, cs-user-agent: null}",
         "::1 - - [10/Oct/2026:13:55:36 +0000] \\\"POST / HTTP/2.0\\\" 302 -", true},
        {WEB, "{cs-host: www.example.org, c-ip: 10.0.0.1}",
         "www.example.org:443 10.0.0.1 - - [10/Oct/2026:13:55:36 +0000] \\\"GET / HTTP/1.1\\\" 200 "
         "1 "
         "\\\"-\\\" \\\"-\\\"",
         true},
        {WEB, "{c-ip: 10.0.0.1, cs-method: GET}",
         "Oct 10 13:55:36 web nginx: 10.0.0.1 - - [10/Oct/2026:13:55:36 +0000] \\\"GET / "
         "HTTP/1.1\\\" 200 1",
         true},
        /* blanks and quotes of an attack */
        {WEB, "{cs-uri-query: \"q=' or \\\"a\\\"=\\\"a\"}",
         "10.0.0.1 - - [10/Oct/2026:13:55:36 +0000] \\\"GET /?q=' or \\\"a\\\"=\\\"a HTTP/1.1\\\" "
         "200 1",
         true},
        {WEB, "{cs-user-agent: 'a\\\\\"b', cs-referer|exists: false}",
         "10.0.0.1 - - [10/Oct/2026:13:55:36 +0000] \\\"GET / HTTP/1.1\\\" 200 1 \\\"-\\\" "
         "\\\"a\\\\\\\"b\\\"",
         true},
        /* no request at all */
        {WEB, "{sc-status: 400, cs-method|exists: false, c-uri|contains: x16}",
         "10.0.0.1 - - [10/Oct/2026:13:55:36 +0000] \\\"\\\\x16\\\\x03\\\\x01\\\" 400 157", true},
        {WEB, "{cs-uri-stem: '/a b'}",
         "10.0.0.1 - - [10/Oct/2026:13:55:36 +0000] \\\"GET /a b HTTP/1.1\\\" 200 1", true},
        {WEB, "{cs-method: GET}", "10.0.0.1 - - [10/Oct/2026:13:55:36 +0000] \\\"GET / HTTP",
         false},
        {WEB, "{cs-method: GET}", "[2026-10-10] \\\"GET / HTTP/1.1\\\" 200", false},
        {WEB, "{cs-method: GET, cs-uri-stem: /a, sc-status: null}", "GET /a?b HTTP/1.1", true},
        {WEB, "{cs-method|exists: true}", "GET /a?b", false},
        {WEB, "{cs-method|exists: true}", "GET HTTP/1.1", false},
        {"product: linux, service: sshd", "['b.php']", COMBINED, true}, /* a product is not known */
        {"category: process_creation", "['b.php']", COMBINED, false},   /* but the category is */
    };
    CHECK(cases);
}

#define DECODED(target)                                                                            \
    "10.0.0.1 - - [10/Oct/2026:13:55:36 +0000] \\\"GET " target " HTTP/1.1\\\" 200 1"

Test(raw_log, a_target_has_one_spelling) {
    static const struct line_case cases[] = {
        {WEB, "{cs-uri-decoded: \"/?q=' or 1\"}", DECODED("/?q=%27+or+1"), true},
        {WEB, "{cs-uri-decoded: \"/?q='\"}", DECODED("/?q=%2527"), true},
        {WEB, "{cs-uri-decoded: \"/?q='<\"}", DECODED("/?q=%u0027%U003c"), true},
        {WEB, "{cs-uri-decoded: /../etc}", DECODED("/%c0%ae%c0%ae%c0%afetc"), true},
        {WEB, "{cs-uri-decoded: '/<a:>'}", DECODED("/&lt;a&#58;&#x3E"), true},
        {WEB, "{cs-uri-decoded: '/1 union select 2'}", DECODED("/1/**/union/*!50000select*/2"),
         true},
        {WEB, "{cs-uri-decoded: '/1 union select 2'}", DECODED("/1%23x%0Aunion--y%0aselect%a02"),
         true}, /* a0 alone is a blank to MySQL */
        {WEB, "{cs-uri-decoded: '/1 union select 2'}", DECODED("/1%23x%0Aunion--y%0aselect%c2%a02"),
         true},
        {WEB, "{cs-uri-decoded: '/a#b--c/*d'}", DECODED("/a%23b--c/*d"), true},
        {WEB, "{cs-uri-decoded: '/cmd.exe'}", DECODED("/cmd%00.exe"), true},
        {WEB, "{cs-uri-decoded: '/?%zz%2'}", DECODED("/%fe%zz%2"), true},
        {WEB, "{cs-uri-decoded: '/&#0;&#xd800;&x'}", DECODED("/&#0;&#xd800;&x"), true},
        {WEB, "{cs-uri-decoded: '/../a\\b/'}", DECODED("/%uff0e%ef%bc%8e%u2215a%u2216b%e2%81%84"),
         true},
        {WEB, "{cs-uri-decoded: \"/?q=<'\\\\x2\"}", DECODED("/?q=\\\\x3c\\\\u0027\\\\x2"), true},
        {WEB, "{cs-uri-decoded: '/\u00fc\U0001f600'}", DECODED("/%c3%bc%f0%9f%98%80"), true},
    };
    CHECK(cases);
}

/* Letters of sql_shape.h. */
Test(raw_log, a_parameter_has_a_shape) {
    static const struct line_case cases[] = {
        {WEB, "{cs-uri-sql: ':1&1=1 '}", DECODED("/?id=1+or+1%3d1"), true},
        {WEB, "{cs-uri-sql: ':1UE1 '}", DECODED("/?id=1e0union+select+0x1f"), true},
        {WEB, "{cs-uri-sql|endswith: \"'s&s=e \"}", DECODED("/?a=x&q=%27%20oR/**/%271%27=%271"),
         true},
        {WEB, "{cs-uri-sql|endswith: '\"s&t=tc '}", DECODED("/?q=%22||'a'='a'--"), true},
        {WEB, "{cs-uri-sql|endswith: \"'so(EnFn) \"}", DECODED("/x'-(select%20a+from+b)"), true},
        {WEB, "{cs-uri-sql: ':1o1UEv,v,f(s),g(n)k '}",
         DECODED("/?id=1-1+union+all+select+null,user(),char('a'),f(b)--+so+what"), false},
        {WEB, "{cs-uri-sql|startswith: ':1o1UEv,v,f(s),g(n)k '}",
         DECODED("/?id=1-1+union+all+select+null,user(),char('a'),f(b)--+so+what"), true},
        {WEB, "{cs-uri-sql: ':1B1,1 '}", DECODED("/?id=1+order+by+1,2"), true},
        {WEB, "{cs-uri-sql: ':n=v&1 :1&1 '}",
         DECODED("/?a[b]=c+is+not+null+and+0x1f&d%5b0%5d=1or+1e5"), true},
        {WEB, "{cs-uri-sql: ':vo1;Enn '}", DECODED("/?a=@@v*.5%3b+drop+table+`a+b`"), true},
        {WEB, "{cs-uri-sql|contains: '&'}", DECODED("/?q=rock+%27and%27+roll"), false}, /* prose */
        {WEB, "{cs-uri-sql: ':?n '}", DECODED("/?q=''''x"), true},
        {WEB, "{cs-uri-sql: ':1nn '}", DECODED("/?q=3+8mm+N"), true},
        {WEB, "{cs-uri-sql|startswith: ':v,s '}", DECODED("/?q=null,N'it''s+so'"), true},
        {WEB, "{cs-uri-sql|endswith: \"'sz \"}", DECODED("/?q='a'"), false},
        {WEB, "{cs-uri-sql|endswith: \"'snz \"}", DECODED("/?q='a'"), true},
        {WEB, "{cs-uri-sql|exists: true}", DECODED("/a/b.html?q=select&page=-2&x=a-b"), false},
        {WEB, "{cs-uri-sql|exists: true}", DECODED("/?q=%27"), false}, /* a token says nothing */
    };
    CHECK(cases);
}

Test(raw_log, a_client_says_what_it_likes) {
    static const struct line_case cases[] = {
        {WEB, "{cs-headers-decoded: \"http://r/?q=' or 1\"}",
         DECODED("/") " \\\"http://r/?q=%27+or+1\\\" \\\"x\\\"", true},
        {WEB, "{cs-headers-decoded: '() { x'}", DECODED("/") " \\\"-\\\" \\\"() %7b x\\\"", true},
        {WEB, "{cs-headers-decoded|exists: true}", DECODED("/"), false},
        {WEB, "{cs-headers-decoded|exists: true}",
         DECODED("/") " \\\"http://r/?a=b&c=d\\\" \\\"A/1.0 (X11; x) (y)\\\"",
         false}, /* ordinary */
        {WEB, "{cs-headers-decoded: 'benchmark(5,1)'}",
         DECODED("/") " \\\"-\\\" \\\"benchmark(5,1)\\\"", true},
    };
    CHECK(cases);
}

#define AUDIT "product: linux, service: auditd"

Test(raw_log, fields_of_auditd) {
    static const struct line_case cases[] = {
        {AUDIT, "{type: EXECVE, a0: cat, a1: /etc/shadow}",
         "type=EXECVE msg=audit(1364481363.243:24287): argc=2 a0=\\\"cat\\\" "
         "a1=\\\"/etc/shadow\\\"",
         true},
        {AUDIT, "{type: EXECVE, a1: 'a b'}",
         "type=EXECVE msg=audit(1.2:3): argc=2 a0=\\\"x\\\" a1=612062", true},
        {AUDIT, "{type: SYSCALL, a0: 612062}", /* a number there, no text */
         "type=SYSCALL msg=audit(1.2:3): arch=c000003e syscall=59 a0=612062 exe=\\\"/bin/x\\\"",
         true},
        {AUDIT, "{type: SYSCALL, SYSCALL: execve, exe|endswith: /x, euid: 0}",
         "type=SYSCALL msg=audit(1.2:3): syscall=59 euid=0 "
         "exe=\\\"/bin/x\\\"\\u001dSYSCALL=execve AUID=\\\"root\\\"",
         true},
        {AUDIT, "{type: PROCTITLE, proctitle: 'ls -l'}",
         "node=h type=PROCTITLE msg=audit(1.2:3): proctitle=6C73002D6C", true},
        {AUDIT, "{name: /etc/passwd, nametype: NORMAL}",
         "type=PATH msg=audit(1.2:3): item=0 name=\\\"/etc/passwd\\\" nametype=NORMAL", true},
        {AUDIT, "{type: SERVICE_STOP, unit: auditd}",
         "type=SERVICE_STOP msg=audit(1.2:3): pid=1 msg='unit=auditd comm=\\\"systemd\\\" "
         "res=success'",
         true},
        {AUDIT, "{name: C3}", "type=PATH msg=audit(1.2:3): name=C3", true}, /* no UTF-8: as it is */
        {AUDIT, "{type: EXECVE}", "kernel: type=EXECVE is not it", false},
        {"product: windows", "['cat']", "type=EXECVE msg=audit(1.2:3): a0=\\\"cat\\\"", false},
        {"product: linux, service: sshd", "['cat']", "type=EXECVE msg=audit(1.2:3): a0=\\\"cat\\\"",
         false},
    };
    CHECK(cases);
}

Test(raw_log, programs_of_syslog) {
    static const char *const lines[] = {
        "Nov  8 12:00:00 host sshd[12]: Failed password for x",
        "<38>Nov 18 12:00:00 host sshd[12]: Failed password for x",
        "2026-11-28T08:30:20.966901+00:00 host sshd[12]: Failed password for x",
        "<38>1 2026-11-28T08:30:20Z host sshd 12 - - Failed password for x",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const struct line_case cases[] = {
            {"product: linux, service: sshd", "['failed password']", lines[i], true},
            {"product: linux, service: auth", "['failed password']", lines[i], true},
            {"product: linux, service: cron", "['failed password']", lines[i], false},
            {"product: cisco", "['failed password']", lines[i], false},
        };
        CHECK(cases);
    }
    static const struct line_case others[] = {
        {"product: linux, service: cron", "['x']", "Nov  8 12:00:00 host other[1]: x", true},
        {"product: cisco", "['x']", "no date sshd[12]: x", true},
        {"product: cisco", "['x']", "Nov x", true},
        {"product: cisco", "['x']", "x", true},
    };
    CHECK(others);
}

Test(raw_log, a_member_stands_above_the_line) {
    static const char rule[] = "title: T\nlogsource: {category: webserver}\n"
                               "detection: {s: {cs-method: GET}, condition: s}\n";
    cr_expect_eq(rule_bench_judge(rule, "{\"event_type\":\"unknown\",\"raw_log\":\"" COMBINED
                                        "\",\"metadata\":{\"cs-method\":\"POST\"}}")
                     .found,
                 0);
    cr_expect_eq(rule_bench_judge(rule, "{\"event_type\":\"unknown\",\"raw_log\":\"" COMBINED
                                        "\",\"metadata\":{\"logsource\":{\"category\":\"proxy\"}}}")
                     .found,
                 0, "what the event says of itself routes it");
}

/* Nobody sets the fields of an event, or of an enrichment, by a line. */
Test(raw_log, a_line_sets_no_field_of_ours) {
    static const char *const selections[] = {"{username: root}", "{off_hours: true}",
                                             "{source_ip_reputation: known_bad}", "{count: 99}"};
    for (size_t i = 0; i < sizeof selections / sizeof selections[0]; i++) {
        const struct line_case cases[] = {{AUDIT, selections[i],
                                           "type=X msg=audit(1.2:3): username=root off_hours=true "
                                           "source_ip_reputation=known_bad count=99",
                                           false}};
        CHECK(cases);
    }
}
