/* http_server.c: to be written */
#include "common/http_server.h"
