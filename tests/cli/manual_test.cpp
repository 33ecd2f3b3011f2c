// Completion in real shells, the man page through a real formatter, and the flags of docs/cli.md against the program's.
#include <regex>
#include <set>

#include "program.h"

using namespace seedstory;

namespace {

using Names = std::set<std::string>;

Names flags_in(const std::string& text) {
  Names names;
  const std::regex flag("(^|[^A-Za-z0-9-])(--[a-z][a-z0-9-]*)");
  for (std::sregex_iterator it(text.begin(), text.end(), flag), end; it != end; ++it) names.insert((*it)[2]);
  return names;
}

// Lines of the help that begin with a flag; what is said of others beside it does not count.
Names flags_of_program(const Workdir& desk, const std::string& command) {
  Names names;
  std::istringstream help(desk.shell("seedstory " + command + " --help").out);
  const std::regex head("^ +(-[A-Za-z],)?((--[a-z0-9-]+,?)+).*");
  for (std::string line; std::getline(help, line);)
    if (std::smatch parts; std::regex_match(line, parts, head)) names.merge(flags_in(parts[2]));
  return names;
}

std::vector<std::string> commands(const Workdir& desk) {
  std::vector<std::string> names;
  std::istringstream help(desk.shell("seedstory --help | sed -n '/^Subcommands:/,/^$/p'").out);
  for (std::string line; std::getline(help, line);)
    if (line.starts_with("  ")) names.push_back(line.substr(2, line.find(' ', 2) - 2));
  return names;
}

// The first column of the tables of flags in docs/cli.md, and its lines of commands.
Names flags_of_docs() {
  Names names;
  std::istringstream docs(read_text_file(std::string(SEEDSTORY_SOURCE_DIR) + "/docs/cli.md"));
  for (std::string line; std::getline(docs, line);) {
    if (line.starts_with("| `-")) names.merge(flags_in(line.substr(0, line.find(" | "))));
    if (line.starts_with("    seedstory ")) names.merge(flags_in(line));
  }
  return names;
}

// What bash would offer after these words; the last one is being typed.
std::vector<std::string> offered(const Workdir& desk, const std::string& words) {
  const Run run = desk.shell(
      "seedstory completion bash >complete.bash && bash -c 'set -u; source ./complete.bash; "
      "COMP_WORDS=(seedstory " +
      words +
      "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _seedstory; "
      "printf \"%s\\n\" \"${COMPREPLY[@]-}\"'");
  INFO(run.err);
  REQUIRE(run.code == 0);
  REQUIRE(run.err.empty());
  std::vector<std::string> out;
  std::istringstream in(run.out);
  for (std::string line; std::getline(in, line);)
    if (!line.empty()) out.push_back(line);
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

TEST_CASE("Every flag stands in docs/cli.md, and it names no other") {
  const Workdir desk;
  Names program;
  for (const std::string& command : commands(desk)) program.merge(flags_of_program(desk, command));
  program.erase("--help");
  REQUIRE(program.size() > 30);
  CHECK(program == flags_of_docs());
}

TEST_CASE("bash completes commands, flags, their values, files and folders") {
  const Workdir desk;
  using Words = std::vector<std::string>;
  REQUIRE(desk.shell("mkdir -p 'a folder' fine; touch 'a file' figure.png").code == 0);
  CHECK(offered(desk, "gen") == Words{"generate"});
  CHECK(offered(desk, "--ver") == Words{"--version"});
  CHECK(offered(desk, "generate --steps 3 --prompt-f") == Words{"--prompt-file"});
  CHECK(offered(desk, "generate --see") == Words{"--seed", "--seed-per-frame"});
  CHECK(offered(desk, "generate --policy mm") == Words{"mm_sink"});
  CHECK(offered(desk, "generate --policy = mm") == Words{"mm_sink"});
  CHECK(offered(desk, "generate --order = ") == Words{"interleaved", "text-first"});
  CHECK(offered(desk, "generate --steps \"\"").empty());
  CHECK(offered(desk, "generate -i fi") == Words{"figure.png", "fine"});
  CHECK(offered(desk, "generate -i \"a \"") == Words{"a file", "a folder"});
  CHECK(offered(desk, "generate --output fi") == Words{"fine"});
  CHECK(offered(desk, "visualize --captions fig") == Words{"figure.png"});
  CHECK(offered(desk, "inspect fig") == Words{"figure.png"});
  CHECK(offered(desk, "inspect --c") == Words{"--command"});
  CHECK(offered(desk, "completion f") == Words{"fish"});
  CHECK(offered(desk, "bench comp") == Words{"compare"});
  CHECK(offered(desk, "bench compare --fo") == Words{"--format"});
  CHECK(offered(desk, "bench compare --format = ") == Words{"csv", "json", "md"});
  CHECK(offered(desk, "bench compare figure.png fig") == Words{"figure.png"});
  CHECK_THAT(desk.shell("bash -c 'source ./complete.bash; complete -p seedstory'").out,
             Catch::Contains("complete -F _seedstory seedstory"));
}

TEST_CASE("Completion knows every flag of every command, in each shell") {
  const Workdir desk;
  for (const std::string& command : commands(desk)) {
    const Names flags = flags_of_program(desk, command);
    const auto words = offered(desk, command + " -");
    for (const std::string& flag : flags) {
      INFO(command << " " << flag);
      CHECK(std::find(words.begin(), words.end(), flag) != words.end());
    }
  }
  Names all;
  for (const std::string& command : commands(desk)) all.merge(flags_of_program(desk, command));
  const std::string zsh = desk.shell("seedstory completion zsh").out,
                    fish = desk.shell("seedstory completion fish").out;
  for (const std::string& flag : all) {
    INFO(flag);
    CHECK_THAT(zsh, Catch::Contains(flag));
    CHECK_THAT(fish, Catch::Contains(" -l " + flag.substr(2) + " "));
  }
}

TEST_CASE("zsh and fish take their scripts") {
  const Workdir desk;
  if (has(desk, "zsh")) {
    REQUIRE(desk.shell("mkdir z && seedstory completion zsh >z/_seedstory").code == 0);
    Run run = desk.shell("zsh -n z/_seedstory");
    CHECK(run.code == 0);
    CHECK(run.err.empty());
    run = desk.shell("zsh -fc 'fpath=($PWD/z $fpath); autoload -Uz compinit; compinit -D; echo $_comps[seedstory]'");
    CHECK(run.out == "_seedstory\n");
  }
  if (has(desk, "fish")) {
    REQUIRE(desk.shell("seedstory completion fish >s.fish").code == 0);
    CHECK(desk.shell("fish -n s.fish").code == 0);
    const Run run =
        desk.shell("export HOME=$PWD; fish -c 'source s.fish; complete -C \"seedstory generate --policy mm\"'");
    CHECK_THAT(run.out, Catch::StartsWith("mm_sink\t"));
    CHECK_THAT(desk.shell("export HOME=$PWD; fish -c 'source s.fish; complete -C \"seedstory vis\"'").out,
               Catch::StartsWith("visualize\t"));
  }
}

TEST_CASE("The man page is formatted without a warning and has every flag, variable and exit code") {
  const Workdir desk;
  if (!has(desk, "groff")) return;
  const Run run = desk.shell("seedstory man >seedstory.1 && groff -man -ww -rLL=100n -Tascii -P-cbou seedstory.1");
  REQUIRE(run.code == 0);
  CHECK(run.err.empty());
  for (const std::string& command : commands(desk)) {
    CHECK_THAT(run.out, Catch::Contains("seedstory " + command));
    for (const std::string& flag : flags_of_program(desk, command)) {
      INFO(flag);
      CHECK(run.out.find(flag) != std::string::npos);
    }
  }
  for (const char* text : {"SEEDSTORY_STEPS", "SEEDSTORY_CFG_SCALE", "NO_COLOR", "config.toml", "EXIT STATUS", "130"})
    CHECK_THAT(run.out, Catch::Contains(text));
  CHECK_THAT(run.out, !Catch::Contains("SEEDSTORY_PROMPT") && !Catch::Contains("SEEDSTORY_FORCE"));
}

TEST_CASE("Another shell is refused by name") {
  const Workdir desk;
  const Run run = desk.shell("seedstory completion tcsh");
  CHECK(run.code == 2);
  CHECK(run.err == "seedstory: completion tcsh: expected bash, zsh or fish\n");
}

namespace {

// The literals of each call of fail(), fail_input(), ... in a source file, joined.
std::vector<std::string> messages_in(const std::string& source) {
  std::vector<std::string> messages;
  const std::regex call(R"(\bfail(_input|_usage|_resource)?\()");
  for (std::sregex_iterator it(source.begin(), source.end(), call), end; it != end; ++it) {
    std::string message;
    bool inside = false;
    int depth = 1;
    for (size_t at = size_t(it->position() + it->length()); depth > 0 && at < source.size(); ++at) {
      const char c = source[at];
      if (c == '"')
        inside = !inside;
      else if (inside)
        message += c == '\\' ? source[++at] : c;
      else
        depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    }
    messages.push_back(message);
  }
  return messages;
}

}  // namespace

TEST_CASE("A refusal says what to do, or docs/troubleshooting.md does") {
  const std::filesystem::path root = SEEDSTORY_SOURCE_DIR;
  const std::string docs =
      std::regex_replace(read_text_file(root / "docs/troubleshooting.md"), std::regex("\\s+"), " ");
  std::vector<std::string> quotes;
  const std::regex quoted_text("`([^`]+)`"), gap(R"([ :;,]*\.\.\.[ :;,]*)");
  for (std::sregex_iterator it(docs.begin(), docs.end(), quoted_text), end; it != end; ++it) {
    const std::string quote = (*it)[1];
    for (std::sregex_token_iterator part(quote.begin(), quote.end(), gap, -1), none; part != none; ++part)
      if (part->length() > 5) quotes.push_back(*part);
  }
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(root / "src/cli"))
    for (const std::string& message : messages_in(read_text_file(entry.path()))) {
      const auto has = [&](const std::string& words) { return message.find(words) != std::string::npos; };
      if (std::count_if(message.begin(), message.end(), [](char c) { return c >= 'a' && c <= 'z'; }) < 8) continue;
      ++count;
      if (has("expected ") || has("; ") || has("(see ")) continue;
      INFO(entry.path().filename() << ": " << message);
      CHECK(std::any_of(quotes.begin(), quotes.end(), has));
    }
  CHECK(count > 60);
}
