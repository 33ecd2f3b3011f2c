// Writing to pipes, sockets and terminals, whose reader may be slow, or not read at all.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>

namespace seedstory {

// What the reader takes now: how many bytes, 0 where a write would wait for it. Nothing: an error, in errno. Regular
// files take all.
std::optional<size_t> write_some(int fd, std::string_view bytes);

// Waits until the reader takes something, `ms` milliseconds at most. False: it does not. A signal does not end it.
bool wait_for_reader(int fd, int ms);

// Asked each second while the reader takes nothing: whether to wait no longer.
using GivesUp = std::function<bool()>;

// All of it. False: an error, in errno; ECANCELED where it was given up.
bool write_to_reader(int fd, std::string_view bytes, const GivesUp& gives_up);

}  // namespace seedstory
