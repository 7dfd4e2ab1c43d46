/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/nvtx.h"
#include "io/image_decoder.h"
#include "verbs.h"

static const struct {
    const char *name, *summary;
    int (*fn)(int argc, char **argv);
} verbs[] = {
#define VERB(id, summary) {#id, summary, tro_verb_##id},
#include "verbs.def"
#undef VERB
};
#define N_VERBS (sizeof verbs / sizeof *verbs)

int tro_exit_with(const struct tro_err *err, int rc)
{
    if (rc >= 0)
        return TRO_EXIT_OK;
    fprintf(stderr, "trocar: %s\n", err->text);
    switch (rc) {
    case TRO_E_INPUT:
    case TRO_E_UNSUPPORTED:
    case TRO_E_IO:
        return TRO_EXIT_INPUT;
    case TRO_E_NOMEM:
    case TRO_E_DEVICE:
    case TRO_E_INTERNAL:
    default:
        return TRO_EXIT_MACHINE;
    }
}

static void print_overview(FILE *to)
{
    fprintf(to, "usage: trocar VERB ...\n\n");
    for (size_t i = 0; i < N_VERBS; i++)
        fprintf(to, "  %-10s %s\n", verbs[i].name, verbs[i].summary);
    fprintf(to,
            "\n'trocar VERB --help' describes a verb; 'trocar --version' prints the version.\n");
}

static void warn_of_tools(void)
{
    const char *const missing = tro_nvtx_missing();
    if (missing)
        fprintf(stderr, "trocar: warning: %s\n", missing);
}

int main(int argc, char **argv)
{
    tro_image_decoder_register();
    if (argc < 2) {
        print_overview(stderr);
        return TRO_EXIT_INPUT;
    }
    if (strcmp(argv[1], "--help") == 0) {
        print_overview(stdout);
        return TRO_EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("trocar %s\n", tro_version());
        return TRO_EXIT_OK;
    }
    warn_of_tools();
    for (size_t i = 0; i < N_VERBS; i++)
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].fn(argc - 1, argv + 1);
    fprintf(stderr, "trocar: expected a verb, found '%s': see trocar --help\n", argv[1]);
    return TRO_EXIT_INPUT;
}
