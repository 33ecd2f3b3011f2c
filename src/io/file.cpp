// Mapped files, files that are put in place at once or not at all, and folders that are locked.
#include "io/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <thread>
#include <tuple>
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
                         error == ENOENT      ? "no such folder"
                         : error == ENXIO     ? "nobody reads this pipe"
                         : error == ECANCELED ? "its reader took nothing until the program was stopped"
                                              : std::strerror(error)));
}

const char* kind_of(mode_t mode) {
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return S_ISCHR(mode) || S_ISBLK(mode) ? "a device" : "no regular file";
}

// The size of an open regular file. Devices and pipes are refused: their size says nothing.
size_t regular_size(int fd, const fs::path& path) {
  struct stat info;
  if (::fstat(fd, &info) != 0) fail_read(path, errno);
  if (S_ISDIR(info.st_mode)) fail_input(fmt::format("{}: is a folder, expected a file", path.string()));
  if (!S_ISREG(info.st_mode))
    fail_input(fmt::format("{}: is {}, expected a regular file", path.string(), kind_of(info.st_mode)));
  return size_t(info.st_size);
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

// How often a pipe's other end is looked for.
constexpr int kMostWaits = 40;
constexpr std::chrono::milliseconds kWait(50);

// Opens what is not a regular file. A pipe may wait two seconds for its reader: for ever would be a program that hangs.
int open_stream(const fs::path& path, int flags) {
  for (int wait = 0;; ++wait) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | flags);
    if (fd >= 0) {
      (void)::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK);
      return fd;
    }
    if (errno != ENXIO || wait == kMostWaits) return -1;
    std::this_thread::sleep_for(kWait);
  }
}

// N where the path is /dev/fd/N, /proc/self/fd/N or what leads there; else -1. The name is a link that leads to no
// name.
int own_descriptor(const fs::path& path) {
  const std::string name = path.filename().string();
  constexpr size_t kMostDigits = 6;
  if (name.empty() || name.size() > kMostDigits || name.find_first_not_of("0123456789") != std::string::npos) return -1;
  std::error_code none;
  const fs::path folder = fs::canonical(path.parent_path(), none);
  return folder == fs::path("/proc") / std::to_string(::getpid()) / "fd" ? std::stoi(name) : -1;
}

// `path` behind its links. The last name need not exist, nor is a descriptor's followed.
fs::path follow_links(const fs::path& path) {
  constexpr int kMostLinks = 40;  // as the kernel has it
  fs::path end = path;
  for (int links = 0; own_descriptor(end) < 0; ++links) {
    std::error_code none;
    const fs::path next = fs::read_symlink(end, none);
    if (none) break;
    if (links == kMostLinks) fail_write(path, ELOOP);
    end = end.parent_path() / next;  // an absolute one replaces it all
  }
  return end;
}

// Where the bytes for a path go.
struct Target {
  fs::path path;
  int descriptor = -1;  // one that is open in this process
  bool exists = false;
  struct stat info {};

  bool is_stream() const { return exists && !S_ISREG(info.st_mode); }
};

Target find_target(const fs::path& path) {
  Target target{.path = follow_links(path)};
  target.descriptor = own_descriptor(target.path);
  if (target.descriptor >= 0) {
    const int flags = ::fcntl(target.descriptor, F_GETFL);
    if (flags < 0) fail_write(path, errno);
    if ((flags & O_ACCMODE) == O_RDONLY) fail_write(path, EACCES);
    return target;
  }
  std::error_code none;
  if (!target.path.has_filename()) fail_write(path, fs::exists(target.path, none) ? EISDIR : ENOENT);
  target.exists = ::stat(target.path.c_str(), &target.info) == 0;
  if (!target.exists && errno != ENOENT) fail_write(path, errno);
  if (target.exists && S_ISDIR(target.info.st_mode)) fail_write(path, EISDIR);
  // Its folder would let a file be replaced that is itself protected.
  if (target.exists && ::faccessat(AT_FDCWD, target.path.c_str(), W_OK, AT_EACCESS) != 0) fail_write(path, errno);
  return target;
}

// A file that is replaced stays its owner's, where the system allows.
void take_owner_and_mode(int fd, const struct stat& info) {
  const bool same_owner = ::fchown(fd, info.st_uid, info.st_gid) == 0;
  (void)::fchmod(fd, info.st_mode & (same_owner ? 07777 : 0777));
}

}  // namespace

MappedFile::MappedFile(const fs::path& path) : path_(path) {
  // A pipe would make open() wait for a writer, before anything could say what it is.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
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

// The pages that hold these bytes, as madvise() wants them: from where the first one begins.
static std::pair<void*, size_t> pages_of(const void* bytes, size_t count) {
  const auto page = uintptr_t(::sysconf(_SC_PAGESIZE)), at = reinterpret_cast<uintptr_t>(bytes);
  return {reinterpret_cast<void*>(at / page * page), at % page + count};
}

// Of a mapping that is only read, this takes nothing away: of memory that is written it would.
void MappedFile::let_go(const void* bytes, int64_t count) const {
  const auto file = reinterpret_cast<uintptr_t>(bytes_.data()), begin = reinterpret_cast<uintptr_t>(bytes) - file;
  const uintptr_t end = begin + uintptr_t(count);  // both in the file, or one is far behind it
  if (count == 0 || std::max(begin, end) > bytes_.size()) return;
  const auto [first_page, size] = pages_of(bytes, size_t(count));
  (void)::madvise(first_page, size, MADV_DONTNEED);  // where it is not taken, more memory is used
}

PagesAlone::PagesAlone(const void* bytes, size_t count) {
  std::tie(begin_, size_) = pages_of(bytes, count);
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

std::string read_descriptor(int fd, const std::string& name, size_t limit) {
  std::string text;
  char block[1 << 16];
  for (;;) {
    const ssize_t count = ::read(fd, block, sizeof block);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_input(fmt::format("{}: cannot be read: {}", name, std::strerror(errno)));
    if (count == 0) return text;
    text.append(block, size_t(count));
    if (text.size() > limit) fail_input(fmt::format("{}: over {} bytes", name, limit));
  }
}

std::string read_stream(const fs::path& path, size_t limit) {
  const Descriptor stream(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat info;
  if (stream.get() < 0 || ::fstat(stream.get(), &info) != 0) fail_read(path, errno);
  std::string begin;
  // Reading tells "nobody writes" (the end) from "not yet" (EAGAIN); polling, whether somebody came and went.
  for (int wait = 0; S_ISFIFO(info.st_mode); ++wait) {
    char c;
    const ssize_t count = ::read(stream.get(), &c, 1);
    if (count > 0) begin = c;
    pollfd pipe{.fd = stream.get(), .events = POLLIN, .revents = 0};
    if (count != 0 || ::poll(&pipe, 1, 0) != 0) break;
    if (wait == kMostWaits) fail_input(fmt::format("{}: nobody writes into this pipe", path.string()));
    std::this_thread::sleep_for(kWait);
  }
  (void)::fcntl(stream.get(), F_SETFL, ::fcntl(stream.get(), F_GETFL) & ~O_NONBLOCK);
  return begin + read_descriptor(stream.get(), path.string(), limit);
}

std::optional<FileId> file_id(const fs::path& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  return FileId{.device = info.st_dev, .inode = info.st_ino};
}

static FileState state_of(const struct stat& info) {
  return {.id = FileId{.device = info.st_dev, .inode = info.st_ino},
          .modified_ns = int64_t(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec};
}

FileState file_state(const fs::path& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 ? state_of(info) : FileState();
}

FileDigest digest_of(std::string_view bytes) {
  return {.bytes = bytes.size(),
          .crc32 = uint32_t(::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()))};
}

FileDigest file_digest(const fs::path& path) {
  const MappedFile file(path);
  return digest_of({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()});
}

bool has_content(const fs::path& path) {
  std::error_code none;
  const fs::path end = follow_links(path);
  return own_descriptor(end) < 0 && fs::is_regular_file(end, none) && fs::file_size(end, none) > 0;
}

fs::path end_of_links(const fs::path& path) {
  fs::path end = fs::absolute(follow_links(path));
  if (!end.has_filename()) end = end.parent_path();
  std::error_code none;
  const fs::path folder = fs::weakly_canonical(end.parent_path(), none);
  return none ? end.lexically_normal() : folder / end.filename();
}

void sync_folder(const fs::path& folder) {
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() >= 0) (void)::fsync(directory.get());
}

std::string try_writing(const fs::path& folder) {
  std::string name = (folder / ".seedstory-XXXXXX").string();
  const int fd = ::mkstemp(name.data());
  if (fd < 0) return std::strerror(errno);
  const std::string bytes(4096, ' ');
  const ssize_t written = ::write(fd, bytes.data(), bytes.size());
  const int error = written < 0 ? errno : written < ssize_t(bytes.size()) ? ENOSPC : 0;
  ::close(fd);
  ::unlink(name.c_str());
  return error == 0 ? "" : std::strerror(error);
}

AtomicFile::AtomicFile(const fs::path& path, const std::optional<FileState>& expected, GivesUp gives_up)
    : path_(path), expected_(expected), gives_up_(std::move(gives_up)) {
  const Target target = find_target(path);
  target_ = target.path;
  if (target.descriptor >= 0) {
    fd_ = ::fcntl(target.descriptor, F_DUPFD_CLOEXEC, 0);
  } else if (target.is_stream()) {
    fd_ = open_stream(target.path, 0);
  } else {
    static std::atomic<int> count{0};  // two threads may replace files of the same folder
    temporary_ = target.path.parent_path() / fmt::format(".seedstory-{}-{}.tmp", ::getpid(), count++);
    fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd_ >= 0 && target.exists) take_owner_and_mode(fd_, target.info);
  }
  if (fd_ < 0) fail_write(path_, errno);
}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::string_view bytes) {
  if (!write_to_reader(fd_, bytes, gives_up_)) fail_write(path_, errno);
}

// EEXIST: what is there was not expected; nothing there is always right. Where something is replaced, another writer
// has the moment between the look and the renaming; where nothing is there, none.
int AtomicFile::put_in_place() const {
  const char *from = temporary_.c_str(), *to = target_.c_str();
  const FileState now = expected_ ? file_state(target_) : FileState();
  if (expected_ && now.id && now != *expected_) return EEXIST;
  if (!expected_ || now.id) return ::rename(from, to) == 0 ? 0 : errno;
  if (::renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;  // not every file system has it
  if (::link(from, to) == 0) return ::unlink(from) == 0 ? 0 : errno;
  if (errno != EPERM && errno != EOPNOTSUPP) return errno;  // nor has every one links
  if (file_state(target_).id) return EEXIST;
  return ::rename(from, to) == 0 ? 0 : errno;
}

void AtomicFile::commit() {
  if (temporary_.empty()) {
    if (::close(std::exchange(fd_, -1)) != 0) fail_write(path_, errno);
    return;
  }
  if (::fsync(fd_) != 0) fail_write(path_, errno);
  const int error = put_in_place();
  if (error == EEXIST)
    fail_input(fmt::format("{}: somebody else wrote this file meanwhile; it is left as it is", path_.string()));
  if (error != 0) fail_write(path_, error);
  ::close(std::exchange(fd_, -1));
  sync_folder(target_.has_parent_path() ? target_.parent_path() : fs::path("."));  // where the new name lives
}

WritablePlace::WritablePlace(const fs::path& path) {
  const Target target = find_target(path);
  if (target.descriptor >= 0) return;
  if (!target.is_stream()) {
    const std::string block(4096, '\0');  // of a disk that is not full
    AtomicFile(path).write(block);        // gone again at once
  } else if (S_ISFIFO(target.info.st_mode)) {
    pipe_ = open_stream(target.path, 0);
    if (pipe_ < 0) fail_write(path, errno);
  }
}

WritablePlace::~WritablePlace() {
  if (pipe_ >= 0) ::close(pipe_);
}

bool FolderLock::take(const fs::path& folder) {
  release();
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 && errno == ENOTDIR) fail_input(fmt::format("{}: is not a folder", folder.string()));
  if (fd < 0) fail_input(fmt::format("{}: cannot be opened: {}", folder.string(), std::strerror(errno)));
  const bool locked = ::flock(fd, LOCK_EX | LOCK_NB) == 0;
  const int error = locked ? 0 : errno;
  if (error == EWOULDBLOCK) {
    ::close(fd);
    return false;
  }
  fd_ = fd;
  missing_ = locked ? "" : std::strerror(error);
  return true;
}

bool FolderLock::is_at(const fs::path& folder) const {
  struct stat info;
  return fd_ < 0 || (::fstat(fd_, &info) == 0 && state_of(info).id == file_id(folder));
}

void FolderLock::release() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void remove_stale_temporaries(const fs::path& folder) {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    const std::string name = entry.path().filename().string();
    int process = 0, number = 0, length = 0;
    const bool is_ours = std::sscanf(name.c_str(), ".seedstory-%d-%d.tmp%n", &process, &number, &length) == 2 &&
                         size_t(length) == name.size() && process > 0;
    if (is_ours && ::kill(process, 0) != 0 && errno == ESRCH) fs::remove(entry.path(), none);
  }
}

int open_to_append(const fs::path& path) {
  struct stat info;
  const bool is_stream = ::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
  const int fd = is_stream ? open_stream(path, O_APPEND)
                           : ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666);
  if (fd < 0) fail_write(path, errno);
  return fd;
}

void write_file_atomically(const fs::path& path, std::string_view bytes, const std::optional<FileState>& expected,
                           const GivesUp& gives_up) {
  AtomicFile file(path, expected, gives_up);
  file.write(bytes);
  file.commit();
}

}  // namespace seedstory
