/* finding_codec.c: to be written */
#include "proto/finding.h"
