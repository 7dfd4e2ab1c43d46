/* SPDX-License-Identifier: Apache-2.0 */
/* A record of a procedure: what is accepted is written again and read as the same. */
#include "console/rules/recording.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_BYTES 524288

static void fail(const char *what, const char *text)
{
    fprintf(stderr, "%s: %s\n", what, text);
    abort();
}

static struct tro_findings f, again;
static uint8_t bytes[MAX_BYTES], other[MAX_BYTES];

static void read_again(const struct tro_rules_opts *opts)
{
    struct tro_err err = {0};
    char *text = NULL;
    size_t n = 0;
    const struct tro_sentence none = {0};
    FILE *const out = open_memstream(&text, &n);
    struct tro_recorder *const to = out ? tro_recorder_of(out, "again", opts, &err) : NULL;
    if (!to)
        fail("cannot write", err.text);
    tro_recorder_put(to, &f, TRO_RULES_SAME, &none);
    if (tro_recorder_close(to, &err) < 0)
        fail("cannot write", err.text);
    struct tro_recording *const from = tro_recording_of(fmemopen(text, n, "r"), "again", &err);
    if (!from || tro_recording_next(from, &again, &err) != 1)
        fail("cannot be read again", err.text);
    const size_t n_bytes = tro_findings_write(&f, bytes, MAX_BYTES);
    if (tro_findings_write(&again, other, MAX_BYTES) != n_bytes ||
        memcmp(bytes, other, n_bytes) != 0)
        fail("read again as something else", text);
    tro_recording_close(from);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tro_err err = {0};
    FILE *const file = size ? fmemopen((void *)data, size, "r") : fopen("/dev/null", "r");
    if (!file ||
        (!f.runs && (tro_findings_init(&f, &err) < 0 || tro_findings_init(&again, &err) < 0)))
        fail("cannot begin", err.text);
    struct tro_recording *const r = tro_recording_of(file, "input", &err);
    int rc = r ? 1 : -1;
    for (int i = 0; rc > 0 && i < 8; i++) {
        rc = tro_recording_next(r, &f, &err);
        if (rc > 0)
            read_again(tro_recording_opts(r));
    }
    if (rc < 0 && strncmp(err.text, "input:", 6) != 0)
        fail("no place in the message", err.text);
    tro_recording_close(r);
    return 0;
}
