// File by file, tensor by tensor, in pieces: read as the loader reads, round, append.
#include "load/convert.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

#include "io/json.h"
#include "io/safetensors_stream.h"
#include "load/model_json.h"
#include "model/adapter.h"
#include "model/llama.h"
#include "model/resampler.h"
#include "model/unet.h"
#include "model/vae.h"
#include "model/vit.h"

namespace seedstory {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kPiece = 1 << 18;  // numbers that one thread reads at once
constexpr int64_t kBatch = 16;       // pieces in memory at a time

struct Network {
  const char* part;
  const char* prefix;  // of its tensors in the file
  std::shared_ptr<const TensorSource> source;
  WeightTable table;
};

struct PartFile {
  const char* name;
  std::vector<Network> networks;
};

// The tables point into networks' weights, which stay empty.
class Model {
 public:
  explicit Model(const ModelDir& m) {
    const ModelConfig& c = m.config;
    Network vit{"vit", "", m.vit, {}}, llm{"llm", "", m.llm, {}}, vae{"vae", "", m.vae, {}},
        in{"input_resampler", "input_resampler.", m.input_resampler, {}},
        out{"output_resampler", "output_resampler.", m.output_resampler, {}},
        adapter{"adapter", "resampler.", m.adapter, {}}, unet{"unet", "unet.", m.unet, {}};
    vit_.list(vit.table, c.vit);
    llm_.list(llm.table, c.llm);
    in_.list(in.table, c.input_resampler, "");
    out_.list(out.table, c.output_resampler, "");
    adapter_.list(adapter.table, c.adapter);
    unet_.list(unet.table, c.unet);
    vae_.list_decoder(vae.table, c.vae);
    files.push_back({"vit.safetensors", {std::move(vit)}});
    files.push_back({"llm.safetensors", {std::move(llm), std::move(in), std::move(out)}});
    files.push_back({"detokenizer.safetensors", {std::move(adapter), std::move(unet)}});
    files.push_back({"vae.safetensors", {std::move(vae)}});
  }

  std::vector<PartFile> files;

 private:
  VitWeights vit_;
  LlamaWeights llm_;
  ResamplerWeights in_, out_;
  AdapterWeights adapter_;
  UnetWeights unet_;
  VaeWeights vae_;
};

// A tensor of a file to be.
struct Item {
  std::string name;
  const WeightLoader* loader = nullptr;
  Stored stored;  // all of it, in the file's own order
  WeightFormat format = WeightFormat::f32;
  bool is_copied = false;  // integers with their scales, as they are
};

bool in_blocks(WeightFormat format) {
  return row_of(format).block != 0;
}

// Where it is not copied. A weight that is merged is f32 then, as i8 of consecutive values is.
WeightFormat format_as_stored(const Item& item) {
  const StoredTensor& t = *item.loader->find(item.stored);
  if (t.has_blocks()) return t.weight().format();
  if (item.loader->has_factors(item.stored)) return WeightFormat::f32;
  return t.values.dtype == DType::i8 ? WeightFormat::f32 : Weight(t.values).format();
}

// Of a network's tensors, each once, what they become.
class Items {
 public:
  Items(const Network& network, const WeightLoader& loader, const ConvertOptions& options)
      : network_(network), loader_(loader), options_(options) {
    for (const auto& entry : network.table.entries())
      for (const Stored& part : entry.parts) add(entry, part);
    for (auto& [name, use] : uses_) settle(use);
  }

  std::vector<Item> take() {
    std::vector<Item> items;
    for (auto& [name, use] : uses_) items.push_back(std::move(use.item));
    return items;
  }

 private:
  struct Use {
    Item item;
    WeightFormat wanted = WeightFormat::f32;
    bool is_weight = true, is_whole = true;
  };

  void add(const WeightTable::Entry& entry, const Stored& part) {
    const StoredTensor& t = *loader_.find(part);
    Use& use = uses_[part.name];
    Stored all{.name = part.name, .shape = part.shape, .other_name = part.other_name};
    if (all.shape[0] == kAnyRows) all.shape[0] = t.values.dim[0];
    const int64_t rows = (part.end < 0 ? all.shape[0] : part.end) - part.begin;
    use.is_weight = use.is_weight && entry.weight;
    use.is_whole = use.is_whole && rows == all.shape[0] && !part.transposed;
    if (entry.weight) use.wanted = loader_.format_of(entry);
    use.item = {.name = network_.prefix + part.name, .loader = &loader_, .stored = std::move(all)};
  }

  void settle(Use& use) const {
    Item& item = use.item;
    const StoredTensor& t = *loader_.find(item.stored);
    const WeightFormat stored = format_as_stored(item);
    const bool stays = !options_.type || !use.is_weight ||
                       (in_blocks(*options_.type) && (use.wanted != *options_.type || !use.is_whole));
    item.format = stays ? stored : use.wanted;
    item.is_copied =
        t.scale && !loader_.has_factors(item.stored) && (stays || (t.has_blocks() && item.format == stored));
    if (!item.is_copied) check(item, stored);
  }

  void check(const Item& item, WeightFormat stored) const {
    const int64_t k = item.stored.shape.size() > 1 ? item.stored.shape[1] : 0;
    std::string wrong;
    if (in_blocks(stored) && item.format != WeightFormat::f32)
      wrong = fmt::format("is {0}, which {1} would round once more; expected {0} or f32", name_of(stored),
                          name_of(item.format));
    else if (in_blocks(item.format) && k % kWeightBlock != 0)
      wrong = fmt::format("has a k of {}, {} wants a multiple of {}; kept, it stays in 16 bits", k,
                          name_of(item.format), kWeightBlock);
    if (!wrong.empty()) fail_input(fmt::format("{}: {} {}", network_.part, item.stored.name, wrong));
  }

  const Network& network_;
  const WeightLoader& loader_;
  const ConvertOptions& options_;
  std::map<std::string, Use> uses_;
};

// Wide types first, so that every tensor is aligned without gaps: values in blocks come in multiples of 16 bytes,
// scales of 2.
int order_of(const Item& item) {
  return item.is_copied || in_blocks(item.format) ? 2 : item.format == WeightFormat::f32 ? 0 : 1;
}

// As the file has it: two q4 are one byte.
void add_entries(const Item& item, std::vector<SafetensorsEntry>& entries) {
  std::vector<int64_t> shape = item.stored.shape;
  const Weight made = item.is_copied ? item.loader->find(item.stored)->weight()
                                     : Weight(nullptr, item.format, shape.data(), shape.size());
  shape = shape_of(made.values);
  const bool is_q4 = made.values.dtype == DType::i4;
  if (is_q4) shape[1] /= 2;
  entries.push_back({item.name, is_q4 ? DType::u8 : made.values.dtype, shape});
  if (made.scales) entries.push_back({item.name + ".scale", DType::f16, shape_of(made.scales)});
}

struct Sums {
  double squares = 0, errors = 0;
  double relative() const { return squares == 0 ? 0 : std::sqrt(errors / squares); }
  void operator+=(const Sums& more) { squares += more.squares, errors += more.errors; }
};

// Some rows of a tensor, rounded.
struct Piece {
  std::vector<char> memory;
  Weight weight;
  Sums sums;  // of blocks

  void make(const Item& item, int64_t first, int64_t count, ScaleRule scales) {
    std::vector<int64_t> shape = item.stored.shape;
    shape[0] = count;
    const Weight sized(nullptr, item.format, shape.data(), shape.size());
    memory.resize(size_t(sized.bytes()));
    weight = Weight(memory.data(), item.format, shape.data(), shape.size());
    std::vector<float> numbers(size_t(weight.values.numel()));
    item.loader->read(item.stored, first, count, numbers.data());
    if (const std::string wrong = round_weight(numbers.data(), weight, scales); !wrong.empty())
      fail_input(fmt::format("{} has {}", item.name, wrong));
    if (weight.scales) measure(numbers);
  }

 private:
  void measure(const std::vector<float>& numbers) {
    std::vector<float> rounded(numbers.size());
    to_f32({.values = weight.values, .scale = weight.scales, .file = {}}, 0, int64_t(rounded.size()), rounded.data());
    for (size_t i = 0; i < numbers.size(); ++i) {
      const double x = double(numbers[i]), error = x - double(rounded[i]);
      sums.squares += x * x, sums.errors += error * error;
    }
  }
};

std::string_view bytes_of(const Tensor& t) {
  return {static_cast<const char*>(t.data), size_t(t.bytes())};
}

struct Stopped {};

class FileWriter {
 public:
  FileWriter(const PartFile& file, const ModelDir& model, const ConvertOptions& options, Backend& threads,
             const fs::path& folder)
      : options_(options), threads_(threads) {
    written_.name = file.name;
    for (const Network& network : file.networks) {
      LoadOptions load{.types = {.weights = options.type.value_or(WeightFormat::f32)}, .lora_alpha = {}};
      load.keep = options.keep;
      if (network.part == std::string_view("llm")) load.lora_alpha = model.lora_alpha;
      loaders_.push_back(std::make_unique<WeightLoader>(threads, *network.source, network.part, load));
      for (Item& item : Items(network, *loaders_.back(), options).take()) items_.push_back(std::move(item));
    }
    std::stable_sort(items_.begin(), items_.end(),
                     [](const Item& a, const Item& b) { return order_of(a) < order_of(b); });
    std::vector<SafetensorsEntry> entries;
    for (const Item& item : items_) {
      add_entries(item, entries);
      if (!in_blocks(item.format)) continue;
      const auto known = item.is_copied ? item.loader->find(item.stored)->rms_error : 0;  // as long as it will be
      metadata_[item.name] = blocks_text(item.format, known);
    }
    out_.emplace(folder / file.name, entries, metadata_);
  }

  WrittenFile write() {
    for (const Item& item : items_) item.is_copied ? copy(item) : round(item);
    out_->finish(metadata_);
    written_.bytes = out_->bytes();
    written_.rms_error = all_.relative();
    return written_;
  }

 private:
  void copy(const Item& item) {
    const Weight weight = item.loader->find(item.stored)->weight();
    out_->write(bytes_of(weight.values));
    out_->write(bytes_of(weight.scales));
    item.loader->let_go(item.stored, 0, item.stored.shape[0]);
  }

  void round(const Item& item) {
    const int64_t rows = item.stored.shape[0];
    int64_t row = 1;
    for (size_t axis = 1; axis < item.stored.shape.size(); ++axis) row *= item.stored.shape[axis];
    const int64_t step = std::max<int64_t>(1, kPiece / std::max<int64_t>(row, 1));
    std::string scales;  // behind the values, for which they wait
    Sums sums;
    for (int64_t begin = 0; begin < rows; begin += step * kBatch) {
      if (options_.wants_stop && options_.wants_stop()) throw Stopped();
      std::vector<Piece> pieces(size_t(std::min(kBatch, (rows - begin + step - 1) / step)));
      threads_.parallel_for(int64_t(pieces.size()), [&](int64_t i) {
        const int64_t first = begin + i * step;
        pieces[size_t(i)].make(item, first, std::min(step, rows - first), options_.scales);
      });
      for (const Piece& piece : pieces) {
        out_->write(bytes_of(piece.weight.values));
        if (piece.weight.scales) scales += bytes_of(piece.weight.scales);
        sums += piece.sums;
      }
    }
    out_->write(scales);
    if (!in_blocks(item.format)) return;
    metadata_[item.name] = blocks_text(item.format, sums.relative());
    all_ += sums;
    ++written_.rounded;
  }

  const ConvertOptions& options_;
  Backend& threads_;
  std::vector<std::unique_ptr<WeightLoader>> loaders_;
  std::vector<Item> items_;
  SafetensorsWriter::Metadata metadata_;
  std::optional<SafetensorsStream> out_;
  WrittenFile written_;
  Sums all_;
};

void write_small_file(const fs::path& path, std::string_view bytes) {
  NewFile file(path);
  file.write(bytes);
  file.finish();
}

// What is no weight. model.json says that the folder is whole, and comes last.
void write_settings(ModelDir model, const ConvertOptions& options, const fs::path& folder) {
  write_small_file(folder / "tokenizer.model", read_text_file(model.tokenizer_model));
  write_small_file(folder / "added_tokens.json", read_text_file(model.added_tokens));
  std::string words;
  for (const std::string& word : model.words) words += word + "\n";
  if (!words.empty()) write_small_file(folder / "words.txt", words);
  if (options.type) {
    const bool blocks = in_blocks(*options.type);
    model.weights = blocks ? options.type : std::nullopt;
    model.keep = blocks ? options.keep : std::vector<KeepRule>();
  }
  write_small_file(folder / "model.json", model_json(model).dump(1) + "\n");
}

}  // namespace

std::optional<std::vector<WrittenFile>> convert_model(const ModelDir& model, const ConvertOptions& options,
                                                      Backend& threads, const fs::path& folder) {
  std::vector<WrittenFile> written;
  const Model whole(model);
  try {
    for (const PartFile& file : whole.files)
      written.push_back(FileWriter(file, model, options, threads, folder).write());
  } catch (const Stopped&) {
    return std::nullopt;
  }
  write_settings(model, options, folder);
  return written;
}

std::vector<std::string> weight_names(const ModelDir& model) {
  std::vector<std::string> names;
  const Model whole(model);
  for (const PartFile& file : whole.files)
    for (const Network& network : file.networks)
      for (const auto& entry : network.table.entries())
        for (const Stored& part : entry.parts)
          if (entry.weight) names.push_back(std::string(network.part) + "." + part.name);
  return names;
}

}  // namespace seedstory
