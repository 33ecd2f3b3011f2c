# Files that are compiled with flags of their own: instruction sets, and what a compiler or a sanitizer has to be told.

# stb_image shifts a number of 32 bits by 32 in a JPEG whose codes are wrong. Whatever comes out is such a picture's
# colours; it indexes nothing.
set_source_files_properties(src/io/jpeg.cpp PROPERTIES COMPILE_OPTIONS -fno-sanitize=shift)

# Its loops over a line are sums of integers, which -O2 does not vectorise: 50 ms of a story of ten frames.
set_source_files_properties(src/io/resize.cpp PROPERTIES COMPILE_OPTIONS -O3)

# Instruction sets are chosen at run time; each file of that name is built with its own flags.
file(GLOB avx2_files CONFIGURE_DEPENDS src/cpu/simd/*_avx2.cpp src/bench/*_avx2.cpp)
set_source_files_properties(${avx2_files} PROPERTIES COMPILE_OPTIONS "-mavx2;-mfma;-mf16c")
file(GLOB avx512_files CONFIGURE_DEPENDS src/cpu/simd/*_avx512.cpp src/bench/*_avx512.cpp)
# gcc 12 warns of its own _mm512_undefined (its bug 105593).
set_source_files_properties(
  ${avx512_files} PROPERTIES COMPILE_OPTIONS
                             "-mavx512f;-mavx512bw;-mavx512vl;-mavx512dq;-mfma;-mf16c;-Wno-uninitialized;-Wno-maybe-uninitialized")

# What multiplies integers: no other file may have these instructions, since not every AVX-512 processor does.
file(GLOB avx512vnni_files CONFIGURE_DEPENDS src/cpu/simd/*_avx512vnni.cpp)
set_source_files_properties(
  ${avx512vnni_files}
  PROPERTIES COMPILE_OPTIONS
             "-mavx512f;-mavx512bw;-mavx512vl;-mavx512dq;-mavx512vnni;-mfma;-mf16c;-Wno-uninitialized;-Wno-maybe-uninitialized")
file(GLOB avxvnni_files CONFIGURE_DEPENDS src/cpu/simd/*_avxvnni.cpp)
set_source_files_properties(${avxvnni_files} PROPERTIES COMPILE_OPTIONS "-mavx2;-mfma;-mf16c;-mavxvnni")

file(GLOB amx_files CONFIGURE_DEPENDS src/cpu/simd/*_amx.cpp src/bench/*_amx.cpp)
set_source_files_properties(
  ${amx_files} PROPERTIES COMPILE_OPTIONS
                          "-mavx512f;-mavx512bw;-mavx512vl;-mavx512bf16;-mamx-tile;-mamx-bf16;-Wno-uninitialized;-Wno-maybe-uninitialized")

# Where memory is checked, the kernels' registers shall stay registers (a local's scope and the pointer to it are not
# checked, every load and store is): tests of whole stories are ten times faster for it.
if(SEEDSTORY_SANITIZE)
  file(GLOB kernel_files CONFIGURE_DEPENDS src/cpu/simd/kernels_*.cpp src/cpu/simd/int8_*.cpp)
  set_property(SOURCE ${kernel_files} APPEND PROPERTY COMPILE_OPTIONS -O2 -fno-sanitize-address-use-after-scope
                                                      -fno-sanitize=null,alignment)
endif()

# These measure multiply-adds, so they shall be some.
file(GLOB fma_files CONFIGURE_DEPENDS src/bench/fma_*.cpp)
set_property(SOURCE ${fma_files} APPEND PROPERTY COMPILE_OPTIONS "-ffp-contract=fast")

# Precompiled headers are of use only to files with the same flags.
set_source_files_properties(${avx2_files} ${avx512_files} ${avx512vnni_files} ${avxvnni_files} ${amx_files} ${fma_files} src/io/resize.cpp
                            PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
