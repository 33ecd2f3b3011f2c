// plan and --fit, by running the program.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "catch.h"
#include "io/image.h"
#include "program.h"

using namespace seedstory;

TEST_CASE("plan says what the stages take", "[cli]") {
  const Workdir desk;
  const Run ran = desk.shell("seedstory plan --model model --frames 3");
  CHECK(ran.code == 0);
  for (const char* word : {"vision", "language", "diffusion", "all at once", "in stages", "3 frames", "fits at once"})
    CHECK_THAT(ran.out, Catch::Contains(word));

  const Run json = desk.shell("seedstory plan --model model --json --card h100");
  CHECK(json.code == 0);
  const auto plan = nlohmann::json::parse(json.out);
  CHECK(plan["fits"] == "at once");
  CHECK(plan["free_bytes"] == int64_t(80) << 30);
  CHECK(plan["seconds"] > 0.0);
  CHECK(plan["stages"]["language"]["weight_bytes"] > 0);

  const Run dry = desk.shell("seedstory generate --model model --prompt x --dry-run --json -o out");
  CHECK(dry.code == 0);
  const auto here = nlohmann::json::parse(desk.shell("seedstory plan --model model --json").out);
  CHECK(nlohmann::json::parse(dry.out)["bytes_at_once"] == here["bytes_at_once"]);
  CHECK_FALSE(std::filesystem::exists(desk / "out"));
}

TEST_CASE("plan counts the picture that a story starts from, and the captions that there are", "[cli]") {
  const Workdir desk;
  desk.write("start.png", encode_png({.width = 4, .height = 4, .rgb = std::vector<uint8_t>(48)}));
  desk.write("captions.json", R"(["one", "two", "three"])");
  const auto plan = [&](const std::string& line) {
    const Run run = desk.shell("seedstory " + line + " --json --model model --card t4");
    INFO(run.err);
    REQUIRE(run.code == 0);
    return nlohmann::json::parse(run.out);
  };
  const auto plain = plan("plan"), with = plan("plan -i start.png");
  CHECK(with["seconds"].get<double>() ==
        Approx(plain["seconds"].get<double>() + plain["stages"]["vision"]["seconds"].get<double>()));
  CHECK(desk.shell("seedstory plan --model model -i nowhere.png").code == 3);
  const auto dry = [&](const std::string& flags) {
    return desk.shell("seedstory visualize --model model --dry-run --captions captions.json " + flags).out;
  };
  CHECK_THAT(dry(""), Catch::Contains("\n3 frames of "));
  CHECK_THAT(dry("-i start.png --policy compat_vis"), Catch::Contains("\n2 frames of "));
  CHECK(desk.shell("seedstory visualize --model model --dry-run --captions nowhere.json").code == 3);
}

TEST_CASE("plan: too little memory is exit 4 with what helps", "[cli]") {
  const Workdir desk;
  const auto plan = nlohmann::json::parse(desk.shell("seedstory plan --model model --type f32 --json").out);
  const double at_once = plan["bytes_at_once"].get<double>() / double(1 << 30),
               staged = plan["bytes_in_stages"].get<double>() / double(1 << 30);
  const Run stages =
      desk.shell(fmt::format("seedstory plan --model model --type f32 --memory {}", (at_once + staged) / 2));
  CHECK(stages.code == 0);
  CHECK_THAT(stages.out, Catch::Contains("fits in stages"));
  const Run none = desk.shell(fmt::format("seedstory plan --model model --type f32 --memory {}", 0.9 * staged));
  CHECK(none.code == 4);
  CHECK_THAT(none.err, Catch::StartsWith("seedstory: not enough memory: stage "));
  CHECK_THAT(none.err, Catch::Contains("what helps: --type bf16"));
  const Run never = desk.shell("seedstory plan --model model --memory 1e-6");
  CHECK(never.code == 4);
  CHECK(desk.shell("seedstory plan --model model --memory 0").code == 2);
  CHECK(desk.shell("seedstory plan --model model --card abacus").code == 2);
}

TEST_CASE("plan says first whether it fits", "[cli]") {
  const Workdir desk;
  const auto first = [&](const std::string& flags) {
    const std::string out = desk.shell("HF_HUB_CACHE=none seedstory plan --model seed-story " + flags).out;
    return out.substr(0, out.find('\n'));
  };
  CHECK_THAT(first("--card rtx4090 --type f32"),
             Catch::EndsWith(
                 " in f32 on 4090 at the limits of its data sheet: does not fit in f32; in bf16 it fits in stages"));
  CHECK_THAT(first("--card rtx4090 --type bf16"), Catch::EndsWith("data sheet: fits in stages; in q8 it fits at once"));
  CHECK_THAT(first("--card h100 --type f32"), Catch::EndsWith("data sheet: fits at once"));
  CHECK_THAT(first("--card 3060-12 --type bf16"),
             Catch::EndsWith("data sheet: does not fit in bf16; in q8 it fits in stages"));
  CHECK_THAT(first("--memory 1 --type f32"), Catch::EndsWith(": does not fit in f32"));
  CHECK_THAT(first("--memory 40 --type f32"), Catch::EndsWith(": fits in stages; in bf16 it fits at once"));
}

TEST_CASE("plan knows the published sizes without a file", "[cli]") {
  const Workdir desk;
  const auto plan = [&](const std::string& flags, int code) {
    const Run ran = desk.shell("HF_HUB_CACHE=none seedstory plan --cpu portable --json " + flags);
    INFO(ran.err);
    CHECK(ran.code == code);
    return nlohmann::json::parse(ran.out);
  };
  const auto f32 = plan("--model seed-story --type f32 --memory 80", 0);
  const auto bf16 = plan("--model seed-story --type bf16 --memory 80", 0);
  // Parameters by the published shapes, and those of upsampling kernels, which the CPU holds as four of 2x2 in f32. A
  // tensor begins at a multiple of 256 bytes; in bf16 vectors stay f32.
  struct {
    const char *stage, *part;
    double parameters, upsampling;
  } cases[] = {{"language", "llm", 6738956288, 0},
               {"diffusion", "unet", 2567463684, 9 * (1280 * 1280 + 640 * 640)},
               {"diffusion", "vae", 49490199, 9 * (2 * 512 * 512 + 256 * 256)},
               {"diffusion", "adapter", 61245696, 0}};
  for (const auto& [stage, part, parameters, upsampling] : cases) {
    INFO(part);
    const double folded = upsampling * 16 / 9, plain = parameters - upsampling;
    CHECK(std::abs(f32["stages"][stage]["parts"][part].get<double>() / (4 * (plain + folded)) - 1) < 1e-3);
    CHECK(std::abs(bf16["stages"][stage]["parts"][part].get<double>() / (2 * plain + 4 * folded) - 1) < 0.03);
  }
  for (const char* stage : {"vision", "language", "diffusion"}) {
    int64_t sum = 0;
    for (const auto& bytes : f32["stages"][stage]["parts"]) sum += bytes.get<int64_t>();
    CHECK(sum == f32["stages"][stage]["weight_bytes"]);
    CHECK(f32["stages"][stage]["work_bytes"] > 0);
  }
  CHECK(f32["types"]["bf16"]["bytes_at_once"] == bf16["bytes_at_once"]);
  CHECK(bf16["types"]["f32"]["bytes_in_stages"] == f32["bytes_in_stages"]);
  const auto q4 = plan("--model seed-story --type q4 --memory 80", 0);
  CHECK(f32["types"]["q4"]["bytes_at_once"] == q4["bytes_at_once"]);
  CHECK(q4["stays_f16"] ==
        std::vector<std::string>{"vit conv1.weight", "unet conv_in.weight", "unet conv_out.weight", "vae"});
  CHECK_FALSE(f32.contains("stays_f16"));
  // Of the LLM's keys and values in 32 layers: half of either is 2 bytes times positions times 4096.
  const int64_t half = 32ll * 4096 * 4096 * 2;
  for (const auto& [flags, saved] :
       {std::pair{"-ctk f16", half}, {"-ctv bf16", half}, {"-ctk=bf16 -ctv f16", 2 * half}}) {
    const auto held = plan(std::string("--model seed-story --type f32 --memory 80 ") + flags, 0);
    CHECK(f32["stages"]["language"]["work_bytes"].get<int64_t>() - saved == held["stages"]["language"]["work_bytes"]);
    CHECK(f32["types"]["q4"]["bytes_at_once"].get<int64_t>() - saved == held["types"]["q4"]["bytes_at_once"]);
  }
  // 4.5 bits of every weight but the LLM's table of tokens, which is f32.
  const double table = 32066.0 * 4096;
  const double expected = 4 * table + 4.5 / 8 * (6738956288 - table);
  CHECK(std::abs(q4["stages"]["language"]["parts"]["llm"].get<double>() / expected - 1) < 1e-3);
  CHECK(std::abs(q4["stages"]["diffusion"]["parts"]["vae"].get<double>() / (2 * 49490199.0) - 1) < 0.01);
  // A repository that is not in the cache is planned for as well, and so is a dry run; smaller pictures take less.
  CHECK(plan("-hf TencentARC/SEED-Story --type f32 --memory 80", 0)["stages"]["diffusion"]["parts"] ==
        f32["stages"]["diffusion"]["parts"]);
  const Run dry = desk.shell("seedstory generate --dry-run --json -p x --model seed-story --type bf16 -W 512 -H 512");
  CHECK(nlohmann::json::parse(dry.out)["stages"]["diffusion"]["work_bytes"] <
        bf16["stages"]["diffusion"]["work_bytes"]);

  CHECK_THAT(desk.shell("seedstory plan --model seed-story --memory 80").out,
             Catch::StartsWith("seed-story (the published sizes; no file was read) in "));
  CHECK(desk.shell("seedstory plan --model seed-story --vae x").err ==
        "seedstory: --vae: of seed-story only the sizes are here, and none of its files\n");
  const Run told = desk.shell("seedstory generate --model seed-story -p x");
  CHECK(told.code == 3);
  CHECK(told.err ==
        "seedstory: seed-story: no such model directory; plan knows its sizes, and seedstory doctor -hf "
        "TencentARC/SEED-Story names its files\n");
  // A folder of that name counts where it is a model.
  REQUIRE(desk.shell("mkdir seed-story; echo mine >seed-story/notes").code == 0);
  const Run other = desk.shell("seedstory plan --model seed-story --memory 80");
  CHECK(other.code == 0);
  CHECK(other.err == "seed-story: what has that name here holds no model; the published sizes are taken\n");
  CHECK_THAT(other.out, Catch::StartsWith("seed-story (the published sizes; no file was read) in "));
  CHECK_THAT(desk.shell("seedstory generate --model seed-story -p x").err,
             Catch::StartsWith("seedstory: seed-story: no such model directory (what is there holds no model); plan "));
  REQUIRE(desk.shell("rm -r seed-story; cp -r model seed-story").code == 0);
  const Run own = desk.shell("seedstory plan --model seed-story");
  CHECK(own.err == "seed-story: is the folder of that name\n");
  CHECK_THAT(own.out, Catch::StartsWith("tiny in "));
  CHECK(desk.shell("seedstory plan --model ./seed-story").err.empty());
}

TEST_CASE("A card is known by all its names", "[cli]") {
  const Workdir desk;
  struct {
    const char *name, *card;
    double gib;
  } cases[] = {{"rtx4090", "4090", 24},
               {"RTX-4090", "4090", 24},
               {"NVIDIA GeForce RTX 4090", "4090", 24},
               {"h100-80", "h100", 80},
               {"NVIDIA H100 80GB HBM3", "h100", 80},
               {"H100-PCIe", "h100-pcie", 80},
               {"A100-SXM4-40GB", "a100-40", 40},
               {"a100-80", "a100", 80},
               {"a100-80g", "a100", 80},
               {"a10", "a10", 24},
               {"a6000", "a6000", 48},
               {"rtx a6000", "a6000", 48},
               {"5090", "5090", 32},
               {"3060-12", "3060", 12},
               {"Tesla T4", "t4", 16}};
  for (const auto& [name, card, gib] : cases) {
    INFO(name);
    const Run ran = desk.shell("seedstory plan --model model --json --card " + quoted(name));
    REQUIRE(ran.code == 0);
    const auto plan = nlohmann::json::parse(ran.out);
    CHECK(plan["machine"] == std::string(card) + " at the limits of its data sheet");
    CHECK(plan["free_bytes"] == int64_t(gib * double(1 << 30)));
    CHECK(plan["note"] == "what a card really does was not measured yet");
  }
  CHECK_THAT(desk.shell("seedstory plan --model model --card h100").out,
             Catch::EndsWith("\nwhat a card really does was not measured yet\n"));
  for (const char* name : {"3060ti", "4090-48", "h100-40", "rtx", "A10G", "NVIDIA A10G"}) {
    INFO(name);
    const Run ran = desk.shell("seedstory plan --model model --card " + quoted(name));
    CHECK(ran.code == 2);
    CHECK_THAT(ran.err, Catch::StartsWith("seedstory: --card "));
  }
  CHECK_THAT(desk.shell("seedstory plan --model model --card 3060ti").err,
             Catch::Contains(": expected one of b200, h200, ") && Catch::EndsWith("; did you mean 3060?\n"));
}
