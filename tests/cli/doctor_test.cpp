// doctor: every part with its state, the lines that mend what is wrong, and the exit code.
#include "program.h"

using namespace seedstory;
namespace fs = std::filesystem;

namespace {

nlohmann::json examine(const Desk& desk, const std::string& flags, int code) {
  const Run run = desk.shell("seedstory doctor --json " + flags);
  INFO(run.out << run.err);
  REQUIRE(run.code == code);
  CHECK(run.err.empty());
  const auto json = nlohmann::json::parse(run.out);
  CHECK(json["ready"] == (code == 0));
  return json;
}

// The one finding of a name in a group.
nlohmann::json finding(const nlohmann::json& report, const std::string& group, const std::string& name) {
  nlohmann::json found;
  for (const auto& f : report["findings"])
    if (f["group"] == group && f["name"] == name) {
      CHECK(found.is_null());
      found = f;
    }
  INFO(group << " " << name);
  REQUIRE(!found.is_null());
  return found;
}

}  // namespace

TEST_CASE("doctor finds a whole model whole, and says so in one page") {
  const Desk desk;
  const Run run = desk.shell("seedstory doctor --model model");
  CHECK(run.code == 0);
  CHECK(run.err.empty());
  CHECK_THAT(run.out, Catch::StartsWith("seedstory 0.1.0 (commit ") && Catch::Contains("\nmachine\n") &&
                          Catch::Contains("\nmodel\n") && Catch::Contains("\nplaces\n") &&
                          Catch::EndsWith("\nA story can be told.\n"));
  CHECK(std::count(run.out.begin(), run.out.end(), '\n') < 40);
  const auto report = examine(desk, "--model model", 0);
  for (const char* part : {"settings", "tokenizer", "vit", "llm", "detokenizer", "vae"})
    CHECK(finding(report, "model", part)["state"] == "ok");
  CHECK_THAT(finding(report, "machine", "backend")["text"].get<std::string>(), Catch::StartsWith("cpu ("));
  CHECK_THAT(finding(report, "machine", "libraries")["text"].get<std::string>(),
             Catch::Contains("SentencePiece") && Catch::Contains("PNG 1."));
  CHECK_THAT(finding(report, "machine", "memory")["text"].get<std::string>(), !Catch::StartsWith("0.00 GiB"));
}

TEST_CASE("doctor names the configuration file that is read") {
  const Desk desk;
  CHECK(finding(examine(desk, "--model model", 0), "places", "configuration")["state"] == "note");
  REQUIRE(desk.shell("mkdir -p config/seedstory; echo 'steps = 3' >config/seedstory/config.toml").code == 0);
  const auto found = finding(examine(desk, "--model model", 0), "places", "configuration");
  CHECK(found["state"] == "ok");
  CHECK_THAT(found["text"].get<std::string>(), Catch::EndsWith("/config/seedstory/config.toml"));
}

TEST_CASE("doctor goes on behind the first broken part") {
  const Desk desk;
  fs::remove(desk / "model/vit.safetensors");
  desk.write("model/vae.safetensors", "not weights");
  fs::copy_file(desk / "model/detokenizer.safetensors", desk / "model/llm.safetensors",
                fs::copy_options::overwrite_existing);
  desk.write("model/added_tokens.json", "{}");
  const auto report = examine(desk, "--model model", 3);
  CHECK(finding(report, "model", "settings")["state"] == "ok");
  CHECK(finding(report, "model", "detokenizer")["state"] == "ok");
  CHECK(finding(report, "model", "vit")["state"] == "missing");
  struct {
    const char *part, *reason;
  } wrong[] = {
      {"vae", "vae.safetensors"}, {"llm", "missing: model.embed_tokens.weight"}, {"tokenizer", "added_tokens.json"}};
  for (const auto& [part, reason] : wrong) {
    const auto found = finding(report, "model", part);
    INFO(found.dump());
    CHECK(found["state"] == "wrong");
    CHECK_THAT(found["text"].get<std::string>(), Catch::Contains(reason));
    CHECK(!found["fix"].get<std::string>().empty());
  }
  const Run page = desk.shell("seedstory doctor --model model");
  CHECK(page.code == 3);
  CHECK_THAT(page.out, Catch::EndsWith("\nNo story can be told: 4 problems.\n"));
}

TEST_CASE("doctor names a tensor of another shape") {
  const Desk desk;
  std::string json = desk.read("model/model.json");
  const size_t at = json.find("\"ffn\": 96");
  REQUIRE(at != std::string::npos);
  desk.write("model/model.json", json.replace(at, 9, "\"ffn\": 64"));
  const auto report = examine(desk, "--model model", 3);
  const auto llm = finding(report, "model", "llm");
  CHECK(llm["state"] == "wrong");
  CHECK_THAT(llm["text"].get<std::string>(),
             Catch::Contains("model.layers.0.mlp.gate_proj.weight is f32(96, 128), expected (64, 128)"));
  CHECK(finding(report, "model", "vit")["state"] == "ok");
}

TEST_CASE("doctor lists the downloads of an empty published layout, a line a part") {
  const Desk desk;
  fs::create_directory(desk / "pretrained models");
  const auto report = examine(desk, "--model 'pretrained models'", 3);
  struct {
    const char *part, *fix;
  } cases[] = {
      {"llm",
       "hf download TencentARC/SEED-Story seed_story/george_sft/pytorch_model.bin --local-dir 'pretrained models'"},
      {"vit",
       "hf download TencentARC/SEED-Story --repo-type space pretrained/qwen_vit_G.pt --local-dir 'pretrained models'"},
      {"detokenizer",
       "hf download TencentARC/SEED-Story "
       "detokenizer/detokenizer_george_adapted/checkpoint-4000/pytorch_model.bin --local-dir 'pretrained models'"},
      {"tokenizer",
       "hf download TencentARC/SEED-Story cvlm_llama2_tokenizer/tokenizer.model "
       "cvlm_llama2_tokenizer/added_tokens.json cvlm_llama2_tokenizer/tokenizer_config.json --local-dir 'pretrained "
       "models'"},
      {"unet",
       "hf download stabilityai/stable-diffusion-xl-base-1.0 unet/config.json "
       "unet/diffusion_pytorch_model.fp16.safetensors --local-dir 'pretrained models/stable-diffusion-xl-base-1.0'"},
      {"vae",
       "hf download stabilityai/stable-diffusion-xl-base-1.0 vae/config.json vae/diffusion_pytorch_model.safetensors "
       "scheduler/scheduler_config.json --local-dir 'pretrained models/stable-diffusion-xl-base-1.0'"},
  };
  for (const auto& [part, fix] : cases) {
    const auto found = finding(report, "model", part);
    CHECK(found["state"] == "missing");
    CHECK(found["fix"] == fix);
  }
}

TEST_CASE("doctor says what is wrong with a place, a device and a whole model") {
  const Desk desk;
  CHECK(finding(examine(desk, "--model nowhere", 3), "model", "model")["text"] == "nowhere: no such model directory");
  desk.write("model/model.json", "{");
  CHECK_THAT(finding(examine(desk, "--model model", 3), "model", "model")["text"].get<std::string>(),
             Catch::Contains("model.json"));
  // The model's fault weighs more than the device's: it is the one that a user can mend.
  examine(desk, "--model model --device cuda:99", 3);
  const Desk whole;
  const auto gpu = finding(examine(whole, "--model model --device cuda:99", 4), "machine", "GPU");
  CHECK(gpu["state"] == "missing");
  CHECK(!gpu["fix"].get<std::string>().empty());
  CHECK(finding(examine(whole, "--model model", 0), "machine", "GPU")["state"] == "note");
  const auto absent = finding(examine(whole, "-hf me/none", 3), "model", "model");
  CHECK(absent["fix"] == "hf download me/none");
  CHECK(whole.shell("seedstory doctor --device tpu").code == 2);
}
