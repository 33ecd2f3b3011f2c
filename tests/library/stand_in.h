// What both stand-ins share. They take the place of NVIDIA's libraries where there is no card: they export the
// functions of cublaslt_api.h and cudnn_api.h, hold every descriptor and argument to what NVIDIA documents, and compute
// on the emulated device's memory what they are asked for. What is wrong throws, with words, through the caller.
//
// The program that loads one exports the emulator (tests/simt): its memory, and its graphs.
#pragma once

#include <dlfcn.h>

#include <cstdlib>
#include <functional>
#include <string>

#include "gpu.cuh"
#include "simt.h"

namespace seedstory::stand_in {

inline void need(bool condition, const std::string& otherwise) {
  if (!condition) throw simt::Error("stand-in: " + otherwise);
}

inline bool is_aligned(const void* p, uint64_t bytes) {
  return reinterpret_cast<uintptr_t>(p) % bytes == 0;
}

inline void need_memory(const void* p, uint64_t bytes, uint64_t alignment, const std::string& what) {
  need(is_aligned(p, alignment),
       what + " is not aligned to the " + std::to_string(alignment) + " bytes that were said");
  need(bytes == 0 || simt::in_device_memory(p, bytes),
       what + " of " + std::to_string(bytes) + " bytes is not in the device's memory");
}

// A kernel writes over its workspace whenever it wants.
inline void need_apart(const void* workspace, uint64_t workspace_bytes, const void* p, uint64_t bytes,
                       const std::string& what) {
  const auto *const space = static_cast<const char*>(workspace), *const t = static_cast<const char*>(p);
  need(t + bytes <= space || space + workspace_bytes <= t, what + " lies in the workspace");
}

// In the order of the stream: into the graph that is being recorded, or now.
inline void enqueue(std::function<void()> work) {
  if (simt::recording) return simt::recording->push_back(std::move(work));
  simt::make_copies();
  work();
}

// What a kernel leaves in its workspace.
inline void scribble(void* workspace, uint64_t bytes) {
  std::memset(workspace, 0xff, bytes);
}

// Calls f<T>() for an element type of 4 bytes, of f16, else of bf16.
template <class F>
auto with_type(bool is_f32, bool is_f16, F&& f) {
  if (is_f32) return f.template operator()<float>();
  if (is_f16) return f.template operator()<f16>();
  return f.template operator()<bf16>();
}

// A second opinion: NVIDIA's library itself, where $variable names its file. Descriptors need no card; what it thinks
// of them must be what the stand-in thinks.
inline void* real_library(const char* variable) {
  const char* file = std::getenv(variable);
  if (!file) return nullptr;
  void* library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  const char* why = library ? nullptr : dlerror();
  need(library, std::string(variable) + ": " + (why ? why : ""));
  return library;
}

}  // namespace seedstory::stand_in
