// plan and --fit, by running the program.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "catch.h"
#include "program.h"

using namespace seedstory;

TEST_CASE("plan says what the stages take", "[cli]") {
  const Desk desk;
  const Run ran = desk.shell("seedstory plan --model model --frames 3");
  CHECK(ran.code == 0);
  for (const char* word : {"see", "tell", "paint", "all at once", "in stages", "3 frames", "fits at once"})
    CHECK_THAT(ran.out, Catch::Contains(word));

  const Run json = desk.shell("seedstory plan --model model --json --card h100");
  CHECK(json.code == 0);
  const auto plan = nlohmann::json::parse(json.out);
  CHECK(plan["fits"] == "at once");
  CHECK(plan["free_bytes"] == int64_t(80) << 30);
  CHECK(plan["seconds"] > 0.0);
  CHECK(plan["stages"]["tell"]["weight_bytes"] > 0);

  const Run dry = desk.shell("seedstory generate --model model --prompt x --dry-run --json -o out");
  CHECK(dry.code == 0);
  CHECK(nlohmann::json::parse(dry.out)["bytes_at_once"] == plan["bytes_at_once"]);
  CHECK_FALSE(std::filesystem::exists(desk / "out"));
}

TEST_CASE("plan: too little memory is exit 4 with what helps", "[cli]") {
  const Desk desk;
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
