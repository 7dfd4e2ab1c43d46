/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors and scalar mathematics of the simulator. Nothing here calls libm except sqrtf, which IEEE
 * defines to the last bit, so that pictures do not depend on the C library. */
#ifndef TRO_SIM_VEC_H
#define TRO_SIM_VEC_H

#include <math.h>

struct vec3 {
    float x, y, z;
};

/* Four floats that the compiler keeps in one register where the machine has such. */
typedef float tro_f4 __attribute__((vector_size(16)));

static inline tro_f4 f4_of(float x)
{
    return (tro_f4){x, x, x, x};
}

static inline tro_f4 f4_mix(tro_f4 a, tro_f4 b, float t)
{
    return a + (b - a) * f4_of(t);
}

static inline struct vec3 v3(float x, float y, float z)
{
    return (struct vec3){x, y, z};
}

static inline struct vec3 v3_add(struct vec3 a, struct vec3 b)
{
    return v3(a.x + b.x, a.y + b.y, a.z + b.z);
}

static inline struct vec3 v3_sub(struct vec3 a, struct vec3 b)
{
    return v3(a.x - b.x, a.y - b.y, a.z - b.z);
}

static inline struct vec3 v3_mul(struct vec3 a, struct vec3 b)
{
    return v3(a.x * b.x, a.y * b.y, a.z * b.z);
}

static inline struct vec3 v3_scale(struct vec3 a, float s)
{
    return v3(a.x * s, a.y * s, a.z * s);
}

/* a + s * b */
static inline struct vec3 v3_along(struct vec3 a, struct vec3 b, float s)
{
    return v3(a.x + s * b.x, a.y + s * b.y, a.z + s * b.z);
}

static inline float v3_dot(struct vec3 a, struct vec3 b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

static inline struct vec3 v3_cross(struct vec3 a, struct vec3 b)
{
    return v3(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x);
}

static inline float v3_length(struct vec3 a)
{
    return sqrtf(v3_dot(a, a));
}

/* The zero vector stays zero. */
static inline struct vec3 v3_normalize(struct vec3 a)
{
    const float n2 = v3_dot(a, a);
    return n2 > 0 ? v3_scale(a, 1 / sqrtf(n2)) : a;
}

static inline struct vec3 v3_mix(struct vec3 a, struct vec3 b, float t)
{
    return v3_along(a, v3_sub(b, a), t);
}

static inline float f_min(float a, float b)
{
    return a < b ? a : b;
}

static inline float f_max(float a, float b)
{
    return a > b ? a : b;
}

static inline float f_clamp(float x, float lo, float hi)
{
    return f_min(f_max(x, lo), hi);
}

static inline float f_abs(float x)
{
    return x < 0 ? -x : x;
}

static inline float f_mix(float a, float b, float t)
{
    return a + (b - a) * t;
}

/* 0 below lo, 1 above hi, smooth between; lo > hi turns it round. */
static inline float f_smoothstep(float lo, float hi, float x)
{
    const float t = f_clamp((x - lo) / (hi - lo), 0, 1);
    return t * t * (3 - 2 * t);
}

/* Minimum of two distances whose corner is rounded over a width of k. */
static inline float f_smooth_min(float a, float b, float k)
{
    const float h = f_max(k - f_abs(a - b), 0) / k;
    return f_min(a, b) - h * h * k * 0.25f;
}

/* Largest integer not above x, for |x| < 2^31. */
static inline int f_floor(float x)
{
    const int i = (int)x;
    return i - (x < (float)i);
}

/* sin(2 pi turns), for |turns| < 2^31; within 1e-5 of what that float stands for. */
static inline float f_sin_turns(float turns)
{
    float x = turns - (float)f_floor(turns + 0.5f);
    if (x > 0.25f)
        x = 0.5f - x;
    else if (x < -0.25f)
        x = -0.5f - x;
    const float a = x * 6.2831853f, a2 = a * a;
    return a * (1 + a2 * (-1.6666667e-1f +
                          a2 * (8.3333310e-3f + a2 * (-1.9840874e-4f + a2 * 2.7525562e-6f))));
}

static inline float f_cos_turns(float turns)
{
    return f_sin_turns(turns + 0.25f);
}

/* x to the power 2^n_doublings for 0 <= x <= 1, for the narrow lobes of highlights; 0 below 1e-8,
 * long before denormal numbers would make it slow. */
static inline float f_pow2n(float x, int n_doublings)
{
    for (int i = 0; i < n_doublings && x > 0; i++)
        x = x < 1e-4f ? 0 : x * x;
    return x;
}

#endif
