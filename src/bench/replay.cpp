// A recorded op on buffers of its own.
#include "bench/replay.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

namespace seedstory {
namespace {

const char* begin_of(const Tensor& t) {
  return static_cast<const char*>(t.data);
}

// Behind the last element.
const char* end_of(const Tensor& t) {
  if (t.numel() == 0) return begin_of(t);
  int64_t last = 0;
  for (int axis = 0; axis < t.rank; ++axis) last += (t.dim[axis] - 1) * t.stride[axis];
  return begin_of(t) + (last + 1) * size_of(t.dtype);
}

const char* act_name(Activation act) {
  return act == Activation::none ? "" : act == Activation::gelu ? " gelu" : " silu";
}

// Every tensor that is there but those of a weight, to be changed; ops only visit theirs as constants.
template <class F>
void each_tensor(AnyOp& op, F&& f) {
  std::visit(
      [&]<class Op>(Op& o) {
        o.each([&](const char* field, const Tensor& t, Access access) {
          if (t && !(HasWeight<Op> && std::string_view(field).starts_with("w"))) f(const_cast<Tensor&>(t), access);
        });
      },
      op);
}

// Bits of numbers whose size is between 1/16 and 1/8, of either sign: sums stay small, nothing is zero.
std::vector<uint32_t> made_bits(DType type) {
  uint32_t fixed = 0, free = 0xffffffff;
  if (type == DType::f32) fixed = 0x3d800000, free = 0x807fffff;
  if (type == DType::bf16) fixed = 0x3d803d80, free = 0x807f807f;
  if (type == DType::f16) fixed = 0x2c002c00, free = 0x83ff83ff;
  std::vector<uint32_t> bits(1 << 16);
  uint32_t state = 1;
  for (uint32_t& word : bits) {
    state = state * 1664525u + 1013904223u;
    word = fixed | ((state ^ state >> 16) & free);
  }
  return bits;
}

void upload(Backend& be, char* memory, int64_t bytes, const void* host) {
  be.upload(Tensor(memory, DType::u8, {bytes}), host);
}

}  // namespace

std::string describe(const AnyOp& any) {
  return std::visit(
      []<class Op>(const Op& op) {
        std::string text = Op::name;
        op.each([&](const char* field, const Tensor& t, Access access) {
          if (!t || access == Access::out) return;
          text += fmt::format(" {}({}){}", field, fmt::join(t.dim, t.dim + t.rank, ", "), t.contiguous() ? "" : "*");
          if (t.dtype != DType::f32 && t.dtype != DType::i32) text += fmt::format(" {}", name_of(t.dtype));
        });
        if constexpr (requires { op.act; }) text += act_name(op.act);
        if constexpr (requires { op.stride; })
          if (op.stride != 1) text += fmt::format(" stride {}", op.stride);
        if constexpr (requires { op.upsample2x; })
          if (op.upsample2x) text += " doubled";
        return text;
      },
      any);
}

Replay::Replay(Backend& backend, const AnyOp& op) : backend_(backend), op_(op) {
  find_blocks();
  allocate();
  make_weight();
  refill();
  each_tensor(op_, [&](Tensor& t, Access) {
    for (const Block& block : blocks_)
      if (begin_of(t) >= block.begin && begin_of(t) < block.end) {
        t.data = block.memory + (begin_of(t) - block.begin);
        return;
      }
  });
  fill_indices();
}

Replay::~Replay() {
  packed_.reset();
  if (weight_) backend_.release(weight_);
  for (const Block& block : blocks_) backend_.release(block.allocated);
}

// The weight of the op, or those rows of one that it takes.
void Replay::make_weight() {
  std::visit(
      [&]<class Op>(Op& o) {
        if constexpr (HasWeight<Op>) {
          const Tensor shape = o.w.values;
          const bool was_packed = o.w.packed;
          weight_bytes_ = backend_.packed_bytes(o.w, o.weight_use());
          weight_ = backend_.allocate(weight_bytes_);
          o.w = Weight(weight_, o.w.format(), shape.dim, size_t(shape.rank));
          for (const Tensor& t : {o.w.values, o.w.scales})
            if (t) fill(static_cast<char*>(t.data), t.bytes(), t.dtype);
          if (!was_packed) return;
          packed_ = backend_.pack(o.w, o.weight_use());
          o.w.packed = packed_.get();
        }
      },
      op_);
}

// The ranges of the op's tensors, those that overlap as one.
void Replay::find_blocks() {
  each_tensor(op_, [&](Tensor& t, Access) {
    if (t.numel() > 0) blocks_.push_back({begin_of(t), end_of(t), nullptr, nullptr, t.dtype});
  });
  std::sort(blocks_.begin(), blocks_.end(), [](const Block& a, const Block& b) { return a.begin < b.begin; });
  std::vector<Block> merged;
  for (const Block& block : blocks_) {
    if (!merged.empty() && block.begin < merged.back().end)
      merged.back().end = std::max(merged.back().end, block.end);
    else
      merged.push_back(block);
  }
  blocks_ = std::move(merged);
}

// As far from a multiple of kAlign as in the recording.
void Replay::allocate() {
  for (Block& block : blocks_) {
    const int64_t shift = int64_t(reinterpret_cast<uintptr_t>(block.begin) % kAlign);
    block.allocated = backend_.allocate(block.end - block.begin + shift);
    block.memory = static_cast<char*>(block.allocated) + shift;
  }
}

void Replay::fill(char* memory, int64_t bytes, DType type) {
  const std::vector<uint32_t> bits = made_bits(type);
  const int64_t piece = int64_t(bits.size() * sizeof bits[0]);
  for (int64_t at = 0; at < bytes; at += piece) upload(backend_, memory + at, std::min(piece, bytes - at), bits.data());
}

void Replay::refill() {
  for (const Block& block : blocks_)
    if (block.dtype != DType::i32) fill(block.memory, block.end - block.begin, block.dtype);
}

// A cache is full.
void Replay::fill_indices() {
  each_tensor(op_, [&](const Tensor& t, Access access) {
    if (t.dtype != DType::i32) return;
    fill_indices(t);
    if (access == Access::inout) counters_.push_back(t);
  });
  if (const CacheAttention* attention = std::get_if<CacheAttention>(&op_)) {
    const auto all = int32_t(attention->slots.dim[0]);
    backend_.upload(attention->length, &all);
  }
}

// 0, 1, 2, ...: distinct, as slots must be, and inside any table that has so many rows.
void Replay::fill_indices(const Tensor& t) {
  int64_t rows = std::numeric_limits<int32_t>::max();
  if (const Embed* embed = std::get_if<Embed>(&op_)) rows = embed->table.dim[0];
  std::vector<int32_t> indices(size_t(t.numel()));
  for (size_t i = 0; i < indices.size(); ++i) indices[i] = int32_t(int64_t(i) % rows);
  backend_.upload(t, indices.data());
}

void Replay::rewind() {
  for (const Tensor& t : counters_) fill_indices(t);
}

int64_t Replay::bytes() const {
  int64_t sum = weight_bytes_;
  for (const Block& block : blocks_) sum += block.end - block.begin;
  return sum;
}

void Replay::run() {
  std::visit([&](const auto& op) { backend_.run(op); }, op_);
}

}  // namespace seedstory
