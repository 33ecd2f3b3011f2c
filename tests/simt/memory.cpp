#include "memory.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

#include "simt.h"

namespace simt {
namespace {

std::map<const char*, Allocation> allocations;
size_t allocated = 0;

std::mutex copying;
std::map<const char*, size_t> pinned;
struct Copy {
  void* to;
  const void* from;
  size_t bytes;
};
std::vector<Copy> copies;  // not made yet

bool is_pinned(const char* p) {
  const auto next = pinned.upper_bound(p);
  return next != pinned.begin() && p < std::prev(next)->first + std::prev(next)->second;
}

// What the last look-ups found: kernels go back and forth between few tensors and their arguments. Host memory is known
// by its page, so long as no allocation has a part of it.
constexpr uintptr_t kPageBytes = 4096;
constexpr size_t kPages = 16;
Allocation* last = nullptr;
uintptr_t host_pages[kPages] = {};

void forget_lookups() {
  last = nullptr;
  std::memset(host_pages, 0, sizeof host_pages);
}

bool is_in(const Allocation* a, const char* p) {
  return a && size_t(p - a->begin) < a->bytes;
}

}  // namespace

Allocation* find_allocation(const void* address) {
  const char* const p = static_cast<const char*>(address);
  if (is_in(last, p)) return last;
  const uintptr_t page = reinterpret_cast<uintptr_t>(p) / kPageBytes;
  if (host_pages[page % kPages] == page) return nullptr;
  const auto next = allocations.upper_bound(p);
  if (next != allocations.begin() && is_in(&std::prev(next)->second, p)) return last = &std::prev(next)->second;
  const auto* const begin = reinterpret_cast<const char*>(page * kPageBytes);
  const auto after = allocations.lower_bound(begin);
  const bool page_has_any =
      (after != allocations.end() && after->first < begin + kPageBytes) ||
      (after != allocations.begin() && std::prev(after)->first + std::prev(after)->second.bytes > begin);
  if (!page_has_any) host_pages[page % kPages] = page;
  return nullptr;
}

void clear_shadows() {
  for (auto& [begin, allocation] : allocations) allocation.shadow = Shadow();
}

void* allocate(size_t bytes) {
  void* memory = nullptr;
  if (bytes > free_bytes()) return nullptr;
  if (posix_memalign(&memory, 256, bytes) != 0) return nullptr;
  std::memset(memory, kUnwritten, bytes);
  char* const begin = static_cast<char*>(memory);
  Allocation& allocation = allocations[begin];
  allocation.begin = begin;
  allocation.bytes = bytes;
  allocated += bytes;
  forget_lookups();
  return memory;
}

void release(void* memory) {
  const auto found = allocations.find(static_cast<char*>(memory));
  if (found != allocations.end()) {
    allocated -= found->second.bytes;
    allocations.erase(found);
  }
  forget_lookups();
  std::free(memory);
}

size_t free_bytes() {
  return kDeviceBytes - allocated;
}

void* allocate_pinned(size_t bytes) {
  const std::lock_guard lock(copying);
  void* const memory = std::malloc(bytes);
  if (memory) pinned[static_cast<char*>(memory)] = bytes;
  return memory;
}

void release_pinned(void* memory) {
  const std::lock_guard lock(copying);
  pinned.erase(static_cast<char*>(memory));
  std::free(memory);
}

void copy(void* to, const void* from, size_t bytes) {
  if (const std::lock_guard lock(copying); is_pinned(static_cast<const char*>(from))) {
    copies.push_back({to, from, bytes});
    return;
  }
  make_copies();
  std::memcpy(to, from, bytes);
}

void make_copies() {
  const std::lock_guard lock(copying);
  for (const Copy& c : copies) std::memcpy(c.to, c.from, c.bytes);
  copies.clear();
}

bool in_device_memory(const void* p, size_t bytes) {
  const Allocation* const a = find_allocation(p);
  return a && static_cast<const char*>(p) + bytes <= a->begin + a->bytes;
}

}  // namespace simt
