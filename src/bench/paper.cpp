// Launches, and what they ask of a card.
#include "bench/paper.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>

#include "../../cuda/alignment.h"
#include "../../cuda/cuda_backend.h"
#include "../../cuda/gemm_tiles.h"

namespace seedstory {
namespace {

constexpr KernelCounts kCounts[] = {
#include "../../cuda/counts.inc"
};

constexpr double kSector = 32;
constexpr double kMmaFlops = 2 * 16 * 8 * 16;
// CUDA C++ Programming Guide, "Arithmetic Instructions" and "Compute Capability": from 8.0 to 9.0 a multiprocessor has
// four schedulers, which issue an instruction a cycle each, and does 16 exponentials a cycle.
constexpr double kIssues = 4, kExpCycles = 32.0 / 16;
// From L2 to one multiprocessor.
constexpr double kL2Bytes = 64;
// Of all multiprocessors together: NVIDIA A100 Tensor Core GPU Architecture, "L2 cache". Others are not published.
constexpr double kA100L2Bytes = 5120;
// mma.sync does not keep a Hopper's tensor cores busy: 62.9 % of their rate, the mean of its types (Luo et al. 2024,
// arXiv:2402.13499, on an H800).
constexpr double kHopperMma = 0.629;

const char* arch_of(const Card& card) {
  if (card.capability >= 80 && card.capability < 90) return "sm_80";
  return card.capability == 90 ? "sm_90a" : nullptr;
}

const KernelCounts* find_counts(const std::string& kernel, const Card& card) {
  const std::string arch = arch_of(card) ? arch_of(card) : "";
  for (const KernelCounts& counts : kCounts)
    if (arch == counts.arch && kernel == counts.kernel) return &counts;
  return nullptr;
}

int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// The first of the list that is at least `value`; 0: none.
int64_t at_least(int64_t value, std::initializer_list<int64_t> list) {
  for (const int64_t each : list)
    if (value <= each) return each;
  return 0;
}

bool have_16_byte_rows(std::initializer_list<Tensor> tensors) {
  return std::all_of(tensors.begin(), tensors.end(), has_16_byte_rows);
}

const char* variant_of(Activation act) {
  return act == Activation::none ? "" : act == Activation::gelu ? " gelu" : " silu";
}

template <class Tile>
std::string name_of_tile() {
  return fmt::format("Tile<{}, {}, {}, {}>", Tile::rows, Tile::cols, Tile::warp_rows, Tile::warp_cols);
}

using Launches = std::vector<PaperLaunch>;

// cuda/kernels/linear.cu and linear_gemv.cu; linear_blocks.cu and linear_gemv_blocks.cu where w is in q8 or q4
template <class Op>
Launches launches_of_product(const Op& op, const Card& card, bool gate) {
  const int64_t rows = op.y.rows(), cols = op.w.values.rows(), k = op.x.cols();
  const bool blocks = bool(op.w.scales), is_q4 = op.w.format() == WeightFormat::q4;
  const bool aligned = in_pieces_of_16_bytes(op.x) && (blocks || in_pieces_of_16_bytes(op.w.values));
  if (op.x.dtype == DType::f32 || (!blocks && op.w.values.dtype != op.x.dtype)) return {};
  const std::string type = name_of(op.x.dtype) + std::string(!blocks ? "" : is_q4 ? ", 4" : ", 8");
  const char* const of_blocks = blocks ? "_blocks" : "";
  if (rows <= 8)
    return {{.kernel = fmt::format("linear_gemv{}<{}, {}, {}>", of_blocks, type, aligned, gate),
             .variant = variant_of(op.act),
             .blocks = ceil_div(cols, 16),
             .steps = double(ceil_div(k, is_q4 ? 2048 : 1024))}};
  Launches launches;
  const auto add = [&]<class Tile>() {
    const int64_t tile_cols = gate ? Tile::cols / 2 : Tile::cols;
    launches.push_back(
        {.kernel = fmt::format("linear{}<{}, {}, {}, {}>", of_blocks, type, name_of_tile<Tile>(), aligned, gate),
         .variant = variant_of(op.act),
         .blocks = ceil_div(rows, Tile::rows) * ceil_div(op.y.cols(), tile_cols),
         .steps = double(ceil_div(k, kDepth))});
  };
  const ProductSize product{rows, cols, k};
  if (!aligned)
    add.template operator()<Narrow>();
  else if (blocks)
    BlockTiles::with(BlockTiles::best(product, card.multiprocessors), add);
  else
    GemmTiles::with(GemmTiles::best(product, card.multiprocessors), add);
  return launches;
}

Launches launches(const Linear& op, const Card& card) {
  return launches_of_product(op, card, false);
}
Launches launches(const GatedLinear& op, const Card& card) {
  return launches_of_product(op, card, true);
}

// cuda/kernels/conv2d.cu
Launches launches(const Conv2d& op, const Card& card) {
  if (op.x.dtype == DType::f32) return {};
  const int64_t parts = op.upsample2x ? 4 : 1, taps = op.upsample2x ? 4 : op.w.values.dim[2] * op.w.values.dim[3];
  const int64_t channels = op.y.dim[3], pixels = op.y.numel() / channels / parts, k = taps * op.x.dim[3];
  Launches launches;
  const auto add = [&]<class Tile>(bool aligned) {
    launches.push_back({.kernel = fmt::format("conv2d<{}, {}, {}>", name_of(op.x.dtype), name_of_tile<Tile>(), aligned),
                        .variant = {},
                        .blocks = Tile::tiles_of(pixels, channels) * parts,
                        .steps = double(ceil_div(k, kDepth))});
  };
  if (!has_16_byte_rows(op.x) || op.x.dim[3] * size_of(op.x.dtype) % 16 != 0)
    add.template operator()<Narrow>(false);
  else if (channels <= 16)
    add.template operator()<Tile<128, 16, 16, 16>>(true);
  else
    GemmTiles::with(GemmTiles::best({pixels, channels, k, parts}, card.multiprocessors),
                    [&]<class Tile>() { add.template operator()<Tile>(true); });
  return launches;
}

// cuda/kernels/attention.cu and attention_wide.cu
Launches launches(const Attention& op, const Card& card) {
  if (op.q.dtype == DType::f32) return {};
  const std::string type = name_of(op.q.dtype);
  const int64_t n = op.q.dim[0], queries = op.q.dim[1], heads = op.q.dim[2], keys = op.k.dim[1];
  const bool aligned = have_16_byte_rows({op.q, op.k, op.v, op.y});
  const int64_t dim = aligned || op.q.dim[3] > 128 ? at_least(op.q.dim[3], {32, 64, 104, 128, 512}) : 128;
  const bool large = card.capability == 80 || card.capability == 90;  // has 146 KiB of shared memory for a block
  const int64_t rows = dim <= 104 ? 128 : dim == 128 || large ? 64 : 32;
  const std::string tile =
      dim <= 128 ? fmt::format("attention<{}, Tile<{}>, {}>", type, dim, aligned)
                 : fmt::format("attention_wide<{}, Tile<{}>, {}>", type, large ? "64, 2" : "32, 1", aligned);
  return {{.kernel = tile,
           .variant = {},
           .blocks = ceil_div(queries, rows) * heads * n,
           .steps = double(ceil_div(keys, dim <= 128 ? 64 : 32))}};
}

// cuda/kernels/cache_attention.cu: one row, a full cache. More rows are not known here.
Launches launches(const CacheAttention& op, const Card&) {
  const int64_t rows = op.q.dim[0], heads = op.q.dim[1], ranks = op.slots.dim[0], chunks = ceil_div(ranks, 64);
  const bool vectors =
      op.q.dim[2] % 16 == 0 && have_16_byte_rows({op.y, op.q, op.k, op.v, op.k_cache, op.v_cache, op.rope});
  if (rows > 1 || op.q.dtype == DType::f32 || !vectors) return {};
  const std::string type = name_of(op.q.dtype);
  Launches launches = {{.kernel = fmt::format("cache_attention<{0}, Vec<{0}, 8>, 1>", type),
                        .variant = {},
                        .blocks = ceil_div(heads, 4) * chunks,
                        .steps = double(ranks) / 64 / double(chunks)}};
  if (chunks > 1)
    launches.push_back(
        {.kernel = fmt::format("merge_chunks<{}>", type), .variant = {}, .blocks = heads, .steps = double(chunks)});
  return launches;
}

// cuda/kernels/layer_norm.cu
Launches launches(const LayerNorm& op, const Card&) {
  const int64_t dim = op.x.cols(), inner = op.x.rank < 2 ? 1 : op.x.dim[op.x.rank - 2], steps = ceil_div(dim, 256);
  if (op.x.dtype == DType::f32 || dim % 8 != 0 || !have_16_byte_rows({op.x, op.y, op.w, op.b})) return {};
  return {
      {.kernel = fmt::format("layer_norm<{0}, Vec<{0}, 8>, {1}>", name_of(op.x.dtype), at_least(steps, {3, 5, 8, 16})),
       .variant = {},
       .blocks = ceil_div(inner, 4) * (op.x.rows() / inner),
       .steps = double(steps)}};
}

// cuda/kernels/add_rms_norm.cu
Launches launches(const AddRmsNorm& op, const Card&) {
  const int64_t dim = op.h.cols();
  if (op.h.dtype == DType::f32 || dim % 8 != 0 || !have_16_byte_rows({op.h, op.y, op.r, op.w})) return {};
  return {{.kernel = fmt::format("add_rms_norm<{0}, Vec<{0}, 8>, {1}>", name_of(op.h.dtype),
                                 at_least(ceil_div(dim, 2048), {1, 2, 4, 8})),
           .variant = {},
           .blocks = op.h.rows(),
           .steps = double(ceil_div(dim, 256))}};
}

// cuda/kernels/group_norm.cu. Of the pieces of a picture the second kernel merges more than were counted: a few KiB.
Launches launches(const GroupNorm& op, const Card&) {
  const int64_t pixels = op.x.dim[1] * op.x.dim[2], channels = op.x.dim[3], width = channels / op.groups;
  if (op.x.dtype == DType::f32 || channels % 8 != 0 || !have_16_byte_rows({op.x, op.y, op.w, op.b})) return {};
  int64_t slab = 1;  // groups
  while (slab < op.groups && (slab * width * 2 < 128 || slab * width * 2 % 32 != 0)) ++slab;
  if (slab * width > 2048) return {};  // the backend refuses it
  const int64_t piece = std::max(int64_t(256), ceil_div(pixels, 256));
  Launches launches;
  for (const char* kernel : {"group_moments", "group_scale"})
    launches.push_back({.kernel = fmt::format("{0}<{1}, Vec<{1}, 8> >", kernel, name_of(op.x.dtype)),
                        .variant = fmt::format(" {} channels{}", slab * width, variant_of(op.act)),
                        .blocks = ceil_div(pixels, piece) * ceil_div(op.groups, slab) * op.x.dim[0],
                        .steps = double(ceil_div(std::min(piece, pixels), 256 / (slab * width / 8)))});
  return launches;
}

template <class Op>
Launches launches(const Op&, const Card&) {
  return {};
}

// A unit, and how long it is asked for.
struct Need {
  const char* unit;
  double us;
};
constexpr size_t kUnits = 5;

bool less(const Need& a, const Need& b) {
  return a.us < b.us;
}

// Cycles of a multiprocessor.
std::array<Need, kUnits> cycles(const Asked& asked, double times, const Card& card) {
  const double tensor = kMmaFlops / card.flops_a_cycle / (card.capability == 90 ? kHopperMma : 1);
  return {{{"tensor cores", times * asked.mma * tensor},
           {"issue slots", times * asked.issued / kIssues},
           {"exponentials", times * asked.exp * kExpCycles},
           {"shared memory", times * asked.shared},
           {"L2", times * (asked.loaded + asked.stored) * kSector / kL2Bytes}}};
}

Need most(const std::array<Need, kUnits>& needs) {
  return *std::max_element(needs.begin(), needs.end(), less);
}

// A block's cycles. Alone on its multiprocessor it does one thing after the other: what is beside its steps is before
// them and behind.
Need of_block(const KernelCounts& counts, double steps, bool alone, const Card& card) {
  std::array<Need, kUnits> block = cycles(counts.block, 1, card), all = cycles(counts.step, steps, card);
  if (alone) {
    const Need before = most(block), during = most(all);
    return {before.us > during.us ? before.unit : during.unit, before.us + during.us};
  }
  for (size_t i = 0; i < kUnits; ++i) all[i].us += block[i].us;
  return most(all);
}

// A card with the rows at once of the CUDA backend; it computes nothing.
class CardRecording final : public RecordingBackend {
 public:
  int64_t rows_at_once() const override { return kCudaRowsAtOnce; }
};

}  // namespace

std::vector<PaperLaunch> launches_of(const AnyOp& op, const Card& card) {
  return std::visit([&](const auto& each) { return launches(each, card); }, op);
}

PaperTime launch_time(const PaperLaunch& launch, const KernelCounts& counts, const Card& card) {
  const int64_t waves = ceil_div(launch.blocks, card.multiprocessors);
  const bool has_100_kib = card.capability > 80 && card.capability < 90;
  const bool alone = waves == 1 || (has_100_kib ? counts.resident_of_86 : counts.resident) <= 1;
  Need need = of_block(counts, launch.steps, alone, card);
  need.us *= double(waves) / card.clock() * 1e6;
  if (card.capability == 80) {
    const double sectors =
        counts.block.loaded + counts.block.stored + launch.steps * (counts.step.loaded + counts.step.stored);
    const Need l2 = {"L2", double(launch.blocks) * sectors * kSector / kA100L2Bytes / card.clock() * 1e6};
    if (l2.us > need.us) need = l2;
  }
  return {.us = need.us, .bound = need.unit, .kernels = launch.kernel + launch.variant};
}

PaperTime paper_time(const AnyOp& op, const Card& card) {
  const auto not_counted = [](const std::string& what) { return PaperTime{.us = 0, .bound = {}, .kernels = what}; };
  PaperTime time, longest;
  const std::vector<PaperLaunch> all = launches_of(op, card);
  if (all.empty()) return not_counted(std::visit([](const auto& o) { return o.name; }, op));
  for (const PaperLaunch& launch : all) {
    const KernelCounts* counts = find_counts(launch.kernel + launch.variant, card);
    if (!counts) return not_counted(launch.kernel + launch.variant);
    const PaperTime each = launch_time(launch, *counts, card);
    if (each.us > longest.us) longest = each;
    time.us += each.us;
    time.kernels += (time.kernels.empty() ? "" : ", ") + each.kernels;
  }
  // The flops of softmax and activations are in the limit too, at the tensor cores' rate.
  const Cost cost = cost_of(op);
  const Need limit = std::max(Need{"memory", cost.bytes / (card.terabytes * 1e6)},
                              Need{"arithmetic", cost.flops / (card.teraflops * 1e6)}, less);
  time.bound = limit.us > time.us ? limit.unit : longest.bound;
  time.us = std::max(time.us, limit.us);
  return time;
}

std::vector<PaperEntry> run_paper(const Card& card, const ModelDir& model, const Limits& limits,
                                  const PaperOptions& options) {
  if (!arch_of(card))
    fail_usage(fmt::format("--card {}: has compute capability {}.{}, kernels were counted for 8.0 to 9.0", card.name,
                           card.capability / 10, card.capability % 10));
  CardRecording recording;
  Engine engine(recording, model, {.types = options.types});
  const StageOps stages = list_stages(recording, engine);
  std::vector<PaperEntry> entries;
  if (options.ops)
    for (const auto& [shown, op] : distinct_ops(stages, options.filter, limits)) {
      const PaperTime time = paper_time(op, card);
      entries.push_back({shown, time.bound, time.kernels, time.us > 0 ? 1.0 : 0.0});
      entries.back().us = time.us;
    }
  const auto in_a_frame = [](const BenchEntry& e) { return double(e.calls) * std::max(e.us, e.limit_us); };
  std::stable_sort(entries.begin(), entries.end(),
                   [&](const BenchEntry& a, const BenchEntry& b) { return in_a_frame(a) > in_a_frame(b); });
  if (options.stages)
    for (const auto& [stage, ops] : stages) {
      if (!fits(options.filter, stage)) continue;
      PaperEntry entry = {entry_of(stage, ops, limits), {}, {}, 0};
      entry.stage = true;
      for (const AnyOp& op : ops) {
        const double limit_us = limits.seconds(cost_of(op)) * 1e6, us = paper_time(op, card).us;
        entry.us += us > 0 ? us : limit_us;
        entry.counted += us > 0 ? limit_us / entry.limit_us : 0;
      }
      entries.push_back(entry);
    }
  if (entries.empty()) fail_usage("--filter " + options.filter + ": no entry has this in its name");
  return entries;
}

}  // namespace seedstory
