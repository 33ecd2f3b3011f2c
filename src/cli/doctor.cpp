// doctor: what is there for a story, what is missing, and the command that repairs it.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "cli/build_info.h"
#include "cli/command_line.h"
#include "cli/did_you_mean.h"
#include "cli/estimate.h"
#include "cli/flags.h"
#include "cli/hf_cache.h"
#include "cli/number.h"
#include "cli/paths.h"
#include "cli/request.h"
#include "cli/terminal.h"
#include "cli/user_config.h"
#include "io/file.h"
#include "io/machine.h"
#include "load/default_request.h"
#include "load/model_check.h"
#include "load/published.h"
#include "seedstory/error.h"
#include "story/plan.h"

namespace seedstory {
namespace {

namespace fs = std::filesystem;

struct Finding {
  std::string group, name, state, text;  // state: ok, missing, wrong; note: not needed for a story
  std::string fix = {};                  // a line for the shell, or what to do
  ErrorKind kind = ErrorKind::input;     // what a story would fail with
  std::string curl = {};                 // the same for those who have no hf

  bool bad() const { return state == "missing" || state == "wrong"; }
};

// Where the parts of the published layout come from.
struct Download {
  const char *part, *repo, *kind, *files;
  const char* below;         // the folder of the model's that holds them
  double least_gb, most_gb;  // of the files together, in 10^9 bytes
};
constexpr const char* kSdxl = "stabilityai/stable-diffusion-xl-base-1.0";
constexpr Download kDownloads[] = {
    {"llm", kPublishedRepo, "", "seed_story/george_sft/pytorch_model.bin", "", 14.71, 14.71},
    {"vit", kPublishedRepo, " --repo-type space", "pretrained/qwen_vit_G.pt", "", 3.87, 3.87},
    // The adapter alone, or with the UNet's keys and values, or with all of it: which, only the file says.
    {"detokenizer", kPublishedRepo, "", "detokenizer/detokenizer_george_adapted/checkpoint-4000/pytorch_model.bin", "",
     2.43, 10.51},
    {"tokenizer", kPublishedRepo, "",
     "cvlm_llama2_tokenizer/tokenizer.model cvlm_llama2_tokenizer/added_tokens.json "
     "cvlm_llama2_tokenizer/tokenizer_config.json",
     "", 0.0005, 0.0006},
    // Half the bytes of the f32 file, and what the published program rounds it to.
    {"unet", kSdxl, "", "unet/config.json unet/diffusion_pytorch_model.fp16.safetensors",
     "stable-diffusion-xl-base-1.0", 5.14, 5.14},
    {"vae", kSdxl, "", "vae/config.json vae/diffusion_pytorch_model.safetensors scheduler/scheduler_config.json",
     "stable-diffusion-xl-base-1.0", 0.335, 0.335},
};

const Download* find_download(const std::string& part) {
  for (const Download& d : kDownloads)
    if (part == d.part) return &d;
  return nullptr;
}

std::string size_text(double least_gb, double most_gb) {
  if (most_gb < 0.001) return "under 1 MB";
  return least_gb == most_gb ? fmt::format("{:.1f} GB", most_gb)
                             : fmt::format("{:.1f} to {:.1f} GB", least_gb, most_gb);
}

// One line that goes on where it was broken off.
std::string curl_line(const Download& d, const fs::path& folder) {
  const char* host = std::getenv("HF_ENDPOINT");
  const std::string from = fmt::format("{}/{}{}/resolve/main/", host && *host ? host : "https://huggingface.co",
                                       *d.kind ? "spaces/" : "", d.repo);
  std::string line = "curl -fL -C - --create-dirs";
  std::istringstream files(d.files);
  for (std::string file; files >> file;)
    line += fmt::format(" -o {} {}", shell_quote((folder / d.below / file).string()), from + file);
  return line;
}

// The folder itself, or the next one above it that is there.
fs::path existing_folder(fs::path folder) {
  std::error_code none;
  folder = fs::absolute(folder, none);
  while (!fs::is_directory(folder, none) && folder.has_relative_path()) folder = folder.parent_path();
  return folder;
}

std::string memory_text(int64_t bytes) {
  return fmt::format("{:.2f} GiB", gib(bytes));
}

class Doctor {
 public:
  Doctor(const DoctorFlags& flags, const std::string& config_problem, const Backends& backends)
      : flags_(flags),
        config_problem_(config_problem),
        backends_(backends),
        cpu_(backends.cpu(0, CpuSet::automatic, Products::int8)),
        device_(parse_device(flags.device)) {}

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
    add({"machine", "products", "ok", "of q8 and q4 on the CPU: int8, the same numbers on every processor"});
    add({"machine", "libraries", "ok", kBuildInfo.libraries});
  }

  // --device auto is the CPU: then a GPU is no more than a note.
  void look_at_gpu() {
    const bool is_asked = device_.kind == DeviceKind::cuda;
    Finding gpu{"machine", "GPU", is_asked ? "missing" : "note", ""};
    gpu.kind = ErrorKind::resource;
    try {
      auto card = backends_.cuda(device_.index, false, Kernels::ours);
      gpu.text = fmt::format("{}, {} free", card->name(), memory_text(card->free_bytes()));
      if (is_asked) gpu.state = "ok", teller_ = std::move(card);
    } catch (const Error& error) {
      gpu.text = error.what();
      if (is_asked) gpu.fix = "seedstory generate --device cpu ...";
    }
    add(gpu);
    if (teller_) add(look_for_libraries());
  }

  // What --kernels means here.
  Finding look_for_libraries() const {
    const std::string automatic = "auto is ours: there is no measured table of this card";
    try {
      const std::string name = backends_.cuda(device_.index, false, Kernels::library)->name();
      return {"machine", "kernels", "ok",
              fmt::format("{}; library is {}", automatic, name.substr(name.find(" with ") + 6))};
    } catch (const Error& error) {
      return {"machine", "kernels", "note", fmt::format("{}; {}", automatic, error.what())};
    }
  }

  void look_at_model() {
    ModelPaths paths;
    try {
      paths = find_paths();
    } catch (const Error& error) {
      if (error.kind != ErrorKind::input) throw;
      add({"model", "model", "missing", error.what(), fix_of("model", {}, false, true)});
      return;
    }
    const ModelCheck survey = check_model(paths);
    if (flags_.hf_repo)
      plan_ = "seedstory plan -hf " + shell_quote(*flags_.hf_repo);
    else if (is_published_name(flags_))
      plan_ = "seedstory plan --model " + shell_quote(*flags_.model);
    const bool published = survey.model.published, there = fs::is_directory(paths.dir);
    if (survey.parts[0].name != "model")
      add({"model", "folder", there ? "ok" : "missing",
           fmt::format("{} ({} layout){}", paths.dir.string(), published ? "published" : "seedstory",
                       there ? "" : " is not there")});
    if (!paths.note.empty()) add({"model", "snapshot", "note", paths.note});
    for (const ModelPart& part : survey.parts)
      if (published && part.name == "settings")
        add(describe_settings(survey, paths.dir));
      else
        add(describe(part, paths.dir, published));
    if (published) look_at_download(paths.dir);
    if (survey.complete())
      look_at_whole(survey.model);
    else if (published && (flags_.hf_repo == kPublishedRepo || flags_.model == kPublishedModel))
      look_at_whole(published_sizes());
  }

  // The published model is known by its parts, whatever of it is there.
  ModelPaths find_paths() const {
    if (flags_.hf_repo == kPublishedRepo) return with_given_files(find_published_parts(), flags_);
    if (!is_published_name(flags_)) return find_model(flags_);
    ModelPaths paths;
    paths.dir = *flags_.model;
    paths.may_be_absent = true;
    return with_given_files(paths, flags_);
  }

  Finding describe(const ModelPart& part, const fs::path& dir, bool published) {
    if (part.problem.empty()) return {"model", part.name, "ok", part.file.string()};
    std::error_code none;
    const bool missing = part.file.empty() || !fs::exists(part.file, none);
    Finding finding{"model", part.name, missing ? "missing" : "wrong", part.problem,
                    fix_of(part.name, dir, published, missing)};
    if (const Download* d = find_download(part.name); d && published) {
      finding.text += fmt::format(" ({})", size_text(d->least_gb, d->most_gb));
      // A cache is not for hands: curl fills a folder for --model.
      finding.curl = curl_line(*d, flags_.hf_repo ? fs::path(kPublishedModel) : dir);
      if (missing) least_gb_ += d->least_gb, most_gb_ += d->most_gb, ++missing_;
    }
    return finding;
  }

  // They come from the weights' shapes and from configuration files, which are not needed.
  static Finding describe_settings(const ModelCheck& survey, const fs::path& dir) {
    std::string absent;
    for (const ModelPart& part : survey.parts) {
      if (part.name == "settings" && !part.problem.empty()) return {"model", part.name, "wrong", part.problem};
      if (part.name != "settings" && part.name != "tokenizer" && !part.problem.empty())
        absent += (absent.empty() ? "" : ", ") + part.name;
    }
    if (absent.empty()) return {"model", "settings", "ok", dir.string()};
    return {"model", "settings", "note", "read from the weights; not known without " + absent};
  }

  // What is to come, and whether there is room for it.
  void look_at_download(const fs::path& dir) {
    if (most_gb_ == 0) return;
    const fs::path to = existing_folder(flags_.hf_repo ? hf_cache() : dir);
    std::error_code error;
    const double free_gb = double(fs::space(to, error).available) / 1e9;
    const bool fits = error || free_gb >= most_gb_;
    add({"model", "download", fits ? "note" : "wrong",
         fmt::format("{} in all are missing; {}", size_text(least_gb_, most_gb_),
                     error ? fmt::format("{}: {}", to.string(), error.message())
                           : fmt::format("{:.1f} GB are free in {}", free_gb, to.string())),
         !fits            ? "make room, or name a folder on another disk with --model DIR or $HF_HUB_CACHE"
         : flags_.hf_repo ? fmt::format("with hf: the same command again; with curl: --model {}", kPublishedModel)
                          : ""});
  }

  // A line for the shell.
  std::string fix_of(const std::string& part, const fs::path& dir, bool published, bool missing) const {
    const StoryRecord::Names given = given_model_flags(flags_);
    if (std::any_of(given.begin(), given.end(), [&](const auto& name) { return name.first == "--" + part; }))
      return fmt::format("name another file with --{0}, or leave --{0} away", part);
    const char* again = missing ? "" : " --force-download";
    if (const Download* d = find_download(part); d && published) {
      const fs::path folder = *d->below ? dir / d->below : dir;
      const std::string place = flags_.hf_repo ? "" : " --local-dir " + shell_quote(folder.string());
      return fmt::format("hf download {}{} {}{}{}", d->repo, d->kind, d->files, again, place);
    }
    if (flags_.hf_repo) {
      const std::string meant = nearest(*flags_.hf_repo, {kPublishedRepo});
      return meant.empty() ? fmt::format("hf download {}{}", *flags_.hf_repo, again) : "seedstory doctor -hf " + meant;
    }
    if (!flags_.model) return "git checkout -- weights/nano";
    return "seedstory doctor, without --model, looks at the model that ships; or copy this one again";
  }

  // What a story of the model's usual size takes, and whether the parts speak of the same tokens.
  void look_at_whole(const ModelDir& model) {
    try {
      Backend& teller = teller_ ? *teller_ : *cpu_;
      const Device device = teller_ ? device_ : Device{};
      const auto& [type, why] = choose_type({}, device, backends_, model);
      add({"model", "type", "ok", fmt::format("{} by --type auto: {}", name_of(type), why)});
      const StageTypes types = stage_types(device, type, {});
      const StoryRequest request = default_request(model.config);
      const Plan plan = make_plan(model, request, types, &teller, measure_rates(teller, types.language));
      const int64_t free = teller.free_bytes();
      const Fit fit = fit_into(plan, free);
      Finding memory{"model", "memory", fit == Fit::none ? "missing" : "ok", ""};
      memory.kind = ErrorKind::resource;
      memory.text = fit == Fit::none
                        ? too_large(plan, free, type)
                        : fmt::format("{} of {} free{}",
                                      memory_text(fit == Fit::at_once ? plan.bytes_at_once() : plan.bytes_in_stages()),
                                      memory_text(free), fit == Fit::at_once ? "" : ", one stage at a time");
      memory.text += fmt::format("; a story of {} takes about {} on this {}", counted(request.frames, "frame"),
                                 readable_time(plan.seconds(request)), teller_ ? "card" : "CPU");
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
    const fs::path here = fs::current_path(none);
    const std::string problem = try_writing(here);
    add({"places", "output", problem.empty() ? "ok" : "wrong",
         here.string() + (problem.empty() ? " can be written" : " cannot be written: " + problem),
         problem.empty() ? "" : "seedstory generate -o DIR ..., in a folder that you may write"});
    const auto config = config_file();
    if (!config_problem_.empty())
      add({"places", "configuration", "wrong", config_problem_,
           "seedstory generate --no-settings ..., or mend the file"});
    else
      add({"places", "configuration", config ? "ok" : "note",
           config ? config->string() + whether_writable(config->parent_path())
                  : "none; docs/cli.md says where it may be" + whether_writable(config_folder())});
    try {
      const fs::path cache = hf_cache();
      const bool there = fs::is_directory(cache, none);
      add({"places", "-hf cache", there ? "ok" : "note",
           cache.string() + (there ? "" : " (nothing was downloaded yet)") + whether_writable(cache)});
    } catch (const Error& error) {
      add({"places", "-hf cache", "note", error.what()});
    }
  }

  // A story needs neither; a download or an editor does. Of a folder that is not there, where it would be made.
  static std::string whether_writable(const fs::path& folder) {
    if (folder.empty()) return "";
    const fs::path place = existing_folder(folder);
    const std::string problem = try_writing(place);
    return problem.empty() ? "" : fmt::format("; {} cannot be written: {}", place.string(), problem);
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
      if (!f.curl.empty()) fmt::print("  {:<9} {:<13} or {}\n", "", "", printable(f.curl));
    }
    fmt::print("\n{}\n", verdict());
  }

  // The last line, for those who read no other.
  std::string verdict() const {
    const auto bad = std::count_if(findings_.begin(), findings_.end(), [](const Finding& f) { return f.bad(); });
    const std::string plan = plan_.empty() ? "" : fmt::format(" What a story of it takes: {}", plan_);
    if (bad == 0) return "A story can be told." + plan;
    std::string text = fmt::format("No story can be told: {}", counted(bad, "problem"));
    if (missing_ > 0)
      text += fmt::format(", {} missing ({} to download)",
                          missing_ == 1 ? "1 part is" : fmt::format("{} parts are", missing_),
                          size_text(least_gb_, most_gb_));
    return text + "." + plan;
  }

  void print_json() const {
    Json list = Json::array();
    for (const Finding& f : findings_) {
      list.push_back({{"group", f.group}, {"name", f.name}, {"state", f.state}, {"text", f.text}});
      if (!f.fix.empty()) list.back()["fix"] = f.fix;
      if (!f.curl.empty()) list.back()["curl"] = f.curl;
    }
    const Json json = {{"seedstory", kBuildInfo.version}, {"ready", exit_code() == 0}, {"findings", list}};
    fmt::print("{}\n", json_text(json, 1));
  }

  const DoctorFlags& flags_;
  const std::string config_problem_;
  const Backends& backends_;
  const std::unique_ptr<Backend> cpu_;
  const Device device_;
  std::unique_ptr<Backend> teller_;  // the card that was asked for; null: the CPU
  const Machine machine_ = this_machine();
  std::vector<Finding> findings_;
  double least_gb_ = 0, most_gb_ = 0;  // of what is missing
  int missing_ = 0;                    // parts that can be downloaded
  std::string plan_;                   // the command that says what a story takes
};

}  // namespace

int doctor(const DoctorFlags& flags, const std::string& config_problem, const Backends& backends) {
  return Doctor(flags, config_problem, backends).run();
}

}  // namespace seedstory
