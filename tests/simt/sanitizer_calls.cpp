// What -fsanitize=thread calls at each load and store of a kernel, in place of the library that it is made for. Only
// the names that gcc and clang use where no atomic is: a kernel has its own words for those.
#include <cstddef>
#include <cstring>

#include "races.h"
#include "simt.h"

using simt::Touch;

static inline void pass_on(const void* p, size_t bytes, Touch how, const void* from) {
  if (simt::find_races) simt::touched(p, bytes, how, from);
}

extern "C" {

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}  // of classes with virtual functions: the host's
void __tsan_vptr_read(void**) {}

void __tsan_read1(void* p) {
  pass_on(p, 1, Touch::read, __builtin_return_address(0));
}
void __tsan_write1(void* p) {
  pass_on(p, 1, Touch::write, __builtin_return_address(0));
}
void __tsan_read2(void* p) {
  pass_on(p, 2, Touch::read, __builtin_return_address(0));
}
void __tsan_write2(void* p) {
  pass_on(p, 2, Touch::write, __builtin_return_address(0));
}
void __tsan_read4(void* p) {
  pass_on(p, 4, Touch::read, __builtin_return_address(0));
}
void __tsan_write4(void* p) {
  pass_on(p, 4, Touch::write, __builtin_return_address(0));
}
void __tsan_read8(void* p) {
  pass_on(p, 8, Touch::read, __builtin_return_address(0));
}
void __tsan_write8(void* p) {
  pass_on(p, 8, Touch::write, __builtin_return_address(0));
}
void __tsan_read16(void* p) {
  pass_on(p, 16, Touch::read, __builtin_return_address(0));
}
void __tsan_write16(void* p) {
  pass_on(p, 16, Touch::write, __builtin_return_address(0));
}
void __tsan_unaligned_read2(void* p) {
  pass_on(p, 2, Touch::read, __builtin_return_address(0));
}
void __tsan_unaligned_write2(void* p) {
  pass_on(p, 2, Touch::write, __builtin_return_address(0));
}
void __tsan_unaligned_read4(void* p) {
  pass_on(p, 4, Touch::read, __builtin_return_address(0));
}
void __tsan_unaligned_write4(void* p) {
  pass_on(p, 4, Touch::write, __builtin_return_address(0));
}
void __tsan_unaligned_read8(void* p) {
  pass_on(p, 8, Touch::read, __builtin_return_address(0));
}
void __tsan_unaligned_write8(void* p) {
  pass_on(p, 8, Touch::write, __builtin_return_address(0));
}
void __tsan_unaligned_read16(void* p) {
  pass_on(p, 16, Touch::read, __builtin_return_address(0));
}
void __tsan_unaligned_write16(void* p) {
  pass_on(p, 16, Touch::write, __builtin_return_address(0));
}
void __tsan_read_range(void* p, size_t bytes) {
  pass_on(p, bytes, Touch::read, __builtin_return_address(0));
}
void __tsan_write_range(void* p, size_t bytes) {
  pass_on(p, bytes, Touch::write, __builtin_return_address(0));
}

// clang's.
void* __tsan_memcpy(void* to, const void* from, size_t bytes) {
  pass_on(from, bytes, Touch::read, __builtin_return_address(0));
  pass_on(to, bytes, Touch::write, __builtin_return_address(0));
  return std::memcpy(to, from, bytes);
}
void* __tsan_memmove(void* to, const void* from, size_t bytes) {
  pass_on(from, bytes, Touch::read, __builtin_return_address(0));
  pass_on(to, bytes, Touch::write, __builtin_return_address(0));
  return std::memmove(to, from, bytes);
}
void* __tsan_memset(void* to, int value, size_t bytes) {
  pass_on(to, bytes, Touch::write, __builtin_return_address(0));
  return std::memset(to, value, bytes);
}

}  // extern "C"
