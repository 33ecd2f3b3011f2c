// A folder for one test.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "error_of.h"

namespace seedstory {

class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "seedstory-test-XXXXXX").string();
    if (!::mkdtemp(name.data())) fail("no temporary folder");
    path_ = name;
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  std::filesystem::path file(std::string_view name, std::string_view bytes) const {
    std::filesystem::remove(path_ / name);  // ext4 waits for the disk when a file is cut and written again
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return path_ / name;
  }

  // `message` without this folder's name, which is another one each time.
  std::string shorten(std::string message) const {
    const std::string prefix = path_.string() + "/";
    for (size_t at; (at = message.find(prefix)) != std::string::npos;) message.erase(at, prefix.size());
    return message;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace seedstory
