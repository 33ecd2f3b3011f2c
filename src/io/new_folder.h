// A folder that is there whole or not at all, and the files that are written into it from front to back.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "io/file.h"

namespace seedstory {

// A file of a NewFolder. ErrorKind::input where it cannot be written.
class NewFile {
 public:
  explicit NewFile(const std::filesystem::path& path);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  void write(std::string_view bytes);                  // appends
  void overwrite(int64_t at, std::string_view bytes);  // what was written before
  void finish();                                       // it is on the disk

 private:
  std::filesystem::path path_;
  int fd_ = -1;
};

// Files are written into path(), a hidden folder beside the one that is wanted; commit() gives it the name. Without
// commit() nothing stays, and what a killed process left is taken away by the next one.
class NewFolder {
 public:
  // `names` are the files that it may hold. What holds others is not replaced; what holds these is, if `force`.
  // ErrorKind::input: the place cannot be written, is taken, or another process writes it.
  NewFolder(const std::filesystem::path& place, std::vector<std::string> names, bool force);
  ~NewFolder();
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void commit();

 private:
  bool is_replaced() const;  // there is a folder with files
  void clear() const;

  std::filesystem::path place_, path_;
  std::vector<std::string> names_;
  bool force_;
  FolderLock lock_;
};

}  // namespace seedstory
