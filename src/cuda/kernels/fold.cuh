/* SPDX-License-Identifier: Apache-2.0 */
/* What reductions combine with: KIND is 's' for a sum (or mean), 'x' greatest, 'n' least, 'p'
 * product; accumulators are float where IS_FLOAT, else 64-bit integers that wrap. */
#ifndef TRO_CUDA_KERNELS_FOLD_CUH
#define TRO_CUDA_KERNELS_FOLD_CUH

#if IS_FLOAT
typedef float tro_acc;
#define TRO_ACC_LEAST (-__int_as_float(0x7f800000))
#define TRO_ACC_GREATEST __int_as_float(0x7f800000)
#else
typedef int64_t tro_acc;
#define TRO_ACC_LEAST ((int64_t)0x8000000000000000ULL)
#define TRO_ACC_GREATEST 0x7fffffffffffffffLL
#endif

struct tro_fold {
    __device__ __forceinline__ tro_acc operator()(tro_acc a, tro_acc b) const
    {
#if KIND == 'x'
        return b > a || b != b ? b : a;
#elif KIND == 'n'
        return b < a || b != b ? b : a;
#elif KIND == 'p'
#if IS_FLOAT
        return a * b;
#else
        return (int64_t)((uint64_t)a * (uint64_t)b);
#endif
#else
#if IS_FLOAT
        return a + b;
#else
        return (int64_t)((uint64_t)a + (uint64_t)b);
#endif
#endif
    }
};

static __device__ __forceinline__ tro_acc tro_fold_start()
{
#if KIND == 'x'
    return TRO_ACC_LEAST;
#elif KIND == 'n'
    return TRO_ACC_GREATEST;
#elif KIND == 'p'
    return 1;
#else
    return 0;
#endif
}

template <typename T> static __device__ __forceinline__ tro_acc tro_acc_of(T x)
{
#if IS_FLOAT
    return tro_float(x);
#else
    return (tro_acc)x;
#endif
}

#endif
