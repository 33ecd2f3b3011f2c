// The command line itself: what is accepted, what is refused, and in which words.
#include "program.h"

using namespace seedstory;

TEST_CASE("A wrong command line is one clear line and exit 2") {
  const Desk desk;
  struct {
    const char *line, *message;
  } cases[] = {
      {"seedstory", "A subcommand is required (see seedstory --help)"},
      {"seedstory paint", "there is no command paint (see seedstory --help)"},
      {"seedstory generate --model model", "generate: expected --prompt TEXT or --prompt-file FILE"},
      {"seedstory generate --model model -p ''", "--prompt: is empty"},
      {"seedstory generate --model model -p ' \n '", "--prompt: is empty"},
      {"seedstory generate --model model -p \"$(printf '\\377')\"", "--prompt: is not UTF-8 text"},
      {"seedstory generate --model model -p x -f y", "--prompt excludes --prompt-file (see seedstory generate --help)"},
      {"seedstory generate --model model -p x --paint",
       "The following argument was not expected: --paint (see seedstory generate --help)"},
      {"seedstory generate --model model -p x -n 0", "--frames 0: expected 1 to 10000"},
      {"seedstory generate --model model -p x -n -3", "--frames -3: expected 1 to 10000"},
      {"seedstory generate --model model -p x -n 99999999", "--frames 99999999: expected 1 to 10000"},
      {"seedstory generate --model model -p x -n three",
       "Could not convert: --frames = three (see seedstory generate --help)"},
      {"seedstory generate --model model -p x --steps 0", "--steps 0: expected 1 to 1000"},
      {"seedstory generate --model model -p x --steps 1001", "--steps 1001: expected 1 to 1000"},
      {"seedstory generate --model model -p x --num-inference-steps 0", "--steps 0: expected 1 to 1000"},
      {"seedstory generate --model model -p x --cfg-scale -1", "--cfg-scale -1: expected 0 to 100"},
      {"seedstory generate --model model -p x --guidance-scale nan", "--cfg-scale nan: expected 0 to 100"},
      {"seedstory generate --model model -p x --width 100", "--width 100: expected a multiple of 16, 16 to 8192"},
      {"seedstory generate --model model -p x --height 0", "--height 0: expected 16 to 8192"},
      {"seedstory generate --model model -p x --height 1000000", "--height 1000000: expected 16 to 8192"},
      {"seedstory generate --model model -p x --seed -2", "--seed -2: expected -1 to 9223372036854775807"},
      {"seedstory generate --model model -p x --window 0", "--window 0: expected 1 to 1000"},
      {"seedstory generate --model model -p x --max-tokens 0", "--max-tokens 0: expected 1 to 100000"},
      {"seedstory generate --model model -p x --policy best",
       "--policy best: expected window, dense, sink, mm_sink or compat_vis"},
      {"seedstory generate --model model -p x --policy compat_vis",
       "--policy compat_vis: is for visualize; expected window, dense, sink or mm_sink"},
      {"seedstory generate --model model -p x --rng dice", "--rng dice: expected torch-cuda or torch-cpu"},
      {"seedstory generate --model model -p x --type w4", "--type w4: is not built yet; today: f32 and bf16"},
      {"seedstory generate --model model -p x --type int2", "--type int2: expected auto, f32 or bf16"},
      {"seedstory generate --model model -p x --device tpu", "--device tpu: expected auto, cpu, cuda or cuda:N"},
      {"seedstory generate --model model -p x --device cuda:x", "--device cuda:x: expected auto, cpu, cuda or cuda:N"},
      {"seedstory generate --model model -p x --threads -1", "--threads -1: expected 0 to 1024"},
      {"seedstory generate --model model -p x --order random", "--order random: expected interleaved or text-first"},
      {"seedstory generate --model model -p x --color red", "--color red: expected on, off or auto"},
      {"seedstory generate --model model -p x -q -v", "--verbose excludes --quiet (see seedstory generate --help)"},
      {"seedstory generate --model model -p x --temp -0.5", "--temp -0.5: expected 0 to 100"},
      {"seedstory generate --model model -p x --top-k -1", "--top-k -1: expected 0 to 2147483647"},
      {"seedstory generate --model model -p x --top-p 2", "--top-p 2: expected 0 to 1"},
      {"seedstory generate --model model -p x --min-p 2", "--min-p 2: expected 0 to 1"},
      {"seedstory generate --model model -p x --repeat-penalty 0", "--repeat-penalty 0: expected 0.01 to 100"},
      {"seedstory visualize --model model", "--captions is required (see seedstory visualize --help)"},
      {"seedstory inspect", "path is required (see seedstory inspect --help)"},
      {"seedstory inspect x --json --command", "--json and --command exclude each other"},
  };
  for (const auto& [line, message] : cases) {
    INFO(line);
    const Run run = desk.shell(line);
    CHECK(run.code == 2);
    CHECK(run.err == "seedstory: " + std::string(message) + "\n");
    CHECK(run.out.empty());
  }
  CHECK(desk.files(".") == std::vector<std::string>{"line.sh", "model", "stderr", "stdout"});
}

TEST_CASE("Help and version answer on stdout") {
  const Desk desk;
  Run run = desk.shell("seedstory --version");
  CHECK(run.code == 0);
  CHECK(run.out == "seedstory 0.1.0\n");
  run = desk.shell("seedstory generate --help");
  CHECK(run.code == 0);
  CHECK(run.err.empty());
  for (const char* flag : {"--prompt-file", "--seed-per-frame", "--policy", "--trace", "--order", "Exit codes:"})
    CHECK_THAT(run.out, Catch::Contains(flag));
  CHECK_THAT(run.out, !Catch::Contains("--guidance-scale"));  // an alias for commands written for diffusers
}

TEST_CASE("version --json names the build and its backends") {
  const Desk desk;
  const Run run = desk.shell("seedstory version --json");
  CHECK(run.code == 0);
  const auto json = nlohmann::json::parse(run.out);
  CHECK(json["seedstory"] == "0.1.0");
  CHECK(json.contains("commit"));
  CHECK_THAT(json["compiler"].get<std::string>(), Catch::Contains("."));
  CHECK(json["backends"][0]["name"] == "cpu");
  CHECK(json["backends"][0]["available"] == true);
  CHECK_THAT(json["backends"][0]["description"].get<std::string>(), Catch::Contains("cpu ("));
  CHECK(json["backends"][1]["name"] == "cuda");
}

TEST_CASE("A device that is not there is exit 4, never a slower answer") {
  const Desk desk;
  const Run run = desk.generate("-p x --device cuda:99 -o out");
  CHECK(run.code == 4);
  CHECK_THAT(run.err, Catch::Contains("seedstory: "));
}

TEST_CASE("The flag --cpu takes instructions that the processor has") {
  const Desk desk;
  CHECK(desk.generate("-p fox -n 1 --cpu portable -o out").code == 0);
  CHECK(desk.shell("seedstory generate --model model -p fox -n 1 --cpu sse9 -o out").err ==
        "seedstory: --cpu sse9: expected auto, amx, avx512_bf16, avx512, avx2, portable\n");
  const nlohmann::json version = nlohmann::json::parse(desk.shell("seedstory version --json").out);
  const std::string cpu = version["backends"][0]["description"];
  if (cpu.find("amx") != std::string::npos) return;
  const Run run = desk.shell("seedstory generate --model model -p fox -n 1 --cpu amx -o out2");
  CHECK(run.code == 4);
  CHECK_THAT(run.err, Catch::Contains("--cpu amx: this processor has ") && Catch::Contains("portable"));
}

TEST_CASE("The environment names model, device and threads, and flags win") {
  const Desk desk;
  Run run = desk.shell("SEEDSTORY_MODEL=model seedstory generate -p fox -n 1 -o out");
  CHECK(run.code == 0);
  run = desk.shell("SEEDSTORY_MODEL=nowhere seedstory generate -p fox --model model -n 1 -o out2");
  CHECK(run.code == 0);
  run = desk.shell("SEEDSTORY_MODEL=nowhere seedstory generate -p fox -o out3");
  CHECK(run.code == 3);
  CHECK(run.err == "seedstory: nowhere: no such model directory\n");
  run = desk.shell("SEEDSTORY_DEVICE=tpu seedstory generate -p fox --model model");
  CHECK(run.code == 2);
  run = desk.shell("SEEDSTORY_THREADS=-1 seedstory generate -p fox --model model");
  CHECK(run.code == 2);
}

TEST_CASE("The prompt comes from a file, stdin or a pipe, byte order mark and last line break aside") {
  const Desk desk;
  desk.write("prompt.txt", "\xef\xbb\xbfThe fox finds\na lantern.\r\n");
  const Run file = desk.generate("-f prompt.txt -o file");
  const Run pipe = desk.generate("-f - -o pipe <prompt.txt");
  REQUIRE(file.code == 0);
  CHECK(pipe.code == 0);
  CHECK(desk.json("file/story.json")["request"]["prompt"] == "The fox finds\na lantern.");
  desk.expect_equal_folders("file", "pipe");
}
