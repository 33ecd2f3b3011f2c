#include "fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define SIMT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIMT_ASAN 1
#endif
#endif

#ifdef SIMT_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if !defined(__x86_64__)
#error "The emulator switches stacks by hand and knows x86-64 only; write simt_switch for this machine."
#endif

// Saves what a call must keep (System V ABI) on the old stack, takes the new one, restores. A few nanoseconds, where
// ucontext's two system calls take a quarter of a microsecond.
asm(R"(
.text
.globl simt_switch
.type simt_switch, @function
simt_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size simt_switch, .-simt_switch
)");
extern "C" void simt_switch(void** save_sp, void* load_sp);

namespace simt {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kStackBytes = 64 * 1024;  // kernels keep their tiles in registers; the deepest frame seen is 6 KB

Fiber* switched_from = nullptr;

}  // namespace

std::vector<Fiber> make_fibers(int count) {
  const size_t pitch = kPage + kStackBytes;
  void* memory =
      mmap(nullptr, pitch * count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  std::vector<Fiber> fibers(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    char* guard = static_cast<char*>(memory) + pitch * i;
    mprotect(guard, kPage, PROT_NONE);
    fibers[size_t(i)].stack = guard + kPage;
    fibers[size_t(i)].stack_bytes = kStackBytes;
  }
  return fibers;
}

void reset(Fiber& fiber, void (*entry)(), [[maybe_unused]] bool was_abandoned) {
#ifdef SIMT_ASAN
  if (was_abandoned) __asan_unpoison_memory_region(fiber.stack, fiber.stack_bytes);
#endif
  // Tops at one offset within their pages would all fall into one set of the L1 cache.
  const size_t shift = size_t(fiber.stack - static_cast<char*>(nullptr)) / (kPage + kStackBytes) % 32 * 64;
  void** top = reinterpret_cast<void**>(fiber.stack + fiber.stack_bytes - shift);
  *--top = nullptr;                         // no caller
  *--top = reinterpret_cast<void*>(entry);  // what simt_switch returns to, the stack then as after a call
  for (int i = 0; i < 6; ++i) *--top = nullptr;
  fiber.sp = top;
  fiber.fake_stack = nullptr;
}

void switch_fiber(Fiber& from, Fiber& to) {
  switched_from = &from;
#ifdef SIMT_ASAN
  __sanitizer_start_switch_fiber(&from.fake_stack, to.stack, to.stack_bytes);
#endif
  simt_switch(&from.sp, to.sp);
#ifdef SIMT_ASAN
  __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#endif
}

void leave_fiber(Fiber& from, Fiber& to) {
  switched_from = &from;
#ifdef SIMT_ASAN
  __sanitizer_start_switch_fiber(nullptr, to.stack, to.stack_bytes);  // null: its fake stack dies
#endif
  simt_switch(&from.sp, to.sp);
  std::abort();
}

void fiber_entered() {
#ifdef SIMT_ASAN
  const void* bottom = nullptr;
  size_t bytes = 0;
  __sanitizer_finish_switch_fiber(nullptr, &bottom, &bytes);
  if (switched_from->stack_bytes == 0) {  // main()'s stack, which only ASan knows
    switched_from->stack = static_cast<char*>(const_cast<void*>(bottom));
    switched_from->stack_bytes = bytes;
  }
#endif
}

}  // namespace simt
