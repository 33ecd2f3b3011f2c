// How the CPU computes.
#pragma once

#include "seedstory/choice.h"

namespace seedstory {

// The instruction sets that its kernels are built for, the best first.
enum class CpuSet { automatic, amx, avx512_bf16, avx512, avx_vnni, avx2, portable };
inline constexpr Choice<CpuSet> kCpuSets[] = {
    {CpuSet::automatic, "auto", "the best that the processor has"},
    {CpuSet::amx, "amx", "AVX-512, with products in bf16 on AMX's tiles"},
    {CpuSet::avx512_bf16, "avx512_bf16", "AVX-512, with products in bf16 by VDPBF16PS"},
    {CpuSet::avx512, "avx512", "AVX-512 F, BW, VL and DQ; VNNI where it is there"},
    {CpuSet::avx_vnni, "avx_vnni", "AVX2, with products of integers by VPDPBUSD"},
    {CpuSet::avx2, "avx2", "AVX2, FMA and F16C"},
    {CpuSet::portable, "portable", "any processor"},
};

// How the CPU multiplies by weights in q8 and q4.
enum class Products { int8, f32 };
inline constexpr Choice<Products> kProducts[] = {
    {Products::int8, "int8", "in integers: each row is rounded to int8 in blocks of 32"},
    {Products::f32, "f32", "in f32: weights are widened, rows stay as they are"},
};

}  // namespace seedstory
