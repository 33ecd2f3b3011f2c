// The configuration file and the environment: what they may say, which one wins, and how they are refused.
#include "cli/user_config.h"

#include "program.h"
#include "seedstory/error.h"

using namespace seedstory;

namespace {

// What the story was asked with: `field` of the request in out/story.json.
nlohmann::json asked(const Workdir& desk, const std::string& line, const std::string& field) {
  const Run run = desk.shell("rm -rf out; " + line + " -o out");
  INFO(run.err);
  REQUIRE(run.code == 0);
  return desk.json("out/story.json")["request"][field];
}

}  // namespace

TEST_CASE("A flag wins over a variable, a variable over the file, the file over the model") {
  const Workdir desk;
  const std::string generate = "seedstory generate -p fox -n 1 --model model ";
  CHECK(asked(desk, generate, "steps") == 2);
  REQUIRE(desk.shell("mkdir -p config/seedstory").code == 0);
  desk.write("config/seedstory/config.toml", "# mine\nsteps = 3 # few\ncfg-scale = 4.5\nseed-per-frame = true\n");
  CHECK(asked(desk, generate, "steps") == 3);
  CHECK(asked(desk, generate, "cfg_scale") == 4.5);
  CHECK(asked(desk, generate, "seed_per_frame") == true);
  CHECK(asked(desk, "SEEDSTORY_SCHEDULER=karras " + generate, "scheduler") == "karras");
  CHECK(asked(desk, "SEEDSTORY_SAMPLING_METHOD=ddim " + generate, "sampling_method") == "ddim");
  CHECK(asked(desk, "SEEDSTORY_STEPS=4 " + generate, "steps") == 4);
  CHECK(asked(desk, "SEEDSTORY_SEED_PER_FRAME=false " + generate, "seed_per_frame") == false);
  CHECK(asked(desk, "SEEDSTORY_STEPS=4 " + generate + "--steps 5", "steps") == 5);
  CHECK(asked(desk, "SEEDSTORY_STEPS=4 " + generate + "--num-inference-steps 5", "steps") == 5);
}

TEST_CASE("The file is the one of --config, or of XDG_CONFIG_HOME, or of HOME, and relative places are ignored") {
  const Workdir desk;
  REQUIRE(desk.shell("mkdir -p config/seedstory home/.config/seedstory; echo 'steps = 4' >mine.toml\n"
                     "echo 'steps = 3' >config/seedstory/config.toml\n"
                     "echo 'steps = 5' >home/.config/seedstory/config.toml")
              .code == 0);
  const std::string generate = "export HOME=$PWD/home; seedstory generate -p fox -n 1 --model model ";
  CHECK(asked(desk, generate, "steps") == 3);
  CHECK(asked(desk, generate + "--config mine.toml", "steps") == 4);
  CHECK(asked(desk, "unset XDG_CONFIG_HOME; " + generate, "steps") == 5);
  CHECK(asked(desk, "export XDG_CONFIG_HOME=config; " + generate, "steps") == 5);
  CHECK(asked(desk, "export XDG_CONFIG_HOME=/nowhere; " + generate, "steps") == 2);
  CHECK(asked(desk, "unset XDG_CONFIG_HOME; " + generate.substr(generate.find("; ") + 2), "steps") != 4);
}

TEST_CASE("A table is for its command only and comes after what is for all") {
  const Workdir desk;
  desk.write("c.toml", "steps = 3\nframes = 1\nmodel = 'model'\n[visualize]\nsteps = 4\n[generate]\nwindow = 2\n");
  desk.write("captions.json", R"(["one"])");
  CHECK(asked(desk, "seedstory generate -p fox --config c.toml", "steps") == 3);
  CHECK(asked(desk, "seedstory generate -p fox --config c.toml", "window") == 2);
  CHECK(asked(desk, "seedstory visualize --captions captions.json --config c.toml", "steps") == 4);
}

TEST_CASE("The file may have dotted keys, numbers in groups, and a shell's names in its paths") {
  const Workdir desk;
  const std::string generate = "export HOME=$PWD A_1=model; seedstory generate -p fox -n 1 --config c.toml";
  for (const char* model : {"~/model", "$HOME/model", "${HOME}/$A_1", "model"}) {
    INFO(model);
    desk.write("c.toml", "model = '" + std::string(model) + "'\ngenerate.steps = 0_3\nvisualize.steps = 4\n");
    CHECK(asked(desk, generate, "steps") == 3);
  }
  desk.write("c.toml", "model = '$NOT_SET_HERE/model'\n");
  const Run run = desk.shell(generate);
  CHECK(run.code == 3);
  CHECK(run.err == "seedstory: $NOT_SET_HERE/model: no such model directory\n");
  desk.write("c.toml", "model = '~/model'\nsheet = '$A_1.png'\nlog-file = '~/my.log'\n");
  CHECK(asked(desk, generate, "steps") == 2);
  CHECK((std::filesystem::exists(desk / "out/model.png") && std::filesystem::exists(desk / "my.log")));
}

TEST_CASE("What the file says of stdout yields where this story has no use for it") {
  const Workdir desk;
  desk.write("c.toml", "stream = 'jsonl'\nsheet = 'all.png'\nshow = 'on'\n");
  CHECK(desk.generate("-p fox -n 1 --config c.toml --json -o out").code == 0);
  CHECK(std::filesystem::exists(desk / "out/all.png"));
  CHECK_THAT(desk.generate("-p fox -n 1 --config c.toml -o -").out, Catch::StartsWith("{\"frame\":0,"));
  CHECK_THAT(desk.shell("SEEDSTORY_JSON=1 seedstory generate -p fox --model model -n 1 -o -").out,
             Catch::StartsWith("MIME-Version: 1.0"));
  CHECK(desk.shell("SEEDSTORY_STREAM=jsonl seedstory generate -p fox --model model -n 1 -o out2").code == 0);
  const Run run = desk.generate("-p fox -n 1 --stream jsonl -o out3");
  CHECK(run.code == 2);
  CHECK(run.err == "seedstory: --stream: is for -o -\n");
}

TEST_CASE("A flag wins over what excludes it in the file or the environment") {
  const Workdir desk;
  desk.write("c.toml", "quiet = true\n");
  CHECK_THAT(desk.generate("-p fox --config c.toml -v -o a").err, Catch::Contains("model loaded"));
  CHECK(desk.generate("-p fox --config c.toml -o b").err.empty());
  CHECK_THAT(desk.shell("SEEDSTORY_VERBOSE=1 seedstory generate -p fox -n 1 --model model --config c.toml -o c").err,
             Catch::Contains("model loaded"));
}

TEST_CASE("What is wrong in the file is one line with file, line and key, and exit 3") {
  const Workdir desk;
  struct {
    const char *text, *message;
  } cases[] = {
      {"steps = 3\nstepz = 3\n", "c.toml:2: stepz: no such setting; did you mean steps? (see seedstory man)"},
      {"colour = 'on'\n", "c.toml:1: colour: no such setting; did you mean color? (see seedstory man)"},
      {"lantern = 2\n", "c.toml:1: lantern: no such setting (see seedstory man)"},
      {"prompt = \"fox\"\n",
       "c.toml:1: prompt: is not a setting but what one story is about; it belongs on the command line"},
      {"[visualize]\ncaptions = 'c.txt'\n",
       "c.toml:2: captions: is not a setting but what one story is about; it belongs on the command line"},
      {"force = true\n",
       "c.toml:1: force: is not a setting but what one story is about; it belongs on the command line"},
      {"guidance-scale = 2\n",
       "c.toml:1: guidance-scale: no such setting; did you mean cfg-scale? (see seedstory man)"},
      // Of commands that do not run now, and of flags that another one overrules.
      {"[visualize]\nsteps = 0\n", "c.toml:2: steps 0: expected 1 to 1000"},
      {"[visualize]\nseed-per-frame = 'maybe'\n", "c.toml:2: seed-per-frame maybe: expected true or false"},
      {"[plan]\npolicy = 'windw'\n",
       "c.toml:2: policy windw: expected window, dense, sink, mm_sink or compat_vis; did you mean window?"},
      {"[plan]\nmemory = 0\n", "c.toml:2: memory 0: expected 1e-09 to 1000000"},
      {"[plan]\ndevice = 'tpu'\n", "c.toml:2: device tpu: expected auto, cpu, cuda or cuda:N"},
      {"[plan]\ntype = 'w4'\n", "c.toml:2: type w4: expected auto, f32, f16, bf16, q8 or q4"},
      {"[visualize]\ntemp = 1\n", "c.toml:2: temp: no such setting (see seedstory man)"},
      {"max-tokens = -1\n", "c.toml:1: max-tokens -1: expected 1 to 100000"},
      {"fit = 'of'\n", "c.toml:1: fit of: expected on or off; did you mean off?"},
      {"steps = \"many\"\n", "c.toml:1: steps many: expected a whole number"},
      {"steps = 1e1\n", "c.toml:1: steps 1e1: expected a whole number"},
      {"seed = +5\n", "c.toml:1: seed +5: expected a whole number"},
      {"seed = 18446744073709551615\n", "c.toml:1: seed 18446744073709551615: expected -1 to 9223372036854775807"},
      {"\nmodel = \"\"\n", "c.toml:2: model: is empty"},
      {"[visualize]\nrng = ''\n", "c.toml:2: rng: is empty"},
      {"quiet = ''\n", "c.toml:1: quiet: is empty"},
      {"\nsteps = 0\n", "c.toml:2: steps 0: expected 1 to 1000"},
      {"policy = 'best'\n", "c.toml:1: policy best: expected window, dense, sink, mm_sink or compat_vis"},
      {"color = 'red'\n", "c.toml:1: color red: expected auto, on or off"},
      {"seed-per-frame = 'maybe'\n", "c.toml:1: seed-per-frame maybe: expected true or false"},
      {"[paint]\nsteps = 3\n", "c.toml:1: [paint]: no such command; expected [generate], [visualize] or [plan]"},
      {"[visualise]\n",
       "c.toml:1: [visualise]: no such command; expected [generate], [visualize] or [plan]; did you mean [visualize]?"},
      {"[bench]\nthreads = 2\n",
       "c.toml:1: [bench]: bench reads no configuration file; expected [generate], [visualize] or [plan]"},
      {"steps = 3\n[generate.fast]\nsteps = 2\n",
       "c.toml:2: [generate.fast]: no such command; expected [generate], [visualize] or [plan]; did you mean "
       "[generate]?"},
      {"[generate.]\n",
       "c.toml:1: [generate.]: no such command; expected [generate], [visualize] or [plan]; did you "
       "mean [generate]?"},
      {"steps\n", "c.toml:1: a line without =; expected KEY = VALUE or [COMMAND]"},
      {"steps =\n", "c.toml:1: steps without a value; expected KEY = VALUE or [COMMAND]"},
      {"steps = 3 4\n", "c.toml:1: something after the value; expected KEY = VALUE or [COMMAND]"},
      {"model = \"a\n", "c.toml:1: a string that does not end in its line; expected KEY = VALUE or [COMMAND]"},
      {"steps = 3\nsteps = 4\n", "c.toml:2: steps is in c.toml:1 already"},
      {"[generate]\nsteps = 3\n[plan]\n[generate]\n", "c.toml:4: [generate] is in c.toml:1 already"},
      {"generate.steps = 3\n[generate]\nsteps = 4\n", "c.toml:3: steps is in c.toml:1 already"},
      {"generate.steps = 0\n", "c.toml:1: steps 0: expected 1 to 1000"},
      {"generate.stepz = 1\n", "c.toml:1: stepz: no such setting; did you mean steps? (see seedstory man)"},
      {"\ngenrate.steps = 3\n",
       "c.toml:2: [genrate]: no such command; expected [generate], [visualize] or [plan]; did you mean [generate]?"},
      {"[generate]\nplan.steps = 3\n",
       "c.toml:2: [generate.plan]: no such command; expected [generate], [visualize] or [plan]; did you mean "
       "[generate]?"},
      {"steps = 1_\n",
       "c.toml:1: steps with a value that is no number, no true, no false and not in quotes; expected KEY = VALUE or "
       "[COMMAND]"},
      {"[generate\n", "c.toml:1: a table's name that does not end with ]; expected KEY = VALUE or [COMMAND]"},
      {"\xff\n", "c.toml: is not UTF-8 text"},
  };
  for (const auto& [text, message] : cases) {
    INFO(text);
    desk.write("c.toml", text);
    const Run run = desk.generate("-p fox -o out --config c.toml");
    CHECK(run.code == 3);
    CHECK(run.err == "seedstory: " + std::string(message) + "\n");
  }
  const Run run = desk.generate("-p fox -o out --config nowhere.toml");
  CHECK(run.code == 3);
  CHECK(run.err == "seedstory: nowhere.toml: no such file\n");
}

TEST_CASE("What is wrong in the environment is one line with the variable, and exit 2") {
  const Workdir desk;
  struct {
    const char *variable, *message;
  } cases[] = {{"SEEDSTORY_STEPS=0", "SEEDSTORY_STEPS 0: expected 1 to 1000"},
               {"SEEDSTORY_STEPS=many", "SEEDSTORY_STEPS many: expected a whole number"},
               {"SEEDSTORY_DEVICE=tpu", "SEEDSTORY_DEVICE tpu: expected auto, cpu, cuda or cuda:N"},
               {"SEEDSTORY_JSON=maybe", "SEEDSTORY_JSON maybe: expected true or false"}};
  for (const auto& [variable, message] : cases) {
    INFO(variable);
    const Run run = desk.shell(std::string(variable) + " seedstory generate -p fox --model model -o out");
    CHECK(run.code == 2);
    CHECK(run.err == "seedstory: " + std::string(message) + "\n");
  }
  // Also where a flag wins over it, or the story has no use for it.
  for (const std::string line : {"SEEDSTORY_STEPS=many seedstory generate -p fox --model model --steps 1 -o out",
                                 "SEEDSTORY_STEPS=many seedstory plan --model model --num-inference-steps 1",
                                 "SEEDSTORY_QUIET=many seedstory generate -p fox --model model -v -o out",
                                 "SEEDSTORY_STREAM=many seedstory generate -p fox --model model -o out",
                                 "SEEDSTORY_DEVICE=many seedstory doctor --model model --device cpu",
                                 "SEEDSTORY_THREADS=many seedstory bench --filter none --model model --threads 1"}) {
    INFO(line);
    const Run run = desk.shell(line);
    CHECK(run.code == 2);
    CHECK_THAT(run.err, Catch::StartsWith("seedstory: " + line.substr(0, line.find('=')) + " many: expected "));
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
  }
  CHECK(desk.shell("SEEDSTORY_STEPS=many seedstory generate -p fox -n 1 --model model --no-settings -o out").code == 0);
}

TEST_CASE("Two settings that do not go together are named with where each came from") {
  const Workdir desk;
  const std::string generate = "seedstory generate -p fox --model model -o out ";
  desk.write("karras.toml", "scheduler = 'karras'\n");
  desk.write("ddim.toml", "sampling-method = 'ddim'\n");
  struct {
    std::string line, message;
    int code;
  } cases[] = {
      {generate + "--config karras.toml --sampling-method ddim",
       "karras.toml:1: scheduler karras: is not for --sampling-method ddim (on the command line); expected discrete",
       3},
      {generate + "--config ddim.toml --scheduler karras",
       "--scheduler karras: is not for --sampling-method ddim (ddim.toml:1: sampling-method); expected discrete", 2},
      {"SEEDSTORY_SAMPLING_METHOD=ddim " + generate + "--config karras.toml",
       "karras.toml:1: scheduler karras: is not for --sampling-method ddim (SEEDSTORY_SAMPLING_METHOD); expected "
       "discrete",
       3},
      {"SEEDSTORY_POLICY=dense " + generate + "--window 2",
       "--window: not with --policy dense (SEEDSTORY_POLICY), which forgets nothing", 2},
  };
  for (const auto& [line, message, code] : cases) {
    INFO(line);
    const Run run = desk.shell(line);
    CHECK(run.code == code);
    CHECK(run.err == "seedstory: " + message + "\n");
  }
}

TEST_CASE("The flag --no-settings leaves the file and the environment aside") {
  const Workdir desk;
  REQUIRE(desk.shell("mkdir -p config/seedstory; echo 'nonsense' >config/seedstory/config.toml").code == 0);
  const std::string environment =
      "export SEEDSTORY_STEPS=9 SEEDSTORY_SHEET=a.png SEEDSTORY_VAE=/x SEEDSTORY_JSON=1 "
      "SEEDSTORY_PROGRESS_JSON=1 SEEDSTORY_STEP=1; ";
  const Run run = desk.shell(environment + "seedstory generate --no-settings -p fox -n 1 --model model -o out");
  REQUIRE(run.code == 0);
  CHECK(run.out.find('{') == std::string::npos);
  CHECK(run.err.find('{') == std::string::npos);
  CHECK(run.err.find("SEEDSTORY_") == std::string::npos);
  CHECK(desk.json("out/story.json")["request"]["steps"] == 2);
  CHECK_FALSE(std::filesystem::exists(desk / "out/a.png"));
  CHECK(desk.shell(environment + "seedstory plan --no-settings --model model").code == 0);
  CHECK(desk.shell("seedstory plan --no-settings --config c.toml").code == 2);
}

TEST_CASE("A variable of ours that nobody reads is named, with the one that was meant") {
  const Workdir desk;
  struct {
    const char *variable, *message;
  } cases[] = {
      {"SEEDSTORY_STEP=3", "SEEDSTORY_STEP: no such variable; did you mean SEEDSTORY_STEPS?"},
      {"SEEDSTORY_STEPZ=", "SEEDSTORY_STEPZ: no such variable; did you mean SEEDSTORY_STEPS?"},
      {"SEEDSTORY_CACHE=/c",
       "SEEDSTORY_CACHE: no such variable; the cache of -hf is where HF_HUB_CACHE or HF_HOME says"},
      {"SEEDSTORY_CACHE_DIR=/c",
       "SEEDSTORY_CACHE_DIR: no such variable; the cache of -hf is where HF_HUB_CACHE or HF_HOME says"},
      {"SEEDSTORY_LANTERN=1", "SEEDSTORY_LANTERN: no such variable"},
      {"SEEDSTORY_PROMPT=fox", "SEEDSTORY_PROMPT: is not read; its flag stands on the command line alone"},
      {"SEEDSTORY_GUIDANCE_SCALE=2", "SEEDSTORY_GUIDANCE_SCALE: no such variable"},
  };
  for (const auto& [variable, message] : cases)
    for (const char* line : {"generate -p fox -n 1 --force -q -o out", "plan", "doctor", "bench --filter none"}) {
      INFO(variable << " " << line);
      const Run run = desk.shell(std::string(variable) + " seedstory " + line + " --model model");
      CHECK_THAT(run.err, Catch::StartsWith(std::string(message) + "\n"));
    }
  for (const char* line : {"SEEDSTORY_GOLDEN=x SEEDSTORY_SHOW_ERRORS=1 seedstory plan --model model",
                           "SEEDSTORY_FORMAT=x SEEDSTORY_CARD=a40 SEEDSTORY_TEMP=1 seedstory plan --model model",
                           "SEEDSTORY_STEP=3 seedstory version"}) {
    INFO(line);
    const Run run = desk.shell(line);
    CHECK(run.err == (std::string(line).find("FORMAT") == std::string::npos
                          ? ""
                          : "SEEDSTORY_FORMAT: is not read; its flag stands on the command line alone\n"));
  }
}

TEST_CASE("Progress may be JSON by the file or a variable") {
  const Workdir desk;
  desk.write("c.toml", "progress-json = true\n");
  CHECK_THAT(desk.generate("-p fox -o out --config c.toml").err, Catch::StartsWith("{\"v\":1,\"event\":\"start\""));
  CHECK_THAT(desk.generate("-p fox --paint; export SEEDSTORY_PROGRESS_JSON=1; seedstory generate --paint").err,
             Catch::Contains("\n{\"v\":1,\"event\":\"error\""));
}

TEST_CASE("TOML's strings, numbers and comments are read") {
  const auto settings =
      parse_config("\ta-b_1=\"x \\\"y\\\" # \\\\ \\t\" # z\r\nc = 'C:\\d' \n\n[t]#\ne = -1.5e3\nf=true", "f");
  REQUIRE(settings.size() == 4);
  CHECK(settings[0].key == "a-b_1");
  CHECK(settings[0].value == "x \"y\" # \\ \t");
  CHECK(settings[0].place == "f:1");
  CHECK(settings[1].value == "C:\\d");
  CHECK(settings[2].table == "t");
  CHECK(settings[2].value == "-1.5e3");
  CHECK(settings[2].place == "f:5");
  CHECK(settings[3].value == "true");
  for (const char* wrong :
       {"= 1", "a. = 1", "a = 1__0", "a = _1", "a = [1]", "a = 1979-05-27", "a = inf", "a = \"\\u0041\"", "a = \"",
        "a = yes", "[]", "[a b]", "[[a]]", "a = \"\"\"b\"\"\"", "\"a\" = 1", "a = 1 b"}) {
    INFO(wrong);
    CHECK_THROWS_AS(parse_config(wrong, "f"), Error);
  }
}

TEST_CASE("A flag that may stand alone is true or false in the file and in a variable") {
  const Workdir desk;
  CHECK(desk.shell("SEEDSTORY_SHEET=true seedstory generate --model model -p fox -n 1 -o yes").code == 0);
  CHECK(std::filesystem::exists(desk / "yes/sheet.png"));
  desk.write("c.toml", "sheet = false\n");
  CHECK(desk.shell("seedstory generate --config c.toml --model model -p fox -n 1 -o no").code == 0);
  CHECK((!std::filesystem::exists(desk / "no/sheet.png") && !std::filesystem::exists(desk / "no/false")));
  const Run wrong = desk.shell("SEEDSTORY_SEED_PER_FRAME=2 seedstory generate --model model -p fox -n 1 -o wrong");
  CHECK(wrong.code == 2);
  CHECK(wrong.err == "seedstory: SEEDSTORY_SEED_PER_FRAME 2: expected true or false\n");
}
