/* SPDX-License-Identifier: Apache-2.0 */
#include "verbs.h"
#include <stdio.h>
#define MISSING(f) __attribute__((weak)) int tro_verb_##f(int argc, char **argv) { (void)argc; (void)argv; fprintf(stderr, "trocar: " #f " is not there yet\n"); return 3; }
MISSING(compare)
MISSING(inspect)
MISSING(edit)
