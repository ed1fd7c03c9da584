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

/* Field 2 of statm, in bytes; 0 when unknown. */
static long resident_bytes(void) {
    char text[256];
    if (!read_file("/proc/self/statm", text, sizeof text))
        return 0;
    char *rest;
    strtol(text, &rest, 10);
    return strtol(rest, NULL, 10) * sysconf(_SC_PAGESIZE);
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

/* Seconds since 1970 at which the process started: field 22 of stat, counted behind the name, which
 * may hold anything. */
static double start_time(void) {
    char text[1024];
    if (!read_file("/proc/self/stat", text, sizeof text))
        return 0;
    char *field = strrchr(text, ')');
    for (int number = 2; field != NULL && number < 22; number++)
        field = strchr(field + 1, ' ');
    if (field == NULL)
        return 0;
    return boot_time() + strtod(field, NULL) / (double)sysconf(_SC_CLK_TCK);
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
    render(out, "process_cpu_seconds_total", "counter", "User and system time", cpu_seconds());
    render(out, "process_open_fds", "gauge", "Open file descriptors", (double)open_files());
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
