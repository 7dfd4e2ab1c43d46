/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a model once:  run MODEL.onnx [RAW...]
 * Each RAW file holds the elements of one input, in the model's order; the others are zeros. Sizes
 * that the model leaves free are 1. Prints form and first values of each output. */
#include <stdio.h>
#include <stdlib.h>
#include <trocar/build.h>

#define MAX_INPUTS 64

/* The caller frees data. */
static struct tro_tensor make_input(const struct tro_io_info *info, const char *path)
{
    struct tro_tensor t = {.dtype = info->dtype, .rank = info->rank < 0 ? 0 : info->rank};
    for (int i = 0; i < t.rank; i++)
        t.shape[i] = info->shape[i] < 0 ? 1 : info->shape[i];
    const size_t n = tro_tensor_n_bytes(&t);
    t.data = calloc(n + 1, 1);
    FILE *f = path && t.data ? fopen(path, "rb") : NULL;
    if (path && (!f || fread(t.data, 1, n, f) != n))
        fprintf(stderr, "run: %s: expected %zu bytes\n", path, n);
    if (f)
        fclose(f);
    return t;
}

static void print_output(const char *name, const struct tro_tensor *t)
{
    printf("%s %s", name, tro_dtype_name(t->dtype));
    for (int i = 0; i < t->rank; i++)
        printf("%c%lld", i ? 'x' : ' ', (long long)t->shape[i]);
    for (int64_t i = 0; i < 8 && i < tro_tensor_n_elems(t) && t->dtype == TRO_F32; i++)
        printf(" %g", (double)((const float *)t->data)[i]);
    printf("\n");
}

int main(int argc, char **argv)
{
    struct tro_err err = {.text = "expected a model"};
    struct tro_tensor inputs[MAX_INPUTS] = {0}, out;
    struct tro_model *model = argc > 1 ? tro_model_open(argv[1], &err) : NULL;
    struct tro_session *s = model ? tro_model_session(model, NULL, &err) : NULL;
    int rc = s ? 0 : -1;
    for (int i = 0; rc == 0 && i < tro_session_n_inputs(s) && i < MAX_INPUTS; i++) {
        const struct tro_io_info info = tro_session_input_info(s, i);
        inputs[i] = make_input(&info, i + 2 < argc ? argv[i + 2] : NULL);
        rc = tro_session_bind(s, info.name, &inputs[i], &err);
    }
    rc = rc == 0 ? tro_session_run(s, &err) : rc;
    for (int i = 0; rc == 0 && i < tro_session_n_outputs(s); i++)
        if ((rc = tro_session_output(s, i, &out, &err)) == 0)
            print_output(tro_session_output_info(s, i).name, &out);
    if (rc < 0)
        fprintf(stderr, "run: %s\n", err.text);
    tro_session_destroy(s);
    tro_model_close(model);
    for (int i = 0; i < MAX_INPUTS; i++)
        free(inputs[i].data);
    return rc < 0;
}
