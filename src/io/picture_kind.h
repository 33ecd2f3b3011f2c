// Files that are no picture of a kind that is read: what they are, and what makes one of them.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace seedstory {

// "a GIF, which is not read; ...", or "" where the first bytes say nothing.
std::string unread_picture(std::span<const uint8_t> bytes);

// ErrorKind::input: what the file is instead of a PNG, JPEG or WebP.
[[noreturn]] void refuse_kind(std::span<const uint8_t> bytes, const std::string& file);

}  // namespace seedstory
