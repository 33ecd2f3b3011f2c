// Numbers of any stored type to f32, and the loader: checks the whole table, then reads pieces on all threads.
#include "model/weights.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>
#include <set>
#include <utility>

#include "model/lora.h"
#include "model/quantize.h"
#include "seedstory/float16.h"

namespace seedstory {
namespace {

int64_t numel_of(const std::vector<int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

constexpr int64_t kPiece = 1 << 18;  // numbers that are read at once: they stay in a thread's cache

// A mapped file's values may lie at any address.
template <class T>
T load_at(const void* base, int64_t i) {
  T v;
  std::memcpy(&v, static_cast<const char*>(base) + i * int64_t(sizeof(T)), sizeof(T));
  return v;
}

// From one number of a block to the next. Blocks run along axis 1, or over all numbers in their order.
int64_t block_step(const StoredTensor& t) {
  int64_t step = 1;
  for (int axis = 2; t.has_blocks() && axis < t.values.rank; ++axis) step *= t.values.dim[axis];
  return step;
}

float scale_at(const StoredTensor& t, int64_t i, int64_t step) {
  return f16_to_f32(load_at<uint16_t>(t.scale.data, i / (kWeightBlock * step) * step + i % step));
}

float integer_at(const StoredTensor& t, int64_t i) {
  if (t.values.dtype == DType::i8) return load_at<int8_t>(t.values.data, i);
  const int bits = load_at<uint8_t>(t.values.data, i / 2) >> (i % 2 * 4) & 15;
  return float(bits < 8 ? bits : bits - 16);
}

float value_at(const StoredTensor& t, int64_t i) {
  const void* base = t.values.data;
  switch (t.values.dtype) {
    case DType::f32:
      return load_at<float>(base, i);
    case DType::f16:
      return f16_to_f32(load_at<uint16_t>(base, i));
    case DType::bf16:
      return bf16_to_f32(load_at<uint16_t>(base, i));
    case DType::i8:
    case DType::i4:
      return integer_at(t, i) * scale_at(t, i, block_step(t));
    default:
      fail_input(fmt::format("{}: a weight cannot be {}", t.file, t.values.str()));
  }
}

void contiguous_to_f32(const StoredTensor& t, int64_t first, int64_t count, float* out) {
  const void* base = t.values.data;
  switch (t.values.dtype) {
    case DType::f32:
      if (count == 0) return;  // memcpy wants real addresses even for nothing
      std::memcpy(out, static_cast<const char*>(base) + first * 4, size_t(count) * 4);
      return;
    case DType::bf16:
      for (int64_t i = 0; i < count; ++i) out[i] = bf16_to_f32(load_at<uint16_t>(base, first + i));
      return;
    case DType::f16:
      for (int64_t i = 0; i < count; ++i) out[i] = f16_to_f32(load_at<uint16_t>(base, first + i));
      return;
    case DType::i8:
    case DType::i4:
      for (int64_t i = first, step = block_step(t); i < first + count;) {
        const float scale = scale_at(t, i, step);
        const int64_t block_end = step == 1 ? (i / kWeightBlock + 1) * kWeightBlock : i + 1;
        for (const int64_t end = std::min(first + count, block_end); i < end; ++i) *out++ = integer_at(t, i) * scale;
      }
      return;
    default:
      for (int64_t i = 0; i < count; ++i) out[i] = value_at(t, first + i);
  }
}

// A linear layer may have been stored as a 1x1 convolution.
bool shape_fits(const Tensor& t, const std::vector<int64_t>& expected, bool is_linear) {
  int rank = t.rank;
  while (is_linear && rank > int(expected.size()) && t.dim[rank - 1] == 1) --rank;
  if (rank != int(expected.size())) return false;
  for (int axis = 0; axis < rank; ++axis)
    if (t.dim[axis] != expected[axis] && !(axis == 0 && expected[0] == kAnyRows)) return false;
  return true;
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string s = fmt::format("({})", fmt::join(shape, ", "));
  return s.starts_with("(-1") ? "(any" + s.substr(3) : s;
}

// What is wrong with how the numbers are held; empty if nothing.
std::string storage_problem(const StoredTensor& t) {
  switch (t.values.dtype) {
    case DType::f32:
    case DType::f16:
    case DType::bf16:
      return "";
    case DType::i8:
      if (!t.values.contiguous()) return "is i8 with strides";
      if (const int64_t blocks = (t.values.numel() + kWeightBlock - 1) / kWeightBlock;
          t.scale.dtype != DType::f16 || t.scale.numel() != blocks)
        return fmt::format("has scale {}, expected f16({})", t.scale.str(), blocks);
      return "";
    case DType::i4:
      return t.has_blocks() ? "" : "is i4 without scales";
    default:
      return fmt::format("is {}, expected f32, f16, bf16 or i8", t.values.str());
  }
}

// "2 missing (a, b)"; at most four by name.
std::string summary(const char* what, const std::vector<std::string>& names) {
  const size_t shown = std::min<size_t>(names.size(), 4);
  std::string s = fmt::format("{} {}: {}", names.size(), what, fmt::join(names.begin(), names.begin() + shown, ", "));
  return names.size() > shown ? s + ", ..." : s;
}

}  // namespace

// What a source has against what a table wants, for one message.
struct WeightLoader::Report {
  std::vector<std::string> missing, wrong, unexpected;
  std::set<std::string> known;
  UnreadTensors unread;
  std::string file, hint;

  void throw_if_bad(const std::string& part) const {
    std::vector<std::string> lines;
    if (!missing.empty()) lines.push_back(summary("missing", missing));
    if (!wrong.empty()) lines.push_back(summary("wrong", wrong));
    if (!unexpected.empty()) lines.push_back(summary("unexpected", unexpected));
    if (!lines.empty())
      fail_input(
          fmt::format("{}: tensors{}{}: {}{}", part, file.empty() ? "" : " of ", file, fmt::join(lines, "; "), hint));
  }
};

namespace {

int64_t rows_of(const Stored& stored) {
  const int64_t end = stored.end < 0 ? stored.shape[0] : stored.end;
  return stored.transposed ? stored.shape[1] : end - stored.begin;
}

std::vector<int64_t> stacked_shape(const std::vector<Stored>& parts) {
  std::vector<int64_t> shape = parts.front().shape;
  if (parts.front().transposed) std::swap(shape[0], shape[1]);
  shape[0] = 0;
  for (const Stored& part : parts) shape[0] += rows_of(part);
  return shape;
}

bool is_linear(const WeightTable::Entry& entry) {
  return entry.weight && (entry.use == WeightUse::linear || entry.use == WeightUse::gated_linear);
}

}  // namespace

std::string did_you_mean(const TensorSource& source, std::string_view missing) {
  const auto ends_with_part = [](std::string_view text, std::string_view end) {
    return text.size() > end.size() && text.ends_with(end) && text[text.size() - end.size() - 1] == '.';
  };
  std::string best;
  size_t least = 0;
  for (const std::string& name : source.names()) {
    if (!ends_with_part(name, missing) && !ends_with_part(missing, name)) continue;
    const size_t differs = std::max(name.size(), missing.size()) - std::min(name.size(), missing.size());
    if (!best.empty() && differs >= least) continue;
    best = name;
    least = differs;
  }
  return best.empty() ? "" : fmt::format("; did you mean '{}' for '{}'?", best, missing);
}

std::vector<int64_t> shape_of(const Tensor& t) {
  return std::vector<int64_t>(t.dim, t.dim + t.rank);
}

void to_f32(const StoredTensor& stored, int64_t first, int64_t count, float* out) {
  const Tensor& t = stored.values;
  if (t.contiguous()) return contiguous_to_f32(stored, first, count, out);
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = first + i, offset = 0;
    for (int axis = t.rank - 1; axis >= 0; --axis) {
      offset += rest % t.dim[axis] * t.stride[axis];
      rest /= t.dim[axis];
    }
    out[i] = value_at(stored, offset);
  }
}

std::vector<float> values_of(Backend& backend, const Tensor& t) {
  std::vector<float> values(size_t(t.numel()));
  if (values.empty()) return values;
  int64_t last = 0;
  for (int axis = 0; axis < t.rank; ++axis) last += (t.dim[axis] - 1) * t.stride[axis];
  std::vector<char> host(size_t((last + 1) * size_of(t.dtype)));
  backend.download(host.data(), Tensor(t.data, DType::u8, {int64_t(host.size())}));
  StoredTensor there{.values = t, .scale = {}, .file = "download"};
  there.values.data = host.data();
  to_f32(there, 0, t.numel(), values.data());
  return values;
}

// What the weight's format cannot hold, as round_weight says it.
static std::string upload_rounded(Backend& backend, const Weight& to, const float* numbers) {
  if (to.values.dtype == DType::f32) {
    backend.upload(to.values, numbers);
    return "";
  }
  std::vector<char> values(size_t(to.values.bytes())), scales(size_t(to.scales.bytes()));
  Weight rounded = to;
  rounded.values.data = values.data(), rounded.scales.data = scales.data();
  if (std::string wrong = round_weight(numbers, rounded); !wrong.empty()) return wrong;
  backend.upload(to.values, values.data());
  if (to.scales) backend.upload(to.scales, scales.data());
  return "";
}

void upload_values(Backend& backend, const Tensor& t, const float* values) {
  if (const std::string wrong = upload_rounded(backend, Weight(t), values); !wrong.empty())
    fail(fmt::format("{}: {}", t.str(), wrong));
}

Tensor WeightBlock::make(DType type, const std::vector<int64_t>& shape) {
  return arena_->make(type, shape.data(), int(shape.size()));
}

Weight WeightBlock::make(WeightFormat format, const std::vector<int64_t>& shape, WeightUse use) {
  const Weight weight(nullptr, format, shape.data(), shape.size());
  return Weight(arena_->take(backend_->packed_bytes(weight, use)), format, shape.data(), shape.size());
}

void WeightBlock::pack(Weight& weight, WeightUse use) {
  if (auto packed = backend_->pack(weight, use)) {
    weight.packed = packed.get();
    packed_.push_back(std::move(packed));
  }
}

WeightLoader::WeightLoader(Backend& backend, const TensorSource& source, std::string part, LoadOptions options)
    : backend_(backend), source_(source), part_(std::move(part)), options_(std::move(options)) {}

const StoredTensor* WeightLoader::find(const Stored& stored) const {
  const StoredTensor* t = source_.find(stored.name);
  return t || stored.other_name.empty() ? t : source_.find(stored.other_name);
}

std::string WeightLoader::block_problem(const WeightTable::Entry& entry, const Stored& stored) const {
  const StoredTensor* t = find(stored);
  if (!t || !t->has_blocks()) return "";
  const WeightFormat stored_format = t->weight().format();
  const char* format = name_of(stored_format);
  if (!entry.weight || stored.transposed) return fmt::format("is {}, expected f32, f16 or bf16", format);
  if (has_factors(stored)) return fmt::format("is {} and has LoRA factors, which must be merged before", format);
  const WeightFormat wanted = format_of(entry);
  if (may_become(stored_format, wanted)) return "";
  return fmt::format("is {}, which {} would round once more; expected {} or f32", format, name_of(wanted), format);
}

bool WeightLoader::has_factors(const Stored& stored) const {
  return options_.lora_alpha && !lora_factors(source_, stored).empty();
}

void WeightLoader::check(const Stored& stored, bool is_linear, Report& report) const {
  report.known.insert({stored.name, stored.other_name});
  const StoredTensor* t = find(stored);
  if (!t) {
    const auto unread = report.unread.find(stored.name);
    if (unread == report.unread.end()) return report.missing.push_back(stored.name);
    report.file = unread->second.file;
    return report.wrong.push_back(fmt::format("{} is {}, expected f32, f16, bf16 or i8 of {}", stored.name,
                                              unread->second.str(), shape_text(stored.shape)));
  }
  if (report.file.empty()) report.file = t->file;
  if (!shape_fits(t->values, stored.shape, is_linear))
    report.wrong.push_back(
        fmt::format("{} is {}, expected {}", stored.name, t->values.str(), shape_text(stored.shape)));
  else if (const std::string problem = storage_problem(*t); !problem.empty())
    report.wrong.push_back(stored.name + " " + problem);
}

// The table's shapes are what counts, whatever the file's are.
void WeightLoader::check_blocks(const WeightTable::Entry& entry, Report& report) const {
  if (!entry.weight) return;
  const int64_t block = row_of(format_of(entry)).block, k = stacked_shape(entry.parts)[1];
  if (block == 0 || k % block == 0) return;
  report.wrong.push_back(fmt::format("{} has a k of {}, {} wants a multiple of {} (f16 takes any)", entry.parts[0].name,
                                     k, name_of(options_.types.weights), block));
}

void WeightLoader::check(const WeightTable& table, const Ignored& ignored) const {
  Report report;
  report.unread = source_.unread();
  for (const auto& entry : table.entries()) {
    for (const Stored& part : entry.parts) {
      check(part, is_linear(entry), report);
      if (const std::string problem = block_problem(entry, part); !problem.empty())
        report.wrong.push_back(part.name + " " + problem);
      if (options_.lora_alpha)
        for (const Stored& factor : lora_factors(source_, part)) check(factor, false, report);
    }
    check_blocks(entry, report);
  }
  for (const std::string& name : source_.names())
    if (!report.known.contains(name) && !(ignored && ignored(name))) report.unexpected.push_back(name);
  if (report.file.empty() && !source_.names().empty()) report.file = source_.find(source_.names()[0])->file;
  if (report.file.empty() && !report.unread.empty()) report.file = report.unread.begin()->second.file;
  for (const std::string& name : report.missing)
    if (report.hint.empty()) report.hint = did_you_mean(source_, name);
  report.throw_if_bad(part_);
}

void WeightLoader::read(const Stored& stored, int64_t first, int64_t count, float* out) const {
  const StoredTensor& t = *find(stored);
  const int64_t row = t.values.dim[0] == 0 ? 0 : t.values.numel() / t.values.dim[0];
  if (stored.transposed) {
    const int64_t n = t.values.dim[0], k = t.values.dim[1];
    std::vector<float> whole(size_t(n * k));
    to_f32(t, 0, n * k, whole.data());
    for (int64_t j = 0; j < count; ++j)
      for (int64_t i = 0; i < n; ++i) out[j * n + i] = whole[size_t(i * k + first + j)];
    return let_go(stored, 0, n);
  }
  to_f32(t, (stored.begin + first) * row, count * row, out);
  let_go(stored, stored.begin + first, count);
  if (options_.lora_alpha)
    merge_lora(source_, stored.name, *options_.lora_alpha, out, stored.begin + first, count, row);
}

void WeightLoader::let_go(const Stored& stored, int64_t first, int64_t count) const {
  const StoredTensor& t = *find(stored);
  if (!t.values.contiguous()) return;  // between its rows there may be others'
  const Tensor values = t.values.slice(0, first, first + count);
  source_.let_go(values.data, values.bytes());
  if (!t.has_blocks()) return;
  const Tensor scales = t.scale.slice(0, first, first + count);
  source_.let_go(scales.data, scales.bytes());
}

// All of it: the system maps more than the pages that are read, and all pieces read the factors.
void WeightLoader::let_go(const WeightTable::Entry& entry) const {
  for (const Stored& part : entry.parts) {
    let_go(part, 0, find(part)->values.dim[0]);
    if (has_factors(part))
      for (const Stored& factor : lora_factors(source_, part)) let_go(factor, 0, factor.shape[0]);
  }
}

WeightFormat WeightLoader::format_of(const WeightTable::Entry& entry) const {
  // What is stacked is one weight.
  for (const Stored& part : entry.parts)
    if (const WeightFormat format =
            seedstory::format_of(options_.types.weights, options_.types.activations, part_, part.name, options_.keep);
        format != options_.types.weights)
      return format;
  return options_.types.weights;
}

DType WeightLoader::type_of(const WeightTable::Entry& entry) const {
  return entry.is_table ? activations() : DType::f32;
}

int64_t WeightLoader::bytes_of(const WeightTable::Entry& entry) const {
  if (entry.host) return 0;
  const std::vector<int64_t> shape = stacked_shape(entry.parts);
  if (entry.tensor) return Tensor(nullptr, type_of(entry), shape.data(), shape.size()).bytes();
  return backend_.packed_bytes(Weight(nullptr, format_of(entry), shape.data(), shape.size()), entry.use);
}

// Makes the entry's tensor; its numbers come piece by piece.
std::vector<WeightLoader::Piece> WeightLoader::pieces(const WeightTable::Entry& entry, WeightBlock& block) const {
  if (entry.host) {
    HostTensor& host = *entry.host;
    host.shape = shape_of(find(entry.parts[0])->values);
    if (entry.parts[0].shape[0] != kAnyRows) host.shape = stacked_shape(entry.parts);
    host.values.resize(size_t(numel_of(host.shape)));
    return {{&entry.parts[0], 0, host.shape[0], {}, host.values.data()}};
  }
  const std::vector<int64_t> shape = stacked_shape(entry.parts);
  Weight to;
  if (entry.weight)
    to = *entry.weight = block.make(format_of(entry), shape, entry.use);
  else
    to = *entry.tensor = block.make(type_of(entry), shape);
  std::vector<Piece> all;
  int64_t begin = 0;
  for (const Stored& part : entry.parts) {
    const int64_t rows = rows_of(part), row = shape[0] == 0 ? 0 : to.values.numel() / shape[0];
    const int64_t step = part.transposed ? rows : std::max<int64_t>(1, kPiece / std::max<int64_t>(row, 1));
    for (int64_t first = 0; first < rows; first += step) {
      const int64_t count = std::min(step, rows - first);
      all.push_back({&part, first, count, to.rows(begin + first, begin + first + count), nullptr});
    }
    begin += rows;
  }
  return all;
}

// The file's own integers and scales.
Weight WeightLoader::blocks(const Piece& piece) const {
  const int64_t begin = piece.stored->begin + piece.first;
  const Weight rows = find(*piece.stored)->weight().rows(begin, begin + piece.count);
  if (const std::string wrong = wrong_in_blocks(rows); !wrong.empty())
    fail_input(fmt::format("{}: {} has {}", part_, piece.stored->name, wrong));
  return rows;
}

void WeightLoader::load(const Piece& piece) const {
  if (piece.host) return read(*piece.stored, piece.first, piece.count, piece.host);
  if (find(*piece.stored)->has_blocks()) {
    const Weight rows = blocks(piece);
    if (piece.to.scales) {
      backend_.upload(piece.to.values, rows.values.data);
      backend_.upload(piece.to.scales, rows.scales.data);
      return let_go(*piece.stored, piece.stored->begin + piece.first, piece.count);
    }
  }
  std::vector<float> numbers(static_cast<size_t>(piece.to.values.numel()));
  read(*piece.stored, piece.first, piece.count, numbers.data());
  if (const std::string wrong = upload_rounded(backend_, piece.to, numbers.data()); !wrong.empty())
    fail_input(fmt::format("{}: {} has {}", part_, piece.stored->name, wrong));
}

WeightBlock WeightLoader::load(const WeightTable& table, const Ignored& ignored) const {
  check(table, ignored);
  int64_t bytes = 0;
  for (const auto& entry : table.entries()) bytes += aligned(bytes_of(entry));
  WeightBlock block(backend_, bytes);
  std::vector<Piece> all;
  for (const auto& entry : table.entries())
    for (const Piece& piece : pieces(entry, block)) all.push_back(piece);
  if (!backend_.is_dry()) backend_.parallel_for(int64_t(all.size()), [&](int64_t i) { load(all[size_t(i)]); });
  for (const auto& entry : table.entries()) {
    if (entry.weight) block.pack(*entry.weight, entry.use);
    if (!backend_.is_dry()) let_go(entry);
  }
  return block;
}

}  // namespace seedstory
