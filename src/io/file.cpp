#include "io/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "seedstory/error.h"

namespace seedstory {
namespace {

namespace fs = std::filesystem;

std::string reason(int error) {
  return error == ENOENT ? "no such file" : std::strerror(error);
}

[[noreturn]] void fail_read(const fs::path& path, int error) {
  fail_input(fmt::format("{}: {}", path.string(), reason(error)));
}

[[noreturn]] void fail_write(const fs::path& path, int error) {
  fail_input(fmt::format("{}: cannot be written: {}", path.string(),
                         error == ENOENT ? "no such folder" : std::strerror(error)));
}

// A descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// The size of an open regular file. Devices and pipes are refused: their size says nothing.
size_t regular_size(int fd, const fs::path& path) {
  struct stat info;
  if (::fstat(fd, &info) != 0) fail_read(path, errno);
  if (S_ISDIR(info.st_mode)) fail_input(fmt::format("{}: is a folder, expected a file", path.string()));
  if (!S_ISREG(info.st_mode)) fail_input(fmt::format("{}: is not a regular file", path.string()));
  return size_t(info.st_size);
}

}  // namespace

MappedFile::MappedFile(const fs::path& path) : path_(path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) fail_read(path, errno);
  const size_t size = regular_size(file.get(), path);
  if (size == 0) return;  // mmap refuses to map nothing
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (data == MAP_FAILED) fail_read(path, errno);
  bytes_ = {static_cast<const uint8_t*>(data), size};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<uint8_t*>(bytes_.data()), bytes_.size());
}

PagesAlone::PagesAlone(const void* bytes, size_t count) {
  const auto page = uintptr_t(::sysconf(_SC_PAGESIZE)), at = reinterpret_cast<uintptr_t>(bytes) / page * page;
  begin_ = reinterpret_cast<void*>(at);
  size_ = reinterpret_cast<uintptr_t>(bytes) + count - at;
  (void)::madvise(begin_, size_, MADV_RANDOM);  // advice: where it is not taken, reading only takes longer
}

PagesAlone::~PagesAlone() {
  (void)::madvise(begin_, size_, MADV_NORMAL);
}

std::string read_text_file(const fs::path& path, int64_t limit) {
  const MappedFile file(path);
  const int64_t size = int64_t(file.bytes().size());
  if (size > limit) fail_input(fmt::format("{}: {} bytes, at most {} are read", path.string(), size, limit));
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

AtomicFile::AtomicFile(const fs::path& path) : path_(path) {
  static std::atomic<int> count{0};  // two threads may replace files of the same name
  temporary_ = path.parent_path() / fmt::format(".{}.{}.{}.tmp", path.filename().string(), ::getpid(), count++);
  fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd_ < 0) fail_write(path_, errno);
}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_write(path_, errno);
    bytes.remove_prefix(size_t(written));
  }
}

void AtomicFile::commit() {
  if (::fsync(fd_) != 0) fail_write(path_, errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_write(path_, errno);
  ::close(std::exchange(fd_, -1));
  // The new name lives in the folder. Some file systems cannot sync a folder; the file itself is safe by then.
  const fs::path folder = path_.has_parent_path() ? path_.parent_path() : fs::path(".");
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() >= 0) (void)::fsync(directory.get());
}

void write_file_atomically(const fs::path& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace seedstory
