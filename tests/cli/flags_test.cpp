// The command line itself: what is accepted, what is refused, and in which words.
#include <regex>

#include "io/image.h"
#include "program.h"

using namespace seedstory;

namespace {

void expect_refused(const Workdir& desk, const std::string& line, const std::string& message) {
  INFO(line);
  const Run run = desk.shell(line);
  CHECK(run.code == 2);
  CHECK(run.err == "seedstory: " + message + "\n");
  CHECK(run.out.empty());
}

}  // namespace

TEST_CASE("A wrong command line is one clear line and exit 2") {
  const Workdir desk;
  struct {
    const char *line, *message;
  } cases[] = {
      {"seedstory paint",
       "there is no command paint; to tell a story: seedstory generate --prompt paint (see seedstory --help)"},
      {"seedstory generate --model model", "generate: expected --prompt TEXT or --prompt-file FILE"},
      {"seedstory generate --model model -p ''", "--prompt: is empty"},
      {"seedstory generate --model model -p ' \n '", "--prompt: is empty"},
      {"seedstory generate --model model -p \"$(printf '\\377')\"", "--prompt: is not UTF-8 text"},
      {"seedstory generate --model model -p \"$(printf '\\342\\200\\213 ')\"", "--prompt: is empty"},
      {"seedstory generate --model model -p x -f y", "--prompt excludes --prompt-file (see seedstory generate --help)"},
      {"seedstory generate --model model -p x --paint",
       "generate: there is no flag --paint (see seedstory generate --help)"},
      {"seedstory generate --model model -p x -n 0", "--frames 0: expected 1 to 10000"},
      {"seedstory generate --model model -p x -n -3", "--frames -3: expected 1 to 10000"},
      {"seedstory generate --model model -p x -n 99999999", "--frames 99999999: expected 1 to 10000"},
      {"seedstory generate --model model -p x -n three", "--frames three: expected a whole number"},
      {"seedstory generate --model model -p x --steps 0", "--steps 0: expected 1 to 1000"},
      {"seedstory generate --model model -p x --steps 1001", "--steps 1001: expected 1 to 1000"},
      {"seedstory generate --model model -p x --num-inference-steps 0", "--num-inference-steps 0: expected 1 to 1000"},
      {"seedstory generate --model model -p x --sampling-method heun",
       "--sampling-method heun: expected euler, dpm++2m or ddim"},
      {"seedstory generate --model model -p x --scheduler ays", "--scheduler ays: expected discrete or karras"},
      {"seedstory generate --model model -p x --sampling-method ddim --scheduler karras",
       "--scheduler karras: is not for --sampling-method ddim; expected discrete"},
      {"seedstory plan --model model --sampling-method dpm++2m --steps 1000",
       "--steps 1000: expected 1 to 999 with --sampling-method dpm++2m, 1000 with --scheduler karras too"},
      {"seedstory generate --model model -p x --cfg-scale -1", "--cfg-scale -1: expected 0 to 100"},
      {"seedstory generate --model model -p x --guidance-scale nan", "--guidance-scale nan: expected a number"},
      {"seedstory generate --model model -p x --width 100", "--width 100: expected a multiple of 16, 16 to 8192"},
      {"seedstory generate --model model -p x --height 0",
       "--height 0: expected 1 to 8192, a multiple of what the model takes"},
      {"seedstory generate --model model -p x --height 1000000",
       "--height 1000000: expected 1 to 8192, a multiple of what the model takes"},
      {"seedstory generate --model model -p x --seed -2", "--seed -2: expected -1 to 9223372036854775807"},
      {"seedstory generate --model model -p x --window 0", "--window 0: expected 1 to 1000"},
      {"seedstory generate --model model -p x --max-tokens 0", "--max-tokens 0: expected 1 to 100000"},
      {"seedstory generate --model model -p x --policy best",
       "--policy best: expected window, dense, sink, mm_sink or compat_vis"},
      {"seedstory generate --model model -p x --policy compat_vis",
       "--policy compat_vis: is for visualize; expected window, dense, sink or mm_sink"},
      {"seedstory generate --model model -p x --rng dice", "--rng dice: expected torch-cuda or torch-cpu"},
      {"seedstory generate --model model -p x --type w4", "--type w4: expected auto, f32, f16, bf16, q8 or q4"},
      {"seedstory generate --model model -p x --type int2", "--type int2: expected auto, f32, f16, bf16, q8 or q4"},
      {"seedstory generate --model model -p x --device tpu", "--device tpu: expected auto, cpu, cuda or cuda:N"},
      {"seedstory generate --model model -p x --device cuda:x", "--device cuda:x: expected auto, cpu, cuda or cuda:N"},
      {"seedstory generate --model model -p x --kernels fast", "--kernels fast: expected auto, ours or library"},
      {"seedstory generate --model model -p x --kernels library",
       "--kernels library: is for a card; expected --device cuda beside it"},
      {"seedstory generate --model model -p x --products f16", "--products f16: expected int8 or f32"},
      {"seedstory generate --model model -p x --device cuda --products f32",
       "--products f32: is for the CPU; expected --device cpu beside it"},
      {"seedstory generate --model model -p x -ctk q8", "--cache-type-k q8: expected f32, f16 or bf16"},
      {"seedstory plan --model seed-story --card h100 -ctv=f32",
       "--cache-type-v f32: a card has it as its activations, expected f16"},
      {"seedstory plan --model model --device cpu --kernels library",
       "--kernels library: is for a card; expected --device cuda beside it"},
      {"seedstory plan --model model --card h100 --kernels ours",
       "--kernels: not with --card, which is another machine"},
      {"seedstory generate --model model -p x --threads -1", "--threads -1: expected 0 to 1024"},
      {"seedstory generate --model model -p x --order random", "--order random: expected interleaved or text-first"},
      {"seedstory generate --model model -p x --color red", "--color red: expected auto, on or off"},
      {"seedstory generate --model model -p x -q -v", "--verbose excludes --quiet (see seedstory generate --help)"},
      {"seedstory generate --model model -p x --temp -0.5", "--temp -0.5: expected 0 to 100"},
      {"seedstory generate --model model -p x --top-k -1", "--top-k -1: expected 0 to 2147483647"},
      {"seedstory generate --model model -p x --top-p 2", "--top-p 2: expected 0 to 1"},
      {"seedstory generate --model model -p x --min-p 2", "--min-p 2: expected 0 to 1"},
      {"seedstory generate --model model -p x --repeat-penalty 0", "--repeat-penalty 0: expected 0.01 to 100"},
      {"seedstory generate --model model -p x --seed-per-frame=maybe",
       "--seed-per-frame maybe: expected true or false"},
      {"seedstory generate --model model -p x --quiet=2", "--quiet 2: expected true or false"},
      {"seedstory inspect model --json=maybe", "--json maybe: expected true or false"},
      {"seedstory generate --model model -p x -o - --force",
       "--force: not with -o -, which writes nothing that could be in its way"},
      {"seedstory inspect -", "inspect -: looks into files, not into standard input; expected a PATH"},
      {"seedstory visualize --model model", "--captions FILE is required (see seedstory visualize --help)"},
      {"seedstory inspect", "path is required (see seedstory inspect --help)"},
      {"seedstory inspect x --json --command", "--json and --command exclude each other"},
  };
  for (const auto& [line, message] : cases) {
    expect_refused(desk, line, message);
  }
  CHECK_THAT(desk.shell("seedstory generate --model model -p x --progress-json --progress-fd 2").err,
             Catch::Contains("\"message\":\"--progress-json excludes --progress-fd "));
  CHECK(desk.files(".") == std::vector<std::string>{"line.sh", "model", "stderr", "stdout"});
}

TEST_CASE("A slip in a command, a flag or a value is answered with what was meant") {
  const Workdir desk;
  desk.write("captions.json", "[]");
  struct {
    const char *line, *message;
  } cases[] = {
      {"genrate -p x", "there is no command genrate; did you mean generate? (see seedstory --help)"},
      {"x --promt 'A fox.'",
       "there is no command x, and generate has no flag --promt; did you mean generate --prompt? (see seedstory "
       "--help)"},
      {"plam --crad a40",
       "there is no command plam, and plan has no flag --crad; did you mean plan --card? (see "
       "seedstory --help)"},
      {"genrate -p x --steps=3 --widht=3",
       "there is no command genrate, and generate has no flag --widht; did you mean generate --width? (see seedstory "
       "--help)"},
      {"genrate --lantern", "there is no command genrate; did you mean generate? (see seedstory --help)"},
      {"help foo",
       "there is no command foo; expected one of generate, visualize, inspect, quantize, convert, plan, doctor, bench, "
       "version, "
       "completion, man, help (see seedstory --help)"},
      {"generate -p x --list-devices",
       "generate: there is no flag --list-devices; it stands alone: seedstory --list-devices (see seedstory generate "
       "--help)"},
      {"generate -p x --cache_dir y",
       "generate: there is no flag --cache_dir; the cache of -hf is where $HF_HUB_CACHE says (see seedstory generate "
       "--help)"},
      {"help visualise", "there is no command visualise; did you mean visualize? (see seedstory --help)"},
      {"vis --captions x", "there is no command vis; did you mean visualize? (see seedstory --help)"},
      {"captions.json",
       "there is no command captions.json; to look into that: seedstory inspect captions.json (see seedstory --help)"},
      {"A little fox -n 3",
       "there is no command A; to tell a story: seedstory generate --prompt 'A little fox' (see seedstory --help)"},
      {"--prompt x", "--prompt: expected a command in front: generate"},
      {"help ''", "help: an empty word came, as a variable leaves it that is not set"},
      {"generate '' -n 1", "generate: an empty word came, as a variable leaves it that is not set"},
      {"generate -p fox --force ''", "generate: an empty word came, as a variable leaves it that is not set"},
      {"generate -p fox -o=out", "-o=out: a short flag takes no =; expected -o out (see seedstory generate --help)"},
      {"generate -p='a fox'", "-p=a fox: a short flag takes no =; expected -p 'a fox' (see seedstory generate --help)"},
      {"generate -p fox -o=", "-o=: a short flag takes no =; expected -o DIR (see seedstory generate --help)"},
      {"'a fox' -o=out", "-o=out: a short flag takes no =; expected -o out (see seedstory generate --help)"},
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
      {"generate --model model -p x --sampling-method dpm++2",
       "--sampling-method dpm++2: expected euler, dpm++2m or ddim; did you mean dpm++2m?"},
      {"generate --model model -p x --scheduler karas",
       "--scheduler karas: expected discrete or karras; did you mean karras?"},
      {"plan --model model --type fp32", "--type fp32: expected auto, f32, f16, bf16, q8 or q4; did you mean f32?"},
      {"generate --model model -p x --color no", "--color no: expected auto, on or off"},
      {"plan --model model --device cdua", "--device cdua: expected auto, cpu, cuda or cuda:N; did you mean cuda?"},
      {"plan --model model --device gpu", "--device gpu: expected auto, cpu, cuda or cuda:N"},
      {"completion zhs", "completion zhs: expected bash, zsh or fish; did you mean zsh?"},
      {"generate --model model -p x --show onn", "--show onn: expected auto, on or off; did you mean on?"},
      {"generate --model model -p x --fit offf", "--fit offf: expected on or off; did you mean off?"},
      {"generate --model model -p x --dry-run --order text_first",
       "--order text_first: expected interleaved or text-first; did you mean text-first?"},
      {"generate --model model -p x --stream jsnol",
       "--stream jsnol: expected multipart or jsonl; did you mean jsonl?"},
      {"plan --model model --cpu avx21",
       "--cpu avx21: expected auto, amx, avx512_bf16, avx512, avx_vnni, avx2 or portable; did you mean avx2?"},
      {"bench --model model --format jsn", "--format jsn: expected md, csv or json; did you mean json?"},
      {"completion", "bash|zsh|fish is required (see seedstory completion --help)"},
  };
  for (const auto& [line, message] : cases) {
    expect_refused(desk, "seedstory " + std::string(line), message);
  }
  for (const auto& [card, meant] : {std::pair{"rtx409", "4090"}, {"nvidia-h10", "h100"}, {"a6", "a6000"}}) {
    const Run run = desk.shell("seedstory plan --card " + std::string(card));
    CHECK(run.code == 2);
    CHECK_THAT(run.err, Catch::EndsWith(", or plan --memory GIB; did you mean " + std::string(meant) + "?\n"));
  }
  for (const auto& [model, message] : {std::pair{"seed-stroy", "no such model directory; did you mean seed-story?"},
                                       {"modle", "no such model directory; did you mean model?"},
                                       {"./modle", "no such model directory; did you mean ./model?"},
                                       {"lantern", "no such model directory"},
                                       {"captions.json", "is a file, expected a model's folder"}})
    for (const char* command : {"generate -p x", "plan", "bench"}) {
      INFO(command << " " << model);
      const Run run = desk.shell("seedstory " + std::string(command) + " --model " + model);
      CHECK(run.code == 3);
      CHECK(run.err == "seedstory: " + std::string(model) + ": " + message + "\n");
    }
  const Run variable = desk.shell("SEEDSTORY_POLICY=windw seedstory generate --model model -p x");
  CHECK(variable.err ==
        "seedstory: SEEDSTORY_POLICY windw: expected window, dense, sink, mm_sink or compat_vis; did you mean "
        "window?\n");
}

TEST_CASE("The program alone says what to try first, and help is a command") {
  const Workdir desk;
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
  expect_refused(desk, "seedstory help plan doctor",
                 "help: doctor came behind plan, expected one command (see seedstory --help)");
  expect_refused(desk, "seedstory help bench compare plan",
                 "help: plan came behind bench compare, expected one command (see seedstory --help)");
  CHECK(desk.shell("seedstory help bench compare").out == desk.shell("seedstory bench compare --help").out);
}

TEST_CASE("A text without a command is a prompt for generate") {
  const Workdir desk;
  const Run run = desk.shell("SEEDSTORY_MODEL=model seedstory 'The fox finds a lantern = light.' -n 2 -o bare");
  INFO(run.err);
  REQUIRE(run.code == 0);
  REQUIRE(desk.shell("seedstory generate --model model -p 'The fox finds a lantern = light.' -n 2 -o named").code == 0);
  CHECK(desk.json("bare/story.json")["request"] == desk.json("named/story.json")["request"]);
  // A sentence in a language that puts no blanks between words.
  CHECK(desk.shell("SEEDSTORY_MODEL=model seedstory '雪の中の狐' --dry-run").code == 0);
}

TEST_CASE("Numbers are decimal, whole where they count, and never another number than the one that came") {
  const Workdir desk;
  const std::vector<std::string> counts = {"--seed",
                                           "--frames",
                                           "--steps",
                                           "--width",
                                           "--height",
                                           "--max-tokens",
                                           "--window",
                                           "--top-k",
                                           "--progress-fd",
                                           "--threads",
                                           "--num-inference-steps"},
                                 scales = {"--temp",           "--top-p",     "--min-p",
                                           "--repeat-penalty", "--cfg-scale", "--guidance-scale"};
  const auto refused = [&](const std::string& flag, const std::string& value) {
    INFO(flag << " " << value);
    const Run run = desk.shell("seedstory generate --model model -p x " + flag + "=" + quoted(value));
    CHECK(run.code == 2);
    CHECK_THAT(run.err, Catch::StartsWith("seedstory: " + flag + " " + value + ": expected "));
    CHECK(run.out.empty());
  };
  for (const char* value : {"0x10", "1e3", "1.5", " 5", "5 ", "+5", "1,5", "nan", "inf", "5a", "1_000",
                            "18446744073709551615", "-9223372036854775809"})
    for (const std::string& flag : counts) refused(flag, value);
  for (const char* value : {"0x10", " 5", "5 ", "+5", "1,5", "nan", "inf", "-inf", "5a", "1e999", "."})
    for (const std::string& flag : scales) refused(flag, value);
  CHECK(desk.shell("seedstory generate --model model -p x --temp 1e-60").code == 2);
  // What is too large for any number is told the flag's range as well.
  struct {
    const char *flag, *range;
  } ranges[] = {{"--seed", "-1 to 9223372036854775807"},
                {"--frames", "1 to 10000"},
                {"--steps", "1 to 1000"},
                {"--width", "1 to 8192, a multiple of what the model takes"},
                {"--max-tokens", "1 to 100000"},
                {"--window", "1 to 1000"},
                {"--top-k", "0 to 2147483647"},
                {"--progress-fd", "2 to 1048576; stdout is the story's"},
                {"--threads", "0 to 1024"},
                {"--repeat-penalty", "0.01 to 100"},
                {"--cfg-scale", "0 to 100"}};
  for (const auto& [flag, range] : ranges)
    for (const char* value : {"99999999999999999999999", "-99999999999999999999999"}) {
      const Run run = desk.shell(std::string("seedstory generate --model model -p x ") + flag + "=" + value);
      CHECK(run.err == std::string("seedstory: ") + flag + " " + value + ": expected " + range + "\n");
    }
  CHECK_THAT(desk.shell("SEEDSTORY_SEED=0x2 seedstory generate --model model -p x").err,
             Catch::StartsWith("seedstory: SEEDSTORY_SEED 0x2: expected a whole number"));
  CHECK_THAT(desk.shell("SEEDSTORY_THREADS=0x2 seedstory bench --model model").err,
             Catch::StartsWith("seedstory: SEEDSTORY_THREADS 0x2: expected a whole number"));
  for (const char* line : {"plan --model model -t 4294967297", "plan --model model --memory 1e300",
                           "bench --model model --repeat 1e1", "bench --model model -t 4294967297"}) {
    INFO(line);
    CHECK(desk.shell("seedstory " + std::string(line)).code == 2);
  }
  REQUIRE(desk.shell("SEEDSTORY_STEPS=01 seedstory generate --model model -p x -n 01 -s 0042 -o out").code == 0);
  CHECK(desk.json("out/story.json")["request"]["seed"] == 42);
  CHECK(desk.json("out/story.json")["request"]["frames"] == 1);
  CHECK(desk.json("out/story.json")["request"]["steps"] == 1);
}

TEST_CASE("An empty value is refused by name, whatever the command and wherever it stands") {
  const Workdir desk;
  for (const char* flag : {"--output", "--model",  "--hf-repo", "--vae",     "--image",      "--trace", "--sheet",
                           "--stream", "--policy", "--rng",     "--seed",    "--steps",      "--temp",  "--log-file",
                           "--config", "--device", "--type",    "--show",    "--order",      "--color", "--prompt-file",
                           "--prompt", "--cpu",    "--fit",     "--threads", "--progress-fd"})
    for (const char* form : {" ''", "=", "=''"}) {
      const std::string prompt = std::string(flag).starts_with("--prompt") ? "" : " -p fox";
      INFO(flag << form);
      const Run run = desk.shell("seedstory generate -n 1" + prompt + " " + flag + form + " -o out");
      CHECK(run.code == 2);
      CHECK(run.err == "seedstory: " + std::string(flag) + ": is empty\n");
      CHECK(run.out.empty());
    }
  struct {
    const char *line, *message;
  } cases[] = {{"seedstory generate -p fox -o ''", "--output: is empty"},
               {"seedstory visualize --captions ''", "--captions: is empty"},
               {"seedstory plan --card ''", "--card: is empty"},
               {"seedstory inspect ''", "path: is empty"},
               {"seedstory doctor --model ''", "--model: is empty"},
               {"seedstory bench --filter ''", "--filter: is empty"},
               {"seedstory completion ''", "shell: is empty"},
               {"SEEDSTORY_MODEL= seedstory generate -p fox", "SEEDSTORY_MODEL: is empty"},
               {"SEEDSTORY_STEPS= seedstory generate -p fox", "SEEDSTORY_STEPS: is empty"},
               {"SEEDSTORY_QUIET= seedstory generate -p fox", "SEEDSTORY_QUIET: is empty"},
               {"SEEDSTORY_MODEL= seedstory doctor", "SEEDSTORY_MODEL: is empty"},
               {"SEEDSTORY_CPU= seedstory bench", "SEEDSTORY_CPU: is empty"}};
  for (const auto& [line, message] : cases) {
    expect_refused(desk, line, message);
  }
  CHECK(desk.files(".") == std::vector<std::string>{"line.sh", "model", "stderr", "stdout"});
}

TEST_CASE("A command refuses flags that it could only ignore") {
  const Workdir desk;
  desk.write("c.json", R"(["one"])");
  desk.write("all.toml", "temp = 0.5\nseed = 3\nsheet = 'x.png'\nfit = 'off'\nsteps = 1\n");
  for (const char* line : {"visualize --captions c.json --temp 0.5",
                           "visualize --captions c.json --top-k 3",
                           "visualize --captions c.json --repeat-penalty 2",
                           "plan --seed 3",
                           "plan --seed-per-frame",
                           "plan --rng torch-cpu",
                           "plan --temp 1",
                           "plan -o out",
                           "plan --force",
                           "plan --trace t",
                           "plan --sheet",
                           "plan --stream jsonl",
                           "plan --show on",
                           "plan --order text-first",
                           "plan --fit off",
                           "plan --max-tokens 5",
                           "plan --dry-run",
                           "doctor --threads 2",
                           "version --model model",
                           "inspect model --model model"}) {
    INFO(line);
    const Run run = desk.shell("seedstory " + std::string(line));
    CHECK(run.code == 2);
    CHECK_THAT(run.err, Catch::Contains("there is no flag "));
  }
  for (const char* line : {"generate -p x", "visualize --captions c.json", "plan"})
    CHECK(desk.shell("seedstory " + std::string(line) + " --model model --policy dense --window 2").err ==
          "seedstory: --window: not with --policy dense, which forgets nothing\n");
  for (const std::string flag : {"--threads 2", "--cpu portable", "--device cpu"})
    expect_refused(desk, "seedstory plan --model model --card h100 " + flag,
                   flag.substr(0, flag.find(' ')) + ": not with --card, which is another machine");
  CHECK(desk.shell("SEEDSTORY_THREADS=2 seedstory plan --model model --card h100").code == 0);
  for (const std::string flag : {"--threads 2", "--cpu portable", "--device cpu", "--repeat 3"})
    expect_refused(desk, "seedstory bench --paper --card h100 " + flag,
                   flag.substr(0, flag.find(' ')) + ": not with --card, which is another machine");
  const std::string captioned = "seedstory visualize --captions c.json --model model --max-tokens 66 -o ";
  expect_refused(desk, captioned + "tokens",
                 "--max-tokens: not with visualize, whose texts are given, but with --policy compat_vis");
  CHECK(desk.shell(captioned + "compat --policy compat_vis").code == 0);
  CHECK(desk.shell("SEEDSTORY_MAX_TOKENS=1 seedstory visualize --captions c.json --model model -o short").code == 0);
  CHECK(desk.json("short/story.json")["request"]["max_tokens"] == 500);
  // What is said once for all commands counts where it can.
  CHECK(desk.shell("seedstory plan --model model --config all.toml").code == 0);
  CHECK(desk.shell("SEEDSTORY_KERNELS=library seedstory plan --model model").code == 0);
  CHECK(desk.shell("SEEDSTORY_KERNELS=library SEEDSTORY_DEVICE=cuda seedstory plan --model model --device cpu").code ==
        0);
  CHECK(desk.shell("SEEDSTORY_TEMP=2 seedstory visualize --model model --captions c.json --config all.toml -o out")
            .code == 0);
  CHECK(desk.json("out/story.json")["request"]["sampling"]["temp"] == 0.0);
  CHECK(desk.json("out/story.json")["request"]["seed"] == 3);
}

TEST_CASE("Help and version answer on stdout") {
  const Workdir desk;
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

TEST_CASE("The flag --list-devices says what there is, and what is missing, and nothing else") {
  const Workdir desk;
  const Run run = desk.shell("seedstory --list-devices");
  CHECK(run.code == 0);
  CHECK(run.err.empty());
  CHECK_THAT(run.out, Catch::StartsWith("cpu     cpu ("));
  CHECK_THAT(run.out, Catch::Contains("\ncuda"));
  CHECK(desk.shell("seedstory --list-devices plan").out == run.out);
  CHECK(desk.shell("seedstory --list-devices=1").code == 2);
}

TEST_CASE("The help says the defaults of the model that ships") {
  if (!std::filesystem::exists(SEEDSTORY_SOURCE_DIR "/weights/nano/model.json")) {
    WARN("skipped: weights/nano is not in this tree");
    return;
  }
  const Workdir desk;
  const auto defaults =
      nlohmann::json::parse(read_text_file(SEEDSTORY_SOURCE_DIR "/weights/nano/model.json"))["defaults"];
  const auto flat = [&](const std::string& line) {
    return std::regex_replace(desk.shell("seedstory " + line).out, std::regex("\\s+"), " ");
  };
  for (const char* line : {"generate --help", "help generate", "plan -h", "visualize --help"}) {
    INFO(line);
    const std::string help = flat(line);
    for (const char* key : {"steps", "width", "height", "cfg"}) {
      const std::string flag = key == std::string("cfg") ? "--cfg-scale" : std::string("--") + key;
      CHECK(std::regex_search(
          help, std::regex(flag + " [A-Z]+ [^-]*\\(default: the model's; nano: " + defaults[key].dump() + "\\)")));
    }
  }
  CHECK_THAT(flat("man"), Catch::Contains("(default: the model's; nano: " + defaults["steps"].dump() + ")"));
}

TEST_CASE("version --json names the build and its backends") {
  const Workdir desk;
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
  const Workdir desk;
  // The error alone: not what this story would be, which will not be told.
  REQUIRE(desk.generate("-p fox -o there").code == 0);
  for (const char* flags : {"generate -p hippopotamus -o out", "generate -p hippopotamus -W 64 -H 64",
                            "generate -p hippopotamus --top-k 3 -o there --force",
                            "generate -p hippopotamus -W 64 -H 64 --dry-run", "plan -W 64 -H 64"}) {
    INFO(flags);
    const Run run = desk.shell("seedstory " + std::string(flags) + " --model model --device cuda:99");
    CHECK(run.code == 4);
    CHECK_THAT(run.err, Catch::StartsWith("seedstory: "));
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
  }
  CHECK(desk.files("there").size() == 5);
}

TEST_CASE("The flag --cpu takes instructions that the processor has") {
  const Workdir desk;
  CHECK(desk.generate("-p fox -n 1 --cpu portable -o out").code == 0);
  CHECK(desk.shell("seedstory generate --model model -p fox -n 1 --cpu sse9 -o out").err ==
        "seedstory: --cpu sse9: expected auto, amx, avx512_bf16, avx512, avx_vnni, avx2 or portable\n");
  const nlohmann::json version = nlohmann::json::parse(desk.shell("seedstory version --json").out);
  const std::string cpu = version["backends"][0]["description"];
  if (cpu.find("amx") != std::string::npos) return;
  const Run run = desk.shell("seedstory generate --model model -p fox -n 1 --cpu amx -o out2");
  CHECK(run.code == 4);
  CHECK_THAT(run.err, Catch::Contains("--cpu amx: this processor has ") && Catch::Contains("portable"));
}

TEST_CASE("The environment names model, device and threads, and flags win") {
  const Workdir desk;
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

TEST_CASE("One prompt is one story, whatever typed it, and is kept as it came") {
  const Workdir desk(random_model());
  const std::string plain = "The fox's \"red\" lantern - in the snow...\nIt is caf\u00e9.";
  const std::string typed[] = {
      plain, "The fox's \"red\" lantern - in the snow...\r\nIt is caf\u00e9.",
      "\ufeffThe fox\u2019s \u201cred\u201d\u00a0lantern\u2009\u2014 in the snow\u2026\nIt is cafe\u0301.",
      "The fo\u00adx's \u201ered\u201f lantern \u2013\u2002in the\u200b snow...\u2028It is caf\u00e9.",
      "  The fox's \"red\" lantern\n- in  the snow...\n\n\tIt is caf\u00e9. "};
  for (const char* flags : {"", "--policy dense"}) {
    std::vector<std::vector<uint8_t>> pictures;
    std::vector<std::string> warnings;
    for (const std::string& text : typed) {
      desk.write("prompt.txt", text);
      const Run run = desk.generate("-f prompt.txt -q --force --max-tokens 20 -o out " + std::string(flags));
      REQUIRE(run.code == 0);
      pictures.push_back(read_image(desk / "out/002.png").rgb);
      warnings.push_back(run.err);
      const std::string kept = desk.json("out/story.json")["request"]["prompt"];
      CHECK(kept == (text.starts_with("\ufeff") ? text.substr(3) : text));  // a file's byte order mark is not its text
    }
    for (size_t i = 1; i < pictures.size(); ++i) {
      CHECK((pictures[i] == pictures[0]));
      CHECK(warnings[i] == warnings[0]);
    }
  }
}

TEST_CASE("A prompt or captions typed otherwise are the same story in the same folder") {
  const Workdir desk;
  const std::string typed[] = {"The fox's \"red\" caf\u00e9 - in the snow...",
                               "The fox\u2019s \u201cred\u201d\u00a0cafe\u0301 \u2014 in the snow\u2026",
                               " The fox's \"red\"\r\ncaf\u00e9 \u2013 in  the snow... "};
  const auto ask = [&](const std::string& text, const std::string& flags) {
    desk.write("prompt.txt", text);
    return desk.shell("seedstory generate --model model -n 1 -f prompt.txt " + flags);
  };
  REQUIRE(ask(typed[0], "").code == 0);
  REQUIRE(ask(typed[0], "-o out").code == 0);
  for (const std::string& text : typed) {
    INFO(text);
    CHECK_THAT(ask(text, "").err, Catch::StartsWith("story-the-foxs-red-cafe-in-the-snow holds this story already"));
    CHECK_THAT(ask(text, "-o out").err, Catch::StartsWith("out holds this story already"));
    CHECK_THAT(ask(text, "-n 2 -o out --force").err, Catch::Contains("story -> out"));
    desk.write("prompt.txt", typed[0]);
    CHECK(desk.shell("seedstory generate --model model -n 1 -f prompt.txt -o out --force").code == 0);
  }
  CHECK(ask("The fox's red caf\u00e9", "-o out").code == 3);
  const auto paint = [&](const std::string& second) {
    desk.write("captions.json", nlohmann::json({"The fox", second}).dump());
    return desk.shell("seedstory visualize --model model --captions captions.json -o told");
  };
  REQUIRE(paint(typed[0]).code == 0);
  for (const std::string& text : typed) CHECK_THAT(paint(text).err, Catch::Contains("nothing is computed"));
  CHECK(paint("A fox").code == 3);
}

TEST_CASE("Captions are paragraphs, strings, or objects with a text") {
  const Workdir desk;
  const std::vector<std::string> expected = {"The fox \u201cfinds\u201d a lantern.", "It is red."};
  const std::pair<const char*, std::string> files[] = {
      {"a.json", R"(["The fox \u201cfinds\u201d a lantern.", "It is red."])"},
      {"b.json", R"([{"text": "The fox \u201cfinds\u201d a lantern.", "file": "000.png"}, "It is red."])"},
      {"c.txt", "The fox \u201cfinds\u201d a lantern.\n\nIt is red.\n"},
      {"d.txt", "\ufeff\r\n\r\n  The fox \u201cfinds\u201d\r\na lantern.\r\n \t\r\n\r\nIt\r\nis red.   "},
      {"e", "The fox \u201cfinds\u201d a lantern.\r\rIt is red."},
  };
  for (const auto& [file, text] : files) {
    INFO(file);
    desk.write(file, text);
    const Run run = desk.shell("seedstory visualize --model model --force -o out --captions " + std::string(file));
    REQUIRE(run.code == 0);
    CHECK(desk.json("out/story.json")["request"]["captions"] == expected);
    CHECK(desk.json("out/story.json")["frames"][0]["text"] == expected[0]);
    CHECK(desk.shell("seedstory visualize --model model --force -o out2 --captions - <" + std::string(file)).code == 0);
    desk.expect_equal_folders("out", "out2");
  }
  desk.write("bracket.txt", "[Page 1] The fox.\n\n[Page 2] The snow.");
  CHECK(desk.shell("seedstory visualize --model model -o bracket --captions bracket.txt").code == 0);
}

TEST_CASE("More captions than pictures that a story may have are refused, or cut by --frames") {
  const Workdir desk;
  std::string text;
  for (int i = 0; i < 10001; ++i) text += "the fox\n\n";
  desk.write("many.txt", text);
  const Run run = desk.shell("seedstory visualize --model model -o out --captions many.txt");
  CHECK(run.code == 3);
  CHECK(run.err ==
        "seedstory: many.txt: 10001 captions, expected at most 10000; --frames 10000 paints the first ones\n");
  CHECK(desk.shell("seedstory visualize --model model -o out --captions many.txt --dry-run").code == 3);
  CHECK(desk.shell("seedstory visualize --model model -o out --captions many.txt -n 1").code == 0);
}

TEST_CASE("A caption that does not fit is refused before the first picture") {
  const Workdir desk;
  std::string words;
  for (int i = 0; i < 2000; ++i) words += "fox ";
  desk.write("long.json", nlohmann::json({"the fox", "the snow", words}).dump());
  for (const char* flags : {"", "--policy dense", "--policy mm_sink", "--policy compat_vis", "--order text-first"}) {
    INFO(flags);
    const Run run =
        desk.shell("rm -rf out; seedstory visualize --model model -o out --captions long.json " + std::string(flags));
    CHECK(run.code == 3);
    CHECK_THAT(run.err, Catch::Contains("seedstory: caption 2: has ") && Catch::Contains(" positions; shorten it"));
    CHECK_FALSE(std::filesystem::exists(desk / "out/000.png"));
  }
  CHECK(desk.shell("rm -rf out; seedstory visualize --model model -o out -n 2 --captions long.json").code == 0);
}

TEST_CASE("A text that does not fit is refused before the start picture is told") {
  const Workdir desk;
  std::string words;
  for (int i = 0; i < 2000; ++i) words += "fox ";
  desk.write("long.txt", words);
  desk.write("second.json", nlohmann::json({"the fox", words}).dump());
  desk.write("first.json", nlohmann::json({words, "the fox"}).dump());
  REQUIRE(desk.generate("-p fox -n 1 -o made").code == 0);
  const struct {
    const char *line, *said;
  } cases[] = {{"generate -f long.txt", "seedstory: the prompt has "},
               {"generate -f long.txt --order text-first", "seedstory: the prompt has "},
               {"visualize --captions second.json", "seedstory: caption 1: has "},
               {"visualize --captions first.json", "seedstory: caption 0: has "},
               {"visualize --captions first.json --policy mm_sink", "seedstory: caption 0: has "}};
  for (const auto& [line, said] : cases) {
    INFO(line);
    const Run run = desk.shell("seedstory " + std::string(line) + " --model model -n 1 -i made/000.png -o out");
    CHECK(run.code == 3);
    CHECK_THAT(run.err, Catch::Contains(said));
    CHECK(run.out.empty());
    CHECK_FALSE(std::filesystem::exists(desk / "out"));
  }
}

TEST_CASE("The prompt comes from a file, stdin or a pipe, byte order mark and last line break aside") {
  const Workdir desk;
  desk.write("prompt.txt", "\xef\xbb\xbfThe fox finds\na lantern.\r\n");
  const Run file = desk.generate("-f prompt.txt -o file");
  const Run pipe = desk.generate("-f - -o pipe <prompt.txt");
  REQUIRE(file.code == 0);
  CHECK(pipe.code == 0);
  CHECK(desk.json("file/story.json")["request"]["prompt"] == "The fox finds\na lantern.");
  desk.expect_equal_folders("file", "pipe");
}
