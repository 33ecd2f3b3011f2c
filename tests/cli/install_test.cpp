// From a clone to an installed program: what scripts/seedstory builds, what it says meanwhile, and what is installed.
#include <unistd.h>

#include "program.h"

using namespace seedstory;
namespace fs = std::filesystem;

namespace {

// A tree with our scripts and, instead of tools, some that write down what they are asked for.
class Tree {
 public:
  Tree() {
    fs::create_directories(desk_ / "tree/src");
    fs::create_directories(desk_ / "tools");
    fs::copy(fs::path(SEEDSTORY_SOURCE_DIR) / "scripts", desk_ / "tree/scripts", fs::copy_options::recursive);
    tool("dpkg-query", "for p in \"$@\"; do echo \"installed $p\"; done");
    tool("cmake",
         "mkdir -p build && touch build/build.ninja && echo CMAKE_HOME_DIRECTORY:INTERNAL=$PWD >build/CMakeCache.txt");
    tool("ninja",
         "echo \"$@\" >>../asked; for i in $(seq 50); do echo \"[$i/50] Building CXX object a.o\"; done; "
         "printf '#!/bin/sh\\necho told \"$@\"\\n' >build/seedstory; chmod +x build/seedstory");
  }

  Run seedstory(const std::string& words = "") const { return run("", words); }

  // By a user who may read everything here and write nothing.
  Run as_reader(const std::string& words = "") const {
    const bool root = ::geteuid() == 0;
    return run(std::string("chmod -R a+rX . && chmod -R a-w tree && ") +
                   (root ? "setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/nonexistent " : ""),
               words, "; code=$?; chmod -R u+w tree; exit $code");
  }

  const Workdir& desk() const { return desk_; }

 private:
  void tool(const std::string& name, const std::string& line) const {
    desk_.write("tools/" + name, "#!/bin/bash\n" + line + "\n");
    fs::permissions(desk_ / ("tools/" + name), fs::perms(0755));
  }

  Run run(const std::string& before, const std::string& words, const std::string& after = "") const {
    return desk_.shell("export PATH=$PWD/tools:$PATH; " + before + "tree/scripts/seedstory " + words + after);
  }

  Workdir desk_;
};

}  // namespace

TEST_CASE("An installed program has its model, its manual, its completion and its licence") {
  const Workdir desk;
  const std::string build = fs::path(SEEDSTORY_PROGRAM).parent_path().string();
  const Run installed = desk.shell("cmake --install " + quoted(build) + " --prefix there");
  INFO(installed.out << installed.err);
  REQUIRE(installed.code == 0);
  for (const char* file : {"bin/seedstory", "share/seedstory/nano/model.json", "share/man/man1/seedstory.1",
                           "share/doc/seedstory/LICENSE", "share/bash-completion/completions/seedstory",
                           "share/zsh/site-functions/_seedstory", "share/fish/vendor_completions.d/seedstory.fish"}) {
    INFO(file);
    CHECK(fs::exists(desk / (std::string("there/") + file)));
    CHECK_THAT(installed.out, Catch::Contains(file));
  }
  CHECK(desk.read("there/share/man/man1/seedstory.1") == desk.shell("seedstory man").out);
  CHECK(desk.read("there/share/zsh/site-functions/_seedstory") == desk.shell("seedstory completion zsh").out);
  CHECK_THAT(desk.shell("there/bin/seedstory doctor").out, Catch::Contains("there/share/seedstory/nano"));
}

TEST_CASE("scripts/seedstory builds the program alone, and says how far it is") {
  const Tree tree;
  const Run run = tree.seedstory("generate -p fox");
  CHECK(run.code == 0);
  CHECK(run.out == "told generate -p fox\n");
  CHECK(run.err ==
        "building in build (50 steps)\nbuilding: 5 of 50\nbuilding: 10 of 50\nbuilding: 15 of 50\nbuilding: 20 of 50\n"
        "building: 25 of 50\nbuilding: 30 of 50\nbuilding: 35 of 50\nbuilding: 40 of 50\nbuilding: 45 of 50\n"
        "building: 50 of 50\n");
  CHECK(tree.desk().read("asked") == "-C build seedstory\n");
}

TEST_CASE("A tree that cannot be written runs what is built in it") {
  const Tree tree;
  REQUIRE(tree.seedstory().code == 0);
  Run run = tree.as_reader("plan");
  CHECK(run.code == 0);
  CHECK(run.out == "told plan\n");
  CHECK(run.err.empty());

  tree.desk().write("tree/src/later.cpp", "");
  REQUIRE(tree.desk().shell("touch -d 2001-01-01 tree/build/seedstory").code == 0);
  run = tree.as_reader("plan");
  CHECK(run.code == 0);
  CHECK_THAT(run.err, Catch::StartsWith("note: build/seedstory is older than src/later.cpp, and "));
}

TEST_CASE("A tree that cannot be written and has no program says where to build") {
  const Tree tree;
  const Run run = tree.as_reader("plan");
  CHECK(run.code == 3);
  CHECK(run.out.empty());
  CHECK_THAT(run.err, Catch::Contains("/tree/build cannot be written by ") &&
                          Catch::Contains("; build where you may write:\n  cmake -S ") &&
                          Catch::EndsWith(" && ninja -C ~/seedstory-build seedstory\n"));
}

TEST_CASE("A build that root left in another user's tree is run and not written") {
  const Tree tree;
  REQUIRE(tree.seedstory().code == 0);
  if (::geteuid() != 0) return;  // nobody else's file can be made
  REQUIRE(tree.desk().shell("chown -R nobody tree && chown root tree/build/.lock && chmod 644 tree/build/.lock").code ==
          0);
  const Run run = tree.desk().shell(
      "chmod -R a+rX . && export PATH=$PWD/tools:$PATH; setpriv --reuid=65534 --regid=65534 --clear-groups "
      "tree/scripts/seedstory plan");
  CHECK(run.out == "told plan\n");
  CHECK(run.err.empty());
}
