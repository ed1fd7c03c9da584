/* json_writer.c: to be written */
#include "common/json_writer.h"
