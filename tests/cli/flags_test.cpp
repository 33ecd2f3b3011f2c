// The command line itself: what is accepted, what is refused, and in which words.
#include "program.h"

using namespace seedstory;

TEST_CASE("A wrong command line is one clear line and exit 2") {
  const Desk desk;
  struct {
    const char *line, *message;
  } cases[] = {
      {"seedstory paint",
       "there is no command paint; to tell a story: seedstory generate --prompt paint (see seedstory --help)"},
      {"seedstory generate --model model", "generate: expected --prompt TEXT or --prompt-file FILE"},
      {"seedstory generate --model model -p ''", "--prompt: is empty"},
      {"seedstory generate --model model -p ' \n '", "--prompt: is empty"},
      {"seedstory generate --model model -p \"$(printf '\\377')\"", "--prompt: is not UTF-8 text"},
      {"seedstory generate --model model -p x -f y", "--prompt excludes --prompt-file (see seedstory generate --help)"},
      {"seedstory generate --model model -p x --paint",
       "generate: there is no flag --paint (see seedstory generate --help)"},
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
      {"seedstory visualize --model model", "--captions FILE is required (see seedstory visualize --help)"},
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

TEST_CASE("A slip in a command, a flag or a value is answered with what was meant") {
  const Desk desk;
  desk.write("captions.json", "[]");
  struct {
    const char *line, *message;
  } cases[] = {
      {"genrate -p x", "there is no command genrate; did you mean generate? (see seedstory --help)"},
      {"help visualise", "there is no command visualise; did you mean visualize? (see seedstory --help)"},
      {"vis --captions x", "there is no command vis; did you mean visualize? (see seedstory --help)"},
      {"captions.json",
       "there is no command captions.json; to look into that: seedstory inspect captions.json (see seedstory --help)"},
      {"A little fox -n 3",
       "there is no command A; to tell a story: seedstory generate --prompt 'A little fox' (see seedstory --help)"},
      {"--prompt x", "--prompt: expected a command in front: generate"},
      {"-n 3", "-n: expected a command in front: generate or visualize or plan"},
      {"--hlep", "there is no flag --hlep; did you mean --help? (see seedstory --help)"},
      {"--promt x", "there is no flag --promt; did you mean generate --prompt? (see seedstory --help)"},
      {"generate x --promt 'A fox'",
       "generate: there is no flag --promt; did you mean --prompt? (see seedstory generate --help)"},
      {"generate --promt='A fox' x",
       "generate: there is no flag --promt; did you mean --prompt? (see seedstory generate --help)"},
      {"'A little fox' --widht 64",
       "generate: there is no flag --widht; did you mean --width? (see seedstory generate --help)"},
      {"visualize --caption x",
       "visualize: there is no flag --caption; did you mean --captions? (see seedstory visualize --help)"},
      {"generate -p x --output_dir y",
       "generate: there is no flag --output_dir; did you mean --output? (see seedstory generate --help)"},
      {"generate -p x --num-frames 3",
       "generate: there is no flag --num-frames; did you mean --frames? (see seedstory generate --help)"},
      {"generate -p x --captions y",
       "generate: there is no flag --captions; visualize has it (see seedstory generate --help)"},
      {"generate -p x -frames 3", "there is no flag -frames; did you mean --frames? (see seedstory generate --help)"},
      {"generate -prompt=x", "there is no flag -prompt; did you mean --prompt? (see seedstory generate --help)"},
      {"generate -p --frames 3", "--prompt: --frames came, expected TEXT"},
      {"generate -p", "--prompt: expected TEXT behind it (see seedstory generate --help)"},
      {"generate -p A little fox",
       "generate: little fox came behind the prompt; a text of several words stands in quotes: --prompt 'A little fox' "
       "(see seedstory generate --help)"},
      {"generate 'A fox'",
       "generate: A fox came without a flag; did you mean --prompt 'A fox'? (see seedstory generate --help)"},
      {"visualize captions.json",
       "visualize: captions.json came without a flag; did you mean --captions captions.json? (see seedstory visualize "
       "--help)"},
      {"plan model", "plan: model came without a flag; did you mean --model model? (see seedstory plan --help)"},
      {"generate help", "generate: help came; did you mean --help?"},
      {"inspect a b", "inspect: b came, expected one word alone (see seedstory inspect --help)"},
      {"version x", "version: x came, expected flags alone (see seedstory version --help)"},
      {"generate --model model -p x --policy windw",
       "--policy windw: expected window, dense, sink, mm_sink or compat_vis; did you mean window?"},
      {"generate --model model -p x --rng torch_cpu",
       "--rng torch_cpu: expected torch-cuda or torch-cpu; did you mean torch-cpu?"},
      {"plan --model model --type fp32", "--type fp32: expected auto, f32 or bf16; did you mean f32?"},
      {"generate --model model -p x --color no", "--color no: expected on, off or auto"},
      {"plan --model model --device cdua", "--device cdua: expected auto, cpu, cuda or cuda:N; did you mean cuda?"},
      {"plan --model model --device gpu", "--device gpu: expected auto, cpu, cuda or cuda:N"},
      {"completion zhs", "completion zhs: expected bash, zsh or fish; did you mean zsh?"},
      {"completion", "bash|zsh|fish is required (see seedstory completion --help)"},
  };
  for (const auto& [line, message] : cases) {
    INFO(line);
    const Run run = desk.shell("seedstory " + std::string(line));
    CHECK(run.code == 2);
    CHECK(run.err == "seedstory: " + std::string(message) + "\n");
    CHECK(run.out.empty());
  }
  const Run variable = desk.shell("SEEDSTORY_POLICY=windw seedstory generate --model model -p x");
  CHECK(variable.err ==
        "seedstory: SEEDSTORY_POLICY windw: expected window, dense, sink, mm_sink or compat_vis; did you mean "
        "window?\n");
}

TEST_CASE("The program alone says what to try first, and help is a command") {
  const Desk desk;
  const Run page = desk.shell("seedstory");
  CHECK(page.code == 0);
  CHECK(page.err.empty());
  CHECK(std::count(page.out.begin(), page.out.end(), '\n') < 24);
  CHECK_THAT(page.out, Catch::Contains("\n  seedstory \"A little fox finds a red lantern in the snow.\"\n") &&
                           Catch::Contains("\n  generate    Tell a story") && Catch::Contains("\n  man "));
  CHECK(desk.shell("seedstory help").out == desk.shell("seedstory --help").out);
  for (const char* command : {"generate", "inspect", "completion", "help"}) {
    const Run run = desk.shell(std::string("seedstory help ") + command);
    INFO(command);
    CHECK(run.code == 0);
    CHECK_THAT(run.out, Catch::Contains(std::string("Usage: seedstory ") + command + " "));
  }
}

TEST_CASE("A text without a command is a prompt for generate") {
  const Desk desk;
  const Run run = desk.shell("SEEDSTORY_MODEL=model seedstory 'The fox finds a lantern = light.' -n 2 -o bare");
  INFO(run.err);
  REQUIRE(run.code == 0);
  REQUIRE(desk.shell("seedstory generate --model model -p 'The fox finds a lantern = light.' -n 2 -o named").code == 0);
  CHECK(desk.json("bare/story.json")["request"] == desk.json("named/story.json")["request"]);
  // A sentence in a language that puts no blanks between words.
  CHECK(desk.shell("SEEDSTORY_MODEL=model seedstory '雪の中の狐' --dry-run").code == 0);
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
