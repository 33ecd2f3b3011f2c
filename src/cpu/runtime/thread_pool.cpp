// The caller and its threads meet at one word; whoever waits long sleeps on it (futex).
#include "cpu/runtime/thread_pool.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <system_error>
#include <utility>

#include "seedstory/error.h"

namespace seedstory::cpu {
namespace {

// Bits of the door.
constexpr uint32_t kOpen = 1u << 31, kCallerSleeps = 1u << 30, kInside = (1u << 12) - 1;
constexpr int kMostShift = 12, kMostThreads = int(kInside);

constexpr uint32_t most_of(uint32_t door) {
  return door >> kMostShift & kInside;
}

static_assert(sizeof(std::atomic<uint32_t>) == 4 && std::atomic<uint32_t>::is_always_lock_free);

// Sleeps while `word` is `value`; may wake without a cause.
void futex_wait(std::atomic<uint32_t>& word, uint32_t value) {
  ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}

void futex_wake(std::atomic<uint32_t>& word) {
  ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

using Clock = std::chrono::steady_clock;
// Between the ops of a network lie microseconds. Longer, and the core may be somebody else's in the meantime.
constexpr auto kSpin = std::chrono::microseconds(100);
// Two looks so far apart: another program has had this core. It will want it again, so for kBusy a thread spins only
// kBusySpin before it leaves the core to others. (sched_yield() would be worse than a sleep: it puts this thread behind
// the others for a whole turn, also when its work has come.)
constexpr auto kLostCore = std::chrono::microseconds(500);
constexpr auto kBusy = std::chrono::milliseconds(100);
constexpr auto kBusySpin = std::chrono::microseconds(10);

}  // namespace

struct alignas(64) ThreadPool::Worker {
  std::atomic<uint32_t> asleep{0};
  std::thread thread;
};

ThreadPool::ThreadPool(int threads) : runs_(size_t(threads)) {
  if (threads > kMostThreads)
    fail_resource("cpu: " + std::to_string(threads) + " threads, at most " + std::to_string(kMostThreads));
  for (int i = 1; i < threads; ++i) workers_.push_back(std::make_unique<Worker>());
  try {
    for (int i = 1; i < threads; ++i)
      workers_[size_t(i - 1)]->thread = std::thread([this, i] { work_until_stopped(i); });
  } catch (const std::system_error& error) {
    stop();
    fail_resource("cpu: " + std::to_string(threads) + " threads: " + error.what());
  }
}

ThreadPool::~ThreadPool() {
  stop();
}

void ThreadPool::stop() {
  stop_ = true;
  started_.fetch_add(1);
  for (const auto& worker : workers_) {
    if (worker->asleep.exchange(0)) futex_wake(worker->asleep);
    if (worker->thread.joinable()) worker->thread.join();
  }
}

// Looks for a while whether is_so(). False: not within that time.
template <class Condition>
bool ThreadPool::spin_until(Condition&& is_so) {
  const auto begin = Clock::now();
  const bool busy = begin.time_since_epoch().count() < busy_until_.load(std::memory_order_relaxed);
  for (auto last = begin;;) {
    for (int look = 0; look < 16; ++look) {
      if (is_so()) return true;
      __builtin_ia32_pause();
    }
    const auto now = Clock::now();
    if (now - last > kLostCore) {
      busy_until_.store((now + kBusy).time_since_epoch().count(), std::memory_order_relaxed);
      return is_so();
    }
    if (now - begin > (busy ? kBusySpin : kSpin)) return is_so();
    last = now;
  }
}

void ThreadPool::start(int64_t pieces, int most, Call call, void* work) {
  for (int64_t i = 0; i < most; ++i) {
    runs_[size_t(i)].next.store(pieces * i / most, std::memory_order_relaxed);
    runs_[size_t(i)].end = pieces * (i + 1) / most;
  }
  most_ = most, call_ = call, work_ = work;
  door_.store(kOpen | uint32_t(most) << kMostShift, std::memory_order_release);
  started_.fetch_add(1);  // in one order with `asleep`: a worker sees it, or is seen asleep
  for (int i = 1; i < most; ++i)
    if (Worker& worker = *workers_[size_t(i - 1)]; worker.asleep.load() && worker.asleep.exchange(0))
      futex_wake(worker.asleep);

  take_pieces(0);
  door_.fetch_and(~kOpen, std::memory_order_acquire);
  const auto all_out = [this] { return (door_.load(std::memory_order_acquire) & kInside) == 0; };
  if (!spin_until(all_out)) {
    uint32_t door = door_.fetch_or(kCallerSleeps, std::memory_order_acquire) | kCallerSleeps;
    for (; (door & kInside) != 0; door = door_.load(std::memory_order_acquire)) futex_wait(door_, door);
  }
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
}

void ThreadPool::take_pieces(int thread) {
  try {
    for (int i = 0; i < most_; ++i) {
      Run& run = runs_[size_t((thread + i) % most_)];
      for (int64_t piece; (piece = run.next.fetch_add(1, std::memory_order_relaxed)) < run.end;)
        call_(work_, piece, thread);
    }
  } catch (...) {
    const std::lock_guard lock(thrown_mutex_);
    thrown_ = std::current_exception();
  }
}

bool ThreadPool::join(int thread) {
  uint32_t door = door_.load(std::memory_order_relaxed);
  do {
    if (!(door & kOpen) || uint32_t(thread) >= most_of(door)) return false;
  } while (!door_.compare_exchange_weak(door, door + 1, std::memory_order_acquire, std::memory_order_relaxed));
  return true;
}

void ThreadPool::leave() {
  const uint32_t door = door_.fetch_sub(1, std::memory_order_release) - 1;
  if ((door & kCallerSleeps) && (door & kInside) == 0) futex_wake(door_);
}

void ThreadPool::work_until_stopped(int thread) {
  Worker& me = *workers_[size_t(thread - 1)];
  for (uint32_t seen = 0; !stop_;) {
    if (!spin_until([&] { return started_.load(std::memory_order_relaxed) != seen; })) {
      me.asleep.store(1);
      while (started_.load() == seen && me.asleep.load()) futex_wait(me.asleep, 1);
      me.asleep.store(0);
    }
    seen = started_.load(std::memory_order_acquire);
    if (!join(thread)) continue;
    take_pieces(thread);
    leave();
  }
}

}  // namespace seedstory::cpu
