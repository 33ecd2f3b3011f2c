// PKWARE's APPNOTE 6.3: local header + data for each entry, the central directory, [ZIP64 end record and its locator],
// the end record. Little-endian throughout. Fields of 16 or 32 bits that are all ones stand for wider ones in
// ZIP64.
#include "io/zip.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "seedstory/error.h"

namespace seedstory {
namespace {

constexpr size_t kEndBytes = 22, kLocatorBytes = 20, kEnd64Bytes = 56, kCentralBytes = 46, kLocalBytes = 30;
constexpr uint32_t kFull32 = 0xFFFFFFFF;

// The file, read with bounds checked.
class Reader {
 public:
  Reader(std::span<const uint8_t> bytes, const std::string& file) : bytes_(bytes), file_(file) {}

  uint64_t size() const { return bytes_.size(); }
  const std::string& file() const { return file_; }

  std::span<const uint8_t> view(uint64_t offset, uint64_t length, const char* what) const {
    if (offset > bytes_.size() || length > bytes_.size() - offset)
      fail_input(fmt::format("{}: {} at byte {} runs past the end of the file (truncated?)", file_, what, offset));
    return bytes_.subspan(offset, length);
  }

 private:
  std::span<const uint8_t> bytes_;
  const std::string& file_;
};

template <class T>
T get(std::span<const uint8_t> bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

bool is(std::span<const uint8_t> bytes, const char (&signature)[5]) {
  return std::memcmp(bytes.data(), signature, 4) == 0;
}

struct Directory {
  uint64_t offset, bytes, entries;
};

// The end record is the last thing in the file but for a comment of at most 65535 bytes.
uint64_t find_end(const Reader& in) {
  const uint64_t furthest = std::min<uint64_t>(in.size(), kEndBytes + 65535);
  for (uint64_t back = kEndBytes; back <= furthest; ++back) {
    const auto record = in.view(in.size() - back, kEndBytes, "end record");
    if (is(record, "PK\5\6") && get<uint16_t>(record, 20) == back - kEndBytes) return in.size() - back;
  }
  fail_input(in.file() + ": a zip archive without an end record (truncated?)");
}

Directory find_directory(const Reader& in) {
  const uint64_t at = find_end(in);
  const auto end = in.view(at, kEndBytes, "end record");
  Directory out{get<uint32_t>(end, 16), get<uint32_t>(end, 12), get<uint16_t>(end, 10)};
  if (at >= kLocatorBytes) {
    const auto locator = in.view(at - kLocatorBytes, kLocatorBytes, "ZIP64 locator");
    if (is(locator, "PK\6\7")) {
      const auto end64 = in.view(get<uint64_t>(locator, 8), kEnd64Bytes, "ZIP64 end record");
      if (!is(end64, "PK\6\6")) fail_input(in.file() + ": the ZIP64 locator leads to no end record");
      out = {get<uint64_t>(end64, 48), get<uint64_t>(end64, 40), get<uint64_t>(end64, 32)};
    }
  }
  return out;
}

struct Record {
  std::string name;
  uint64_t stored_bytes, bytes, offset;  // offset: of the local header
};

// The ZIP64 extra field has those of (bytes, stored_bytes, offset) that did not fit, in this order.
void read_zip64(std::span<const uint8_t> extra, Record& record, const Reader& in) {
  while (extra.size() >= 4) {
    const uint16_t id = get<uint16_t>(extra, 0), length = get<uint16_t>(extra, 2);
    if (length > extra.size() - 4) break;
    auto field = extra.subspan(4, length);
    extra = extra.subspan(4 + length);
    if (id != 1) continue;
    for (uint64_t* value : {&record.bytes, &record.stored_bytes, &record.offset}) {
      if (*value != kFull32) continue;
      if (field.size() < 8) fail_input(fmt::format("{}: {}: its ZIP64 field is too short", in.file(), record.name));
      *value = get<uint64_t>(field, 0);
      field = field.subspan(8);
    }
    return;
  }
}

// One record of the central directory; `at` moves to the next.
Record read_record(const Reader& in, uint64_t& at) {
  const auto fixed = in.view(at, kCentralBytes, "central directory");
  if (!is(fixed, "PK\1\2")) fail_input(fmt::format("{}: no directory record at byte {}", in.file(), at));
  const uint16_t name_bytes = get<uint16_t>(fixed, 28), extra_bytes = get<uint16_t>(fixed, 30);
  const auto name = in.view(at + kCentralBytes, name_bytes, "name of an entry");
  const auto extra = in.view(at + kCentralBytes + name_bytes, extra_bytes, "extra field of an entry");
  at += kCentralBytes + name_bytes + extra_bytes + get<uint16_t>(fixed, 32);

  Record record{.name = {reinterpret_cast<const char*>(name.data()), name.size()},
                .stored_bytes = get<uint32_t>(fixed, 20),
                .bytes = get<uint32_t>(fixed, 24),
                .offset = get<uint32_t>(fixed, 42)};
  read_zip64(extra, record, in);
  const uint16_t flags = get<uint16_t>(fixed, 8), method = get<uint16_t>(fixed, 10);
  if (flags & 1) fail_input(fmt::format("{}: {}: is encrypted", in.file(), record.name));
  if (method != 0)
    fail_input(
        fmt::format("{}: {}: is compressed (method {}), expected a stored entry", in.file(), record.name, method));
  if (record.bytes != record.stored_bytes)
    fail_input(fmt::format("{}: {}: {} bytes stored as {}", in.file(), record.name, record.bytes, record.stored_bytes));
  return record;
}

std::span<const uint8_t> data_of(const Reader& in, const Record& record, const Directory& directory) {
  const auto local = in.view(record.offset, kLocalBytes, "header of an entry");
  if (!is(local, "PK\3\4"))
    fail_input(fmt::format("{}: {}: no entry at byte {}", in.file(), record.name, record.offset));
  // The local extra field is often longer than the directory's: torch pads with it.
  const uint64_t begin = record.offset + kLocalBytes + get<uint16_t>(local, 26) + get<uint16_t>(local, 28);
  if (begin > directory.offset || record.bytes > directory.offset - begin)
    fail_input(
        fmt::format("{}: {}: {} bytes at {} run into the directory", in.file(), record.name, record.bytes, begin));
  return in.view(begin, record.bytes, "an entry");
}

}  // namespace

ZipEntries read_stored_zip(std::span<const uint8_t> bytes, const std::string& file) {
  const Reader in(bytes, file);
  const Directory directory = find_directory(in);
  in.view(directory.offset, directory.bytes, "central directory");
  ZipEntries out;
  uint64_t at = directory.offset;
  for (uint64_t entry = 0; entry < directory.entries; ++entry) {
    if (at >= directory.offset + directory.bytes)
      fail_input(fmt::format("{}: the directory has {} entries, {} were announced", file, entry, directory.entries));
    const Record record = read_record(in, at);
    if (!out.emplace(record.name, data_of(in, record, directory)).second)
      fail_input(fmt::format("{}: {}: is there twice", file, record.name));
  }
  return out;
}

}  // namespace seedstory
