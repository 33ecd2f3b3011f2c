#include "cpu/runtime/thread_pool.h"

#include <chrono>
#include <ctime>
#include <fstream>
#include <set>
#include <stdexcept>
#include <string>

#include "../io/temp_folder.h"
#include "catch.h"
#include "cpu/runtime/control_group.h"

using namespace seedstory;
using cpu::ThreadPool;

TEST_CASE("A pool runs each piece once, on one of so many threads", "[cpu]") {
  for (const int threads : {1, 2, 3, 16}) {
    ThreadPool pool(threads);
    CHECK(pool.threads() == threads);
    for (const int64_t pieces : {0, 1, 2, 3, 7, 1000})
      for (const int most : {1, 2, 3, 100}) {
        INFO(threads << " threads, " << pieces << " pieces, at most " << most);
        std::vector<std::atomic<int>> runs(static_cast<size_t>(pieces)), busy(static_cast<size_t>(threads));
        std::atomic<bool> shared{false}, beyond{false};
        for (int round = 0; round < 20; ++round)
          pool.run(pieces, most, [&](int64_t piece, int thread) {
            if (thread < 0 || thread >= std::min(most, threads)) beyond = true;
            if (++busy[size_t(thread)] != 1) shared = true;
            ++runs[size_t(piece)];
            --busy[size_t(thread)];
          });
        CHECK(!shared);
        CHECK(!beyond);
        for (const std::atomic<int>& times : runs) CHECK(times == 20);
      }
  }
}

// On a busy machine any thread may be away for long. With two threads and one of them in a piece that does not end, the
// other one does all that is left: also what the first would have begun with.
TEST_CASE("A thread that is away does not hold the others", "[cpu]") {
  constexpr int64_t kPieces = 100;
  ThreadPool pool(2);
  for (const int64_t held : {int64_t{0}, kPieces / 2}) {  // the first pieces of the caller and of the worker
    std::atomic<int64_t> done{0};
    std::atomic<bool> alone{true};
    pool.run(kPieces, 2, [&](int64_t piece, int) {
      const auto begin = std::chrono::steady_clock::now();
      if (piece == held)
        while (done < kPieces - 1)
          if (std::chrono::steady_clock::now() - begin > std::chrono::seconds(60)) {
            alone = false;
            break;
          }
      ++done;
    });
    CHECK(alone);
    CHECK(done == kPieces);
  }
}

TEST_CASE("What a piece throws is thrown to the caller, and the pool goes on", "[cpu]") {
  ThreadPool pool(3);
  for (int64_t bad = 0; bad < 30; ++bad) {
    std::string said;
    try {
      pool.run(30, 3, [&](int64_t piece, int) {
        if (piece == bad) throw std::runtime_error("piece " + std::to_string(piece));
      });
    } catch (const std::runtime_error& error) {
      said = error.what();
    }
    CHECK(said == "piece " + std::to_string(bad));
    std::atomic<int> runs{0};
    pool.run(30, 3, [&](int64_t, int) { ++runs; });
    CHECK(runs == 30);
  }
}

TEST_CASE("Threads without work sleep", "[cpu]") {
  ThreadPool pool(4);
  pool.run(100, 4, [](int64_t, int) {});
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const std::clock_t begin = std::clock();  // CPU time of all threads
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  CHECK(double(std::clock() - begin) / CLOCKS_PER_SEC < 0.1);
}

namespace {

// A root with what the kernel would say of this process's groups.
class Groups : public TempFolder {
 public:
  explicit Groups(const std::string& groups) { write("proc/self/cgroup", groups); }
  std::filesystem::path root() const { return *this / ""; }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((*this / name).parent_path());
    std::ofstream(*this / name) << text;
  }
};

}  // namespace

TEST_CASE("Cores follow the quota of the control groups", "[cpu]") {
  const int all = cpu::usable_cores("/nowhere");
  struct {
    const char *groups, *file, *text;
    double cores;
  } cases[] = {
      {"0::/job\n", "sys/fs/cgroup/job/cpu.max", "50000 100000\n", 0.5},
      {"0::/job/step\n", "sys/fs/cgroup/job/cpu.max", "150000 100000\n", 1.5},  // of the group above
      {"0::/\n", "sys/fs/cgroup/cpu.max", "100000 100000\n", 1},                // a container that sees its own root
      {"4:memory:/m\n3:cpu,cpuacct:/d\n", "sys/fs/cgroup/cpu,cpuacct/d/cpu.cfs_quota_us", "100000\n", 1},
      {"3:cpu:/d\n0::/x\n", "sys/fs/cgroup/cpu/d/cpu.cfs_quota_us", "100000\n", 1},
  };
  for (const auto& [groups, file, text, cores] : cases) {
    INFO(groups << file);
    const Groups g(groups);
    g.write(file, text);
    g.write("sys/fs/cgroup/cpu,cpuacct/d/cpu.cfs_period_us", "100000\n");
    g.write("sys/fs/cgroup/cpu/d/cpu.cfs_period_us", "100000\n");
    CHECK(cpu::GroupLimits(g.root()).cores == cores);
    CHECK(cpu::usable_cores(g.root()) == std::min(all, cores > 1 ? 2 : 1));
  }
  const Groups none("0::/job\n3:cpu:/d\n");
  none.write("sys/fs/cgroup/job/cpu.max", "max 100000\n");
  none.write("sys/fs/cgroup/cpu/d/cpu.cfs_quota_us", "-1\n");
  none.write("sys/fs/cgroup/cpu/d/cpu.cfs_period_us", "100000\n");
  CHECK(cpu::usable_cores(none.root()) == all);
  CHECK(cpu::usable_cores(Groups("nonsense\n:\n::\n").root()) == all);
}

TEST_CASE("Free memory is the least that a control group leaves", "[cpu]") {
  const Groups two("0::/job/step\n");
  two.write("sys/fs/cgroup/job/memory.max", "1000000\n");
  two.write("sys/fs/cgroup/job/memory.current", "400000\n");
  two.write("sys/fs/cgroup/job/step/memory.max", "max\n");
  two.write("sys/fs/cgroup/job/step/memory.current", "300000\n");
  CHECK(cpu::GroupLimits(two.root()).free_bytes == 600000);
  const Groups one("4:memory:/m\n");
  one.write("sys/fs/cgroup/memory/m/memory.limit_in_bytes", "500\n");
  one.write("sys/fs/cgroup/memory/m/memory.usage_in_bytes", "700\n");
  CHECK(cpu::GroupLimits(one.root()).free_bytes == 0);
}
