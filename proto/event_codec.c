/* event_codec.c: to be written */
#include "proto/event.h"
