// Files that are read, mapped and replaced as a whole.
#include "io/file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <set>
#include <thread>

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

TEST_CASE("A link stays a link, and what it leads to is replaced", "[io]") {
  const TempFolder folder;
  const auto real = folder.file("real.txt", "old");
  std::filesystem::create_directory(folder / "sub");
  std::filesystem::create_symlink("../real.txt", folder / "sub/second");
  std::filesystem::create_symlink("sub/second", folder / "first");
  write_file_atomically(folder / "first", "new");
  CHECK(read_text_file(real) == "new");
  CHECK(std::filesystem::is_symlink(folder / "first"));
  CHECK(std::filesystem::is_symlink(folder / "sub/second"));

  std::filesystem::create_symlink("absent.txt", folder / "dangling");
  write_file_atomically(folder / "dangling", "made");
  CHECK(read_text_file(folder / "absent.txt") == "made");
  CHECK(std::filesystem::is_symlink(folder / "dangling"));

  std::filesystem::create_symlink("loop", folder / "loop");
  CHECK(folder.shorten(error_of(ErrorKind::input, [&] { write_file_atomically(folder / "loop", "x"); })) ==
        "loop: cannot be written: Too many levels of symbolic links");
}

TEST_CASE("Into a pipe, a device or a descriptor the bytes go as they are, and it stays what it is", "[io]") {
  const TempFolder folder;
  const auto pipe = folder / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0666) == 0);
  std::string read;
  std::thread reader([&] {
    const int fd = ::open(pipe.c_str(), O_RDONLY);
    char block[16];
    for (ssize_t n; (n = ::read(fd, block, sizeof block)) > 0;) read.append(block, size_t(n));
    ::close(fd);
  });
  {
    const WritablePlace held(pipe);  // the reader waits
    write_file_atomically(pipe, "through");
  }
  reader.join();
  CHECK(read == "through");
  CHECK(std::filesystem::is_fifo(pipe));
  CHECK(folder.shorten(error_of(ErrorKind::input, [&] { write_file_atomically(pipe, "x"); })) ==
        "pipe: cannot be written: nobody reads this pipe");

  std::filesystem::create_symlink("/dev/null", folder / "null");
  write_file_atomically(folder / "null", "gone");
  CHECK(std::filesystem::is_character_file("/dev/null"));
  CHECK(std::filesystem::is_symlink(folder / "null"));
  CHECK(error_of(ErrorKind::input, [] { write_file_atomically("/dev/full", "x"); }) ==
        "/dev/full: cannot be written: No space left on device");

  const auto plain = folder.file("plain", "head ");
  const int fd = ::open(plain.c_str(), O_RDWR | O_APPEND);
  std::filesystem::create_symlink("/dev/fd/" + std::to_string(fd), folder / "number");
  write_file_atomically(folder / "number", "tail");
  ::close(fd);
  CHECK(read_text_file(plain) == "head tail");
}

TEST_CASE("A file that is replaced keeps its mode, and one that may not be written is not replaced", "[io]") {
  const TempFolder folder;
  const auto path = folder.file("a.txt", "old");
  REQUIRE(::chmod(path.c_str(), 0640) == 0);
  write_file_atomically(path, "new");
  CHECK(int(std::filesystem::status(path).permissions()) == 0640);
  REQUIRE(::chmod(path.c_str(), 0444) == 0);
  REQUIRE(::chmod((folder / "").c_str(), 0777) == 0);
  const bool root = ::geteuid() == 0;  // whom no permission stops
  if (root) REQUIRE(::seteuid(65534) == 0);
  const auto error = error_of(ErrorKind::input, [&] { write_file_atomically(path, "x"); });
  if (root) REQUIRE(::seteuid(0) == 0);
  CHECK(folder.shorten(error) == "a.txt: cannot be written: Permission denied");
}

TEST_CASE("A name as long as a file system has is written, a longer one refused at once", "[io]") {
  const TempFolder folder;
  write_file_atomically(folder / std::string(255, 'n'), "x");
  CHECK(read_text_file(folder / std::string(255, 'n')) == "x");
  CHECK_THAT(error_of(ErrorKind::input, [&] { const AtomicFile file(folder / std::string(256, 'n')); }),
             Catch::EndsWith("n: cannot be written: File name too long"));
}

TEST_CASE("Names of one file are one end of links and one id", "[io]") {
  const TempFolder folder;
  const auto real = folder.file("real.txt", "");
  std::filesystem::create_directory(folder / "sub");
  std::filesystem::create_symlink("../real.txt", folder / "sub/link");
  std::filesystem::create_directory_symlink("sub", folder / "other");
  std::filesystem::create_hard_link(real, folder / "hard.txt");
  CHECK(end_of_links(folder / "other/link") == end_of_links(real));
  CHECK(end_of_links(folder / "other/../sub/./absent") == end_of_links(folder / "sub/absent"));
  CHECK(file_id(folder / "hard.txt") == file_id(folder / "other/link"));
  CHECK_FALSE(file_id(folder / "sub/absent"));
}

TEST_CASE("A folder is one lock's at a time", "[io]") {
  const TempFolder folder;
  FolderLock first, second;
  CHECK(first.take(folder / ""));
  CHECK_FALSE(second.take(folder / "."));
  first.release();
  CHECK(second.take(folder / "."));
  CHECK(std::filesystem::is_empty(folder / ""));
  folder.file("plain", "");
  CHECK(folder.shorten(error_of(ErrorKind::input, [&] { first.take(folder / "plain"); })) == "plain: is not a folder");
}

TEST_CASE("A killed process's temporary files are removed, and nobody else's", "[io]") {
  const TempFolder folder;
  const std::string own = ".seedstory-" + std::to_string(::getpid()) + "-0.tmp";
  for (const char* name : {".seedstory-2000000000-7.tmp", ".seedstory-2000000000-7.tmp2", ".seedstory-x-1.tmp"})
    folder.file(name, "");
  folder.file(own, "");
  remove_stale_temporaries(folder / "");
  const auto names = names_in(folder / "");
  CHECK(std::set<std::string>(names.begin(), names.end()) ==
        std::set<std::string>{".seedstory-2000000000-7.tmp2", own, ".seedstory-x-1.tmp"});
}
