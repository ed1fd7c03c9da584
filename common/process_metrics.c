/* process_metrics.c: reads /proc/self when somebody asks. */
#include "common/process_metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* Seconds of user and system time. */
static double cpu_seconds(void) {
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Reads a small file of /proc as a C string; false when it cannot. */
static bool read_file(const char *path, char *out, size_t size) {
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    size_t length = fread(out, 1, size - 1, file);
    fclose(file);
    out[length] = '\0';
    return length > 0;
}

/* Field `number` of statm, in bytes; 0 when unknown. */
static long memory_bytes(int number) {
    char text[256];
    if (!read_file("/proc/self/statm", text, sizeof text))
        return 0;
    char *at = text;
    long pages = 0;
    for (int i = 0; i < number; i++)
        pages = strtol(at, &at, 10);
    return pages * sysconf(_SC_PAGESIZE);
}

static long resident_bytes(void) {
    return memory_bytes(2);
}

/* How many files may be open. */
static double files_max(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (double)limit.rlim_cur : 0;
}

/* Entries of /proc/self/fd, without the one that reads them. */
static long open_files(void) {
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL)
        return 0;
    long count = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count - 1;
}

/* Seconds since 1970 at which the machine started; 0 when unknown. */
static double boot_time(void) {
    char text[32 * 1024];
    if (!read_file("/proc/stat", text, sizeof text))
        return 0;
    const char *line = strstr(text, "\nbtime ");
    return line == NULL ? 0 : strtod(line + sizeof "\nbtime " - 1, NULL);
}

/* A field of stat from 3 on, counted behind the name, which may hold anything; 0 when unknown. */
static double stat_field(int number) {
    char text[1024];
    if (!read_file("/proc/self/stat", text, sizeof text))
        return 0;
    char *field = strrchr(text, ')');
    for (int at = 2; field != NULL && at < number; at++)
        field = strchr(field + 1, ' ');
    return field == NULL ? 0 : strtod(field, NULL);
}

/* Seconds since 1970 at which the process started. */
static double start_time(void) {
    return boot_time() + stat_field(22) / (double)sysconf(_SC_CLK_TCK);
}

/* One family with one series. */
static void render(struct buffer *out, const char *name, const char *kind, const char *help,
                   double value) {
    buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.15g\n", name, help, name, kind, name,
                  value);
}

void process_metrics_render_prometheus(struct buffer *out) {
    render(out, "process_resident_memory_bytes", "gauge", "Resident memory",
           (double)resident_bytes());
    render(out, "process_virtual_memory_bytes", "gauge", "Virtual memory", (double)memory_bytes(1));
    render(out, "process_cpu_seconds_total", "counter", "User and system time", cpu_seconds());
    render(out, "process_open_fds", "gauge", "Open file descriptors", (double)open_files());
    render(out, "process_max_fds", "gauge", "File descriptors that may be open", files_max());
    render(out, "process_threads", "gauge", "Threads", stat_field(20));
    render(out, "process_start_time_seconds", "gauge", "Start, in seconds since 1970 UTC",
           start_time());
    buffer_printf(out,
                  "# HELP siem_build_info Version of the program; always 1\n"
                  "# TYPE siem_build_info gauge\nsiem_build_info{version=\"%s\"} 1\n",
                  SIEM_VERSION);
}

void process_metrics_render_json(struct json_writer *json) {
    json_key(json, "process_resident_memory_bytes");
    json_int(json, resident_bytes());
    json_key(json, "process_cpu_seconds_total");
    json_double(json, cpu_seconds());
}
