/* SPDX-License-Identifier: Apache-2.0 */
#include "base/half.h"

#include <math.h>
#include <string.h>

/* man: stored mantissa bits. max: code of the largest finite value. over: code that values beyond
 * it take when they do not saturate. Codes are without the sign, so they sort as the values do. */
struct format {
    int man, bias;
    uint32_t max, over;
    bool has_one_zero; /* and its negative is the only NaN */
};

static const struct format f16 = {10, 15, 0x7bff, 0x7c00, false};
static const struct format bf16 = {7, 127, 0x7f7f, 0x7f80, false};

static const struct format *format_of(enum tro_dtype dtype)
{
    static const struct format e4m3fn = {3, 7, 0x7e, 0x7f, false};
    static const struct format e4m3fnuz = {3, 8, 0x7f, 0x80, true};
    static const struct format e5m2 = {2, 15, 0x7b, 0x7c, false};
    static const struct format e5m2fnuz = {2, 16, 0x7f, 0x80, true};
    static const struct format e2m1 = {1, 1, 0x7, 0x7, false};
    switch (dtype) {
    case TRO_F8E4M3FN:
        return &e4m3fn;
    case TRO_F8E4M3FNUZ:
        return &e4m3fnuz;
    case TRO_F8E5M2:
        return &e5m2;
    case TRO_F8E5M2FNUZ:
        return &e5m2fnuz;
    default:
        return &e2m1;
    }
}

static uint64_t bits_of(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof(bits));
    return bits;
}

static float float_of(uint32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof(v));
    return v;
}

/* |v| rounded half to even to the format's mantissa as if its exponent had no upper end; v is not
 * a NaN. A mantissa that rounds up carries into the exponent, which is the next code. */
static uint32_t round_to_code(const struct format *f, double v)
{
    const uint64_t bits = bits_of(v) & INT64_MAX;
    const int exp = (int)(bits >> 52) - 1023;
    const uint64_t sig = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
    const int exp_min = 1 - f->bias;
    const int shift = 52 - f->man + (exp < exp_min ? exp_min - exp : 0);
    if (shift > 53) /* below half of the smallest value; zero too */
        return 0;
    const uint32_t base = exp < exp_min ? 0 : (uint32_t)(exp - exp_min) << f->man;
    const uint64_t whole = sig >> shift, rest = sig - (whole << shift);
    const uint64_t half = UINT64_C(1) << (shift - 1);
    const bool up = rest > half || (rest == half && (whole & 1));
    return base + (uint32_t)whole + up;
}

/* The finite value of a code. */
static float value_of_code(const struct format *f, uint32_t code)
{
    const int exp = (int)(code >> f->man);
    const uint32_t frac = code & ((1u << f->man) - 1);
    if (exp == 0)
        return ldexpf((float)frac, 1 - f->bias - f->man);
    return float_of((uint32_t)(exp - f->bias + 127) << 23 | frac << (23 - f->man));
}

float tro_f16_to_f32(uint16_t h)
{
    const uint32_t code = h & 0x7fffu, sign = (uint32_t)(h & 0x8000u) << 16;
    if (code > f16.max)
        return float_of(sign | 0x7f800000u | (code & 0x3ffu) << 13);
    const float v = value_of_code(&f16, code);
    return sign ? -v : v;
}

float tro_bf16_to_f32(uint16_t h)
{
    return float_of((uint32_t)h << 16);
}

/* A NaN keeps its sign and the upper bits of its payload. */
static uint16_t f16_like_from_f64(const struct format *f, double v)
{
    const uint64_t bits = bits_of(v);
    const uint32_t sign = (uint32_t)(bits >> 63) << 15;
    uint32_t code;
    if (isnan(v)) {
        const uint32_t payload = (uint32_t)(bits >> (52 - f->man)) & ((1u << f->man) - 1);
        code = f->over | 1u << (f->man - 1) | payload;
    } else {
        code = round_to_code(f, v);
        if (code > f->max)
            code = f->over;
    }
    return (uint16_t)(sign | code);
}

uint16_t tro_f16_from_f64(double v)
{
    return f16_like_from_f64(&f16, v);
}

uint16_t tro_bf16_from_f64(double v)
{
    return f16_like_from_f64(&bf16, v);
}

float tro_f8_to_f32(enum tro_dtype dtype, uint8_t bits)
{
    const struct format *const f = format_of(dtype);
    const uint32_t sign_bit = dtype == TRO_F4E2M1 ? 0x8 : 0x80;
    const uint32_t code = bits & (sign_bit - 1);
    const bool is_negative = bits & sign_bit;
    if (f->has_one_zero && is_negative && code == 0)
        return float_of(0x7fc00000u);
    float v;
    if (code <= f->max)
        v = value_of_code(f, code);
    else
        v = float_of(dtype == TRO_F8E5M2 && code == f->over ? 0x7f800000u : 0x7fc00000u);
    return is_negative ? -v : v;
}

/* The specification's table has infinity become NaN in the FNUZ types even when saturating; its
 * reference implementation and node tests saturate it, as here. */
uint8_t tro_f8_from_f64(enum tro_dtype dtype, double v, bool saturate)
{
    const struct format *const f = format_of(dtype);
    const uint32_t sign_bit = dtype == TRO_F4E2M1 ? 0x8 : 0x80;
    const uint32_t sign = signbit(v) ? sign_bit : 0;
    if (isnan(v)) {
        if (f->has_one_zero)
            return 0x80;
        return (uint8_t)(dtype == TRO_F4E2M1 ? f->max : sign | 0x7f);
    }
    uint32_t code = round_to_code(f, v);
    if (code > f->max)
        code = saturate ? f->max : f->over;
    if (f->has_one_zero && code == 0)
        return 0;
    return (uint8_t)(sign | code);
}
