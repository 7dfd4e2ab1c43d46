/* SPDX-License-Identifier: Apache-2.0 */
/* Reference recurrent layers (values that ONNX Runtime gives too) and attention (values that numpy
 * gives by the formulas of ONNX 1.18). */
#include "ref_kit.h"

#define REST(...) __VA_ARGS__
#define RECURRENT(fields, in, out) \
    EVAL(TRO_OP_RECURRENT, (&(struct tro_attrs_recurrent){REST fields}), in, out)
#define ATTENTION(fields, in, out) \
    EVAL(TRO_OP_ATTENTION, (&(struct tro_attrs_attention){REST fields}), in, out)

TEST(ref_lstm)
{
    RECURRENT((.kind = tro_recurrent_lstm, .hidden_size = 2),
              "f32[2,1,2] -0.125 0.125 0 -0.375; f32[1,8,2] 1 -0.25 0.375 -0.25 -0.125 1 "
              "-0.625 0.25 -0.125 0.375 0.5 -0.375 0.375 0.375 -0.125 -0.75; f32[1,8,2] 0.25 "
              "-1 0.875 0.75 0.75 -1 1 1 0.125 0.75 0.625 0.625 -0.75 -1 -0.5 -0.625",
              "f32[2,1,1,2] 0 -0.019744681 -0.02615719 0.060238406; f32[1,1,2] -0.02615719 "
              "0.060238406; f32[1,1,2] -0.063557036 0.12841792");
    RECURRENT((.kind = tro_recurrent_lstm, .hidden_size = 1, .direction = tro_rnn_direction_reverse,
               .clip = 0.5),
              "f32[3,2,1] 0.125 0.75 0.5 -0.125 0.125 0.25; f32[1,4,1] 0.625 -0.75 0.625 "
              "-0.625; f32[1,4,1] 0.125 0 0.75 0.5; f32[1,8] -0.75 0.125 -1 -0.875 0 0.75 "
              "-0.625 -0.75; i32[2] 3 1; f32[1,2,1] 1 -0.125; f32[1,2,1] -0.75 0.125; f32[1,3] "
              "-0.375 -0.375 -0.125",
              "f32[3,1,2,1] -0.19155256 -0.08478425 -0.22592546 0 -0.2796128 0; f32[1,2,1] "
              "-0.19155256 -0.08478425; f32[1,2,1] -0.3180416 -0.1445393");
    RECURRENT((.kind = tro_recurrent_lstm, .hidden_size = 1,
               .direction = tro_rnn_direction_bidirectional,
               .activations = "hardsigmoid,softsign,relu,sigmoid,tanh,elu",
               .activation_params = "0.25:0.5,:,:,:,:,0.5:"),
              "f32[2,1,1] -0.125 0.625; f32[2,4,1] 0.875 -0.5 -0.125 0.375 0.125 0.125 1 "
              "-0.625; f32[2,4,1] -0.5 0.5 0.875 -0.125 -0.25 0.625 -0.375 0; -; -; f32[2,1,1] "
              "0.75 -0.25",
              "f32[2,2,1,1] 0 -0.013140833 0.041534066 -0.04335171; f32[2,1,1] 0.041534066 "
              "-0.013140833; f32[2,1,1] 0.09845112 -0.055206634");
    /* The forget gate is 1 - the input gate. */
    RECURRENT((.kind = tro_recurrent_lstm, .hidden_size = 1, .input_forget = 1, .batch_first = 1),
              "f32[1,2,1] 1 -0.5; f32[1,4,1] 0.5 -1 2 0.25; f32[1,4,1] 1 0.5 -0.5 1; f32[1,8] 0.1 "
              "0.2 0.3 0.4 0 0 0 0",
              "f32[1,2,1,1] 0.109503 0.2395288; f32[1,1,1] 0.2395288; f32[1,1,1] 0.3678822");
    RECURRENT((.kind = tro_recurrent_rnn, .hidden_size = 1, .batch_first = 1,
               .direction = tro_rnn_direction_bidirectional),
              "f32[2,2,1] 1 2 -1 0.5; f32[2,1,1] 0.5 -0.25; f32[2,1,1] 0.25 0.5",
              "f32[2,2,2,1] 0.4621172 -0.447091 0.8060082 -0.4621172 -0.4621172 0.1856456 0.133666 "
              "-0.124353; f32[2,2,1] 0.8060082 -0.447091 0.133666 0.1856456");
}

TEST(ref_gru)
{
    RECURRENT((.kind = tro_recurrent_gru, .hidden_size = 2, .linear_before_reset = 0),
              "f32[2,2,1] -0.875 0 0.75 0.75; f32[1,6,1] 0.75 0.625 0.875 -0.375 -0.875 0.5; "
              "f32[1,6,2] -0.5 0.375 0.625 0 -0.125 0.125 -1 0.875 0.375 -1 0.625 0.75; "
              "f32[1,12] 1 0 -0.75 -0.25 -0.5 0.875 0.75 -0.125 -0.875 -0.625 -0.5 0.5; i32[2] "
              "2 1; f32[1,2,2] -0.125 -0.625 -0.125 -0.75",
              "f32[2,1,2,2] -0.10822017 0.2513752 -0.22653933 0.1303734 -0.17369314 0.5508514 "
              "0 0; f32[1,2,2] -0.17369314 0.5508514 -0.22653933 0.1303734");
    RECURRENT((.kind = tro_recurrent_gru, .hidden_size = 2, .linear_before_reset = 1),
              "f32[2,2,1] 0.125 -0.5 0.75 0; f32[1,6,1] 0.25 1 0.375 -0.375 0.25 -0.875; "
              "f32[1,6,2] -0.625 -0.375 -0.125 0.25 1 -0.75 0.875 -0.75 0.625 0.875 0.125 0; "
              "f32[1,12] 0.75 -0.875 0.25 0.875 -0.25 -0.5 0 -0.875 -0.625 -0.125 0.125 0.25; "
              "i32[2] 2 1; f32[1,2,2] -0.375 -0.625 0.625 -1",
              "f32[2,1,2,2] -0.39590088 -0.46439517 0.20980684 0.14295107 -0.37606105 -0.6955 "
              "0 0; f32[1,2,2] -0.37606105 -0.6955 0.20980684 0.14295107");
    RECURRENT(
        (.kind = tro_recurrent_gru, .hidden_size = 1, .direction = tro_rnn_direction_bidirectional),
        "f32[2,1,2] 0.75 -0.75 1 -0.125; f32[2,3,2] 0.75 -0.625 -0.875 0.125 0.5 -0.25 "
        "0.625 -0.375 0.75 -0.875 0 0.625; f32[2,3,1] 0 0.5 0.125 -0.25 -0.75 0.75",
        "f32[2,2,1,1] 0.13400465 -0.16150548 0.24231103 -0.02635867; f32[2,1,1] "
        "0.24231103 -0.16150548");
}

TEST(ref_rnn)
{
    RECURRENT((.kind = tro_recurrent_rnn, .hidden_size = 2),
              "f32[3,1,2] 1 -0.125 1 -1 -0.5 0.125; f32[1,2,2] 1 0.125 -0.625 -0.5; f32[1,2,2] "
              "-0.875 0.625 0.5 1; f32[1,4] 0.625 -1 -0.625 0.375",
              "f32[3,1,1,2] 0.75495356 -0.8298019 -0.29516113 -0.83436245 -0.63370633 "
              "-0.8756821; f32[1,1,2] -0.63370633 -0.8756821");
    RECURRENT((.kind = tro_recurrent_rnn, .hidden_size = 1,
               .direction = tro_rnn_direction_bidirectional, .activations = "affine,scaledtanh",
               .activation_params = "2:0.5,0.5:2"),
              "f32[2,1,1] 1 0.375; f32[2,1,1] -0.25 0.5; f32[2,1,1] -0.625 0.625",
              "f32[2,2,1,1] 0 0.42041117 0.3125 0.1791787; f32[2,1,1] 0.3125 0.42041117");
}

#define RNN (.kind = tro_recurrent_rnn, .hidden_size = 1)
#define RELU (.kind = tro_recurrent_rnn, .hidden_size = 1, .activations = "relu")

TEST(ref_recurrent_lengths)
{
    /* Past its length a sequence gives 0 and keeps its state, from the first on if it is 0. */
    RECURRENT(
        RELU,
        "f32[2,3,1] 1 2 3 4 5 6; f32[1,1,1] 1; f32[1,1,1] 1; -; i32[3] 2 1 0; f32[1,3,1] 10 20 30",
        "f32[2,1,3,1] 11 22 0 15 0 0; f32[1,3,1] 15 22 30");
    /* Backward from its own end. */
    RECURRENT((.kind = tro_recurrent_rnn, .hidden_size = 1, .activations = "relu",
               .direction = tro_rnn_direction_reverse),
              "f32[3,1,1] 1 10 100; f32[1,1,1] 1; f32[1,1,1] 1; -; i32[1] 2",
              "f32[3,1,1,1] 11 10 0; f32[1,1,1] 11");
    RECURRENT(RNN, "f32[2,1,1] 1 2; f32[1,1,1] 1; f32[1,1,1] 1; -; i32[1] 3", "!2:length 3");
    RECURRENT(RNN, "f32[2,1,1] 1 2; f32[1,1,1] 1; f32[1,1,1] 1; -; i32[1] -1", "!2:length -1");
    RECURRENT(RELU, "f32[0,1,1]; f32[1,1,1] 1; f32[1,1,1] 1; -; -; f32[1,1,1] 5",
              "f32[0,1,1,1]; f32[1,1,1] 5");
    RECURRENT(RELU, "f32[2,0,1]; f32[1,1,1] 1; f32[1,1,1] 1", "f32[2,1,0,1]; f32[1,0,1]");
}

TEST(ref_recurrent_types)
{
    /* The state is not rounded between steps: 2048 + 0.5 + 0.5 + 1 in f16 is 2048 or 2050. */
    RECURRENT(RELU, "f16[4,1,1] 2048 0.5 0.5 1; f16[1,1,1] 1; f16[1,1,1] 1",
              "f16[4,1,1,1] 2048 2048 2049 2050");
    RECURRENT(RELU, "f64[2,1,1] 1e300 1; f64[1,1,1] 1; f64[1,1,1] 1", "f64[2,1,1,1] 1e300 1e300");
}

#define BY(name, params) \
    (.kind = tro_recurrent_rnn, .hidden_size = 1, .activations = name, .activation_params = params)
#define STEP "f32[1,3,1] -2 0.5 3; f32[1,1,1] 1; f32[1,1,1] 0"

TEST(ref_recurrent_activations)
{
    RECURRENT(BY("relu", NULL), STEP, "f32[1,1,3,1] 0 0.5 3");
    RECURRENT(BY("affine", "2:"), STEP, "f32[1,1,3,1] -4 1 6");
    RECURRENT(BY("affine", "2:-1"), STEP, "f32[1,1,3,1] -5 0 5");
    RECURRENT(BY("leakyrelu", NULL), STEP, "f32[1,1,3,1] -0.02 0.5 3");
    RECURRENT(BY("leakyrelu", "0.5:"), STEP, "f32[1,1,3,1] -1 0.5 3");
    RECURRENT(BY("thresholdedrelu", NULL), STEP, "f32[1,1,3,1] 0 0 3");
    RECURRENT(BY("hardsigmoid", NULL), STEP, "f32[1,1,3,1] 0.1 0.6 1");
    RECURRENT(BY("softsign", NULL), STEP, "f32[1,1,3,1] -0.6666667 0.3333333 0.75");
    RECURRENT(BY("softplus", NULL), STEP, "f32[1,1,3,1] 0.126928 0.974077 3.0485873");
    RECURRENT(BY("elu", NULL), STEP, "f32[1,1,3,1] -0.8646647 0.5 3");
    RECURRENT(BY("scaledtanh", "2:0.5"), STEP, "f32[1,1,3,1] -1.5231883 0.4898373 1.8102965");
    RECURRENT(BY("relu", NULL), "f32[1,1,1] nan; f32[1,1,1] 1; f32[1,1,1] 0", "f32[1,1,1,1] nan");
}

TEST(ref_recurrent_bad_activation)
{
    const struct tro_attrs_recurrent a = {
        .kind = tro_recurrent_gru, .hidden_size = 1, .activations = "sigmoid"};
    float one[3] = {1, 1, 1};
    const struct tro_tensor in[3] = {
        {TRO_F32, 3, {1, 1, 1}, one}, {TRO_F32, 3, {1, 3, 1}, one}, {TRO_F32, 3, {1, 3, 1}, one}};
    struct tro_tensor out;
    struct tro_err err = {0};
    CHECK_INT(tro_ref_eval(TRO_OP_RECURRENT, &a, 3, in, 1, &out, NULL, NULL, &err),
              TRO_E_UNSUPPORTED);
    CHECK_HAS(err.text, "activation ''");
}

TEST(ref_attention)
{
    ATTENTION((.is_causal = 0),
              "f32[1,1,2,2] -0.375 0.375 -0.875 0.5; f32[1,1,3,2] 0.625 0.875 -0.5 0.625 0.375 "
              "0.25; f32[1,1,3,1] -0.125 0 -0.75",
              "f32[1,1,2,1] -0.25391206 -0.21921854");
    ATTENTION((.scale = 2.0),
              "f32[1,2,2,1] -0.25 0.125 -0.5 1; f32[1,2,2,1] 0 -0.625 1 1; f32[1,2,2,2] -0.125 "
              "-0.75 -0.75 0.125 -0.625 -0.75 0.875 1; f32[2,2] 0.875 0.125 -0.875 0.75",
              "f32[1,2,2,2] -0.37021053 -0.40670526 -0.6330421 -0.038741097 -0.14376804 "
              "-0.18856272 0.6282253 0.7120962");
    ATTENTION((.is_causal = 0),
              "f32[1,1,2,1] -0.125 0.5; f32[1,1,3,1] -0.125 -0.125 0.625; f32[1,1,3,1] -0.5 "
              "-0.125 0.75; bool[2,3] 1 0 1 0 1 1",
              "f32[1,1,2,1] 0.09572456 0.39358327");
    ATTENTION((.q_heads = 4, .kv_heads = 2),
              "f32[1,2,4] -0.5 0.875 0.75 0.625 -0.5 0.625 -1 -1; f32[1,2,2] -0.875 -0.625 "
              "0.25 0.125; f32[1,2,2] -0.125 -0.875 -0.375 0.25",
              "f32[1,2,4] -0.47659296 -0.077137716 -0.47659296 -0.04299414 -0.54085284 "
              "-0.074700825 -0.5292374 -0.04299414");
    ATTENTION((.is_causal = 1, .qk_output = 1),
              "f32[1,1,2,1] 0.875 1; f32[1,1,2,1] -0.625 -0.25; f32[1,1,2,1] -0.375 0.375; -; "
              "f32[1,1,1,1] -0.5; f32[1,1,1,1] -0.625",
              "f32[1,1,2,1] -0.50682914 -0.14982583; f32[1,1,3,1] -0.5 -0.625 -0.25; "
              "f32[1,1,3,1] -0.625 -0.375 0.375; f32[1,1,2,3] -0.4375 -0.546875 -inf -0.5 "
              "-0.625 -0.25");
    ATTENTION((.softcap = 0.5, .qk_output = 2),
              "f32[1,1,2,1] 0.75 0.625; f32[1,1,2,1] 0.5 0.875; f32[1,1,2,1] 0.5 0.625; "
              "f32[1,1,2,2] -0.375 -0.125 -0.5 -0.375",
              "f32[1,1,2,1] 0.5746349 0.5731631; f32[1,1,2,1] 0.5 0.875; f32[1,1,2,1] 0.5 "
              "0.625; f32[1,1,2,2] 0 0.3933094 -0.1791787 0.16541056");
    ATTENTION((.is_causal = 1, .qk_output = 3),
              "f32[1,1,2,1] -0.5 -0.875; f32[1,1,2,1] -0.75 0.75; f32[1,1,2,1] 0.875 0.875",
              "f32[1,1,2,1] 0.875 0.875; f32[1,1,2,1] -0.75 0.75; f32[1,1,2,1] 0.875 0.875; "
              "f32[1,1,2,2] 1 0 0.7879312 0.21206881");
    /* Groups of heads: q has 2, k and v have 1. Rows that see nothing are NaN. */
    ATTENTION((.is_causal = 0), "f16[1,2,1,1] 0 0; f16[1,1,2,1] 1 1; f16[1,1,2,1] 3 5",
              "f16[1,2,1,1] 4 4");
    ATTENTION((.is_causal = 0),
              "f32[1,1,2,1] 0 0; f32[1,1,2,1] 1 1; f32[1,1,2,1] 3 5; bool[2,2] 0 0 1 1",
              "f32[1,1,2,1] nan 4");
    ATTENTION((.is_causal = 0), "f32[1,1,0,1]; f32[1,1,2,1] 1 1; f32[1,1,2,1] 3 5", "f32[1,1,0,1]");
    ATTENTION((.is_causal = 0), "f64[0,1,1,1]; f64[0,1,2,1]; f64[0,1,2,1]",
              "f64[0,1,1,1]; f64[0,1,2,1]");
}

/* More scores than are in memory at a time: rows of q that are alike give rows that are alike. */
TEST(ref_attention_blocks)
{
    enum { LENGTH = 3000, HEADS = 2 };
    const size_t n = (size_t)HEADS * LENGTH;
    float *const q = malloc(n * sizeof(*q)), *const k = malloc(n * sizeof(*k));
    for (size_t i = 0; i < n; i++) {
        q[i] = (float)(i % 2);
        k[i] = (float)(i % 7) / 4;
    }
    const struct tro_tensor in[3] = {{TRO_F32, 4, {1, HEADS, LENGTH, 1}, q},
                                     {TRO_F32, 4, {1, HEADS, LENGTH, 1}, k},
                                     {TRO_F32, 4, {1, HEADS, LENGTH, 1}, k}};
    const struct tro_attrs_attention a = {0};
    struct tro_tensor y;
    struct tro_err err = {0};
    CHECK_INT(tro_ref_eval(TRO_OP_ATTENTION, &a, 3, in, 1, &y, NULL, NULL, &err), 0);
    CHECK_OR_RETURN(y.data != NULL);
    const float *const got = y.data;
    int64_t n_bad = 0;
    for (size_t i = 2; i < n; i++)
        n_bad += got[i] != got[i / LENGTH * LENGTH + i % 2];
    CHECK_INT(n_bad, 0);
    double mean = 0, weighted = 0, sum = 0;
    for (size_t i = 0; i < LENGTH; i++) {
        mean += (double)k[i] / LENGTH;
        weighted += exp((double)k[i]) * (double)k[i];
        sum += exp((double)k[i]);
    }
    CHECK_NEAR(got[0], mean, 1e-6);
    CHECK_NEAR(got[1], weighted / sum, 1e-6);
    tro_free(y.data);
    free(q);
    free(k);
}
