// The threads of a backend. The caller is one of them; the others take pieces of what it runs.
//
// The machine has other programs, and a thread may lose its core at any moment for milliseconds. So nothing waits for a
// thread to begin: whoever is there takes the pieces, and the caller waits only for those that were begun. Threads that
// find nothing spin a bounded time, since the next op comes within microseconds, and then sleep on a futex.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace seedstory::cpu {

class ThreadPool {
 public:
  // At least 1: the caller alone. ErrorKind::resource where the system has no thread left.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return int(workers_.size()) + 1; }

  // work(piece, thread) for each piece of [0, pieces), on at most `most` threads: 0 is the caller, and no two pieces
  // run on one thread at once. Returns when all are done; what one of them throws is thrown here, the last one's of
  // several. One caller at a time, and work() does not call run().
  //
  // A thread begins with a run of neighbours, the same ones whenever `pieces` and `most` are the same, so that what it
  // wrote is still in its cache; when it is through it takes what the others have left.
  template <class Work>
  void run(int64_t pieces, int most, Work&& work) {
    if (most > threads()) most = threads();
    if (int64_t{most} > pieces) most = int(pieces);
    if (most <= 1) {
      for (int64_t piece = 0; piece < pieces; ++piece) work(piece, 0);
      return;
    }
    using Function = std::remove_reference_t<Work>;
    start(
        pieces, most, [](void* f, int64_t piece, int thread) { (*static_cast<Function*>(f))(piece, thread); }, &work);
  }

 private:
  struct Worker;
  // The pieces that a thread begins with: [next, end) are not taken yet.
  struct alignas(64) Run {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };
  using Call = void (*)(void* work, int64_t piece, int thread);

  void start(int64_t pieces, int most, Call call, void* work);
  void take_pieces(int thread);
  void work_until_stopped(int thread);
  bool join(int thread);
  void leave();
  template <class Condition>
  bool spin_until(Condition&& is_so);
  void stop();

  // What is run. Written while the door is closed and nobody is inside.
  std::vector<Run> runs_;
  int most_ = 0;
  Call call_ = nullptr;
  void* work_ = nullptr;
  std::mutex thrown_mutex_;
  std::exception_ptr thrown_;

  // The door of what is run: whether it is open, for how many threads, whether the caller sleeps until all are out, and
  // how many workers are inside.
  alignas(64) std::atomic<uint32_t> door_{0};
  alignas(64) std::atomic<uint32_t> started_{0};  // how often the door was opened; workers look at it
  std::atomic<bool> stop_{false};
  std::atomic<int64_t> busy_until_{0};  // of the steady clock: a thread lost its core not long before
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace seedstory::cpu
