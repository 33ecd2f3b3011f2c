// Folders that are there whole or not at all.
#include "io/new_folder.h"

#include "catch.h"
#include "error_of.h"
#include "io/file.h"
#include "io/temp_folder.h"

using namespace seedstory;
namespace fs = std::filesystem;

namespace {

void add(const NewFolder& folder, const std::string& name, std::string_view bytes) {
  NewFile file(folder.path() / name);
  file.write(bytes);
  file.finish();
}

}  // namespace

TEST_CASE("A folder has its name when it is whole, and leaves nothing before", "[io]") {
  const TempFolder place;
  const fs::path to = place / "model";
  const auto entries = [&] { return std::distance(fs::directory_iterator(place / "."), fs::directory_iterator()); };
  {
    const NewFolder folder(to, {"a", "b"}, false);
    add(folder, "a", "1");
    CHECK(!fs::exists(to));
  }
  CHECK(entries() == 0);
  {
    NewFolder folder(to, {"a", "b"}, false);
    NewFile file(folder.path() / "a");
    file.write("12345");
    file.overwrite(1, "xy");
    file.finish();
    folder.commit();
  }
  CHECK(entries() == 1);
  CHECK(read_text_file(to / "a") == "1xy45");
}

TEST_CASE("A folder that is there is replaced if asked, and if it has no file of another kind", "[io]") {
  const TempFolder place;
  const fs::path to = place / "model";
  const auto error = [&](bool force) {
    return place.shorten(error_of(ErrorKind::input, [&] {
      NewFolder folder(to, {"a", "b"}, force);
      add(folder, "b", "new");
      folder.commit();
    }));
  };
  fs::create_directory(to);
  CHECK(error(false) == "no error");  // an empty one
  CHECK(error(false) == "model: is there already; --force replaces it");
  write_file_atomically(to / "a", "old");
  CHECK(error(true) == "no error");
  CHECK(!fs::exists(to / "a"));
  CHECK(read_text_file(to / "b") == "new");
  write_file_atomically(to / "mine.txt", "mine");
  for (const bool force : {false, true})
    CHECK(error(force) == "model: has mine.txt, which no model has; expected a folder that is not there, or is empty");
  CHECK(read_text_file(to / "mine.txt") == "mine");
  fs::remove_all(to);
  write_file_atomically(to, "a file");
  CHECK(error(true) == "model: is there already, and is not a folder");
  CHECK(std::distance(fs::directory_iterator(place / "."), fs::directory_iterator()) == 1);
}

TEST_CASE("Two cannot write one folder, and what a killed one left goes", "[io]") {
  const TempFolder place;
  const fs::path to = place / "model";
  fs::create_directory(place / ".model.part");
  write_file_atomically(place / ".model.part/a", "half");
  {
    const NewFolder first(to, {"a"}, false);
    CHECK(fs::is_empty(first.path()));
    CHECK(place.shorten(error_of(ErrorKind::input, [&] { const NewFolder second(to, {"a"}, false); })) ==
          "model: another process is writing it");
    add(first, "a", "1");
  }
  fs::create_directory(place / ".model.part");
  write_file_atomically(place / ".model.part/mine", "1");
  CHECK(place.shorten(error_of(ErrorKind::input, [&] { const NewFolder folder(to, {"a"}, false); })) ==
        ".model.part: has mine, which no model has; move it away");
  CHECK(read_text_file(place / ".model.part/mine") == "1");
  CHECK(error_of(ErrorKind::input, [&] {
          const NewFolder folder(place / "no/where", {}, false);
        }).ends_with("no/where: cannot be written: No such file or directory"));
}
