// The entries of a zip archive that stores them uncompressed, as torch does: each is a stretch of the file.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>

namespace seedstory {

using ZipEntries = std::map<std::string, std::span<const uint8_t>, std::less<>>;

// From the central directory, ZIP64 included. ErrorKind::input, named after `file`, for anything that is broken,
// compressed, encrypted or twice there. Checksums are not computed: that would read every byte of the weights.
ZipEntries read_stored_zip(std::span<const uint8_t> bytes, const std::string& file);

}  // namespace seedstory
