/* SPDX-License-Identifier: Apache-2.0 */
/* Recurrent layers on CUDA against the reference. */
#include "cuda_kit.h"
#include "recurrent_kit.h"
#include "test.h"

static bool run(double tolerance, enum tro_precision precision, const struct recurrent_layer *l)
{
    struct tro_buf b = {0};
    const bool ok = cuda_check(recurrent_text(l, &b), tolerance, precision);
    tro_buf_finish(&b);
    return ok && cuda_has("recurrent_project") && cuda_has("recurrent ");
}

#define RUN(...) CHECK(run(1e-5, TRO_PRECISION_FP32, &(struct recurrent_layer){__VA_ARGS__}))
#define RUN_F16(...) CHECK(run(2e-2, TRO_PRECISION_FP16, &(struct recurrent_layer){__VA_ARGS__}))

TEST(lstm)
{
    RUN("lstm", 4, 5, 2, 7, 9, "forward", "", "bias states");
    RUN("lstm", 4, 1, 1, 33, 40, "forward", "", "bias states");
    RUN("lstm", 4, 4, 3, 5, 6, "bidirectional", "", "lengths batch_first");
    RUN("lstm", 4, 3, 2, 4, 5, "reverse", ", clip = 0.5", "bias peephole lengths");
    RUN("lstm", 4, 3, 2, 4, 5, "forward", ", input_forget = 1", "bias final_only");
}

TEST(gru)
{
    RUN("gru", 3, 5, 2, 7, 9, "forward", "", "bias states");
    RUN("gru", 3, 4, 2, 5, 33, "bidirectional", ", linear_before_reset = 1", "bias lengths");
}

TEST(rnn)
{
    RUN("rnn", 1, 5, 2, 7, 9, "reverse", "", "bias states lengths");
    RUN("rnn", 1, 3, 1, 4, 8, "bidirectional", ", activations = \"relu,softsign\"", "");
}

TEST(half)
{
    RUN_F16("lstm", 4, 5, 2, 7, 9, "bidirectional", "", "bias states");
    RUN_F16("gru", 3, 4, 1, 5, 33, "forward", "", "bias");
}
