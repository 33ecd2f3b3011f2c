// --hf-repo: what `hf download` left in Hugging Face's cache is a model; nothing else is looked at, nothing downloaded.
#include <map>

#include "program.h"

using namespace seedstory;
namespace fs = std::filesystem;

namespace {

const std::string kCommit(40, 'a');

// The desk's model as the cache holds it: every file of a snapshot is a link into blobs/.
void put_into_cache(const Workdir& desk, const std::string& cache, const std::string& repo = "models--me--tiny") {
  const fs::path folder = desk / cache / repo, snapshot = folder / "snapshots" / kCommit;
  fs::create_directories(folder / "refs");
  fs::create_directories(folder / "blobs");
  fs::create_directories(snapshot);
  desk.write((fs::path(cache) / repo / "refs/main").string(), kCommit);
  int blob = 0;
  for (const auto& entry : fs::directory_iterator(desk / "model")) {
    const std::string name = "blob" + std::to_string(blob++);
    fs::copy_file(entry.path(), folder / "blobs" / name);
    fs::create_symlink(fs::path("../../blobs") / name, snapshot / entry.path().filename());
  }
}

}  // namespace

TEST_CASE("The flag --hf-repo finds a model in each place where the cache may be") {
  const Workdir desk;
  put_into_cache(desk, "hub");
  put_into_cache(desk, "home/.cache/huggingface/hub");
  const std::string line = " seedstory inspect -hf me/tiny";
  for (const char* place :
       {"HF_HUB_CACHE=$PWD/hub HF_HOME=/nowhere", "HF_HUB_CACHE= HF_HOME=$PWD",
        "HF_HUB_CACHE= HF_HOME= XDG_CACHE_HOME=home/.cache HOME=$PWD/home",
        "HF_HUB_CACHE= HF_HOME= HOME=/nowhere XDG_CACHE_HOME=$PWD/home/.cache",
        // As a file of settings hands them on, where no shell has read them.
        "HOME=$PWD HF_HUB_CACHE='~/hub'", "HOME=$PWD HF_HUB_CACHE= HF_HOME='~'", "HOME=$PWD HF_HUB_CACHE='$HOME/hub'",
        "A=$PWD/ho B_2=me HF_HOME='${A}$B_2/.cache/huggingface'",
        "HF_HUB_CACHE= HUGGINGFACE_HUB_CACHE=$PWD/hub HF_HOME=/nowhere",
        "HF_HUB_CACHE=$PWD/hub HUGGINGFACE_HUB_CACHE=/nowhere",
        "HF_HUB_CACHE= HUGGINGFACE_HUB_CACHE='~/hub' HOME=$PWD"}) {
    const Run run = desk.shell(place + line);
    INFO(place << run.err);
    CHECK(run.code == 0);
    CHECK_THAT(run.out, Catch::StartsWith("tiny (seedstory layout)\n"));
  }
}

TEST_CASE("What stands for nothing in the cache's variable stays as it is") {
  const Workdir desk;
  for (const char* name :
       {"$NOT_SET_HERE/hub", "${NOT_SET_HERE}x", "no~tilde", "$", "a$", "${open", "~no.such.user/hub"}) {
    const Run run = desk.shell("HF_HUB_CACHE='" + std::string(name) + "' seedstory inspect -hf me/tiny");
    INFO(name);
    CHECK(run.code == 3);
    CHECK_THAT(run.err, Catch::Contains("is not in " + std::string(name) + ", and"));
  }
}

TEST_CASE("A snapshot without a ref is found, and named") {
  const Workdir desk;
  put_into_cache(desk, "hub");
  fs::remove_all(desk / "hub/models--me--tiny/refs");
  // One that broke off later has fewer files; what is no commit is no snapshot.
  const std::string other(40, 'b');
  REQUIRE(desk.shell("cd hub/models--me--tiny/snapshots && mkdir " + other + " main && touch " + other +
                     "/model.json main/{1..9}")
              .code == 0);
  const std::string said =
      "me/tiny: the cache has no refs/main; snapshot " + kCommit + " is taken, of 2 the one with most files\n";
  const std::string head = "export HF_HUB_CACHE=hub; seedstory ";
  const Run inspected = desk.shell(head + "inspect -hf me/tiny");
  CHECK(inspected.code == 0);
  CHECK(inspected.err == said);
  CHECK(desk.shell(head + "plan -hf me/tiny").err == said);
  const Run told = desk.shell(head + "generate -hf me/tiny -p fox -n 1 -o out");
  CHECK(told.code == 0);
  CHECK_THAT(told.err, Catch::StartsWith(said));
  CHECK_THAT(desk.shell(head + "doctor -hf me/tiny").out, Catch::Contains("snapshot      " + said));
}

TEST_CASE("A snapshot that refs/main does not lead to is found, and named") {
  const Workdir desk;
  put_into_cache(desk, "hub");
  const std::string other(40, 'b');
  const std::string taken = "; snapshot " + kCommit + " is taken, of 2 the one with most files\n";
  const std::string gone = "me/tiny: the cache's refs/main names " + other + ", which is not there" + taken;
  struct {
    std::string ref, said;
  } cases[] = {{other, gone},  // begun, and nothing of it came
               {"", "me/tiny: the cache's refs/main is empty" + taken},
               {" \n", "me/tiny: the cache's refs/main is empty" + taken}};
  REQUIRE(desk.shell("mkdir hub/models--me--tiny/snapshots/" + other).code == 0);
  for (const auto& [ref, said] : cases) {
    INFO(said);
    desk.write("hub/models--me--tiny/refs/main", ref);
    const Run run = desk.shell("HF_HUB_CACHE=hub seedstory inspect -hf me/tiny");
    CHECK(run.code == 0);
    CHECK(run.err == said);
  }
  // Where no snapshot holds a file there is no model.
  fs::remove_all(desk / ("hub/models--me--tiny/snapshots/" + kCommit));
  const Run none = desk.shell("HF_HUB_CACHE=hub seedstory inspect -hf me/tiny");
  CHECK(none.code == 3);
  CHECK_THAT(none.err, Catch::Contains("--hf-repo me/tiny: is not in hub"));
}

TEST_CASE("A story told from the cache is the model's, and knows how to be told again") {
  const Workdir desk;
  put_into_cache(desk, "hub");
  const std::string head = "export HF_HUB_CACHE=$PWD/hub; ";
  REQUIRE(desk.shell("seedstory generate --model model -n 2 -p 'The fox' -o plain").code == 0);
  // The variable is for those who give no flag.
  const Run run =
      desk.shell(head + "SEEDSTORY_MODEL=/nowhere seedstory generate -hf me/tiny -n 2 -p 'The fox' -o cached");
  INFO(run.err);
  REQUIRE(run.code == 0);
  CHECK(desk.json("cached/story.json")["model"]["weights"] == desk.json("plain/story.json")["model"]["weights"]);
  const Run command = desk.shell("seedstory inspect --command cached/001.png");
  CHECK_THAT(command.out, Catch::Contains(" --hf-repo me/tiny"));
  desk.write("again.sh", head + command.out);
  CHECK(desk.shell("bash again.sh").code == 0);
  desk.expect_equal_folders("cached", "again");
}

TEST_CASE("Parts of the published layout are found as torch files, behind safetensors") {
  const Workdir desk;
  const std::string base = "pretrained/stable-diffusion-xl-base-1.0/";
  const auto found = [&](const char* part) {
    const Run run = desk.shell("seedstory doctor --json --model pretrained");
    const auto report = nlohmann::json::parse(run.out);
    for (const auto& finding : report["findings"])
      if (finding["group"] == "model" && finding["name"] == part) return finding["text"].get<std::string>();
    return std::string("no finding");
  };
  fs::create_directories(desk / (base + "vae"));
  fs::create_directories(desk / (base + "unet"));
  fs::create_directories(desk / "pretrained/visual_tokenizer");
  const char* files[] = {"vae/diffusion_pytorch_model.fp16.bin", "vae/diffusion_pytorch_model.bin",
                         "vae/diffusion_pytorch_model.fp16.safetensors", "vae/diffusion_pytorch_model.safetensors"};
  for (const char* file : files) {  // each goes before those that are there already
    desk.write(base + file, "not weights");
    CHECK_THAT(found("vae"), Catch::StartsWith(base + file + ": neither"));
  }
  desk.write(base + "unet/diffusion_pytorch_model.bin", "not weights");
  CHECK_THAT(found("unet"), Catch::Contains("unet/diffusion_pytorch_model.bin: neither"));
  desk.write("pretrained/visual_tokenizer/qwen_vit_G.bin", "not weights");
  CHECK_THAT(found("vit"), Catch::Contains("visual_tokenizer/qwen_vit_G.bin: neither"));
}

TEST_CASE("A model that is not in the cache is exit 3, with the line that fetches it") {
  const Workdir desk;
  put_into_cache(desk, "hub");
  const Run run = desk.shell("HF_HUB_CACHE=hub seedstory generate --hf-repo me/other -p fox -o out");
  CHECK(run.code == 3);
  CHECK(run.err ==
        "seedstory: --hf-repo me/other: is not in hub, and this program downloads nothing; run: hf download "
        "me/other\n");
  CHECK(run.out.empty());
  CHECK(!fs::exists(desk / "out"));
  CHECK_THAT(desk.shell("HF_HUB_CACHE=hub seedstory generate -hf TencentARC/SEED-Story -p fox -o out").err,
             Catch::EndsWith("; its parts are in three repositories: seedstory doctor -hf TencentARC/SEED-Story\n"));
  for (const char* line : {"generate -p fox -o out", "plan"}) {
    const std::string slip = std::string("HF_HUB_CACHE=hub seedstory ") + line + " -hf ";
    CHECK_THAT(desk.shell(slip + "TencentARC/SEED-Stroy").err,
               Catch::EndsWith("; did you mean TencentARC/SEED-Story?\n"));
    CHECK_THAT(desk.shell(slip + "https://huggingface.co/TencentARC/SEED-Story").err,
               Catch::EndsWith(": expected USER/MODEL, which is TencentARC/SEED-Story\n"));
  }
}

TEST_CASE("A repository's name and its commit are never a way out of the cache") {
  const Workdir desk;
  put_into_cache(desk, "hub");
  for (const char* name : {"tiny", "me/tiny/model", "../tiny", "me/..", "me/", "/tiny", "'me/ti ny'"}) {
    const Run run = desk.shell(std::string("HF_HUB_CACHE=hub seedstory inspect --hf-repo=") + name);
    INFO(name);
    CHECK(run.code == 2);
    CHECK_THAT(run.err, Catch::Contains("expected USER/MODEL"));
  }
  for (const std::string& commit : {std::string("../../../../model"), std::string("../") + kCommit, kCommit + "/..",
                                    std::string("\n") + kCommit, kCommit + "\n" + kCommit, std::string(40, 'A'),
                                    std::string(39, 'a'), std::string("main"), std::string(2000, 'a')}) {
    desk.write("hub/models--me--tiny/refs/main", commit);
    const Run run = desk.shell("HF_HUB_CACHE=hub seedstory inspect --hf-repo me/tiny");
    INFO(commit);
    CHECK(run.code == 3);
    CHECK_THAT(run.err, Catch::Contains("hub/models--me--tiny/refs/main"));
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
  }
  desk.write("hub/models--me--tiny/refs/main", kCommit + "\n");
  CHECK(desk.shell("HF_HUB_CACHE=hub seedstory inspect --hf-repo me/tiny").code == 0);
}

TEST_CASE("What SEED-Story leaves to other repositories is taken from their caches") {
  const Workdir desk;
  const auto put = [&](const std::string& repo, const std::string& file) {
    fs::create_directories((desk / ("hub/" + repo + "/refs")));
    fs::create_directories((desk / ("hub/" + repo + "/snapshots/" + kCommit + "/" + file)).parent_path());
    desk.write("hub/" + repo + "/refs/main", kCommit);
    desk.write("hub/" + repo + "/snapshots/" + kCommit + "/" + file, "not weights");
  };
  put("models--TencentARC--SEED-Story", "seed_story/george_sft/pytorch_model.bin");
  put("models--stabilityai--stable-diffusion-xl-base-1.0", "unet/diffusion_pytorch_model.fp16.safetensors");
  put("spaces--TencentARC--SEED-Story", "pretrained/qwen_vit_G.pt");
  const Run run = desk.shell("HF_HUB_CACHE=hub seedstory doctor -hf TencentARC/SEED-Story --json");
  CHECK(run.code == 3);
  std::map<std::string, nlohmann::json> parts;
  const auto report = nlohmann::json::parse(run.out);
  for (const auto& finding : report["findings"])
    if (finding["group"] == "model") parts[finding["name"]] = finding;
  struct {
    const char *part, *state, *text, *fix;
  } cases[] = {
      {"llm", "wrong", "hub/models--TencentARC--SEED-Story/snapshots/",
       "hf download TencentARC/SEED-Story seed_story/george_sft/pytorch_model.bin --force-download"},
      {"unet", "wrong", "hub/models--stabilityai--stable-diffusion-xl-base-1.0/snapshots/",
       "hf download stabilityai/stable-diffusion-xl-base-1.0 unet/config.json "
       "unet/diffusion_pytorch_model.fp16.safetensors --force-download"},
      {"vit", "wrong", "hub/spaces--TencentARC--SEED-Story/snapshots/",
       "hf download TencentARC/SEED-Story --repo-type space pretrained/qwen_vit_G.pt --force-download"},
      {"vae", "missing", "no vae",
       "hf download stabilityai/stable-diffusion-xl-base-1.0 vae/config.json vae/diffusion_pytorch_model.safetensors "
       "scheduler/scheduler_config.json"},
  };
  for (const auto& [part, state, text, fix] : cases) {
    INFO(parts[part].dump());
    CHECK(parts[part]["state"] == state);
    CHECK_THAT(parts[part]["text"].get<std::string>(), Catch::Contains(text));
    CHECK(parts[part]["fix"] == fix);
  }
}

TEST_CASE("The flags --hf-repo and --model exclude each other") {
  const Workdir desk;
  const Run run = desk.shell("seedstory generate --hf-repo me/tiny --model model -p fox");
  CHECK(run.code == 2);
  CHECK_THAT(run.err, Catch::Contains("--hf-repo excludes --model") || Catch::Contains("--model excludes --hf-repo"));
}
