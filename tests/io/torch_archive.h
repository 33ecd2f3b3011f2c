// Builds what torch.save writes, byte by byte, and what a hostile writer could make of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace seedstory {

template <class T>
std::string little_endian(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

// A zip archive, entries stored and padded to 64 bytes as torch does. Sizes may be written the ZIP64 way.
class ZipBuilder {
 public:
  bool zip64 = false;
  uint16_t method = 0, flags = 0;  // of entries to come

  void add(const std::string& name, const std::string& data) {
    begin(name, data.size());
    bytes += data;
  }
  // The headers of an entry whose data the caller puts behind `bytes`.
  void begin(const std::string& name, uint64_t size) {
    const uint64_t offset = base + bytes.size();
    const size_t pad = (64 - (offset + 30 + name.size() + 4) % 64) % 64;
    bytes += "PK\3\4" + little_endian<uint16_t>(0) + little_endian(flags) + little_endian(method) +
             std::string(8, '\0') + sizes(size) + little_endian(uint16_t(name.size())) +
             little_endian(uint16_t(pad + 4)) + name + "FB" + little_endian(uint16_t(pad)) + std::string(pad, 'Z');
    const std::string extra = !zip64 ? std::string()
                                     : little_endian<uint16_t>(1) + little_endian<uint16_t>(24) + little_endian(size) +
                                           little_endian(size) + little_endian(offset);
    directory += "PK\1\2" + std::string(4, '\0') + little_endian(flags) + little_endian(method) + std::string(8, '\0') +
                 sizes(size) + little_endian(uint16_t(name.size())) + little_endian(uint16_t(extra.size())) +
                 std::string(10, '\0') + little_endian(zip64 ? ~uint32_t(0) : uint32_t(offset)) + name + extra;
    ++entries;
  }
  // Directory and end records of an archive whose entries have `size` bytes.
  std::string end(uint64_t size) const {
    std::string out = directory;
    const uint64_t length = directory.size();
    if (zip64)
      out += "PK\6\6" + little_endian<uint64_t>(44) + std::string(12, '\0') + little_endian(entries) +
             little_endian(entries) + little_endian(length) + little_endian(size) + "PK\6\7" + std::string(4, '\0') +
             little_endian(size + length) + little_endian<uint32_t>(1);
    const auto count = little_endian(zip64 ? uint16_t(0xFFFF) : uint16_t(entries));
    return out + "PK\5\6" + std::string(4, '\0') + count + count +
           little_endian(zip64 ? ~uint32_t(0) : uint32_t(length)) +
           little_endian(zip64 ? ~uint32_t(0) : uint32_t(size)) + little_endian<uint16_t>(0);
  }
  std::string whole() const { return bytes + end(base + bytes.size()); }

  std::string bytes, directory;
  uint64_t base = 0;  // what already stands before `bytes`
  uint64_t entries = 0;

 private:
  std::string sizes(uint64_t size) const {
    const uint32_t field = zip64 ? ~uint32_t(0) : uint32_t(size);
    return little_endian(field) + little_endian(field);
  }
};

// Opcodes of protocol 2, without memo.
namespace pickle {

inline std::string text(const std::string& s) {
  return "X" + little_endian(uint32_t(s.size())) + s;
}
inline std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string integer(int64_t value) {
  if (value >= 0 && value < 256) return "K" + std::string(1, char(value));
  if (value >= INT32_MIN && value <= INT32_MAX) return "J" + little_endian(int32_t(value));
  return "\x8a\x08" + little_endian(value);
}
inline std::string tuple(const std::string& items) {
  return "(" + items + "t";
}
inline std::string integers(const std::vector<int64_t>& values) {
  std::string out;
  for (int64_t value : values) out += integer(value);
  return tuple(out);
}
inline std::string storage(const std::string& type, const std::string& key, int64_t numel) {
  return tuple(text("storage") + global("torch", type) + text(key) + text("cpu") + integer(numel)) + "Q";
}
inline std::string tensor(const std::string& storage, int64_t offset, const std::vector<int64_t>& size,
                          const std::vector<int64_t>& stride) {
  const std::string hooks = global("collections", "OrderedDict") + ")R";
  return global("torch._utils", "_rebuild_tensor_v2") +
         tuple(storage + integer(offset) + integers(size) + integers(stride) + "\x89" + hooks) + "R";
}
inline std::string dict(const std::string& items) {
  return "\x80\x02" + global("collections", "OrderedDict") + ")R(" + items + "u.";
}

}  // namespace pickle
}  // namespace seedstory
