// MemoryFile: an input as a file, for parsers that want a path.
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

namespace seedstory {

MemoryFile::MemoryFile(std::string_view bytes) : fd_(::memfd_create("fuzz", MFD_CLOEXEC)) {
  set(bytes);
}

MemoryFile::~MemoryFile() {
  ::close(fd_);
}

void MemoryFile::set(std::string_view bytes) {
  if (::ftruncate(fd_, 0) != 0 || ::pwrite(fd_, bytes.data(), bytes.size(), 0) != ssize_t(bytes.size()))
    fail("MemoryFile: cannot be written");
}

std::filesystem::path MemoryFile::path() const {
  return fmt::format("/proc/self/fd/{}", fd_);
}

}  // namespace seedstory
