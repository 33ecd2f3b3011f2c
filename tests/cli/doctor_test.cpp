// doctor: every part with its state, the lines that mend what is wrong, and the exit code.
#include "program.h"

using namespace seedstory;
namespace fs = std::filesystem;

namespace {

nlohmann::json examine(const Workdir& desk, const std::string& flags, int code) {
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
  const Workdir desk;
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

TEST_CASE("doctor says in one line what a story takes of memory and time, before a file is here as well") {
  const Workdir desk;
  for (const char* flags : {"--model model", "-hf TencentARC/SEED-Story", "--model seed-story"}) {
    INFO(flags);
    const Run run = desk.shell("HF_HUB_CACHE=$PWD/cache seedstory doctor --json " + std::string(flags));
    const auto found = finding(nlohmann::json::parse(run.out), "model", "memory");
    CHECK_THAT(found["text"].get<std::string>(), Catch::Contains(" GiB") &&
                                                     Catch::Contains("a story of 10 frames takes about ") &&
                                                     Catch::EndsWith(" on this CPU"));
  }
}

TEST_CASE("doctor names the configuration file that is read") {
  const Workdir desk;
  CHECK(finding(examine(desk, "--model model", 0), "places", "configuration")["state"] == "note");
  REQUIRE(desk.shell("mkdir -p config/seedstory; echo 'steps = 3' >config/seedstory/config.toml").code == 0);
  const auto found = finding(examine(desk, "--model model", 0), "places", "configuration");
  CHECK(found["state"] == "ok");
  CHECK_THAT(found["text"].get<std::string>(), Catch::EndsWith("/config/seedstory/config.toml"));
}

TEST_CASE("doctor goes on behind the first broken part") {
  const Workdir desk;
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
  } wrong[] = {{"vae", "vae.safetensors"},
               {"llm", "llm.safetensors: no tensor input_resampler.*"},
               {"tokenizer", "added_tokens.json"}};
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

TEST_CASE("doctor says of a file that a flag names how to do without it") {
  const Workdir desk;
  desk.write("junk.bin", "not weights");
  for (const char* part : {"vae", "llm", "vit", "detokenizer", "tokenizer"}) {
    const std::string flag = "--" + std::string(part);
    for (const char* model : {"--model model ", ""})
      CHECK(finding(examine(desk, model + flag + " junk.bin", 3), "model", part)["fix"] ==
            "name another file with " + flag + ", or leave " + flag + " away");
  }
}

TEST_CASE("doctor names a tensor of another shape") {
  const Workdir desk;
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
  const Workdir desk;
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

TEST_CASE("doctor names all that is missing of the published model at once, with sizes and room") {
  const Workdir desk;
  const std::string host = "https://huggingface.co/";
  struct {
    const char *part, *size, *repo, *file;
  } cases[] = {
      {"llm", "(14.7 GB)", "TencentARC/SEED-Story", "seed_story/george_sft/pytorch_model.bin"},
      {"vit", "(3.9 GB)", "spaces/TencentARC/SEED-Story", "pretrained/qwen_vit_G.pt"},
      {"detokenizer", "(2.4 to 10.5 GB)", "TencentARC/SEED-Story",
       "detokenizer/detokenizer_george_adapted/checkpoint-4000/pytorch_model.bin"},
      {"tokenizer", "(under 1 MB)", "TencentARC/SEED-Story", "cvlm_llama2_tokenizer/added_tokens.json"},
      {"unet", "(5.1 GB)", "stabilityai/stable-diffusion-xl-base-1.0", "unet/diffusion_pytorch_model.fp16.safetensors"},
      {"vae", "(0.3 GB)", "stabilityai/stable-diffusion-xl-base-1.0", "scheduler/scheduler_config.json"},
  };
  fs::create_directory(desk / "empty");
  REQUIRE(desk.shell("export HF_HUB_CACHE=none; seedstory doctor -hf TencentARC/SEED-Story --json >hf.json; seedstory "
                     "doctor --model empty --json >empty.json; seedstory doctor --model seed-story --json >name.json")
              .code == 3);
  for (const char* report_file : {"hf.json", "empty.json", "name.json"}) {
    const auto report = desk.json(report_file);
    const bool is_cache = report_file == std::string("hf.json"), is_empty = report_file == std::string("empty.json");
    CHECK(report["ready"] == false);
    for (const auto& [part, size, repo, file] : cases) {
      const auto found = finding(report, "model", part);
      INFO(report_file << found.dump());
      CHECK(found["state"] == "missing");
      CHECK_THAT(found["text"].get<std::string>(), Catch::EndsWith(size));
      CHECK_THAT(found["fix"].get<std::string>(), Catch::StartsWith("hf download ") && Catch::Contains(file));
      const bool is_sdxl = repo[1] == 't';
      const std::string to =
          std::string(is_empty ? "empty/" : "seed-story/") + (is_sdxl ? "stable-diffusion-xl-base-1.0/" : "") + file;
      CHECK_THAT(found["curl"].get<std::string>(),
                 Catch::StartsWith("curl -fL -C - --create-dirs -o ") &&
                     Catch::Contains(" -o " + to + " " + host + repo + "/resolve/main/" + file));
    }
    CHECK(finding(report, "model", "settings")["state"] == "note");
    CHECK(finding(report, "model", "folder")["state"] == (is_empty ? "ok" : "missing"));
    const auto download = finding(report, "model", "download");
    CHECK_THAT(download["text"].get<std::string>(),
               Catch::StartsWith("26.5 to 34.6 GB in all are missing; ") && Catch::Contains(" GB are free in /"));
    CHECK(download.contains("fix") == is_cache);
  }
  // The last line says all that a person wants first.
  for (const char* name : {"-hf TencentARC/SEED-Story", "--model seed-story"}) {
    const std::string page = desk.shell(std::string("HF_HUB_CACHE=none seedstory doctor ") + name).out;
    INFO(page);
    CHECK_THAT(page, Catch::Contains("\nNo story can be told: ") &&
                         Catch::EndsWith(" problems, 6 parts are missing (26.5 to 34.6 GB to download). What a story "
                                         "of it takes: seedstory plan " +
                                         std::string(name) + "\n"));
    CHECK(desk.shell(std::string("HF_HUB_CACHE=none seedstory plan --card h100 --type bf16 ") + name).code == 0);
  }
  const Run mirror = desk.shell("HF_ENDPOINT=https://mirror.example seedstory doctor --model empty");
  CHECK_THAT(mirror.out,
             Catch::Contains(" https://mirror.example/spaces/TencentARC/SEED-Story/resolve/main/pretrained/"));
}

TEST_CASE("doctor tries to write, whatever the permissions say") {
  const Workdir desk;
  // Root may write anywhere by its permissions; in /proc nobody can.
  const Run run = desk.shell(
      "here=$PWD; cd /proc && HF_HUB_CACHE=/proc/hub XDG_CONFIG_HOME=/proc seedstory doctor --json "
      "--model $here/model");
  CHECK(run.code == 3);
  const auto report = nlohmann::json::parse(run.out);
  const auto output = finding(report, "places", "output");
  CHECK(output["state"] == "wrong");
  CHECK_THAT(output["text"].get<std::string>(), Catch::StartsWith("/proc cannot be written: "));
  for (const char* place : {"configuration", "-hf cache"}) {
    const auto found = finding(report, "places", place);
    CHECK(found["state"] == "note");
    CHECK_THAT(found["text"].get<std::string>(), Catch::Contains("; /proc cannot be written: "));
  }
  const std::vector<std::string> before = desk.files(".");
  CHECK(desk.shell("seedstory doctor --model model").code == 0);
  CHECK(desk.files(".") == before);
}

TEST_CASE("doctor says what is wrong with a place, a device and a whole model") {
  const Workdir desk;
  CHECK(finding(examine(desk, "--model nowhere", 3), "model", "model")["text"] == "nowhere: no such model directory");
  desk.write("model/model.json", "{");
  CHECK_THAT(finding(examine(desk, "--model model", 3), "model", "model")["text"].get<std::string>(),
             Catch::Contains("model.json"));
  // The model's fault weighs more than the device's: it is the one that a user can mend.
  examine(desk, "--model model --device cuda:99", 3);
  const Workdir whole;
  const auto gpu = finding(examine(whole, "--model model --device cuda:99", 4), "machine", "GPU");
  CHECK(gpu["state"] == "missing");
  CHECK(gpu["fix"] == "seedstory generate --device cpu ...");
  // Nobody is sent to buy one: a story does not need it.
  const auto note = finding(examine(whole, "--model model", 0), "machine", "GPU");
  CHECK(note["state"] == "note");
  CHECK_FALSE(note.contains("fix"));
  CHECK_THAT(note["text"].get<std::string>(), Catch::Contains("this build has no CUDA backend") ||
                                                  Catch::StartsWith("cuda: ") || Catch::StartsWith("cuda ("));
  const auto absent = finding(examine(whole, "-hf me/none", 3), "model", "model");
  CHECK(absent["fix"] == "hf download me/none");
  CHECK(finding(examine(whole, "-hf TencentARC/SEED-Stroy", 3), "model", "model")["fix"] ==
        "seedstory doctor -hf TencentARC/SEED-Story");
  CHECK(whole.shell("seedstory doctor --device tpu").code == 2);
}

TEST_CASE("doctor says what is wrong with the configuration file, as a story would") {
  const Workdir desk;
  desk.shell("mkdir -p config/seedstory");
  desk.write("config/seedstory/config.toml", "bogus = 2\n");
  const Run run = desk.shell("seedstory doctor --model model");
  CHECK(run.code == 3);
  CHECK_THAT(run.out, Catch::Contains("config.toml:1: bogus: no such setting"));
  CHECK_THAT(run.out, !Catch::Contains("A story can be told"));
  desk.write("config/seedstory/config.toml", "steps = 2\n");
  CHECK(desk.shell("seedstory doctor --model model").code == 0);
}
