/* SPDX-License-Identifier: Apache-2.0 */
/* Elements that keep their value: IN_T becomes OUT_T, both floats or one type. */
#ifndef TRO_CUDA_KERNELS_ELEMENT_CUH
#define TRO_CUDA_KERNELS_ELEMENT_CUH

template <typename To, typename From> struct tro_element {
    static __device__ __forceinline__ To convert(From x)
    {
        return tro_from_float<To>(tro_float(x));
    }
};
template <typename T> struct tro_element<T, T> {
    static __device__ __forceinline__ T convert(T x)
    {
        return x;
    }
};

static __device__ __forceinline__ OUT_T tro_element_of(IN_T x)
{
    return tro_element<OUT_T, IN_T>::convert(x);
}

#endif
