#include "story/session.h"

#include "catch.h"
#include "told.h"

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
  const auto ids = some_ids(300, model.engine.tokenizer.vocab_size());  // more than one chunk
  Session whole(model.engine), pieces(model.engine), single(model.engine);
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
  const Tokenizer& t = model.engine.tokenizer;
  const auto ids = some_ids(40, t.vocab_size());
  Session clean(model.engine), used(model.engine);
  clean.append(ids);
  used.append(std::span(ids).first(30));
  std::vector<int> picture = {t.begin_image()};
  picture.insert(picture.end(), t.image_tokens().begin(), t.image_tokens().end());
  used.draw(picture);
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
  const Tokenizer& t = model.engine.tokenizer;
  std::vector<int> ids = some_ids(5, t.vocab_size());
  Session session(model.engine);
  session.append(ids);
  std::vector<int> picture = {t.begin_image()};
  picture.insert(picture.end(), t.image_tokens().begin(), t.image_tokens().end());
  session.draw(picture);
  ids.insert(ids.end(), picture.begin(), picture.end());
  CHECK(session.common_prefix(ids) == 6);  // <img> is as it will be, its inside is not
}

TEST_CASE("kept tokens take the positions of their ranks", "[session]") {
  TempDir dir;
  write_tiny_model(dir.path());
  LoadedModel model(dir.path());
  const auto ids = some_ids(12, model.engine.tokenizer.vocab_size());
  // Layer 0 sees tokens without context, so with one layer's worth of history a cache with a hole equals a shorter one
  // only in what it holds; the bookkeeping is what this checks.
  Session session(model.engine);
  session.append(ids);
  session.keep({0, 1, 5, 9, 10, 11});
  CHECK(session.kept() == std::vector<int64_t>{0, 1, 5, 9, 10, 11});
  CHECK(session.ids() == std::vector<int>{ids[0], ids[1], ids[5], ids[9], ids[10], ids[11]});
  CHECK(session.history() == 12);
  session.append(std::span(ids).first(2));
  CHECK(session.kept().back() == 13);
}
