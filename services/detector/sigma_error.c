/* sigma_error.c: a reason as printf writes it. */
#include "services/detector/sigma_error.h"

#include <stdarg.h>
#include <stdio.h>

enum status sigma_refuse(struct sigma_error *error, enum status status, int line,
                         const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->reason, sizeof error->reason, format, arguments);
    va_end(arguments);
    error->line = line;
    error->status = status;
    return status;
}
