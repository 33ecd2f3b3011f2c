// safetensors: 8 bytes of header length, a JSON header {name: {dtype, shape, data_offsets}}, the data.
//
// The reader accepts what the format's own library accepts: the tensors tile the data exactly, in any order. On top of
// it, a weight in q8 or q4 is NAME, I8 or U8 with two numbers a byte, NAME.scale, F16, and a line NAME of the metadata
// (weights_file.h). An I8 tensor without that line has NAME.scale, F16 of one value for 32 consecutive ones.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <numeric>

#include "io/json.h"
#include "io/mapped_source.h"
#include "io/safetensors_stream.h"
#include "io/weights_file.h"

namespace seedstory {
namespace {

constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // as in the format's own library

constexpr const char *kBlocksOf = ", blocks of ", *kRmsError = ", relative RMS error ";

struct Type {
  const char* name;
  int64_t bits;
  int dtype;  // a DType, or -1: no weight has it
};
// All that the format's own library knows.
constexpr Type kTypes[] = {
    {"F32", 32, int(DType::f32)},
    {"F16", 16, int(DType::f16)},
    {"BF16", 16, int(DType::bf16)},
    {"I32", 32, int(DType::i32)},
    {"U8", 8, int(DType::u8)},
    {"I8", 8, int(DType::i8)},
    {"C64", 64, -1},
    {"F64", 64, -1},
    {"I64", 64, -1},
    {"U64", 64, -1},
    {"U32", 32, -1},
    {"I16", 16, -1},
    {"U16", 16, -1},
    {"BOOL", 8, -1},
    {"F8_E4M3", 8, -1},
    {"F8_E5M2", 8, -1},
    {"F8_E8M0", 8, -1},
    {"F8_E4M3FNUZ", 8, -1},
    {"F8_E5M2FNUZ", 8, -1},
    {"F6_E2M3", 6, -1},
    {"F6_E3M2", 6, -1},
    {"F4", 4, -1},
};

struct Entry {
  std::string name;
  const Type* type;
  std::vector<int64_t> shape;
  int64_t begin, end;  // in the data
};

int64_t number(const Json& value, const std::string& what) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() > uint64_t(std::numeric_limits<int64_t>::max()))
    fail_input(fmt::format("{} has {}, expected a whole number from 0 to 2^63 - 1", what, value.dump()));
  return value.get<int64_t>();
}

const Type& type_of(const Json& value, const std::string& what) {
  for (const Type& type : kTypes)
    if (value == type.name) return type;
  fail_input(fmt::format("{}: unknown dtype {}", what, value.dump()));
}

std::vector<int64_t> shape_of(const Json& value, const std::string& what) {
  if (!value.is_array()) fail_input(fmt::format("{}: shape is {}, expected a list", what, value.type_name()));
  std::vector<int64_t> shape;
  for (const auto& axis : value) shape.push_back(number(axis, what + ": shape"));
  return shape;
}

int64_t bytes_of(const Type& type, const std::vector<int64_t>& shape, const std::string& what) {
  int64_t bits = type.bits;
  for (int64_t length : shape)
    if (__builtin_mul_overflow(bits, length, &bits)) fail_input(fmt::format("{}: shape has too many elements", what));
  if (bits % 8 != 0) fail_input(fmt::format("{}: {} bits of data, expected whole bytes", what, bits));
  return bits / 8;
}

Entry entry_of(const std::string& file, const std::string& name, const Json& value, int64_t data_bytes) {
  const std::string what = file + ": " + name;
  for (const char* field : {"dtype", "shape", "data_offsets"})
    if (!value.is_object() || !value.contains(field)) fail_input(fmt::format("{}: has no \"{}\"", what, field));
  const auto& offsets = value["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2)
    fail_input(fmt::format("{}: data_offsets is {}, expected [begin, end]", what, offsets.dump()));

  Entry entry{.name = name,
              .type = &type_of(value["dtype"], what),
              .shape = shape_of(value["shape"], what),
              .begin = number(offsets[0], what + ": data_offsets"),
              .end = number(offsets[1], what + ": data_offsets")};
  if (entry.begin > entry.end || entry.end > data_bytes)
    fail_input(fmt::format("{}: data_offsets are [{}, {}), the file has {} bytes of data", what, entry.begin, entry.end,
                           data_bytes));
  const int64_t need = bytes_of(*entry.type, entry.shape, what);
  if (entry.end - entry.begin != need)
    fail_input(fmt::format("{}: {} bytes of data, {}({}) needs {}", what, entry.end - entry.begin, entry.type->name,
                           fmt::join(entry.shape, ", "), need));
  return entry;
}

// No byte of the data belongs to two tensors or to none.
void check_tiling(std::vector<Entry>& entries, const std::string& file, int64_t data_bytes) {
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  int64_t end = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != end)
      fail_input(fmt::format("{}: {}: data begins at {}, {} the end of the tensor before it at {}", file, entry.name,
                             entry.begin, entry.begin < end ? "before" : "past", end));
    end = entry.end;
  }
  if (end != data_bytes) fail_input(fmt::format("{}: {} bytes of data, the tensors have {}", file, data_bytes, end));
}

// null is none, as for the format's own library.
void check_metadata(const Json& value, const std::string& file) {
  const bool strings =
      value.is_null() ||
      (value.is_object() && std::all_of(value.begin(), value.end(), [](const auto& v) { return v.is_string(); }));
  if (!strings) fail_input(file + ": __metadata__ is not an object of strings");
}

struct Blocks {
  WeightFormat format;
  std::optional<double> rms_error;
};

// Nothing: words of somebody else's.
std::optional<Blocks> parse_blocks(const std::string& words, const std::string& what) {
  for (const auto& row : kWeightFormats) {
    if (row.block == 0 || !words.starts_with(std::string(row.name) + kBlocksOf)) continue;
    const std::string plain = blocks_text(row.value);
    if (words == plain) return Blocks{.format = row.value, .rms_error = {}};
    const std::string before = plain + kRmsError, number = words.substr(std::min(before.size(), words.size()));
    char* end = nullptr;
    const double rms_error = std::strtod(number.c_str(), &end);
    if (words.starts_with(before) && !number.empty() && *end == 0 && rms_error >= 0 && std::isfinite(rms_error))
      return Blocks{.format = row.value, .rms_error = rms_error};
    fail_input(fmt::format("{}: metadata \"{}\", expected \"{}\"", what, words, blocks_text(row.value, 0)));
  }
  return std::nullopt;
}

// The shape that the weight has, of the one that its bytes have.
Tensor unpacked(Tensor t, WeightFormat format) {
  if (format == WeightFormat::q4) t.dim[1] *= 2;
  return Tensor(t.data, row_of(format).values, t.dim, size_t(t.rank));
}

// What Weight::scales is of integers (n, k) or (n, k, kh, kw).
Tensor scales_of(Tensor values) {
  values.dim[1] /= kWeightBlock;
  return Tensor(nullptr, DType::f16, values.dim, size_t(values.rank));
}

// Moves NAME.scale out of sight and into the weight NAME.
void attach_blocks(MappedSource& source, const std::string& name, const Blocks& blocks) {
  const std::string what = source.path() + ": " + name, scale_name = name + ".scale";
  const char* format = name_of(blocks.format);
  const auto tensor = source.tensors.find(name), scale = source.tensors.find(scale_name);
  if (tensor == source.tensors.end())
    fail_input(fmt::format("{} is {} by the metadata, and is not there", what, format));
  Tensor& values = tensor->second.values;
  const DType stored = blocks.format == WeightFormat::q4 ? DType::u8 : DType::i8;
  if (values.dtype != stored || values.rank < 2 || values.numel() == 0)
    fail_input(
        fmt::format("{} is {}, expected {} of two axes or more for {}", what, values.str(), name_of(stored), format));
  values = unpacked(values, blocks.format);
  if (values.dim[1] % kWeightBlock != 0)
    fail_input(fmt::format("{} is {}, expected a multiple of {} in axis 1", what, values.str(), kWeightBlock));
  if (scale == source.tensors.end()) fail_input(fmt::format("{} is {} without {}", what, values.str(), scale_name));
  const Tensor expected = scales_of(values), found = scale->second.values;
  if (found.str() != expected.str())
    fail_input(fmt::format("{}: {} is {}, expected {}", source.path(), scale_name, found.str(), expected.str()));
  tensor->second.scale = found;
  tensor->second.rms_error = blocks.rms_error;
  source.tensors.erase(scale);
  source.scales.insert(scale_name);
}

// Moves NAME.scale out of sight and into the i8 tensor NAME. Without it NAME is no weight.
void attach_scales(MappedSource& source) {
  std::vector<std::string> taken, bare;
  for (auto& [name, tensor] : source.tensors) {
    if (tensor.values.dtype != DType::i8 || tensor.has_blocks()) continue;
    const std::string scale_name = name + ".scale";
    const StoredTensor* scale = source.find(scale_name);
    if (!scale) {
      bare.push_back(name);
      continue;
    }
    const int64_t blocks = (tensor.values.numel() + kWeightBlock - 1) / kWeightBlock;
    const Tensor& s = scale->values;
    if (s.dtype != DType::f16 || s.rank != 1 || s.dim[0] != blocks)
      fail_input(fmt::format("{}: {} is {}, expected f16({})", source.path(), scale_name, s.str(), blocks));
    tensor.scale = s;
    taken.push_back(scale_name);
  }
  for (const std::string& name : taken) {
    source.tensors.erase(name);
    source.scales.insert(name);
  }
  for (const std::string& name : bare) {
    const Tensor t = source.tensors.at(name).values;
    source.tensors.erase(name);
    source.unread_tensors[name] = {
        .type = "I8", .shape = {t.dim, t.dim + t.rank}, .bytes = t.bytes(), .file = source.path()};
  }
}

// A scalar becomes one element in one axis: a Tensor without axes is no tensor.
Tensor view(const Entry& entry, const uint8_t* data) {
  const std::vector<int64_t> shape = entry.shape.empty() ? std::vector<int64_t>{1} : entry.shape;
  return Tensor(const_cast<uint8_t*>(data), DType(entry.type->dtype), shape.data(), shape.size());
}

std::string_view header_of(std::span<const uint8_t> bytes, const std::string& file) {
  if (bytes.size() < 8) fail_input(fmt::format("{}: {} bytes, too short for a safetensors file", file, bytes.size()));
  uint64_t length;
  std::memcpy(&length, bytes.data(), 8);
  if (length > kMaxHeaderBytes)
    fail_input(fmt::format("{}: header of {} bytes, at most {} are supported", file, length, kMaxHeaderBytes));
  if (length > bytes.size() - 8)
    fail_input(fmt::format("{}: header of {} bytes in a file of {}", file, length, bytes.size()));
  return {reinterpret_cast<const char*>(bytes.data()) + 8, size_t(length)};
}

int64_t numel_of(const SafetensorsEntry& entry) {
  return std::accumulate(entry.shape.begin(), entry.shape.end(), int64_t{1}, std::multiplies<>());
}

// The file's begin, up to the data, which is at a multiple of 8.
std::string header_text(const std::vector<SafetensorsEntry>& entries, const SafetensorsWriter::Metadata& metadata) {
  std::map<std::string, Json> header;
  if (!metadata.empty()) header["__metadata__"] = metadata;
  int64_t offset = 0;
  for (const SafetensorsEntry& entry : entries) {
    const auto type = std::find_if(std::begin(kTypes), std::end(kTypes),
                                   [dtype = int(entry.type)](const Type& t) { return t.dtype == dtype; });
    const int64_t end = offset + numel_of(entry) * size_of(entry.type);
    header[entry.name] = {{"data_offsets", {offset, end}}, {"dtype", type->name}, {"shape", entry.shape}};
    offset = end;
  }
  std::string text;
  try {
    text = Json(header).dump();
  } catch (const JsonError&) {
    fail("safetensors: a tensor's name is not UTF-8");
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t length = text.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + text;
}

}  // namespace

SafetensorsStream::SafetensorsStream(const std::filesystem::path& path, const std::vector<SafetensorsEntry>& entries,
                                     const SafetensorsWriter::Metadata& metadata)
    : entries_(entries), header_(header_text(entries, metadata)), file_(path) {
  file_.write(header_);
}

void SafetensorsStream::write(std::string_view bytes) {
  file_.write(bytes);
  written_ += int64_t(bytes.size());
}

void SafetensorsStream::finish(const SafetensorsWriter::Metadata& metadata) {
  const std::string header = header_text(entries_, metadata);
  int64_t expected = 0;
  for (const SafetensorsEntry& entry : entries_) expected += numel_of(entry) * size_of(entry.type);
  if (header.size() != header_.size() || written_ != expected)
    fail(fmt::format("SafetensorsStream: {} bytes behind a header of {}, expected {} behind {}", written_,
                     header.size(), expected, header_.size()));
  file_.overwrite(0, header);
  file_.finish();
}

std::string blocks_text(WeightFormat format, std::optional<double> rms_error) {
  std::string text = name_of(format) + (kBlocksOf + std::to_string(row_of(format).block));
  return rms_error ? text + kRmsError + fmt::format("{:.3e}", *rms_error) : text;
}

std::unique_ptr<MappedSource> read_safetensors(std::unique_ptr<MappedFile> mapped) {
  auto source = std::make_unique<MappedSource>(std::move(mapped));
  const std::string file = source->path();
  const auto bytes = source->file().bytes();
  const std::string_view text = header_of(bytes, file);
  const auto data = bytes.subspan(8 + text.size());
  const Json header = parse_json(text, file + ": header", 3);
  if (!header.is_object()) fail_input(fmt::format("{}: header is {}, expected an object", file, header.type_name()));

  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name == "__metadata__")
      check_metadata(value, file);
    else
      entries.push_back(entry_of(file, name, value, int64_t(data.size())));
  }
  check_tiling(entries, file, int64_t(data.size()));

  for (const Entry& entry : entries) {
    if (entry.type->dtype < 0 || entry.shape.size() > size_t(Tensor::kMaxRank)) {
      source->unread_tensors[entry.name] = {
          .type = entry.type->name, .shape = entry.shape, .bytes = entry.end - entry.begin, .file = file};
      continue;
    }
    const auto own = data.subspan(size_t(entry.begin), size_t(entry.end - entry.begin));
    const Tensor values = view(entry, source->aligned(own, entry.type->bits / 8));
    source->tensors[entry.name] = {.values = values, .scale = {}, .file = file};
  }
  if (header.contains("__metadata__"))
    for (const auto& [name, words] : header["__metadata__"].items())
      if (const auto blocks = parse_blocks(words.get<std::string>(), file + ": " + name))
        attach_blocks(*source, name, *blocks);
  attach_scales(*source);
  return source;
}

std::optional<std::string> safetensors_metadata(const MappedFile& file, const std::string& key) {
  const std::string name = file.path().string();
  return or_nothing([&] {
    const Json header = parse_json(header_of(file.bytes(), name), name, 3);
    return std::optional(header.at("__metadata__").at(key).get<std::string>());
  });
}

void SafetensorsWriter::add(const std::string& name, const Tensor& t) {
  if (!t) fail("SafetensorsWriter: " + name + " is absent");
  if (!t.contiguous())
    fail("SafetensorsWriter: " + name + " is " + t.str() + " with gaps, expected a contiguous tensor");
  if (name == "__metadata__") fail("SafetensorsWriter: __metadata__ is not a tensor's name");
  if (!tensors_.emplace(name, t).second) fail("SafetensorsWriter: " + name + " is there already");
}

void SafetensorsWriter::write(const std::filesystem::path& path, const std::optional<FileState>& expected,
                              const Metadata& metadata) const {
  // Wide types first: gaps are not allowed, so this is what keeps every tensor aligned.
  std::vector<std::pair<std::string, Tensor>> order(tensors_.begin(), tensors_.end());
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return size_of(a.second.dtype) > size_of(b.second.dtype); });

  std::vector<SafetensorsEntry> entries;
  entries.reserve(order.size());
  for (const auto& [name, tensor] : order)
    entries.push_back({.name = name, .type = tensor.dtype, .shape = {tensor.dim, tensor.dim + tensor.rank}});
  AtomicFile file(path, expected);
  file.write(header_text(entries, metadata));
  for (const auto& [name, tensor] : order) file.write({static_cast<const char*>(tensor.data), size_t(tensor.bytes())});
  file.commit();
}

}  // namespace seedstory
