/* redis_client.c: to be written */
#include "common/redis_client.h"
