/* service.c: to be written */
#include "common/service.h"
