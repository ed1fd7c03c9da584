/* log.c: to be written */
#include "common/log.h"
