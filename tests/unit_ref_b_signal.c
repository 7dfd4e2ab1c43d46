/* SPDX-License-Identifier: Apache-2.0 */
/* Reference signal operators: values that numpy or ONNX Runtime give too. */
#include "ref_kit.h"

#include "base/thread.h"

#define REST(...) __VA_ARGS__
#define DFT(fields, in, out) EVAL(TRO_OP_DFT, (&(struct tro_attrs_dft){REST fields}), in, out)
#define STFT(one, in, out) \
    EVAL(TRO_OP_STFT, (&(struct tro_attrs_stft){.is_onesided = one}), in, out)
#define MEL(type, in, out) \
    EVAL(TRO_OP_MEL_WEIGHTS, (&(struct tro_attrs_dtype){.dtype = type}), in, out)
#define DET(in, out) EVAL(TRO_OP_DET, NULL, in, out)

TEST(ref_dft)
{
    DFT((.is_inverse = 0), "f32[4,1] 2 0.5 0.75 1.75", "f32[4,2] 5 0 1.25 1.25 0.5 0 1.25 -1.25");
    DFT((.is_inverse = 0), "f32[1,3,2] 0.25 1.25 1.5 -1.25 -2 -0.75",
        "f32[1,3,2] -0.25 -0.75 0.0669873 -0.7810889 0.9330127 5.281089");
    DFT((.is_onesided = 1), "f32[2,5,1] -1 1.5 1.75 -2 0 1.25 -1.5 1.25 -1.5 -0.25",
        "f32[2,3,2] 0.25 0 -0.33422026 -3.6307795 -2.2907798 2.6847842 -0.75 0 0.9114745 "
        "-0.4275888 2.5885255 3.350137");
    DFT((.is_inverse = 0), "f32[3,2,1] 1.25 -0.75 -0.5 2 1 -1; -; i64[] 0",
        "f32[3,2,2] 1.75 0 0.25 0 1 1.299038 -1.25 -2.598076 1 -1.299038 -1.25 2.598076");
    DFT((.is_inverse = 0), "f32[3,2] 1.25 -0.75 -0.75 -1 1 -1; i64[] 5",
        "f32[5,2] 1.5 -2.75 -1.3296216 -0.12449287 2.529051 1.1418954 1.8025085 "
        "-1.6418954 1.748062 -0.37550715");
    DFT((.is_onesided = 1), "f32[5,1] 2 -0.25 0 0 0.25; i64[] 3",
        "f32[2,2] 1.75 0 2.125 0.21650635");
    DFT((.is_inverse = 1), "f32[6,2] 0.25 0 2 1.25 1.25 0.75 0.5 -0.75 2 -0.25 -1.25 1.5",
        "f32[6,2] 0.7916667 0.41666666 -0.35825318 0.6733439 -0.027911374 0.18151693 "
        "0.375 -0.25 -0.3887553 -0.97318363 -0.14174682 -0.04834392");
    DFT((.is_inverse = 1), "f64[1,2] 3 -1; -; i32[] -2", "f64[1,2] 3 -1");
    DFT((.is_inverse = 0), "f16[2,1] 2048 1", "f16[2,2] 2048 0 2047 0");
    DFT((.is_inverse = 0), "f32[0,2,1]", "f32[0,2,2]");
    DFT((.is_inverse = 0), "f32[2,3,0,1]; i64[] 2; i64[] 1", "f32[2,2,0,2]");
}

/* Transform and inverse give back what came in; a pure tone is one line. Lengths with even and odd
 * parts. */
TEST(ref_dft_round_trip)
{
    static const int64_t lengths[] = {1, 2, 6, 7, 64, 96, 121, 360};
    const struct tro_attrs_dft forward = {0}, inverse = {.is_inverse = 1};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        const int64_t n = lengths[i], tone = n / 3;
        double *const x = malloc((size_t)(2 * n) * sizeof(*x));
        for (int64_t t = 0; t < n; t++) {
            x[2 * t] = cos(2 * M_PI * (double)(tone * t) / (double)n);
            x[2 * t + 1] = sin(2 * M_PI * (double)(tone * t) / (double)n);
        }
        const struct tro_tensor in = {TRO_F64, 2, {n, 2}, x};
        struct tro_tensor y, back;
        struct tro_err err = {0};
        CHECK_INT(tro_ref_eval(TRO_OP_DFT, &forward, 1, &in, 1, &y, NULL, NULL, &err), 0);
        CHECK_INT(tro_ref_eval(TRO_OP_DFT, &inverse, 1, &y, 1, &back, NULL, NULL, &err), 0);
        double worst = 0, worst_back = 0;
        for (int64_t k = 0; k < 2 * n; k++) {
            const double want = k == 2 * tone ? (double)n : 0;
            worst = fmax(worst, fabs(((const double *)y.data)[k] - want));
            worst_back = fmax(worst_back, fabs(((const double *)back.data)[k] - x[k]));
        }
        CHECK_NEAR(worst, 0, 1e-12 * (double)n);
        CHECK_NEAR(worst_back, 0, 1e-13);
        tro_free(y.data);
        tro_free(back.data);
        free(x);
    }
}

TEST(ref_stft)
{
    STFT(1, "f32[1,6,1] -1.5 1.5 0.5 -1.75 -2 -0.25; i64[] 2; f32[3] -2 -1.5 0; i64[] 3",
         "f32[1,2,2,2] 0.75 0 4.125 1.9485571 1.625 0 -2.3125 -2.2733166");
    STFT(0, "f32[2,5,1] 2 -0.25 1.25 1.75 1.25 0.5 -0.25 0 -1 0; i64[] 3; -; i64[] 2",
         "f32[2,2,2,2] 1.75 0 2.25 0 3 0 0.5 0 0.25 0 0.75 0 -1 0 -1 0");
    STFT(0,
         "f32[1,5,2] -0.5 -1 2 -2 -1.75 -1.25 2 0.75 1.5 -1.25; i64[] 1; f32[4] 1 -0.5 0 "
         "-2",
         "f32[1,2,4,2] -5.5 -1.5 2 -4 4.5 -0.5 -3 2 -0.125 1.125 0.125 -5.875 4.125 "
         "-5.125 3.875 1.875");
    STFT(1, "f32[1,3,1] 1 2 3; i64[] 0; f32[2] 1 1", "!frame step");
    STFT(1, "f32[0,4,1]; i64[] 1; -; i64[] 2", "f32[0,3,2,2]");
}

TEST(ref_mel_weights)
{
    MEL(TRO_F32, "i64[] 3; i64[] 16; i64[] 8192; f32[] 0; f32[] 4096",
        "f32[9,3] 1 0 0 0 1 0 0 0.5 0.5 0 0 1 0 0 0.5 0 0 0 0 0 0 0 0 0 0 0 0");
    MEL(TRO_F32, "i64[] 2; i64[] 8; i64[] 8000; f32[] 5e+02; f32[] 2.5e+03",
        "f32[5,2] 1 0 0 1 0 0 0 0 0 0");
    MEL(TRO_F64, "i64[] 1; i64[] 16; i64[] 8192; f32[] 0; f32[] 100000", "!edge 2");
    MEL(TRO_F32, "i64[] 1; i64[] 16; i64[] 0; f32[] 0; f32[] 9000", "!sample rate");
    MEL(TRO_F32, "i64[] 1; i64[] 16; i64[] 8192; f32[] -800; f32[] 9000", "!edge 0");
}

TEST(ref_det)
{
    DET("f32[1,1] 0.5", "f32[] 0.5");
    DET("f32[2,2] 1.5 0.75 -1.5 0.25", "f32[] 1.5");
    DET("f32[2,3,3] -1 2 1.5 -1.25 0 1.75 1.5 1 0.5 -2 1 0 -1.75 -1 0.25 1 0 0.5",
        "f32[2] 6.375 2.125");
    DET("f32[2,2] 1 2 2 4", "f32[] 0");
    DET("f32[2,2] 0 1 1 0", "f32[] -1");
    DET("f32[3,0,0]", "f32[3] 1 1 1");
    DET("f16[1,2,2] 256 256 255 256", "f16[1] 256");
    DET("f64[2,2] nan 1 1 1", "f64[] nan");
}
