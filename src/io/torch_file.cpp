// torch.save's container: a zip archive with ROOT/data.pkl, a state dict whose tensors are (storage, offset, size,
// stride), and ROOT/data/KEY, the storages' raw bytes. Many tensors may share a storage, and a storage may be larger
// than 2^31 bytes: DeepSpeed's zero_to_fp32 writes one flat vector with a view for each parameter.
#include <fmt/format.h>

#include <algorithm>

#include "io/mapped_source.h"
#include "io/pickle.h"
#include "io/zip.h"

namespace seedstory {
namespace {

using Kind = PickleValue::Kind;

struct StorageType {
  std::string_view global;
  int64_t bytes;
  DType dtype;
  const char* name;  // as safetensors has it
};
// CharStorage is among the others: our i8 has scales, which torch's has not.
constexpr StorageType kTypes[] = {
    {"torch FloatStorage", 4, DType::f32, "F32"},      {"torch HalfStorage", 2, DType::f16, "F16"},
    {"torch BFloat16Storage", 2, DType::bf16, "BF16"}, {"torch IntStorage", 4, DType::i32, "I32"},
    {"torch ByteStorage", 1, DType::u8, "U8"},
};

struct UnreadType {
  std::string_view global, name;
  int64_t bytes;
};
constexpr UnreadType kUnreadTypes[] = {
    {"torch DoubleStorage", "F64", 8},
    {"torch LongStorage", "I64", 8},
    {"torch ShortStorage", "I16", 2},
    {"torch CharStorage", "I8", 1},
    {"torch BoolStorage", "BOOL", 1},
    {"torch ComplexFloatStorage", "C64", 8},
    {"torch ComplexDoubleStorage", "C128", 16},
    {"torch QInt8Storage", "QI8", 1},
    {"torch QUInt8Storage", "QU8", 1},
    {"torch float8_e4m3fn", "F8_E4M3", 1},
    {"torch float8_e5m2", "F8_E5M2", 1},
    {"torch float8_e4m3fnuz", "F8_E4M3FNUZ", 1},
    {"torch float8_e5m2fnuz", "F8_E5M2FNUZ", 1},
    {"torch float8_e8m0fnu", "F8_E8M0", 1},
    {"torch float4_e2m1fn_x2", "F4_X2", 1},
    {"torch uint16", "U16", 2},
    {"torch uint32", "U32", 4},
    {"torch uint64", "U64", 8},
};

struct Storage {
  const StorageType* type;  // null: a type that no op reads
  const uint8_t* data;
  int64_t numel;
};

class TorchReader {
 public:
  explicit TorchReader(MappedSource& source)
      : source_(source), file_(source.path()), entries_(read_stored_zip(source.file().bytes(), file_)) {
    const auto pickle = std::find_if(entries_.begin(), entries_.end(), [](const auto& entry) {
      const std::string& name = entry.first;  // ROOT/data.pkl, whatever ROOT is
      return name.ends_with("/data.pkl") && std::count(name.begin(), name.end(), '/') == 1;
    });
    if (pickle == entries_.end()) fail_input(file_ + ": a zip archive without data.pkl, not a torch file");
    root_ = pickle->first.substr(0, pickle->first.size() - std::string_view("data.pkl").size());
    const auto order = entries_.find(root_ + "byteorder");
    if (order != entries_.end() && text_of(order->second) != "little")
      fail_input(fmt::format("{}: byteorder is \"{}\", expected \"little\"", file_, text_of(order->second)));
    pickle_bytes_ = pickle->second;
  }

  void read() {
    const Pickle pickle(pickle_bytes_, file_ + ": data.pkl");
    const PickleValue& dict = pickle.root();
    if (dict.kind != Kind::dict)
      fail_input(fmt::format("{}: data.pkl: holds {}, expected a dict of tensors", file_, name_of(dict.kind)));
    for (size_t i = 0; i < dict.items.size(); i += 2) {
      if (dict.items[i]->kind != Kind::string)
        fail_input(fmt::format("{}: data.pkl: a key is {}, expected a string", file_, name_of(dict.items[i]->kind)));
      add(std::string(dict.items[i]->text), *dict.items[i + 1]);
    }
  }

 private:
  static std::string_view text_of(std::span<const uint8_t> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  void add(const std::string& name, const PickleValue& value) {
    const std::string what = file_ + ": " + name;
    if (value.kind != Kind::tensor) fail_input(fmt::format("{}: is {}, expected a tensor", what, name_of(value.kind)));
    const Storage storage = storage_of(*value.items[0], what);
    if (source_.has(name)) fail_input(what + ": is there twice");
    const bool too_many_axes = value.items[2]->items.size() > size_t(Tensor::kMaxRank);
    if (!storage.type || too_many_axes)
      source_.unread_tensors[name] = unread(value, what);
    else
      source_.tensors[name] = {.values = view(storage, value, what), .scale = {}, .file = file_};
  }

  UnreadTensor unread(const PickleValue& value, const std::string& what) const {
    const std::string_view global = value.items[0]->items[0]->text;
    UnreadTensor tensor{.type = std::string(global), .shape = {}, .bytes = 1, .file = file_};
    for (const StorageType& type : kTypes)
      if (type.global == global) tensor = {.type = type.name, .shape = {}, .bytes = type.bytes, .file = file_};
    for (const UnreadType& type : kUnreadTypes)
      if (type.global == global) tensor = {std::string(type.name), {}, type.bytes, file_};
    for (const PickleValue* n : value.items[2]->items) {
      if (n->kind != Kind::integer || n->integer < 0)
        fail_input(fmt::format("{}: sizes must be whole numbers, not negative", what));
      tensor.shape.push_back(n->integer);
      if (__builtin_mul_overflow(tensor.bytes, n->integer, &tensor.bytes))
        fail_input(fmt::format("{}: its sizes have too many elements", what));
    }
    return tensor;
  }

  Storage storage_of(const PickleValue& id, const std::string& what) {
    const std::string key(id.items[1]->text);
    const int64_t numel = id.items[3]->integer;
    const auto type = std::find_if(std::begin(kTypes), std::end(kTypes),
                                   [&](const StorageType& t) { return t.global == id.items[0]->text; });
    if (type == std::end(kTypes)) return {nullptr, nullptr, numel};
    const auto entry = entries_.find(root_ + "data/" + key);
    if (entry == entries_.end()) fail_input(fmt::format("{}: its storage data/{} is not in the archive", what, key));
    const auto bytes = entry->second;
    if (numel < 0 || uint64_t(numel) > bytes.size() / uint64_t(type->bytes))
      fail_input(fmt::format("{}: its storage data/{} has {} bytes, {} {} need more", what, key, bytes.size(), numel,
                             name_of(type->dtype)));
    // Storages are shared, so the copy that an unaligned one needs is made once.
    const auto [it, fresh] = storages_.try_emplace(key, nullptr);
    if (fresh) it->second = source_.aligned(bytes, 8);
    return {type, it->second, numel};
  }

  // The tensor is inside its storage, whatever its sizes and strides say.
  static Tensor view(const Storage& storage, const PickleValue& value, const std::string& what) {
    const auto& size = value.items[2]->items;
    const auto& stride = value.items[3]->items;
    if (size.size() != stride.size() || size.size() > size_t(Tensor::kMaxRank))
      fail_input(fmt::format("{}: {} sizes and {} strides, at most {} axes are supported", what, size.size(),
                             stride.size(), Tensor::kMaxRank));
    Tensor t;
    t.dtype = storage.type->dtype;
    t.rank = int(size.size());
    int64_t offset = value.items[1]->integer, last = offset, numel = 1;
    bool overflow = offset < 0;
    for (int axis = 0; axis < t.rank; ++axis) {
      const PickleValue &n = *size[size_t(axis)], &s = *stride[size_t(axis)];
      if (n.kind != Kind::integer || s.kind != Kind::integer || n.integer < 0 || s.integer < 0)
        fail_input(fmt::format("{}: sizes and strides must be whole numbers, not negative", what));
      t.dim[axis] = n.integer;
      t.stride[axis] = s.integer;
      int64_t reach = 0;
      if (n.integer > 0) overflow |= __builtin_mul_overflow(n.integer - 1, s.integer, &reach);
      overflow |= __builtin_add_overflow(last, reach, &last);
      overflow |= __builtin_mul_overflow(numel, n.integer, &numel);
    }
    // More elements than the storage has: an expanded tensor, which no state dict has and a hostile one could use.
    if (overflow || numel > storage.numel || (numel > 0 && last >= storage.numel) || offset > storage.numel)
      fail_input(fmt::format("{}: offset {} with its sizes and strides is outside its storage of {} elements", what,
                             offset, storage.numel));
    if (t.rank == 0) {  // a scalar: a Tensor without axes is no tensor
      t.rank = 1;
      t.dim[0] = t.stride[0] = 1;
    }
    t.data = const_cast<uint8_t*>(storage.data) + offset * size_of(t.dtype);
    return t;
  }

  MappedSource& source_;
  std::string file_;
  ZipEntries entries_;
  std::string root_;  // with the slash
  std::span<const uint8_t> pickle_bytes_;
  std::map<std::string, const uint8_t*> storages_;
};

}  // namespace

std::unique_ptr<MappedSource> read_torch(std::unique_ptr<MappedFile> file) {
  auto source = std::make_unique<MappedSource>(std::move(file));
  TorchReader(*source).read();
  return source;
}

}  // namespace seedstory
