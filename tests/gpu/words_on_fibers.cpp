// The words of gpu.cuh as C++; CMake compiles their own file with nvcc in this folder.
#include "../ptx/words.cu"
