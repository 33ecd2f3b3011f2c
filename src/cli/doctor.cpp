// doctor: what is there for a story, what is missing, and the line that mends it.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/command_line.h"
#include "cli/config.h"
#include "cli/flags.h"
#include "cli/hf_cache.h"
#include "cli/places.h"
#include "cli/request.h"
#include "cli/terminal.h"
#include "io/machine.h"
#include "seedstory/error.h"
#include "story/plan.h"
#include "story/survey.h"

namespace seedstory {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct Finding {
  std::string group, name, state, text;  // state: ok, missing, wrong; note: not needed for a story
  std::string fix = {};                  // a line for the shell, or what to do
  ErrorKind kind = ErrorKind::input;     // what a story would fail with

  bool bad() const { return state == "missing" || state == "wrong"; }
};

// Where the parts of the published layout come from.
struct Download {
  const char *part, *repo, *kind, *files;
  const char* below;  // the folder of the model's that holds them
};
constexpr const char* kSeedStory = "TencentARC/SEED-Story";
constexpr const char* kSdxl = "stabilityai/stable-diffusion-xl-base-1.0";
constexpr Download kDownloads[] = {
    {"llm", kSeedStory, "", "seed_story/george_sft/pytorch_model.bin", ""},
    {"vit", kSeedStory, " --repo-type space", "pretrained/qwen_vit_G.pt", ""},
    {"detokenizer", kSeedStory, "", "detokenizer/detokenizer_george_adapted/checkpoint-4000/pytorch_model.bin", ""},
    {"tokenizer", kSeedStory, "",
     "cvlm_llama2_tokenizer/tokenizer.model cvlm_llama2_tokenizer/added_tokens.json "
     "cvlm_llama2_tokenizer/tokenizer_config.json",
     ""},
    // Half the bytes of the f32 file, and what the published program rounds it to.
    {"unet", kSdxl, "", "unet/config.json unet/diffusion_pytorch_model.fp16.safetensors",
     "stable-diffusion-xl-base-1.0"},
    {"vae", kSdxl, "", "vae/config.json vae/diffusion_pytorch_model.safetensors scheduler/scheduler_config.json",
     "stable-diffusion-xl-base-1.0"},
};

std::string memory_text(int64_t bytes) {
  return fmt::format("{:.2f} GiB", gib(bytes));
}

class Doctor {
 public:
  Doctor(const DoctorFlags& flags, const Backends& backends)
      : flags_(flags), backends_(backends), cpu_(backends.cpu(0, "auto")) {}

  int run() {
    look_at_machine();
    look_at_gpu();
    look_at_model();
    look_at_places();
    flags_.json ? print_json() : print_page();
    return exit_code();
  }

 private:
  void look_at_machine() {
    const int cores = backends_.cpu_cores();
    add({"machine", "CPU", "ok", fmt::format("{}, {} core{}", machine_.cpu, cores, cores > 1 ? "s" : "")});
    add({"machine", "instructions", machine_.instructions.find("avx2") == std::string::npos ? "note" : "ok",
         machine_.instructions.empty() ? "none beyond x86-64: expect a tenth of the speed" : machine_.instructions});
    add({"machine", "memory", "ok", memory_text(cpu_->free_bytes()) + " free"});
    add({"machine", "backend", "ok", cpu_->name()});
    add({"machine", "libraries", "ok", SEEDSTORY_LIBRARIES});
  }

  // --device auto is the CPU: then a GPU is no more than a note.
  void look_at_gpu() {
    const Device device = parse_device(flags_.device);
    Finding gpu{"machine", "GPU", device.cuda ? "missing" : "note", ""};
    gpu.kind = ErrorKind::resource;
    try {
      gpu.text = backends_.cuda(device.index)->name() + "; it has too few kernels for a whole model yet";
      if (device.cuda) gpu.fix = "seedstory generate --device cpu ...";
    } catch (const Error& error) {
      gpu.text = error.what();
      gpu.fix = fs::exists("/dev/nvidiactl") ? "cmake -S . -B build -DSEEDSTORY_CUDA=ON && cmake --build build"
                                             : "no NVIDIA driver is loaded: install one, or stay with --device cpu";
    }
    add(gpu);
  }

  void look_at_model() {
    ModelPaths paths;
    try {
      paths = find_model(flags_);
    } catch (const Error& error) {
      if (error.kind != ErrorKind::input) throw;
      add({"model", "model", "missing", error.what(),
           flags_.hf_repo ? "hf download " + *flags_.hf_repo : "git checkout -- weights/nano"});
      return;
    }
    const Survey survey = survey_model(paths);
    const bool published = survey.model.published;
    if (survey.parts[0].name != "model")
      add({"model", "folder", "ok",
           fmt::format("{} ({} layout)", paths.dir.string(), published ? "published" : "seedstory")});
    for (const ModelPart& part : survey.parts) add(describe(part, paths.dir, published));
    if (survey.complete()) look_at_whole(survey.model);
  }

  Finding describe(const ModelPart& part, const fs::path& dir, bool published) const {
    if (part.problem.empty()) return {"model", part.name, "ok", part.file.string()};
    std::error_code none;
    const bool missing = part.file.empty() || !fs::exists(part.file, none);
    return {"model", part.name, missing ? "missing" : "wrong", part.problem,
            fix_of(part.name, dir, published, missing)};
  }

  // A line for the shell.
  std::string fix_of(const std::string& part, const fs::path& dir, bool published, bool missing) const {
    const char* again = missing ? "" : " --force-download";
    for (const Download& d : kDownloads) {
      if (!published || part != d.part) continue;
      const fs::path folder = *d.below ? dir / d.below : dir;
      const std::string place = flags_.hf_repo ? "" : " --local-dir " + shell_quote(folder.string());
      return fmt::format("hf download {}{} {}{}{}", d.repo, d.kind, d.files, again, place);
    }
    if (flags_.hf_repo) return fmt::format("hf download {}{}", *flags_.hf_repo, again);
    if (!flags_.model) return "git checkout -- weights/nano";
    return "seedstory doctor, without --model, looks at the model that ships; or copy this one again";
  }

  // What a story of the model's usual size takes, and whether the parts speak of the same tokens.
  void look_at_whole(const ModelDir& model) {
    try {
      const DType type = backends_.cpu_type("auto");
      const Plan plan = make_plan(model, default_request(model.config), type);
      const int64_t free = cpu_->free_bytes();
      const Fit fit = fit_into(plan, free);
      Finding memory{"model", "memory", fit == Fit::none ? "missing" : "ok", ""};
      memory.kind = ErrorKind::resource;
      memory.text = fit == Fit::none
                        ? too_large(plan, free, type)
                        : fmt::format("{} of {} free{}",
                                      memory_text(fit == Fit::at_once ? plan.bytes_at_once() : plan.bytes_in_stages()),
                                      memory_text(free), fit == Fit::at_once ? "" : ", one stage at a time");
      if (fit == Fit::none)
        memory.fix = "seedstory plan says what fits; --type bf16 and a smaller --width and --height take less";
      add(memory);
    } catch (const Error& error) {
      if (error.kind != ErrorKind::input) throw;
      add({"model", "whole", "wrong", error.what(), "take all parts of the model from one place"});
    }
  }

  void look_at_places() {
    std::error_code none;
    const bool writable = ::access(".", W_OK | X_OK) == 0;
    add({"places", "output", writable ? "ok" : "wrong",
         fmt::format("{} {}", fs::current_path(none).string(), writable ? "can be written" : "cannot be written"),
         writable ? "" : "seedstory generate -o DIR ..., in a folder that you may write"});
    const auto config = config_file();
    add({"places", "configuration", config ? "ok" : "note",
         config ? config->string() : "none; the README says where it may be"});
    try {
      const fs::path cache = hf_cache();
      const bool there = fs::is_directory(cache, none);
      add({"places", "-hf cache", there ? "ok" : "note",
           cache.string() + (there ? "" : " (nothing was downloaded yet)")});
    } catch (const Error& error) {
      add({"places", "-hf cache", "note", error.what()});
    }
  }

  void add(Finding finding) { findings_.push_back(std::move(finding)); }

  int exit_code() const {
    int code = 0;
    for (const Finding& f : findings_)
      if (f.bad() && code != int(ErrorKind::input)) code = int(f.kind);
    return code;
  }

  void print_page() const {
    fmt::print("{}\n", build_line());
    std::string group;
    for (const Finding& f : findings_) {
      if (f.group != group) fmt::print("\n{}\n", group = f.group);
      fmt::print("  {:<9} {:<13} {}\n", f.bad() ? "! " + f.state : f.state, f.name, printable(f.text));
      if (!f.fix.empty()) fmt::print("  {:<9} {:<13} -> {}\n", "", "", printable(f.fix));
    }
    const auto bad = std::count_if(findings_.begin(), findings_.end(), [](const Finding& f) { return f.bad(); });
    fmt::print("\n{}\n", bad == 0   ? "A story can be told."
                         : bad == 1 ? "No story can be told: 1 problem."
                                    : fmt::format("No story can be told: {} problems.", bad));
  }

  void print_json() const {
    Json list = Json::array();
    for (const Finding& f : findings_) {
      list.push_back({{"group", f.group}, {"name", f.name}, {"state", f.state}, {"text", f.text}});
      if (!f.fix.empty()) list.back()["fix"] = f.fix;
    }
    const Json json = {{"seedstory", SEEDSTORY_VERSION}, {"ready", exit_code() == 0}, {"findings", list}};
    fmt::print("{}\n", json.dump(1, ' ', false, Json::error_handler_t::replace));
  }

  const DoctorFlags& flags_;
  const Backends& backends_;
  const std::unique_ptr<Backend> cpu_;
  const Machine machine_ = this_machine();
  std::vector<Finding> findings_;
};

}  // namespace

int doctor(const DoctorFlags& flags, const Backends& backends) {
  return Doctor(flags, backends).run();
}

}  // namespace seedstory
