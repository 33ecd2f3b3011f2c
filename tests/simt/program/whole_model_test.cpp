// Whole models on the CUDA backend: the published one as launches, nano as pictures.
#include <catch.h>

#include "../../cuda/cuda_backend.h"
#include "../../ptx/program.h"
#include "bench/paper.h"
#include "cpu/cpu_backend.h"
#include "manual/psnr.h"
#include "recorded_frame.h"
#include "simt.h"
#include "tiny_model.h"

using namespace seedstory;

namespace {

constexpr size_t kSharedBytes = 163 * 1024;  // a block's, on a card of compute capability 8.0

int64_t launches = 0;

void expect_launch(const simt::Launch& launch) {
  ++launches;
  const auto [x, y, z] = launch.grid;
  const bool fits = x > 0 && y > 0 && z > 0 && x <= 0x7fffffff && y <= 65535 && z <= 65535 &&
                    launch.shared_bytes <= kSharedBytes && launch.block.x * launch.block.y * launch.block.z <= 1024;
  if (!fits)
    FAIL_CHECK(launch.kernel << ": " << x << " x " << y << " x " << z << " blocks, " << launch.shared_bytes
                             << " bytes of shared memory");
}

struct InsteadOfFibers {
  explicit InsteadOfFibers(void (*f)(const simt::Launch&)) { simt::instead_of_fibers = f; }
  ~InsteadOfFibers() { simt::instead_of_fibers = nullptr; }
};

struct Told {
  std::string text;
  Image picture;
};

// A story of one picture, in few steps: every op, at every shape that nano has.
Told tell(Backend& backend, const StageTypes& types) {
  const ModelDir model = open_model({.dir = SEEDSTORY_SOURCE_DIR "/weights/nano"});
  Engine engine(backend, model, {.types = types});
  StoryRequest request = default_request(engine.config);
  request.prompt = "A little fox finds a red lantern in the snow.";
  request.frames = 1;
  request.steps = 2;
  request.sampling.temperature = 0;  // the CPU's words by their logits, not by a draw
  StoryListener listener;
  Storyteller teller = make_storyteller(engine, request, listener);
  const auto frame = teller.next();
  REQUIRE(frame);
  return {.text = frame->text, .picture = make_painter(engine, request, listener).paint(*frame)};
}

// Against f32, in dB.
void expect_told_as_on_the_cpu(WeightFormat type, double least_psnr) {
  const Told expected = tell(*make_cpu_backend(0), {});
  const Told told = tell(*make_cuda_backend(), StageTypes::of_card(type));
  CHECK(told.text == expected.text);
  CHECK(psnr(told.picture, expected.picture) >= least_psnr);
}

}  // namespace

// Nothing runs: a launcher looks at shapes and strides alone.
TEST_CASE("Every launch of the published model is one that a card takes", "[simt]") {
  const auto backend = make_cuda_backend();
  const InsteadOfFibers count(expect_launch);
  for (const auto& format : kWeightFormats) {
    const WeightFormat type = format.value;
    INFO(format.name);
    launches = 0;
    int64_t ops = 0;
    for (AnyOp& any : ops_of_a_frame(StageTypes::of_card(type), backend.get()))
      std::visit(
          [&]<class Op>(Op& op) {
            std::string tensors = op.name;
            op.each([&](const char* field, const Tensor& t, Access) { tensors += std::string(" ") + field + t.str(); });
            INFO(tensors);
            if constexpr (HasWeight<Op>) op.w.packed = nullptr;  // what the recording packed is no convolution's
            backend->run(op);
            ++ops;
          },
          any);
    CHECK(launches >= ops);
  }
}

// The engine's own, of zeros, runs op by op; the first one here is recorded, the others are launched.
TEST_CASE("A picture seen by a record has the bits of one that is seen op by op", "[simt]") {
  const TempDir dir;
  write_tiny_model(dir.path());
  const ModelDir model = open_model({.dir = dir.path()});
  const auto backend = make_cuda_backend(), plain = make_cuda_backend(0, true);
  Engine engine(*backend, model, {.types = StageTypes::of_card(WeightFormat::f16)});
  Engine op_by_op(*plain, model, {.types = StageTypes::of_card(WeightFormat::f16)});
  const int64_t size = model.config.vit.image_size;
  for (const float grey : {0.5f, -1.0f, 0.5f}) {
    const std::vector<float> pixels(size_t(size * size * 3), grey);
    const std::vector<float> feature = engine.encode_image(pixels);
    CHECK(feature == op_by_op.encode_image(pixels));
    CHECK(feature != engine.diffusion.uncond_feature);
  }
}

// Blocks of each launch, but for those that pack a weight.
std::vector<std::pair<std::string, int64_t>> launched;
void note_launch(const simt::Launch& launch) {
  const std::string kernel = ptx::kernel_name(launch.kernel);
  if (!kernel.starts_with("conv2d_weights") && !kernel.starts_with("block_panels"))
    launched.emplace_back(kernel, int64_t(launch.grid.x) * launch.grid.y * launch.grid.z);
}

TEST_CASE("bench --paper knows the launches of the published model, and every one has counts", "[simt]") {
  const struct {
    const char* name;
    int capability, multiprocessors, flops_a_cycle;
  } cards[] = {{"a100", 80, 108, 2048}, {"h100", 90, 132, 4096}, {"4090", 89, 128, 512}};
  const InsteadOfFibers count(note_launch);
  for (const auto& [name, capability, multiprocessors, flops_a_cycle] : cards) {
    const Card card{name, 80, 300, 2, capability, multiprocessors, flops_a_cycle};
    const simt::OnCard on(capability);
    simt::multiprocessors = multiprocessors;
    const auto backend = make_cuda_backend();
    for (const WeightFormat type : {WeightFormat::f16, WeightFormat::q8, WeightFormat::q4}) {
      int64_t known = 0;
      for (AnyOp& any : ops_of_a_frame(StageTypes::of_card(type), backend.get())) {
        const std::vector<PaperLaunch> expected = launches_of(any, card);
        if (expected.empty()) continue;
        launched.clear();
        std::visit(
            [&]<class Op>(Op& op) {
              if constexpr (HasWeight<Op>) op.w.packed = nullptr;
              backend->run(op);
            },
            any);
        std::vector<std::pair<std::string, int64_t>> paper;
        for (const PaperLaunch& launch : expected) paper.emplace_back(launch.kernel, launch.blocks);
        const PaperTime time = paper_time(any, card);
        INFO(name << ", " << name_of(type) << ", " << time.kernels);
        CHECK(paper == launched);
        CHECK(time.us > 0);
        ++known;
      }
      CHECK(known > 500);
    }
  }
  simt::multiprocessors = 108;
}

TEST_CASE("nano in f32 on the kernels tells the CPU's words and paints its picture", "[simt]") {
  expect_told_as_on_the_cpu(WeightFormat::f32, 60);
}

// On the CPU weights are widened and rows are as they are. It is 56.5 dB; 6 are an error twice as large.
TEST_CASE("nano in q8 on the kernels tells the words of the CPU's widened weights, and its picture is near", "[simt]") {
  const Told expected = tell(*make_cpu_backend(0, CpuSet::automatic, Products::f32), WeightFormat::q8);
  const Told told = tell(*make_cuda_backend(), StageTypes::of_card(WeightFormat::q8));
  CHECK(told.text == expected.text);
  CHECK(psnr(told.picture, expected.picture) >= 50);
}

TEST_CASE("nano in f16 on the kernels tells the CPU's words, and its picture is near", "[simt]") {
  expect_told_as_on_the_cpu(WeightFormat::f16, 45);
}
