// A session of the LLM: the same bits however its tokens arrive.
#include "language/session.h"

#include <cmath>
#include <limits>
#include <set>

#include "catch.h"
#include "language/sampler.h"
#include "story_result.h"

using namespace seedstory;

namespace {

std::vector<int> some_ids(int count, int vocab) {
  std::vector<int> ids;
  for (int i = 0; i < count; ++i) ids.push_back(3 + (i * 37 + i * i) % (vocab - 9));
  return ids;
}

}  // namespace

TEST_CASE("a prompt gives the same bits whole, in pieces, and token by token", "[session]") {
  TempDir dir;
  write_tiny_model(dir.path());
  LoadedModel model(dir.path(), 2);
  const auto ids = some_ids(300, model.engine.language.tokenizer.vocab_size());  // more than one chunk
  Session whole(model.engine.language), pieces(model.engine.language), single(model.engine.language);
  whole.append(ids);
  pieces.append(std::span(ids).first(7));
  pieces.append(std::span(ids).subspan(7, 131));
  pieces.append(std::span(ids).subspan(138));
  for (int id : ids) single.append(std::span(&id, 1));
  CHECK(whole.logits() == pieces.logits());
  CHECK(whole.logits() == single.logits());
}

TEST_CASE("what is taken back leaves no trace", "[session]") {
  TempDir dir;
  write_tiny_model(dir.path());
  LoadedModel model(dir.path());
  const Tokenizer& t = model.engine.language.tokenizer;
  const auto ids = some_ids(40, t.vocab_size());
  Session clean(model.engine.language), used(model.engine.language);
  clean.append(ids);
  used.append(std::span(ids).first(30));
  std::vector<int> picture = {t.begin_image()};
  picture.insert(picture.end(), t.image_tokens().begin(), t.image_tokens().end());
  used.decode_image_tokens(picture);
  CHECK(used.common_prefix(ids) == 30);
  used.truncate(30);
  CHECK(used.history() == 30);
  used.append(std::span(ids).subspan(30));
  CHECK(clean.logits() == used.logits());
}

TEST_CASE("a prefix is common up to the first drawn image token", "[session]") {
  TempDir dir;
  write_tiny_model(dir.path());
  LoadedModel model(dir.path());
  const Tokenizer& t = model.engine.language.tokenizer;
  std::vector<int> ids = some_ids(5, t.vocab_size());
  Session session(model.engine.language);
  session.append(ids);
  std::vector<int> picture = {t.begin_image()};
  picture.insert(picture.end(), t.image_tokens().begin(), t.image_tokens().end());
  session.decode_image_tokens(picture);
  ids.insert(ids.end(), picture.begin(), picture.end());
  CHECK(session.common_prefix(ids) == 6);  // <img> is as it will be, its inside is not
}

TEST_CASE("kept tokens take the positions of their ranks", "[session]") {
  TempDir dir;
  write_tiny_model(dir.path());
  LoadedModel model(dir.path());
  const auto ids = some_ids(12, model.engine.language.tokenizer.vocab_size());
  // Layer 0 sees tokens without context, so with one layer's worth of history a cache with a hole equals a shorter one
  // only in what it holds; the bookkeeping is what this checks.
  Session session(model.engine.language);
  session.append(ids);
  session.keep({0, 1, 5, 9, 10, 11});
  CHECK(session.kept() == std::vector<int64_t>{0, 1, 5, 9, 10, 11});
  CHECK(session.ids() == std::vector<int>{ids[0], ids[1], ids[5], ids[9], ids[10], ids[11]});
  CHECK(session.history() == 12);
  session.append(std::span(ids).first(2));
  CHECK(session.kept().back() == 13);
}

namespace {

// As a host chooses: see TokenGenerator::next_token.
int pick_on_host(Session& session, const Tokenizer& t, const TokenRules& rules) {
  std::vector<float> logits = session.logits();
  for (int id : t.image_tokens()) logits[size_t(id)] = rules.outside;
  logits[size_t(t.end_image())] = rules.outside;
  if (rules.banned >= 0) logits[size_t(rules.banned)] = -std::numeric_limits<float>::infinity();
  return Sampler({}, 1).pick(logits, {});
}

}  // namespace

TEST_CASE("what is picked on the backend is what the host would pick, and is appended as it is there", "[session]") {
  TempDir dir;
  write_tiny_model(dir.path());
  LoadedModel model(dir.path());
  const Tokenizer& t = model.engine.language.tokenizer;
  const float never = -std::numeric_limits<float>::infinity();
  std::set<int> picked;
  for (const TokenRules rules : {TokenRules{.outside = 0}, {.outside = never, .banned = Tokenizer::eos}})
    for (int start = 3; start < 60; start += 7) {
      Session here(model.engine.language), there(model.engine.language);
      here.append({&start, 1});
      there.append({&start, 1});
      for (int i = 0; i < 12; ++i) {
        const int id = pick_on_host(here, t, rules);
        REQUIRE(there.pick(rules) == id);
        picked.insert(id);
        here.append({&id, 1});
        there.append({&id, 1});
        REQUIRE(here.logits() == there.logits());
      }
    }
  CHECK(picked.size() > 5);
}

TEST_CASE("a pick that is not appended is forgotten", "[session]") {
  TempDir dir;
  write_tiny_model(dir.path());
  LoadedModel model(dir.path());
  const auto ids = some_ids(9, model.engine.language.tokenizer.vocab_size());
  Session plain(model.engine.language), picks(model.engine.language);
  plain.append(ids);
  picks.append(std::span(ids).first(4));
  picks.pick({});
  picks.pick({});
  picks.append(std::span(ids).subspan(4, 1));
  picks.pick({});
  picks.append(std::span(ids).subspan(5, 3));
  picks.pick({});
  picks.truncate(8);
  picks.append(std::span(ids).subspan(8));
  CHECK(plain.logits() == picks.logits());
}

TEST_CASE("slots that are free again are used again, in any order of the cache's rows", "[session]") {
  TempDir dir;
  write_tiny_model(dir.path());
  LoadedModel model(dir.path());
  const auto ids = some_ids(30, model.engine.language.tokenizer.vocab_size());
  Session roomy(model.engine.language), tight(model.engine.language, 14);
  for (Session* session : {&roomy, &tight}) {
    session->append(std::span(ids).first(12));
    session->keep({0, 1, 5, 9, 10, 11});
    session->append(std::span(ids).subspan(12, 8));
    session->keep({0, 1, 9, 12, 13, 19});
    session->append(std::span(ids).subspan(20, 3));
    session->truncate(7);
    session->append(std::span(ids).subspan(23, 7));
  }
  // Another way to the same: what is dropped in two steps leaves other slots free.
  Session steps(model.engine.language, 20);
  steps.append(std::span(ids).first(12));
  steps.keep({0, 1, 2, 5, 6, 9, 10, 11});
  steps.keep({0, 1, 5, 9, 10, 11});
  steps.append(std::span(ids).subspan(12, 8));
  steps.keep({0, 1, 9, 11, 12, 13, 19});
  steps.keep({0, 1, 9, 12, 13, 19});
  steps.append(std::span(ids).subspan(20, 1));
  steps.append(std::span(ids).subspan(23, 7));
  CHECK(roomy.ids() == tight.ids());
  CHECK(roomy.logits() == tight.logits());
  CHECK(roomy.ids() == steps.ids());
  CHECK(roomy.logits() == steps.logits());
  CHECK(error_of(ErrorKind::failed, [&] { tight.append(std::span(ids).first(1)); }) ==
        "Session: 15 tokens came, there is room for 14");
}

TEST_CASE("more room is made where it is asked for, and the cache is then empty", "[session]") {
  TempDir dir;
  write_tiny_model(dir.path());
  LoadedModel model(dir.path());
  const auto ids = some_ids(40, model.engine.language.tokenizer.vocab_size());
  Session roomy(model.engine.language), grown(model.engine.language, 10);
  roomy.append(ids);
  grown.append(std::span(ids).first(10));
  grown.reserve(10);
  CHECK(grown.history() == 10);
  grown.reserve(40);
  CHECK(grown.history() == 0);
  CHECK(grown.common_prefix(ids) == 0);
  grown.append(ids);
  CHECK(roomy.logits() == grown.logits());
  grown.reserve(1 << 30);
  CHECK(error_of(ErrorKind::input, [&] { grown.append(std::vector<int>(513, 5)); }) ==
        "the story so far and its next tokens are 513 long, the model has 512 positions; shorten the prompt, or use a "
        "smaller --window (--policy window, sink or mm_sink)");
}

TEST_CASE("logits that are not numbers end the story", "[session]") {
  TempDir dir;
  write_tiny_model(dir.path(), {.script = {{5, 6}}, .offset = NAN});
  LoadedModel model(dir.path());
  Session session(model.engine.language);
  session.append(std::vector<int>{5, 6});
  CHECK(error_of(ErrorKind::failed, [&] { session.pick({}); }) == "the LLM's logits are not finite");
  CHECK(error_of(ErrorKind::failed, [&] { session.logits(); }) == "the LLM's logits are not finite");
}
