// bench: its structure and its figures' sense. What a figure is, only a quiet machine can say.
#include <cmath>
#include <set>
#include <sstream>

#include "program.h"
#include "seedstory/ops.h"

using namespace seedstory;

namespace {

// A line of CSV with quoted fields.
std::vector<std::string> fields(const std::string& line) {
  std::vector<std::string> out(1);
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"' && quoted && i + 1 < line.size() && line[i + 1] == '"')
      out.back() += line[i++];
    else if (line[i] == '"')
      quoted = !quoted;
    else if (line[i] == ',' && !quoted)
      out.emplace_back();
    else
      out.back() += line[i];
  }
  CHECK(!quoted);
  return out;
}

// Its tokens: at a frame's depth and at the model's longest, and between them where there is room.
std::vector<std::string> stages_with(const std::vector<std::string>& tokens) {
  std::vector<std::string> stages = {"ViT encode", "LLM prefill", "LLM picture"};
  stages.insert(stages.end(), tokens.begin(), tokens.end());
  for (const char* stage : {"UNet step", "VAE decode", "frame"}) stages.emplace_back(stage);
  return stages;
}

// Of the random model's 512 positions.
const std::vector<std::string> kStages = stages_with({"LLM token at 256", "LLM token at 496"});

template <class... Ops>
struct NamesOf {
  static std::vector<const char*> all() { return {Ops::name...}; }
};

}  // namespace

TEST_CASE("bench times every op of the model and every stage") {
  const Workdir desk(random_model());
  const Run run = desk.shell("seedstory bench --model model --repeat 2 --format json");
  INFO(run.err);
  REQUIRE(run.code == 0);
  const auto json = nlohmann::json::parse(run.out);
  CHECK(json["model"] == "tiny");
  CHECK(json["limits"]["gflops"] > 0.1);
  CHECK(json["limits"]["gbytes"] > 0.1);
  CHECK(json["limits"]["source"] == "multiply-adds in registers, copy");
  CHECK_THAT(json["machine"].get<std::string>(), Catch::EndsWith(" 1 threads"));
  for (const char* share : {"others_share", "stolen_share"}) {
    CHECK(json[share] >= 0);
    CHECK(json[share] <= 1);
  }
  const double spread = json["iqr_over_median"];
  CHECK(spread >= 0);
  const double elsewhere = json["others_share"].get<double>() + json["stolen_share"].get<double>();
  CHECK(json["busy"] == (elsewhere > 0.05 || spread > 0.1));
  std::set<std::string> ops, names;
  std::vector<std::string> stages;
  for (const auto& entry : json["entries"]) {
    INFO(entry.dump());
    const std::string name = entry["name"];
    CHECK(names.insert(name).second);
    CHECK(entry["median_us"] > 0);
    CHECK(entry["iqr_us"] >= 0);
    CHECK(entry["gflops"] >= 0);
    CHECK(entry["gbytes"] > 0);
    CHECK(entry["limit_us"] > 0);
    CHECK(entry["share_of_limit"] > 0);
    if (entry["kind"] == "stage")
      stages.push_back(name);
    else
      ops.insert(name.substr(0, name.find(' ')));
  }
  CHECK(stages == kStages);
  // A story runs every op there is.
  for (const char* op : OverOps<NamesOf>::all()) {
    INFO(op);
    CHECK(ops.count(op) == 1);
  }
}

TEST_CASE("bench counts an op's calls in a frame") {
  const Workdir desk(random_model());
  const auto json = nlohmann::json::parse(
      desk.shell("seedstory bench --model model --ops --repeat 1 --filter SCHEDULERSTEP --format json").out);
  REQUIRE(json["entries"].size() == 1);
  CHECK(json["entries"][0]["calls"] == 2);  // the tiny model's steps
  CHECK_THAT(json["entries"][0]["name"].get<std::string>(),
             Catch::Contains("x(1, 4, 4, 4) m(2, 4, 4, 4) coefficients(2, 8) step(1)"));
}

TEST_CASE("bench's csv and md hold what its json holds") {
  const Workdir desk(random_model());
  const std::string head = "seedstory bench --model model --repeat 1 --filter 'UNet step' --format ";
  const Run csv = desk.shell(head + "csv");
  REQUIRE(csv.code == 0);
  std::istringstream lines(csv.out);
  std::string line;
  std::getline(lines, line);
  const std::vector<std::string> names = fields(line);
  CHECK(std::vector<std::string>(names.begin(), names.begin() + 5) ==
        std::vector<std::string>{"kind", "name", "kernels", "calls", "median_us"});
  std::getline(lines, line);
  const std::vector<std::string> values = fields(line);
  CHECK(values.size() == names.size());
  CHECK(values[0] == "stage");
  CHECK(values[1] == "UNet step");
  CHECK(std::stod(values[4]) > 0);
  CHECK(std::vector<std::string>(names.end() - 4, names.end()) ==
        std::vector<std::string>{"busy", "others_share", "stolen_share", "iqr_over_median"});
  CHECK(!std::getline(lines, line));

  const Run md = desk.shell(head + "md");
  CHECK(md.code == 0);
  CHECK_THAT(md.out, Catch::StartsWith("seedstory 0.1.0 (commit ") && Catch::Contains("\nlimits: ") &&
                         Catch::Contains("IQR over median ") && Catch::Contains(" % of the cores' time") &&
                         Catch::Contains("| UNet step ") && !Catch::Contains("VAE decode"));
}

TEST_CASE("bench times several types in turn, and ops of sizes without files") {
  const Workdir desk(random_model());
  const std::string head = "seedstory bench --ops --repeat 1 --format json ";
  const Run run = desk.shell(head + "--model model --filter 'Linear x(1, ' --type f32,bf16");
  INFO(run.err);
  REQUIRE(run.code == 0);
  const auto reports = nlohmann::json::parse(run.out)["reports"];
  REQUIRE(reports.size() == 2);
  for (const size_t i : {0, 1}) {
    CHECK(reports[i]["type"] == (i == 0 ? "f32" : "bf16"));
    REQUIRE(!reports[i]["entries"].empty());
    const std::string name = reports[i]["entries"][0]["name"];
    CHECK((name.find(") bf16") != std::string::npos) == (i == 1));
  }

  const Run sizes = desk.shell(head + "--model seed-story --filter SchedulerStep");
  INFO(sizes.err);
  REQUIRE(sizes.code == 0);
  CHECK(nlohmann::json::parse(sizes.out)["model"] == "seed-story");
  CHECK(desk.shell("seedstory bench --model seed-story --stages").code == 3);
}

TEST_CASE("bench --paper says what kernels take at least, of the published sizes or of a model, without a card") {
  const Workdir desk(random_model());
  const std::string head = "SEEDSTORY_DEVICE=cpu seedstory bench --paper --card a100 ";
  const auto json = nlohmann::json::parse(desk.shell(head + "--format json").out);
  CHECK(json["card"] == "a100");
  CHECK(json["type"] == "f16");
  CHECK(json["model"] == "seed-story");
  CHECK(json["limits"]["gflops"] == 312000);
  std::vector<std::string> stages;
  for (const auto& entry : json["entries"]) {
    INFO(entry.dump());
    CHECK(entry["limit_us"] > 0);
    if (entry["kind"] == "stage") stages.push_back(entry["name"]);
    if (!entry.contains("least_us")) {
      CHECK(entry["counted"] == 0);
      CHECK(entry["kernels"] != "");
      continue;
    }
    CHECK(entry["counted"] > 0);
    CHECK(entry["share_of_limit"] > 0);
    CHECK(entry["share_of_limit"] <= 1.000001);
  }
  CHECK(stages == stages_with({"LLM token at 256", "LLM token at 1024", "LLM token at 4080"}));
  CHECK(nlohmann::json::parse(desk.shell(head + "--format json --model model --stages --type bf16").out)["model"] ==
        "tiny");
  const std::string nano = " --model " + quoted(SEEDSTORY_SOURCE_DIR "/weights/nano");
  CHECK(nlohmann::json::parse(desk.shell(head + "--format json --stages" + nano).out)["model"] == "nano");

  std::istringstream csv(desk.shell(head + "--format csv --filter 'unet step'").out);
  std::string names, values;
  std::getline(csv, names), std::getline(csv, values);
  CHECK(fields(names).size() == fields(values).size());
  CHECK(fields(values)[1] == "UNet step");
  const Run md = desk.shell(head + "--ops --filter GatedLinear");
  CHECK_THAT(md.out, Catch::Contains("\na100, f16, model seed-story\ncomputed, not measured") &&
                         Catch::Contains("| linear<f16, Tile<") && !Catch::Contains("| stage"));
}

TEST_CASE("bench refuses what it cannot do") {
  const Workdir desk(random_model());
  struct {
    const char* flags;
    int code;
    const char* message;
  } cases[] = {
      {"--model model --device gpu", 2, "--device gpu: expected auto, cpu, cuda or cuda:N"},
      {"--model model --format xml", 2, "--format xml: expected md, csv or json"},
      {"--model model --kernels cuda", 2, "--kernels cuda: expected auto, ours or library"},
      {"--model model --kernels ours,library", 2, "--kernels library: is for a card; expected --device cuda beside it"},
      {"--model model --kernels ours,ours", 2, "--kernels ours,ours: has ours twice, expected it once"},
      {"--model model --kernels ours,library,auto", 2, "--kernels ours,library,auto: expected two at most"},
      {"--model model --type q8,q8", 2, "--type q8,q8: has q8 twice, expected it once"},
      {"--model model --type f32,q5", 2, "--type q5: expected auto, f32, f16, bf16, q8 or q4"},
      {"--model model --repeat 0", 2, "--repeat 0: expected 1 to 1000"},
      {"--model model --threads -1", 2, "--threads -1: expected 0 to 1024"},
      {"--model model --repeat 1 --filter warp", 2, "--filter warp: no entry has this in its name"},
      {"--model nowhere", 3, "nowhere: no such model directory"},
      {"--paper", 2, "--paper: needs --card NAME"},
      {"--card a100", 2, "--card: only with --paper"},
      {"--paper --card t4", 2, "--card t4: has compute capability 7.5, kernels were counted for 8.0 to 9.0"},
      {"--paper --card a100 --type q8", 2, "--type q8: not with --paper, whose kernels are those of f16 and bf16"},
      {"--paper --card a100 --filter warp", 2, "--filter warp: no entry has this in its name"},
      {"--paper --card a100 --model nowhere", 3, "nowhere: no such model directory"}};
  for (const auto& [flags, code, message] : cases) {
    const Run run = desk.shell(std::string("seedstory bench ") + flags);
    INFO(flags);
    CHECK(run.code == code);
    CHECK(run.err == "seedstory: " + std::string(message) + "\n");
    CHECK(run.out.empty());
  }
}

namespace {

nlohmann::json entry(const std::string& kind, const std::string& name, double us, double iqr_us,
                     const nlohmann::json& calls = nlohmann::json::object()) {
  nlohmann::json json = {{"kind", kind}, {"name", name}, {"median_us", us}, {"iqr_us", iqr_us}};
  if (kind == "op") json["calls_by_stage"] = calls;
  return json;
}

// A report of a quiet machine whose rounds differ by one in 100.
nlohmann::json report(const nlohmann::json& entries) {
  return {{"build", "seedstory 0.1.0 (commit 0123abc, GNU 12.2.0, Release)"},
          {"machine", "a machine, 2 cores, 2 threads"},
          {"backend", "cpu (avx2, 2 threads)"},
          {"kernels", "ours"},
          {"type", "f32"},
          {"model", "tiny"},
          {"repeat", 5},
          {"busy", false},
          {"others_share", 0.01},
          {"stolen_share", 0},
          {"iqr_over_median", 0.01},
          {"entries", entries}};
}

}  // namespace

TEST_CASE("bench compare says faster, slower and within noise, by the noise of both") {
  const Workdir desk;
  desk.write("a.json", report({entry("op", "Linear x(1)", 100, 1, {{"UNet step", 3}, {"frame", 30}}),
                               entry("op", "Gate | x(1)", 100, 1, {{"UNet step", 1}, {"frame", 10}}),
                               entry("op", "Embed", 100, 30, {{"LLM token", 1}}), entry("op", "Attention", 100, 1),
                               entry("stage", "frame", 1000, 10), entry("stage", "Linear x(1)", 7, 0)})
                           .dump());
  desk.write("b.json",
             report({entry("op", "Linear x(1)", 90, 1), entry("op", "Gate | x(1)", 103, 1),
                     entry("op", "Embed", 120, 1), entry("op", "Convert", 100, 1), entry("stage", "frame", 1019, 10)})
                 .dump());
  const Run run = desk.shell("seedstory bench compare a.json b.json --format json");
  INFO(run.err);
  REQUIRE(run.code == 0);
  const auto json = nlohmann::json::parse(run.out);
  CHECK(json["differs"].empty());
  struct {
    const char *name, *verdict;
    double ratio, noise;
  } rows[] = {{"Linear x(1)", "faster", 0.9, 0.02},
              {"Gate | x(1)", "slower", 1.03, 0.02},
              {"Embed", "within noise", 1.2, 0.30024},
              {"frame", "within noise", 1.019, 0.02}};
  REQUIRE(json["entries"].size() == std::size(rows));
  for (size_t i = 0; i < std::size(rows); ++i) {
    INFO(rows[i].name);
    CHECK(json["entries"][i]["name"] == rows[i].name);
    CHECK(json["entries"][i]["verdict"] == rows[i].verdict);
    CHECK(std::abs(json["entries"][i]["ratio"].get<double>() - rows[i].ratio) < 1e-9);
    CHECK(std::abs(json["entries"][i]["noise"].get<double>() - rows[i].noise) < 1e-4);
  }
  // 3 x 100 + 100 became 3 x 90 + 103.
  REQUIRE(json["totals"].size() == 3);
  CHECK(json["totals"][0]["name"] == "UNet step");
  CHECK(json["totals"][0]["a_us"] == 400);
  CHECK(json["totals"][0]["b_us"] == 373);
  CHECK(json["totals"][0]["verdict"] == "faster");
  CHECK(json["totals"][1]["name"] == "frame");
  CHECK(json["totals"][2]["verdict"] == "within noise");
  REQUIRE(json["only_a"].size() == 2);
  CHECK(json["only_a"][0]["name"] == "Attention");
  CHECK(json["only_a"][1]["kind"] == "stage");
  REQUIRE(json["only_b"].size() == 1);
  CHECK(json["only_b"][0]["name"] == "Convert");

  const Run md = desk.shell("seedstory bench compare a.json b.json");
  CHECK(md.code == 0);
  CHECK_THAT(md.out, Catch::StartsWith("A: a.json\n") && Catch::Contains("| Gate \\| x(1) ") &&
                         Catch::Contains("\nonly in B:\n- op Convert, 100 us\n") && Catch::Contains("by stage") &&
                         !Catch::Contains("means little"));
  const Run csv = desk.shell("seedstory bench compare a.json b.json --format csv");
  CHECK(csv.code == 0);
  std::istringstream lines(csv.out);
  std::string line;
  std::getline(lines, line);
  const size_t columns = fields(line).size();
  int rows_of_csv = 0;
  for (; std::getline(lines, line); ++rows_of_csv) CHECK(fields(line).size() == columns);
  CHECK(rows_of_csv == 4 + 3 + 3);
  CHECK_THAT(csv.out, Catch::Contains("op,\"Linear x(1)\",100.000,90.000,0.9000,0.0200,faster,\"\"\n") &&
                          Catch::Contains("op,\"Convert\",,100.000,,,only in B,\"\"\n"));
}

TEST_CASE("bench compare says where it means little") {
  const Workdir desk;
  const auto entries = nlohmann::json::array({entry("stage", "frame", 1000, 0)});
  desk.write("a.json", report(entries).dump());
  struct {
    const char* key;
    nlohmann::json value;
    const char* said;  // null: nothing
  } cases[] = {
      {"machine", "another", "machine: a machine, 2 cores, 2 threads | another"},
      {"backend", "cuda (card)", "backend: cpu (avx2, 2 threads) | cuda (card)"},
      {"type", "bf16", "type: f32 | bf16"},
      {"model", "nano", "model: tiny | nano"},
      {"build", "seedstory 0.1.0 (commit 4567def, GNU 12.2.0, Release)", nullptr},
      {"build", "seedstory 0.1.0 (commit 0123abc, GNU 12.2.0, Debug)",
       "build: seedstory 0.1.0 (commit 0123abc, GNU 12.2.0, Release) | seedstory 0.1.0 (commit 0123abc, GNU 12.2.0, "
       "Debug)"},
      {"busy", true, "load: quiet, 1 % of the cores' time elsewhere | busy, 1 % of the cores' time elsewhere"},
      {"stolen_share", 0.2,
       "load: quiet, 1 % of the cores' time elsewhere | quiet, 21 % of the cores' time elsewhere"}};
  for (const auto& [key, value, said] : cases) {
    auto other = report(entries);
    other[key] = value;
    desk.write("b.json", other.dump());
    const auto json = nlohmann::json::parse(desk.shell("seedstory bench compare a.json b.json --format json").out);
    INFO(key);
    CHECK(json["differs"] == (said ? nlohmann::json::array({said}) : nlohmann::json::array()));
    const std::string md = desk.shell("seedstory bench compare a.json b.json").out;
    CHECK((md.find("means little") != std::string::npos) == (said != nullptr));
    CHECK((!said || md.find("\n- " + std::string(said) + "\n") != std::string::npos));
  }
  auto once = report(entries);
  once["repeat"] = 1;
  desk.write("b.json", once.dump());
  CHECK_THAT(desk.shell("seedstory bench compare a.json b.json --format csv").out, Catch::Contains(",,unknown,"));
  desk.write("b.json", report(nlohmann::json::array()).dump());
  CHECK_THAT(desk.shell("seedstory bench compare a.json b.json").out, Catch::Contains("\nno entry is in both\n"));
}

TEST_CASE("bench compare reads what bench writes") {
  const Workdir desk(random_model());
  REQUIRE(desk.shell("seedstory bench --model model --repeat 3 --format json >a.json").code == 0);
  const Run run = desk.shell("seedstory bench compare a.json - --format json <a.json");
  INFO(run.err);
  REQUIRE(run.code == 0);
  const auto json = nlohmann::json::parse(run.out), a = desk.json("a.json");
  CHECK(json["entries"].size() == a["entries"].size());
  for (const auto& row : json["entries"]) CHECK(row["verdict"] == "within noise");
  CHECK(json["totals"].size() == kStages.size());
  CHECK(json["only_a"].empty());
  CHECK(json["b"]["file"] == "standard input");
}

TEST_CASE("bench compare takes both reports from one file, whose kernels differ") {
  const Workdir desk(random_model());
  auto ours = report(nlohmann::json::array({entry("op", "Linear x(1)", 100, 1)})),
       library = report(nlohmann::json::array({entry("op", "Linear x(1)", 90, 1)}));
  ours["backend"] = "cuda (a card, 100 MiB)";
  library["backend"] = "cuda (a card, 100 MiB) with cuBLASLt 13.0.2 and cuDNN 9.19.0";
  library["kernels"] = "library";
  const auto compared = [&](const nlohmann::json& a, const nlohmann::json& b) {
    desk.write("both.json", nlohmann::json{{"reports", {a, b}}}.dump());
    const Run run = desk.shell("seedstory bench compare both.json --format json");
    INFO(run.err);
    REQUIRE(run.code == 0);
    return nlohmann::json::parse(run.out);
  };
  const auto json = compared(ours, library);
  CHECK(json["differs"].empty());
  CHECK(json["a"]["kernels"] == "ours");
  CHECK(json["b"]["kernels"] == "library");
  CHECK(json["entries"][0]["verdict"] == "faster");
  auto newer = library;
  newer["backend"] = "cuda (a card, 100 MiB) with cuBLASLt 13.1.0 and cuDNN 9.19.0";
  CHECK(compared(newer, library)["differs"].size() == 1);
  newer["backend"] = "cuda (another, 100 MiB) with cuBLASLt 13.0.2 and cuDNN 9.19.0";
  CHECK(compared(ours, newer)["differs"].size() == 1);

  REQUIRE(desk.shell("seedstory bench --model model --ops --filter Embed --repeat 3 --kernels ours,auto --format json "
                     ">both.json")
              .code == 0);
  const auto both = desk.json("both.json")["reports"];
  REQUIRE(both.size() == 2);
  for (const auto& one : both) {
    CHECK(one["kernels"] == "ours");
    CHECK(one["entries"][0]["kernels"] == "ours");
    CHECK(one["entries"].size() == both[0]["entries"].size());
  }
  CHECK(desk.shell("seedstory bench compare both.json").code == 0);
  desk.write("one.json", ours.dump());
  const Run alone = desk.shell("seedstory bench compare one.json");
  CHECK(alone.code == 3);
  CHECK(alone.err ==
        "seedstory: one.json: expected two reports, of bench --kernels ours,library --format json; or name B.json\n");
}

TEST_CASE("bench compare says in one line what is wrong with a file") {
  const Workdir desk;
  desk.write("a.json", report(nlohmann::json::array()).dump());
  const auto refused = [&](const std::string& text, const std::string& message) {
    desk.write("b.json", text);
    const Run run = desk.shell("seedstory bench compare a.json b.json");
    INFO(text);
    CHECK(run.code == 3);
    CHECK(run.err == "seedstory: b.json: " + message + "\n");
    CHECK(run.out.empty());
  };
  const auto with = [&](const char* key, const nlohmann::json& value) {
    auto json = report(nlohmann::json::array());
    json[key] = value;
    return json.dump();
  };
  const auto with_entry = [&](const char* key, const nlohmann::json& value) {
    auto one = entry("op", "Linear", 1, 1);
    one[key] = value;
    return report(nlohmann::json::array({one})).dump();
  };
  auto older = report(nlohmann::json::array());
  older.erase("kernels");
  desk.write("b.json", older.dump());
  CHECK(desk.shell("seedstory bench compare a.json b.json").code == 0);
  refused("{\"card\": \"a100\"}", "was computed by bench --paper, expected a report that bench has measured");
  const Run twice = desk.shell("seedstory bench compare - - <a.json");
  CHECK(twice.code == 2);
  CHECK_THAT(twice.err, Catch::StartsWith("seedstory: A and B: - came twice, expected a file for one of them"));
  refused("[1]", "[1] came, expected an object");
  refused("{}", "build: is missing");
  refused(with("build", 3), "build: 3 came, expected a string");
  refused(with("busy", "no"), "busy: \"no\" came, expected true or false");
  refused(with("repeat", 0), "repeat: 0 came, expected a number from 1 to 1000000000");
  refused(with("stolen_share", nullptr), "stolen_share: is missing");
  refused(with("entries", 1), "entries: 1 came, expected an array of objects");
  refused(with("entries", {1}), "entries[0]: 1 came, expected an object");
  refused(with_entry("kind", "opera"), "entries[0].kind: opera came, expected op or stage");
  refused(with_entry("median_us", 0), "entries[0].median_us: 0 came, expected a number from 1e-06 to 1000000000000000");
  refused(with_entry("iqr_us", -1), "entries[0].iqr_us: -1 came, expected a number from 0 to 1000000000000000");
  refused(with_entry("calls_by_stage", 1), "entries[0].calls_by_stage: 1 came, expected an object");
  refused(with_entry("calls_by_stage", {{"frame", "x"}}),
          "entries[0].calls_by_stage.frame: \"x\" came, expected a number");
  refused(report({entry("op", "Linear", 1, 1), entry("op", "Linear", 1, 1)}).dump(),
          "has the op Linear twice, expected once");
  CHECK_THAT(desk.shell("seedstory help bench compare").out, Catch::Contains("\nExit codes: 0 compared, "));
  for (const auto& [words, code, message] :
       {std::tuple{"compare", 2, "A.json is required (see seedstory bench compare --help)"},
        {"compare a.json", 3,
         "a.json: expected two reports, of bench --kernels ours,library --format json; or name B.json"},
        {"compare a.json b.json c", 2,
         "bench compare: c came, expected two words alone (see seedstory bench compare --help)"},
        {"compar a.json b.json", 2, "bench: compar came; did you mean bench compare? (see seedstory bench --help)"},
        {"--ops compare a.json a.json", 2,
         "--ops: not in front of compare; seedstory bench compare --help has its flags"},
        {"compare a.json a.json --format jsn", 2, "--format jsn: expected md, csv or json; did you mean json?"},
        {"compare a.json nowhere.json", 3, "nowhere.json: no such file"}}) {
    const Run run = desk.shell(std::string("seedstory bench ") + words);
    INFO(words);
    CHECK(run.code == code);
    CHECK(run.err == "seedstory: " + std::string(message) + "\n");
  }
}
