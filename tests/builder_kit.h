/* SPDX-License-Identifier: Apache-2.0 */
/* Models as text (onnx_text.h), and builders of them. */
#ifndef TRO_TESTS_BUILDER_KIT_H
#define TRO_TESTS_BUILDER_KIT_H

#include <trocar/build.h>

#include "onnx_text.h"
#include "plan/plan.h"
#include "test.h"

/* NULL with a failed check when the text is no model. */
static inline struct tro_model *kit_model(const char *text)
{
    struct tro_err err = {0};
    struct tro_buf bytes = {0};
    struct tro_onnx_model *const onnx = onnx_text_read(text, 17);
    struct tro_model *m = NULL;
    if (tro_onnx_write(onnx, &bytes, &err) == 0)
        m = tro_model_open_memory(bytes.p, bytes.n, "test.onnx", &err);
    test_check(m != NULL, __FILE__, __LINE__, "%s", err.text);
    tro_buf_finish(&bytes);
    tro_onnx_free(onnx);
    return m;
}

/* Warnings and progress of a build. */
struct kit_log {
    char warnings[4096];
    char progress[4096];
    int n_warnings;
};

static inline void kit_warn(void *ctx, const char *message)
{
    struct kit_log *const log = ctx;
    const size_t n = strlen(log->warnings);
    log->n_warnings++;
    snprintf(log->warnings + n, sizeof(log->warnings) - n, "%s\n", message);
}

static inline void kit_progress(void *ctx, const struct tro_build_progress *p)
{
    struct kit_log *const log = ctx;
    const size_t n = strlen(log->progress);
    snprintf(log->progress + n, sizeof(log->progress) - n, "%s %d/%d\n", p->what, (int)p->done,
             (int)p->total);
}

#endif
