// The instruction sets that the CPU's kernels are built for, the best first.
#pragma once

#include "seedstory/choice.h"

namespace seedstory {

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

}  // namespace seedstory
