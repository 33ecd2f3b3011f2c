// What CudaBackend does beside its kernels: uploads that nobody waits for, host threads, work that repeats. On the
// emulated device, and on a card (tests/gpu).
#include <atomic>
#include <cstring>
#include <numeric>

#include "../../cuda/cuda_backend.h"
#include "ops/harness.h"
#include "seedstory/arena.h"

using namespace seedstory;

TEST_CASE("An upload keeps its bytes, whatever happens to the host's, and is ordered with ops", "[simt]") {
  const auto be = make_cuda_backend();
  Arena arena(*be, 96 << 20);
  // More small ones than there are buffers, each from the same place; then one of more bytes than all large buffers.
  const Tensor ids = arena.make(DType::i32, {200, 1});
  for (int32_t i = 0; i < 200; ++i) be->upload(ids.slice(0, i, i + 1), &i);
  std::vector<int32_t> got(200), expected(200);
  std::iota(expected.begin(), expected.end(), 0);
  be->download(got.data(), ids);
  CHECK(got == expected);

  const int64_t many = (80 << 20) + 4;
  const Tensor large = arena.make(DType::u8, {1, many});
  std::vector<char> bytes(size_t(many), 0);
  for (size_t i = 0; i < bytes.size(); i += 4096) bytes[i] = char(i >> 12);
  const std::vector<char> as_they_were = bytes;
  be->upload(large, bytes.data());
  std::memset(bytes.data(), 0x55, bytes.size());
  be->download(bytes.data(), large);
  CHECK(bytes == as_they_were);

  const Tensor a = arena.make(DType::f32, {1, 8}), y = arena.make(DType::f32, {1, 8});
  std::vector<float> values(8, 1);
  be->upload(a, values.data());
  be->run(Add{.y = y, .a = a, .b = a});
  values.assign(8, 5);
  be->upload(a, values.data());  // behind the op
  be->download(values.data(), y);
  CHECK(values == std::vector<float>(8, 2));
}

TEST_CASE("Threads of the host may upload at once, and what one throws comes out", "[simt]") {
  const auto be = make_cuda_backend();
  Arena arena(*be, 4 << 20);
  const Tensor t = arena.make(DType::i32, {64, 1024});
  be->parallel_for(64, [&](int64_t i) {
    const std::vector<int32_t> row(1024, int32_t(i));
    be->upload(t.slice(0, i, i + 1), row.data());
  });
  std::vector<int32_t> got(64 * 1024);
  be->download(got.data(), t);
  for (size_t i = 0; i < got.size(); ++i)
    if (got[i] != int32_t(i / 1024)) FAIL("row " << i / 1024 << " holds " << got[i]);
  std::atomic<int> runs = 0;
  CHECK(error_of(
            [&] {
              be->parallel_for(1000, [&](int64_t i) {
                ++runs;
                if (i == 3) fail_resource("no more");
              });
            },
            ErrorKind::resource) == "no more");
  CHECK(runs < 1000);
  be->parallel_for(0, [&](int64_t) { FAIL("called for nothing"); });
}

TEST_CASE("Work that repeats is recorded at its second run and only launched from the third on", "[simt]") {
  const auto be = make_cuda_backend();
  Arena arena(*be, 1 << 20);
  const Tensor x = arena.make(DType::f32, {1, 8});
  const auto set = [&](float value) {
    const std::vector<float> values(8, value);
    be->upload(x, values.data());
  };
  const auto get = [&] {
    std::vector<float> values(8);
    be->download(values.data(), x);
    return values[0];
  };
  set(1);
  Repeat made;
  int calls = 0;
  const auto twice = [&] {
    ++calls;
    be->run(Add{.y = x, .a = x, .b = x});
  };
  for (const float expected : {2.0f, 4.0f, 8.0f, 16.0f}) {
    be->repeat(made, twice);
    CHECK(get() == expected);
  }
  CHECK(calls == 2);
  // What the tensors hold is read when it runs.
  set(3);
  be->repeat(made, twice);
  CHECK(get() == 6);
  CHECK(calls == 2);
  // While somebody listens to probes, the work is called.
  float heard = 0;
  be->on_probe = [&](std::string_view, const Tensor&, Layout) { heard = get(); };
  be->repeat(made, [&] {
    twice();
    be->probe("x", x);
  });
  CHECK(calls == 3);
  CHECK(heard == 12);
  be->on_probe = nullptr;
  be->repeat(made, twice);
  CHECK(get() == 24);
  CHECK(calls == 3);
}

TEST_CASE("A record knows when its scratch memory has moved", "[simt]") {
  const auto be = make_cuda_backend();
  Arena arena(*be, 4 << 20);
  const auto norm = [&](int64_t side) {
    const int64_t channels = 32;
    const Tensor x = arena.make(DType::f32, {1, side, side, channels}), y = arena.make(DType::f32, x.dim, x.rank);
    const Tensor w = arena.make(DType::f32, {channels}), b = arena.make(DType::f32, {channels});
    for (const Tensor& t : {x, w, b}) {
      std::vector<float> values(size_t(t.numel()));
      for (size_t i = 0; i < values.size(); ++i) values[i] = float(i % 7) - 3;
      be->upload(t, values.data());
    }
    return GroupNorm{.y = y, .x = x, .w = w, .b = b};
  };
  const GroupNorm small = norm(4), large = norm(64);
  CHECK(be->scratch_bytes(&small) < be->scratch_bytes(&large));
  const auto values_of = [&](const Tensor& t) {
    std::vector<float> values(size_t(t.numel()));
    be->download(values.data(), t);
    return values;
  };
  Repeat made;
  int calls = 0;
  const auto work = [&] {
    ++calls;
    be->run(small);
  };
  be->repeat(made, work);
  be->repeat(made, work);
  const std::vector<float> expected = values_of(small.y);
  be->run(large);
  be->repeat(made, work);
  CHECK(calls == 3);
  CHECK(values_of(small.y) == expected);
}

TEST_CASE("Inside of what repeats nothing is allocated, moved or waited for", "[simt]") {
  const auto be = make_cuda_backend();
  Arena arena(*be, 1 << 20);
  const Tensor x = arena.make(DType::f32, {1, 8});
  std::vector<float> host(8);
  be->upload(x, host.data());
  const std::pair<const char*, std::function<void()>> cases[] = {{"upload", [&] { be->upload(x, host.data()); }},
                                                                 {"download", [&] { be->download(host.data(), x); }},
                                                                 {"allocate", [&] { be->allocate(4); }},
                                                                 {"finish", [&] { be->finish(); }}};
  for (const auto& [what, work] : cases)
    for (int runs_before : {0, 1}) {
      INFO(what << " at run " << runs_before);
      Repeat made;
      bool is_quiet = runs_before > 0;
      const auto maybe = [&] {
        be->run(Add{.y = x, .a = x, .b = x});
        if (!is_quiet) work();
      };
      if (is_quiet) be->repeat(made, maybe);
      is_quiet = false;
      CHECK(error_of([&] { be->repeat(made, maybe); }, ErrorKind::failed) ==
            std::string("CudaBackend: ") + what + " inside of repeat()");
      be->finish();  // nothing is left of it
    }
}
