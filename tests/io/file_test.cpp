#include "io/file.h"

#include <sys/stat.h>

#include "catch.h"
#include "io/temp_folder.h"

using namespace seedstory;

namespace {

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) out.push_back(entry.path().filename());
  return out;
}

}  // namespace

TEST_CASE("A mapped file has the file's bytes", "[io]") {
  const TempFolder folder;
  const MappedFile file(folder.file("a", std::string("x\0y", 3)));
  CHECK(std::string(file.bytes().begin(), file.bytes().end()) == std::string("x\0y", 3));
  CHECK(MappedFile(folder.file("empty", "")).bytes().empty());
  CHECK(error_of(ErrorKind::input, [] { MappedFile("/nowhere/at/all"); }) == "/nowhere/at/all: no such file");
  CHECK(error_of(ErrorKind::input, [] { MappedFile("/"); }) == "/: is a folder, expected a file");
}

TEST_CASE("read_text_file has a limit", "[io]") {
  const TempFolder folder;
  const auto path = folder.file("a.txt", "four");
  CHECK(read_text_file(path) == "four");
  CHECK(read_text_file(path, 4) == "four");
  CHECK(folder.shorten(error_of(ErrorKind::input, [&] { read_text_file(path, 3); })) ==
        "a.txt: 4 bytes, at most 3 are read");
}

TEST_CASE("A file is replaced whole or not at all", "[io]") {
  const TempFolder folder;
  const auto path = folder.file("a.txt", "old");
  {
    AtomicFile file(path);
    file.write("new, but");
    CHECK(read_text_file(path) == "old");
  }
  CHECK(read_text_file(path) == "old");
  write_file_atomically(path, "new");
  CHECK(read_text_file(path) == "new");
  CHECK(names_in(folder / "") == std::vector<std::string>{"a.txt"});  // nothing temporary is left
}

TEST_CASE("A place that cannot be written is an error that names it", "[io]") {
  const TempFolder folder;
  const auto error = [&](std::string_view name) {
    return folder.shorten(error_of(ErrorKind::input, [&] { write_file_atomically(folder / name, "x"); }));
  };
  folder.file("plain", "");
  std::filesystem::create_directory(folder / "taken");
  folder.file("taken/a", "");
  CHECK(error("absent/a.txt") == "absent/a.txt: cannot be written: no such folder");
  CHECK(error("plain/a.txt") == "plain/a.txt: cannot be written: Not a directory");
  CHECK(error("taken") == "taken: cannot be written: Is a directory");
  CHECK(error_of(ErrorKind::input, [] {
          write_file_atomically("/proc/a.txt", "x");
        }).starts_with("/proc/a.txt: cannot be written: "));
  CHECK(names_in(folder / "").size() == 2);
}

TEST_CASE("A read-only folder is an error that names the file", "[io]") {
  const TempFolder folder;
  std::filesystem::create_directory(folder / "locked");
  REQUIRE(::chmod((folder / "").c_str(), 0755) == 0);
  REQUIRE(::chmod((folder / "locked").c_str(), 0555) == 0);
  const bool root = ::geteuid() == 0;  // whom no permission stops
  if (root) REQUIRE(::seteuid(65534) == 0);
  const auto error = error_of(ErrorKind::input, [&] { write_file_atomically(folder / "locked/a.txt", "x"); });
  if (root) REQUIRE(::seteuid(0) == 0);
  CHECK(folder.shorten(error) == "locked/a.txt: cannot be written: Permission denied");
}
