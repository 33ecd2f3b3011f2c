// bench: its structure and its figures' sense. What a figure is, only a quiet machine can say.
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

const char* const kStages[] = {"ViT encode", "LLM prefill", "LLM token", "LLM picture",
                               "UNet step",  "VAE decode",  "frame"};

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
  CHECK(stages == std::vector<std::string>(std::begin(kStages), std::end(kStages)));
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
  CHECK(std::vector<std::string>(names.begin(), names.begin() + 4) ==
        std::vector<std::string>{"kind", "name", "calls", "median_us"});
  std::getline(lines, line);
  const std::vector<std::string> values = fields(line);
  CHECK(values.size() == names.size());
  CHECK(values[0] == "stage");
  CHECK(values[1] == "UNet step");
  CHECK(std::stod(values[3]) > 0);
  CHECK(std::vector<std::string>(names.end() - 4, names.end()) ==
        std::vector<std::string>{"busy", "others_share", "stolen_share", "iqr_over_median"});
  CHECK(!std::getline(lines, line));

  const Run md = desk.shell(head + "md");
  CHECK(md.code == 0);
  CHECK_THAT(md.out, Catch::StartsWith("seedstory 0.1.0 (commit ") && Catch::Contains("\nlimits: ") &&
                         Catch::Contains("IQR over median ") && Catch::Contains(" % of the cores' time") &&
                         Catch::Contains("| UNet step ") && !Catch::Contains("VAE decode"));
}

TEST_CASE("bench refuses what it cannot do") {
  const Workdir desk(random_model());
  struct {
    const char* flags;
    int code;
    const char* message;
  } cases[] = {{"--model model --device gpu", 2, "--device gpu: expected auto, cpu, cuda or cuda:N"},
               {"--model model --format xml", 2, "--format xml: expected md, csv or json"},
               {"--model model --repeat 0", 2, "--repeat 0: expected 1 to 1000"},
               {"--model model --threads -1", 2, "--threads -1: expected 0 to 1024"},
               {"--model model --repeat 1 --filter warp", 2, "--filter warp: no entry has this in its name"},
               {"--model nowhere", 3, "nowhere: no such model directory"}};
  for (const auto& [flags, code, message] : cases) {
    const Run run = desk.shell(std::string("seedstory bench ") + flags);
    INFO(flags);
    CHECK(run.code == code);
    CHECK(run.err == "seedstory: " + std::string(message) + "\n");
    CHECK(run.out.empty());
  }
}
