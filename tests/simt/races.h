// Races: two threads touch a byte, one of them writes, and no barrier lies between. Found whatever the schedule,
// because what counts is not who came first but whether anything ordered the two. Only the emulator uses this.
//
// What orders, as in CUDA's memory model: a launch and the next; __syncthreads, for the threads of a block; __syncwarp,
// for the lanes of its mask; a release and the acquire that reads it, for the threads themselves and all that is before
// them. Shuffles, votes, ldmatrix and mma bring lanes together but order no memory. Atomics do not race with each
// other.
//
// Every thread has a clock. A byte remembers who wrote it last and who read it since, and at which time of their
// clocks. Plain loads and stores are seen by the calls that -fsanitize=thread compiles into kernels:
// sanitizer_calls.cpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace simt {

constexpr int kThreadBits = 10;  // of a thread's number in its block; the block's number is above

// What was acquired: from these blocks everything before this time, from these threads everything up to it.
struct Acquired {
  std::map<uint32_t, uint32_t> blocks, threads;

  bool empty() const { return blocks.empty() && threads.empty(); }
  void join(const Acquired& other);
};

struct ThreadClock;

struct BlockClock {
  uint32_t number = 0;                  // no two blocks since the program began have the same
  uint32_t time = 1;                    // of the last thing that ordered threads
  uint32_t barrier = 1;                 // of the last barrier
  Acquired acquired;                    // before that
  std::vector<ThreadClock*> acquirers;  // since then
};

struct ThreadClock {
  BlockClock* block = nullptr;
  uint32_t thread = 0;                 // block and number
  uint32_t time = 1;                   // of what ordered it alone; its block's barrier may be later
  std::array<uint32_t, 32> seen = {};  // of the lanes of its warp: what they did up to this time is before
  Acquired acquired;                   // since the block's last barrier

  uint32_t now() const { return time > block->barrier ? time : block->barrier; }
};

enum class Touch : uint8_t { read, write, atomic_read, atomic_write };

struct Access {
  uint32_t thread;  // 0: nobody
  uint32_t time : 30;
  uint32_t atomic : 1;
  uint32_t in_flight : 1;  // an asynchronous copy that its thread has not waited for
  uint32_t place;          // return address, from the start of the program
};

// Of the bytes that are always touched together.
struct Cell {
  Access write, read, other;  // `other`: a read that is not ordered with `read`, of another warp if there is one
};

// Who touched which byte of a piece of memory. All zero at first, so that pages nobody touches cost nothing.
class Shadow {
 public:
  Shadow() = default;
  Shadow(Shadow&& from) noexcept { *this = static_cast<Shadow&&>(from); }
  Shadow& operator=(Shadow&& from) noexcept;
  ~Shadow();

  // f(cell, byte) for the cells of [begin, begin + bytes) of memory of `size` bytes.
  template <class F>
  void each(size_t size, size_t begin, size_t bytes, F&& f) {
    if (!words_) make(size);
    if ((begin | bytes) % 4 == 0)
      for (size_t w = begin / 4; w < (begin + bytes) / 4; ++w) {
        if (words_[w].split == 0)
          f(words_[w].whole, w * 4);
        else
          for (size_t i = 0; i < 4; ++i) f(splits_[words_[w].split][i], w * 4 + i);
      }
    else
      for (size_t i = begin; i < begin + bytes; ++i) f(split(words_[i / 4])[i % 4], i);
  }

 private:
  // 4 bytes, or each of them alone once one was.
  struct Word {
    Cell whole;
    uint32_t split;
  };
  void make(size_t size);
  std::array<Cell, 4>& split(Word& word);

  Word* words_ = nullptr;
  std::vector<std::array<Cell, 4>> splits_;
};

// --- What the emulator says happens

// Blocks of a launch have numbers from the result on. Where that is 1, it is all to begin anew.
uint32_t number_blocks(uint64_t count);
void start(BlockClock& block, uint32_t number);
void start(ThreadClock& thread, BlockClock& block, int number);

void meet_at_barrier(BlockClock& block);
void meet_in_warp(ThreadClock* const* lanes, uint32_t mask);
void acquire(ThreadClock& thread, const void* at);
// `adds`: an addition goes on with what others have released there; a store begins anew.
void release(ThreadClock& thread, const void* at, bool adds);

struct Touched {
  Touch how;
  uint32_t place;
  bool shared = false;  // memory of the block alone: what another block did there before is of no account
  bool in_flight = false;
};
struct Race {
  Access before;
  bool before_wrote;
  size_t byte;
};
// Notes an access, and returns the first race that it makes, if any.
std::optional<Race> touch(const ThreadClock& thread, Shadow& shadow, size_t size, size_t begin, size_t bytes,
                          Touched now);
// A copy of `thread` is there: what it wrote, it has written now.
void land(const ThreadClock& thread, Shadow& shadow, size_t size, size_t begin, size_t bytes);

// The running thread touches memory of any kind. `from`: the return address of the call in the kernel.
void touched(const void* p, size_t bytes, Touch how, const void* from);

// "linear.cu:120": the line of the kernel that a place is in.
uint32_t place_of(const void* return_address);
std::string line_of(uint32_t place);

}  // namespace simt
