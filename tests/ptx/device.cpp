// Who runs next: lanes of a warp, warps of a block, blocks of a launch.
#include <algorithm>
#include <climits>
#include <filesystem>
#include <fstream>
#include <memory>
#include <numeric>
#include <sstream>

#include "ptx.h"
#include "warp.h"

namespace ptx {
namespace {

bool is_together(Op op) {
  return op == Op::shfl || op == Op::vote || op == Op::ldmatrix || op == Op::mma || op == Op::warp_barrier;
}

struct Random {
  uint64_t x;
  uint64_t next() {  // xorshift64
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return x;
  }
};

std::string str(simt::Index i) {
  return "(" + std::to_string(i.x) + ", " + std::to_string(i.y) + ", " + std::to_string(i.z) + ")";
}

// Runs one warp until it can only wait for others, polls, or `steps` instructions are over.
class WarpRun {
 public:
  WarpRun(Warp& w, int64_t steps) : w_(w), entry_(*w.block->entry), steps_(steps) {}

  // Whether it has looked for what others do, or changed something that others may look for.
  struct Did {
    bool poll, change;
  };
  Did run() {
    const uint32_t alive = w_.alive, at_barrier = w_.at_barrier;
    while (steps_ > 0) {
      const uint32_t ready = w_.alive & ~w_.at_barrier & ~w_.held;
      if (ready == 0) break;
      int pc = INT_MAX;
      each_lane(ready, [&](int i) { pc = std::min(pc, w_.pc[size_t(i)]); });
      uint32_t mask = 0;
      int next = INT_MAX;  // where the nearest other lanes are
      each_lane(ready, [&](int i) {
        const int at = w_.pc[size_t(i)];
        if (at == pc)
          mask |= 1u << i;
        else
          next = std::min(next, at);
      });
      run_group(pc, mask, next);
    }
    if (w_.held && (w_.alive & ~w_.at_barrier & ~w_.held) == 0) fail_diverged();
    return {polled_, wrote_ || w_.alive != alive || w_.at_barrier != at_barrier};
  }

 private:
  // `mask` goes on from `pc` until its lanes part, wait, or reach the others.
  void run_group(int pc, uint32_t mask, int next) {
    while (pc < next && steps_-- > 0) {
      const Instruction& s = entry_.code[size_t(pc)];
      ++entry_.executed[size_t(pc)];
      uint32_t active = mask;
      if (s.guard >= 0) active &= s.guard_not ? ~w_.predicates[size_t(s.guard)] : w_.predicates[size_t(s.guard)];
      pc_ = pc;
      if (s.op == Op::bra) {
        if (active == mask && next == INT_MAX) {
          pc = s.target;
          continue;
        }
        put(active, s.target);
        put(mask & ~active, pc + 1);
        if (active == 0) {
          ++pc;
          continue;
        }
        return;
      }
      if (active != 0 && (s.op == Op::exit || s.op == Op::barrier || is_together(s.op))) {
        put(mask & ~active, pc + 1);
        if (!wait_or_exit(s, active, pc) || active != mask) return;
        ++pc;
        continue;
      }
      if (active != 0) step(s, active);
      ++pc;
      wrote_ |= active != 0 && (s.op == Op::st || s.op == Op::atom || s.op == Op::cp_async);
      if (active != 0 && s.acquires) polled_ = true, steps_ = 0;
    }
    put(mask, pc);
  }

  void step(const Instruction& s, uint32_t active) {
    try {
      is_together(s.op) ? execute_together(w_, s, active) : execute(w_, s, active);
    } catch (const simt::Error& error) {
      fail(error.what());
    }
  }

  // Whether the same lanes go straight on; if not, where everyone stands has been written down.
  bool wait_or_exit(const Instruction& s, uint32_t active, int pc) {
    if (s.op == Op::exit) return exit(active), false;
    // Those that have been waiting here belong to us now.
    uint32_t all = active;
    each_lane(w_.held, [&](int i) {
      if (w_.pc[size_t(i)] == pc) all |= 1u << i;
    });
    if (const uint32_t needed = lanes_needed(s, active); (all & needed) != needed) {
      w_.held |= all;
      put(all, pc);
      return false;
    }
    w_.held &= ~all;
    put(all, pc + 1);
    if (s.op == Op::barrier) {
      w_.at_barrier |= all;
      return false;
    }
    step(s, all);
    return all == active;
  }

  // mma, ldmatrix and bar.sync are .aligned: all lanes of the warp or none. The others carry a mask.
  uint32_t lanes_needed(const Instruction& s, uint32_t active) {
    if (s.op == Op::barrier) return w_.alive;
    if (s.op == Op::mma || s.op == Op::ldmatrix) {
      if (w_.alive != ~0u) fail("lanes of the warp have exited");
      return ~0u;
    }
    const uint32_t at = s.op == Op::shfl ? s.r[4] : s.op == Op::vote ? s.r[2] : s.r[0];
    const auto* const masks = w_.slots<uint32_t>(at);
    const uint32_t mask = masks[std::countr_zero(active)];
    each_lane(active, [&](int i) {
      if (masks[i] != mask) fail("lanes bring different masks");
      if (!(masks[i] >> i & 1)) fail("a mask that leaves out the lane itself");
    });
    if (mask & ~w_.alive) fail("the mask names lanes that have exited");
    return mask;
  }

  void exit(uint32_t active) {
    each_lane(active, [&](int i) {
      if (!w_.in_flight[i].empty()) fail("exits while a cp.async is in flight");
    });
    w_.alive &= ~active;
  }

  void put(uint32_t mask, int pc) {
    each_lane(mask, [&](int i) { w_.pc[size_t(i)] = pc; });
  }

  [[noreturn]] void fail(const std::string& what) const { fail_at(what, pc_); }
  [[noreturn]] void fail_at(const std::string& what, int pc) const {
    throw simt::Error(entry_.name + ", PTX line " + std::to_string(entry_.code[size_t(pc)].line) + ", block " +
                      str(w_.block->at) + " warp " + std::to_string(w_.index) + ": " + what + ": " +
                      entry_.text[size_t(pc)]);
  }
  [[noreturn]] void fail_diverged() const {
    fail_at("waits for lanes of its warp that are elsewhere", w_.pc[size_t(std::countr_zero(w_.held))]);
  }

  Warp& w_;
  const Entry& entry_;
  int64_t steps_;
  int pc_ = 0;
  bool polled_ = false, wrote_ = false;
};

class BlockRun {
 public:
  BlockRun(const Entry& entry, const simt::Launch& launch, Random& random) : launch_(launch), random_(random) {
    block_.entry = &entry;
    block_.grid = launch.grid;
    block_.threads = launch.block;
    block_.params.resize(size_t(entry.param_bytes));
    for (size_t i = 0; i < entry.params.size(); ++i)
      std::memcpy(block_.params.data() + entry.params[i].offset, launch.arguments[i].value, launch.arguments[i].bytes);
    const int threads = int(launch.block.x * launch.block.y * launch.block.z);
    block_.warps.resize(size_t(threads + kWarp - 1) / kWarp);
    for (size_t i = 0; i < block_.warps.size(); ++i) {
      Warp& w = block_.warps[i];
      w.block = &block_;
      w.index = int(i);
      w.registers.resize(entry.register_bytes / sizeof(uint64_t));
      w.predicates.resize(size_t(entry.predicates));
      w.local.resize(size_t(entry.local_bytes) * kWarp);
    }
  }

  // Nothing is known to a block that it has not written: registers, shared and local memory are NaN.
  void start(simt::Index at) {
    block_.at = at;
    const size_t shared_bytes = size_t(block_.entry->shared_bytes) + launch_.shared_bytes;
    block_.shared.assign(shared_bytes, char(0xff));
    const int threads = int(launch_.block.x * launch_.block.y * launch_.block.z);
    for (Warp& w : block_.warps) {
      std::fill(w.registers.begin(), w.registers.end(), ~uint64_t(0));
      std::fill(w.predicates.begin(), w.predicates.end(), 0);
      std::fill(w.local.begin(), w.local.end(), char(0xff));
      const int lanes = std::min(kWarp, threads - w.index * kWarp);
      w.alive = lanes == kWarp ? ~0u : (1u << lanes) - 1;
      w.at_barrier = w.held = 0;
      w.pc = {};
      for (int i = 0; i < kWarp; ++i) w.in_flight[i].clear(), w.group[i] = 0;
      fill_constants(w);
    }
    make_ready();
  }

  bool is_over() const { return left_ == 0; }
  const Block& block() const { return block_; }

  // Runs one warp.
  WarpRun::Did step() {
    const bool ordered = simt::schedule.seed == 0;
    if (ready_.empty()) release_barrier();
    const size_t i = ordered ? 0 : random_.next() % ready_.size();
    Warp* const w = ready_[i];
    const WarpRun::Did did = WarpRun(*w, ordered ? INT64_MAX : int64_t(random_.next() % 256 + 1)).run();
    ready_.erase(ready_.begin() + int64_t(i));
    if ((w->alive & ~w->at_barrier) != 0) ready_.push_back(w);  // behind the others, who may have what it polls for
    if (ready_.empty()) count_left();
    return did;
  }

 private:
  void fill_constants(Warp& w) {
    for (const Entry::Constant& c : block_.entry->constants)
      for (int i = 0; i < kWarp; ++i) {
        if (c.bytes == 8)
          w.slots<uint64_t>(c.at)[i] = c.bits;
        else
          w.slots<uint32_t>(c.at)[i] = uint32_t(c.bits);
      }
    for (const auto& [special, at] : block_.entry->specials)
      for (int i = 0; i < kWarp; ++i) w.slots<uint32_t>(at)[i] = value(special, unsigned(w.index * kWarp + i));
  }

  uint32_t value(Special special, unsigned thread) const {
    const simt::Index &n = launch_.block, &at = block_.at, &grid = launch_.grid;
    const uint32_t values[] = {
        thread % n.x, thread / n.x % n.y, thread / (n.x * n.y), n.x, n.y, n.z, at.x, at.y, at.z, grid.x, grid.y,
        grid.z,       thread % kWarp,     thread / kWarp};
    return values[size_t(special)];
  }

  void make_ready() {
    for (Warp& w : block_.warps)
      if (w.alive) ready_.push_back(&w);
    count_left();
  }

  void count_left() {
    left_ = 0;
    for (Warp& w : block_.warps) left_ += uint32_t(std::popcount(w.alive));
  }

  void release_barrier() {
    const unsigned threads = launch_.block.x * launch_.block.y * launch_.block.z;
    unsigned waiting = 0;
    for (Warp& w : block_.warps) {
      waiting += unsigned(std::popcount(w.at_barrier));
      w.at_barrier = 0;
    }
    if (waiting != threads)
      throw simt::Error(block_.entry->name + ", block " + str(block_.at) + ": " + std::to_string(threads - waiting) +
                        " threads have exited while their block waits in bar.sync");
    make_ready();
  }

  const simt::Launch& launch_;
  Random& random_;
  Block block_;
  std::vector<Warp*> ready_;  // neither at the barrier nor gone
  uint32_t left_ = 0;         // lanes that have not exited
};

void check_launch(const Entry& entry, const simt::Launch& launch) {
  const auto refuse = [&](const std::string& what) { throw simt::Error(entry.name + ": " + what); };
  const simt::Index &block = launch.block, &grid = launch.grid;
  const int64_t threads = int64_t(block.x) * block.y * block.z;
  if (threads < 1 || threads > entry.max_threads)
    refuse("a block of " + std::to_string(threads) + " threads, built for " + std::to_string(entry.max_threads));
  if (uint64_t(grid.x) * grid.y * grid.z == 0 || grid.y > 65535 || grid.z > 65535) refuse("a grid of " + str(grid));
  if (size_t(entry.shared_bytes) + launch.shared_bytes > simt::max_shared_bytes()) refuse("too much shared memory");
  if (launch.arguments.size() != entry.params.size())
    refuse(std::to_string(launch.arguments.size()) + " arguments, nvcc has " + std::to_string(entry.params.size()));
  for (size_t i = 0; i < entry.params.size(); ++i)
    if (int64_t(launch.arguments[i].bytes) != entry.params[i].bytes)
      refuse("argument " + std::to_string(i) + " has " + std::to_string(launch.arguments[i].bytes) +
             " bytes on the host, " + std::to_string(entry.params[i].bytes) + " for nvcc");
}

std::map<std::string, Entry>& entries() {
  static std::map<std::string, Entry> all;
  return all;
}

void run_named(const simt::Launch& launch) {
  const std::string name = kernel_name(launch.kernel);
  const auto at = entries().find(name);
  if (at == entries().end()) throw simt::Error("no PTX entry is called " + name);
  run(at->second, launch);
}

}  // namespace

void run(const Entry& entry, const simt::Launch& launch) {
  check_launch(entry, launch);
  Random random = {simt::schedule.seed * 0x9e3779b97f4a7c15u};
  const simt::Index& grid = launch.grid;
  std::vector<uint64_t> order(uint64_t(grid.x) * grid.y * grid.z);
  std::iota(order.begin(), order.end(), 0);
  if (simt::schedule.seed != 0)
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.next() % i]);
  const auto index = [&](uint64_t i) {
    return simt::Index(unsigned(i % grid.x), unsigned(i / grid.x % grid.y), unsigned(i / grid.x / grid.y));
  };
  std::vector<std::unique_ptr<BlockRun>> resident;
  size_t started = 0;
  while (started < std::min(order.size(), size_t(simt::schedule.resident))) {
    resident.push_back(std::make_unique<BlockRun>(entry, launch, random));
    resident.back()->start(index(order[started++]));
  }
  constexpr size_t kRounds = 10000;  // more flags than one thread looks at in turn
  size_t at = 0, polls_in_vain = 0;
  while (!resident.empty()) {
    if (simt::schedule.seed != 0) at = random.next() % resident.size();
    BlockRun& block = *resident[at];
    const auto [polled, changed] = block.step();
    polls_in_vain = changed ? 0 : polls_in_vain + polled;
    if (polls_in_vain > kRounds * resident.size() * block.block().warps.size())
      throw simt::Error(entry.name + ": deadlock: " + std::to_string(resident.size()) + " of " +
                        std::to_string(order.size()) + " blocks are resident, " +
                        std::to_string(order.size() - started) + " wait for room: block " + str(block.block().at) +
                        " polls in vain");
    if (block.is_over() && started < order.size())
      block.start(index(order[started++]));
    else if (block.is_over())
      resident.erase(resident.begin() + int64_t(at));
    if (at >= resident.size() || polled) at = at + 1 < resident.size() ? at + 1 : 0;  // in order: who polls lets go
  }
}

void use(const std::string& ptx_text) {
  for (Entry& entry : parse(ptx_text)) {
    const std::string name = entry.name;
    entries()[name] = std::move(entry);
  }
  simt::instead_of_fibers = run_named;
}

void use_folder(const std::string& folder, const std::string& arch) {
  size_t files = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    const std::string name = file.path().filename().string(), end = "." + arch + ".ptx";
    if (name.size() <= end.size() || name.compare(name.size() - end.size(), end.size(), end) != 0) continue;
    std::ifstream in(file.path());
    std::stringstream text;
    text << in.rdbuf();
    try {
      use(text.str());
    } catch (const simt::Error& error) {
      throw simt::Error(name + ": " + error.what());
    }
    ++files;
  }
  if (files == 0) throw simt::Error(folder + " has no PTX for " + arch);
}

namespace {

const Entry& entry_named(const std::string& kernel) {
  const auto at = entries().find(kernel);
  if (at == entries().end()) throw simt::Error("no PTX entry is called " + kernel);
  return at->second;
}

}  // namespace

std::vector<MemoryAccess> memory_accesses(const std::string& kernel) {
  const Entry& entry = entry_named(kernel);
  std::vector<MemoryAccess> accesses;
  for (size_t i = 0; i < entry.code.size(); ++i) {
    const Instruction& s = entry.code[i];
    const bool is_copy = s.op == Op::cp_async;
    const int bytes = is_copy ? int(s.immediate) : s.op == Op::ldmatrix ? 16 : bytes_of(s.type) * s.count;
    const auto add = [&](Space space, const Traffic& traffic) {
      const bool store = s.op == Op::st || (is_copy && space == Space::shared);
      if (traffic.requests > 0) accesses.push_back({entry.text[i], space, s.cls, store, bytes, traffic});
    };
    add(Space::shared, entry.shared[i]);
    add(Space::global, entry.global[i]);
  }
  return accesses;
}

Counts counts(const std::string& kernel) {
  Counts counts;
  const Entry& entry = entry_named(kernel);
  for (size_t i = 0; i < entry.code.size(); ++i) {
    counts.of[size_t(entry.code[i].cls)] += entry.executed[i];
    counts.total += entry.executed[i];
  }
  return counts;
}

void clear_counts() {
  for (auto& [name, entry] : entries()) {
    std::fill(entry.executed.begin(), entry.executed.end(), 0);
    std::fill(entry.shared.begin(), entry.shared.end(), Traffic());
    std::fill(entry.global.begin(), entry.global.end(), Traffic());
  }
}

std::string report() {
  std::string lines;
  for (const auto& [name, entry] : entries()) {
    const Counts c = counts(name);
    if (c.total == 0) continue;
    lines += name + ": " + std::to_string(c.total);
    for (int i = 0; i < kClasses; ++i)
      if (c.of[size_t(i)]) lines += std::string(", ") + name_of(Class(i)) + " " + std::to_string(c.of[size_t(i)]);
    lines += "\n";
  }
  return lines;
}

}  // namespace ptx
