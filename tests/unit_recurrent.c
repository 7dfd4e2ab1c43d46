/* SPDX-License-Identifier: Apache-2.0 */
/* Recurrent layers of the CPU backend against the reference. */
#include "engine_kit.h"

#include "base/bytes.h"

struct layer {
    const char *kind; /* "lstm" */
    int gates, time, batch, features, hidden;
    const char *direction; /* "forward" */
    const char *attrs;     /* ", clip = 0.5" */
    const char *with;      /* words: bias lengths states peephole batch_first final_only */
};

static bool has(const struct layer *l, const char *what)
{
    return strstr(l->with, what) != NULL;
}

static void constant(struct tro_buf *b, const char *name, const char *shape, int n, double scale)
{
    uint64_t state = (uint64_t)n * 31 + (uint64_t)(unsigned char)name[0];
    tro_buf_printf(b, "const %%%s : f32[%s] =", name, shape);
    for (int i = 0; i < n; i++)
        tro_buf_printf(b, " %.4f", engine_kit_noise(&state) * scale);
    tro_buf_str(b, "\n");
}

static void print_parameters(struct tro_buf *b, const struct layer *l, int dirs)
{
    const int rows = l->gates * l->hidden;
    char shape[64];
    snprintf(shape, sizeof shape, "%d,%d,%d", dirs, rows, l->features);
    constant(b, "w", shape, dirs * rows * l->features, 0.6);
    snprintf(shape, sizeof shape, "%d,%d,%d", dirs, rows, l->hidden);
    constant(b, "r", shape, dirs * rows * l->hidden, 0.6);
    snprintf(shape, sizeof shape, "%d,%d", dirs, 2 * rows);
    constant(b, "bias", shape, dirs * 2 * rows, 0.8);
    snprintf(shape, sizeof shape, "%d,%d", dirs, 3 * l->hidden);
    constant(b, "peephole", shape, dirs * 3 * l->hidden, 0.8);
    tro_buf_printf(b, "const %%lengths : i32[%d] =", l->batch);
    for (int i = 0; i < l->batch; i++)
        tro_buf_printf(b, " %d", (l->time + i * 3) % (l->time + 1));
    tro_buf_str(b, "\n");
}

static void print_node(struct tro_buf *b, const struct layer *l)
{
    const bool is_lstm = strcmp(l->kind, "lstm") == 0;
    tro_buf_printf(b, "%%y, %%h%s = recurrent(%%x, %%w, %%r, %s, %s, %s, %s, %s)",
                   is_lstm ? ", %c" : "", has(l, "bias") ? "%bias" : "_",
                   has(l, "lengths") ? "%lengths" : "_", has(l, "states") ? "%h0" : "_",
                   has(l, "states") && is_lstm ? "%c0" : "_",
                   has(l, "peephole") ? "%peephole" : "_");
    tro_buf_printf(b, " {kind = %s, direction = %s, hidden_size = %d%s%s}\n", l->kind, l->direction,
                   l->hidden, has(l, "batch_first") ? ", batch_first = 1" : "", l->attrs);
    tro_buf_printf(b, "output %s%%h%s\n", has(l, "final_only") ? "" : "%y, ",
                   is_lstm ? ", %c" : "");
}

static bool run(const struct layer *l)
{
    const int dirs = strcmp(l->direction, "bidirectional") == 0 ? 2 : 1;
    const int first = has(l, "batch_first") ? l->batch : l->time;
    const int second = has(l, "batch_first") ? l->time : l->batch;
    struct tro_buf b = {0};
    tro_buf_printf(&b, "graph \"g\"\ninput %%x : f32[%d,%d,%d]\n", first, second, l->features);
    for (int i = 0; i < 2 && has(l, "states"); i++)
        tro_buf_printf(&b, "input %%%s : f32[%d,%d,%d]\n", i ? "c0" : "h0",
                       has(l, "batch_first") ? l->batch : dirs,
                       has(l, "batch_first") ? dirs : l->batch, l->hidden);
    print_parameters(&b, l, dirs);
    print_node(&b, l);
    tro_buf_u8(&b, 0);
    const bool ok = engine_check((const char *)b.p, 2e-5);
    tro_buf_finish(&b);
    return ok && strstr(engine_kernels(), "recurrent_f32_");
}

#define RUN(...) CHECK(run(&(struct layer){__VA_ARGS__}))

TEST(lstm_of_one_time)
{
    RUN("lstm", 4, 1, 1, 9, 20, "forward", "", "bias states");
    CHECK(!strstr(engine_kernels(), "recurrent_input"));
    RUN("lstm", 4, 1, 5, 3, 33, "bidirectional", "", "bias states peephole");
}

TEST(lstm_of_many_times)
{
    RUN("lstm", 4, 6, 3, 7, 17, "forward", "", "bias lengths states peephole");
    CHECK(strstr(engine_kernels(), "recurrent_input"));
    RUN("lstm", 4, 5, 4, 8, 16, "reverse", "", "bias lengths final_only");
    RUN("lstm", 4, 7, 2, 5, 40, "bidirectional", "", "lengths states peephole batch_first");
}

TEST(lstm_attributes)
{
    RUN("lstm", 4, 4, 2, 3, 5, "forward", ", clip = 0.3, input_forget = 1", "bias states");
    RUN("lstm", 4, 4, 2, 3, 5, "bidirectional",
        ", activations = \"hardsigmoid,relu,softsign,sigmoid,scaledtanh,affine\""
        ", activation_params = \"0.3:0.4,:,:,:,0.5:2,0.7:0.1\"",
        "bias states");
}

TEST(gru)
{
    RUN("gru", 3, 1, 1, 9, 20, "forward", "", "bias states");
    RUN("gru", 3, 6, 3, 7, 17, "bidirectional", "", "bias lengths states");
    RUN("gru", 3, 6, 3, 7, 17, "bidirectional", ", linear_before_reset = 1", "bias lengths states");
    RUN("gru", 3, 1, 4, 7, 16, "reverse", ", linear_before_reset = 1, clip = 0.4",
        "bias lengths states");
    RUN("gru", 3, 5, 2, 3, 6, "forward", ", activations = \"softplus,elu\"",
        "bias states batch_first");
    RUN("gru", 3, 5, 2, 3, 6, "forward",
        ", activations = \"sigmoid,thresholdedrelu\", linear_before_reset = 1", "");
}

TEST(rnn)
{
    RUN("rnn", 1, 1, 1, 9, 20, "forward", "", "bias states");
    RUN("rnn", 1, 6, 5, 7, 70, "bidirectional", "", "bias lengths states batch_first");
    RUN("rnn", 1, 4, 2, 3, 5, "reverse", ", activations = \"leakyrelu\", clip = 0.5", "");
}

TEST(views_of_sequences)
{
    ENGINE(1e-5, "graph \"g\"\n"
                 "input %a : f32[2,5,3]\n"
                 "%x = transpose(%a) {perm = [1,0,2]}\n"
                 "const %w : f32[1,8,3] = splat 0.3\n"
                 "const %r : f32[1,8,2] = splat -0.2\n"
                 "%y = recurrent(%x, %w, %r) {hidden_size = 2}\n"
                 "const %one : i64[1] = 1\n"
                 "%z = squeeze(%y, %one)\n"
                 "%t = transpose(%z) {perm = [1,0,2]}\n"
                 "%e = tanh(%t)\n"
                 "output %e");
    CHECK(strstr(engine_kernels(), "recurrent_f32_"));
}

/* Parameters that are no constants are the reference's. */
TEST(parameters_from_outside)
{
    ENGINE(1e-6, "graph \"g\"\n"
                 "input %x : f32[4,2,3]\n"
                 "input %w : f32[1,8,3]\n"
                 "input %r : f32[1,8,2]\n"
                 "%y = recurrent(%x, %w, %r) {hidden_size = 2}\n"
                 "output %y");
    CHECK_STR(engine_kernels(), "reference ");
}
