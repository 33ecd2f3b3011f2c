// A small CUDA device inside this process: every CUDA thread is a fiber and runs alone until it must wait for others.
//
// That is the hardest order there is for code that forgets a barrier: a thread finds nothing that the others have not
// yet had to write. What a kernel may not rely on is made visible: shared memory and fresh device memory are NaN, the
// destination of an asynchronous copy is NaN until it lands, and under ASan both ends of shared memory are poisoned.
//
// Every mistake found here throws simt::Error out of launch(), with block, thread and source line. So does a race,
// whatever the order was in which the two accesses came (races.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace simt {

inline constexpr int kUnwritten = 0xff;  // bytes: NaN in every float type

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// When an asynchronous copy lands: as late as its wait allows (finds a missing wait) or at once (finds a buffer that
// is refilled while others still read it).
enum class Landing { late, early };

struct Schedule {
  Landing landing = Landing::late;
  uint64_t seed = 0;  // 0: blocks and threads in order; else which of those that could run does, at random
  int resident = 1;   // blocks at a time. Blocks that wait for each other need all of them, as on a card

  std::string str() const;
};
inline Schedule schedule;  // of the launches to come

// A race is an error, also where it does no harm this time.
inline bool find_races = true;
// While one lives, it is none: for tests that show what races do, and to save time.
class AllowRaces {
 public:
  AllowRaces() { find_races = false; }
  ~AllowRaces() { find_races = before_; }

 private:
  bool before_ = find_races;
};

// Calls f() under each of {late, early} x {in order, at random}. Races are looked for under the first alone: they do
// not depend on who comes first, and cost four times the time. One random order is enough because there are none: a
// kernel without a race and without an atomic makes the same values in every order.
inline constexpr Schedule kSchedules[] = {
    {Landing::late, 0}, {Landing::late, 1}, {Landing::early, 0}, {Landing::early, 1}};
template <class F>
void under_each_schedule(F&& f) {
  struct Restore {
    ~Restore() { schedule = {}; }
  } restore;
  schedule = kSchedules[0];
  f();
  const AllowRaces allow;
  for (const Schedule& each : std::span(kSchedules).subspan(1)) {
    schedule = each;
    f();
  }
}

struct Index {
  constexpr Index(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
  unsigned x, y, z;
};

// A line of kernel code.
struct Where {
  const char* file;
  int line;
};

// Runs body(arg) once for each thread of each block. Throws Error. `kernel`: as in Launch, or null.
void run(Index grid, Index block, size_t shared_bytes, void (*body)(void*), void* arg, const char* kernel);

// A launch as a driver sees it: the kernel by name, its parameters as bytes.
struct Argument {
  const void* value;
  size_t bytes;
};
struct Launch {
  const char* kernel;  // mangled name of a type that has the kernel as its template argument
  Index grid, block;
  size_t shared_bytes;
  std::span<const Argument> arguments;
};
// Every kernel of the program that launch() names, launched or not, from before main on.
struct Known {
  const char* name;
  size_t shared_bytes;
};
std::vector<Known>& known_kernels();
inline bool know(const char* name, size_t shared_bytes) {
  known_kernels().push_back({name, shared_bytes});
  return true;
}

// A graph: launches with copies of their arguments, as a card keeps them. Where one is being recorded, nothing runs.
using Recorded = std::vector<std::function<void()>>;
inline Recorded* recording = nullptr;

// Where set, takes every launch that names its kernel, in place of fibers: tests/ptx runs the PTX that nvcc made of it.
inline void (*instead_of_fibers)(const Launch&) = nullptr;

inline constexpr size_t kMaxSharedBytes = 227 * 1024;  // of a block, on the card that gives the most
size_t max_shared_bytes();                             // of a block, on the card that is emulated

// --- What a thread calls. Wherever warps are concerned, all 32 lanes of `mask` must come from the same line.

void* shared_memory();
void barrier(Where where);
void warp_barrier(uint32_t mask, Where where);
// The bits that lane `source` of the warp brought; a source outside the warp means the caller's own.
uint64_t shuffle(uint32_t mask, uint64_t bits, int source, const char* name, Where where);
uint32_t ballot(uint32_t mask, bool vote, Where where);
// Lane i brings the address of row i % 8 of 8x8 matrix i / 8.
void load_matrices(uint32_t (&to)[4], const void* row, bool transposed, Where where);
// Of f16, else of bf16.
void multiply_m16n8k16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], bool f16, Where where);

void multiply_m16n8k32(int32_t (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], const int32_t (&c)[4],
                       Where where);
void copy_async(void* to, const void* from, int bytes, Where where);
void copy_async_commit();
void copy_async_wait(int groups_left);

// Between blocks, in device memory. A thread that loads lets the others get on: one that polls in vain is a deadlock.
uint32_t atomic_add(uint32_t* to, uint32_t by, Where where);
uint32_t load_acquire(const uint32_t* from, Where where);
void store_release(uint32_t* to, uint32_t value, Where where);

[[noreturn]] void fail_unaligned(size_t bytes, const char* name, Where where);
// Throws unless p is a multiple of `bytes`: what a vector load or store needs on the device.
inline void need_aligned(const void* p, size_t bytes, const char* name, Where where) {
  if (reinterpret_cast<uintptr_t>(p) % bytes != 0) fail_unaligned(bytes, name, where);
}

// --- Device memory: each block of exactly the size asked for, so that ASan sees its ends.

// What the machine is said to have.
inline constexpr int kRuntimeVersion = 13000;
inline int driver_version = kRuntimeVersion;  // 0: no driver
inline int device_count = 1;
inline int multiprocessors = 108;  // of each
inline int compute_capability = 80;
// Another card, while one lives: for backends made meanwhile.
class OnCard {
 public:
  explicit OnCard(int capability) { compute_capability = capability; }
  ~OnCard() { compute_capability = before_; }

 private:
  int before_ = compute_capability;
};
inline int fault = 0;  // a cudaError_t: what the next wait for the queue finds

inline constexpr size_t kDeviceBytes = size_t(1) << 30;
size_t free_bytes();
void* allocate(size_t bytes);  // null where more is asked than the device has
void release(void* memory);
bool in_device_memory(const void* p, size_t bytes);

// Host memory that the device reads by itself. A copy out of it is made as late as it can be: before the next launch or
// wait. Then a buffer that is filled anew too early is seen. Other copies are made at once. Any thread.
void* allocate_pinned(size_t bytes);
void release_pinned(void* memory);
void copy(void* to, const void* from, size_t bytes);
void make_copies();

}  // namespace simt
