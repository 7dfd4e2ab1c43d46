/* SPDX-License-Identifier: Apache-2.0 */
/* Recurrent layers of the CPU backend against the reference. */
#include "recurrent_kit.h"

static bool run(const struct recurrent_layer *l)
{
    struct tro_buf b = {0};
    const bool ok = engine_check(recurrent_text(l, &b), 2e-5);
    tro_buf_finish(&b);
    return ok && strstr(engine_kernels(), "recurrent_f32_");
}

#define RUN(...) CHECK(run(&(struct recurrent_layer){__VA_ARGS__}))

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
