# CUDA as a language. The runtime is linked statically: a program starts where there is no CUDA, and says so when asked.
if(NOT CMAKE_CUDA_COMPILER)
  find_program(NVCC nvcc PATHS /usr/local/cuda/bin REQUIRED)
  set(CMAKE_CUDA_COMPILER ${NVCC})
endif()
set(CMAKE_CUDA_ARCHITECTURES ${SEEDSTORY_CUDA_ARCHS})
set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
enable_language(CUDA)
set(CMAKE_CUDA_FLAGS_RELEASE "-O3")
# CMake 3.25 does not know that nvcc has C++20.
set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
