// One rename puts a folder in its place, or exchanges it with the one that was there.
#include "io/new_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "seedstory/error.h"

namespace seedstory {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail_write(const fs::path& path, int error) {
  fail_input(fmt::format("{}: cannot be written: {}", path.string(), std::strerror(error)));
}

// The first file of a folder that is none of those; empty: it has no other.
std::string other_file(const fs::path& folder, const std::vector<std::string>& names) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_directory() || std::find(names.begin(), names.end(), name) == names.end()) return name;
  }
  return "";
}

}  // namespace

NewFile::NewFile(const fs::path& path)
    : path_(path), fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)) {
  if (fd_ < 0) fail_write(path_, errno);
}

NewFile::~NewFile() {
  if (fd_ >= 0) ::close(fd_);
}

void NewFile::write(std::string_view bytes) {
  if (!write_to_reader(fd_, bytes, nullptr)) fail_write(path_, errno);
}

void NewFile::overwrite(int64_t at, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(fd_, bytes.data(), bytes.size(), at);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_write(path_, errno);
    bytes.remove_prefix(size_t(count));
    at += count;
  }
}

void NewFile::finish() {
  if (::fsync(fd_) != 0 || ::close(std::exchange(fd_, -1)) != 0) fail_write(path_, errno);
}

NewFolder::NewFolder(const fs::path& place, std::vector<std::string> names, bool force)
    : place_(end_of_links(place)), names_(std::move(names)), force_(force) {
  (void)is_replaced();
  path_ = place_.parent_path() / ("." + place_.filename().string() + ".part");
  std::error_code error;
  fs::create_directory(path_, error);
  if (error) fail_write(place_, error.value());
  if (!lock_.take(path_)) fail_input(place_.string() + ": another process is writing it");
  if (const std::string other = other_file(path_, names_); !other.empty())
    fail_input(fmt::format("{}: has {}, which no model has; move it away", path_.string(), other));
  clear();
}

NewFolder::~NewFolder() {
  std::error_code none;
  clear();
  fs::remove(path_, none);
}

bool NewFolder::is_replaced() const {
  if (!fs::exists(place_)) return false;
  if (!fs::is_directory(place_)) fail_input(place_.string() + ": is there already, and is not a folder");
  if (fs::is_empty(place_)) return false;
  if (const std::string other = other_file(place_, names_); !other.empty())
    fail_input(fmt::format("{}: has {}, which no model has; expected a folder that is not there, or is empty",
                           place_.string(), other));
  if (!force_) fail_input(place_.string() + ": is there already; --force replaces it");
  return true;
}

void NewFolder::clear() const {
  std::error_code none;
  for (const std::string& name : names_) fs::remove(path_ / name, none);
}

void NewFolder::commit() {
  sync_folder(path_);
  const char *from = path_.c_str(), *to = place_.c_str();
  // What was there goes where the new one was, and from there away.
  const int failed = is_replaced() ? ::renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) : ::rename(from, to);
  if (failed != 0) fail_write(place_, errno);
  sync_folder(place_.parent_path());
}

}  // namespace seedstory
