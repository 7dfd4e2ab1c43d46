/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of the command line: tro_verb_<id>(argc, argv) with argv[0] the verb itself; the result
 * is the exit code. */
#ifndef TRO_TOOLS_VERBS_H
#define TRO_TOOLS_VERBS_H

#include <trocar/trocar.h>

enum tro_exit {
    TRO_EXIT_OK = 0,
    TRO_EXIT_DIFFERENT = 1, /* a comparison or gate failed */
    TRO_EXIT_INPUT = 2,     /* bad use or bad input */
    TRO_EXIT_MACHINE = 3    /* no device, no memory */
};

#define VERB(id, summary) int tro_verb_##id(int argc, char **argv);
#include "verbs.def"
#undef VERB

/* Prints "trocar: MESSAGE" to standard error; the exit code for a negative status. */
int tro_exit_with(const struct tro_err *err, int rc);

#endif
