// What torch.save wrote, whole and broken.
#include <fcntl.h>
#include <unistd.h>

#include <cstring>

#include "catch.h"
#include "golden.h"
#include "io/temp_folder.h"
#include "io/torch_archive.h"
#include "io/weights_file.h"

using namespace seedstory;
using namespace seedstory::pickle;

namespace {

const std::string kFloats(48, '\0');  // 12 f32

std::string archive(const std::string& data_pkl, const std::string& storage = kFloats) {
  ZipBuilder zip;
  zip.add("archive/data.pkl", data_pkl);
  zip.add("archive/data/0", storage);
  return zip.whole();
}

std::string open_error(std::string_view bytes) {
  const TempFolder folder;
  const auto path = folder.file("m.bin", bytes);
  return folder.shorten(error_of(ErrorKind::input, [&] { open_weights(path); }));
}

std::string pickle_error(const std::string& data_pkl) {
  return open_error(archive(data_pkl));
}

std::string tensor_error(int64_t offset, std::vector<int64_t> size, std::vector<int64_t> stride, int64_t numel = 12) {
  return pickle_error(dict(text("w") + tensor(storage("FloatStorage", "0", numel), offset, size, stride)));
}

}  // namespace

TEST_CASE("Tensors of a torch file are views with offset and stride", "[io]") {
  std::string floats;
  for (int i = 0; i < 12; ++i) floats += little_endian(float(i));
  const std::string shared = storage("FloatStorage", "0", 12);
  for (bool zip64 : {false, true}) {
    ZipBuilder zip;
    zip.zip64 = zip64;
    zip.add("any name/data.pkl", dict(text("whole") + tensor(shared, 0, {3, 4}, {4, 1}) +   //
                                      text("part") + tensor(shared, 4, {2, 2}, {4, 1}) +    //
                                      text("turned") + tensor(shared, 0, {4, 3}, {1, 4}) +  //
                                      text("scalar") + tensor(shared, 11, {}, {}) +         //
                                      text("none") + tensor(shared, 12, {0, 4}, {4, 1}) +   //
                                      text("half") + tensor(storage("HalfStorage", "1", 2), 1, {1}, {1}) +
                                      text("count") + tensor(storage("LongStorage", "2", 1), 0, {}, {})));
    zip.add("any name/data/0", floats);
    zip.add("any name/data/1", std::string("\0\0\0\x3C", 4));
    zip.add("any name/data/2", std::string(8, '\0'));
    zip.add("any name/byteorder", "little");
    const TempFolder folder;
    const auto source = open_weights(folder.file("m.bin", zip.whole()));
    CHECK(source->unread().size() == 1);
    CHECK(source->unread().at("count").str() == "I64()");
    CHECK(source->unread().at("count").bytes == 8);
    CHECK(source->names() == std::vector<std::string>{"half", "none", "part", "scalar", "turned", "whole"});
    const Tensor part = source->find("part")->values, turned = source->find("turned")->values;
    CHECK(part.str() == "f32(2, 2)");
    CHECK(part.stride[0] == 4);
    CHECK(part.as<float>()[0] == 4);
    CHECK(part.as<float>()[part.stride[0] + 1] == 9);
    CHECK(turned.str() == "f32(4, 3)");
    CHECK(turned.stride[1] == 4);
    CHECK(source->find("scalar")->values.str() == "f32(1)");
    CHECK(*source->find("scalar")->values.as<float>() == 11);
    CHECK(source->find("none")->values.str() == "f32(0, 4)");
    CHECK(*static_cast<uint16_t*>(source->find("half")->values.data) == 0x3C00);
    CHECK(source->find("whole")->values.data == turned.data);
  }
}

TEST_CASE("Float8 in a torch file is named, and its other tensors are read", "[io]") {
  const std::string bytes =
      tuple(text("storage") + global("torch.storage", "UntypedStorage") + text("1") + text("cpu") + integer(6)) + "Q";
  const auto typed = [&](const std::string& type) {
    return global("torch._utils", "_rebuild_tensor_v3") +
           tuple(bytes + integer(0) + integers({2, 3}) + integers({3, 1}) + "\x89" +
                 global("collections", "OrderedDict") + ")R" + global("torch", type)) +
           "R";
  };
  ZipBuilder zip;
  zip.add("archive/data.pkl", dict(text("w") + tensor(storage("FloatStorage", "0", 12), 0, {12}, {1}) +  //
                                   text("f8") + typed("float8_e4m3fn") + text("u16") + typed("uint16")));
  zip.add("archive/data/0", kFloats);
  zip.add("archive/data/1", std::string(6, '\0'));
  const TempFolder folder;
  const auto source = open_weights(folder.file("m.bin", zip.whole()));
  CHECK(source->names() == std::vector<std::string>{"w"});
  REQUIRE(source->unread().size() == 2);
  CHECK(source->unread().at("f8").str() == "F8_E4M3(2, 3)");
  CHECK(source->unread().at("f8").bytes == 6);
  CHECK(source->unread().at("u16").str() == "U16(2, 3)");
  CHECK(pickle_error(dict(text("w") + typed("load"))) == "m.bin: data.pkl: refuses to call torch.load");
  CHECK_THAT(pickle_error(dict(text("w") + typed("FloatStorage"))), Catch::Contains("torch.FloatStorage is no type"));
}

TEST_CASE("The opcodes of newer protocols are understood", "[io]") {
  // protocol 4: frame, short strings, memoize, stack_global; then parameters, lists and pops
  const std::string short_text = std::string("\x8c\x05torch\x94\x8c\x0c", 10) + "FloatStorage\x94\x93\x94";
  const std::string id = tuple(text("storage") + short_text + "T" + std::string("\1\0\0\0", 4) + "0" + "U\3cpu" + "M" +
                               std::string("\x0c\0", 2)) +
                         "Q";
  const std::string w = tensor(id, 0, {2}, {1});
  const std::string parameter = global("torch._utils", "_rebuild_parameter") + w + "\x88}\x87R";
  // Lists, duplicates, floats and bytes that come and go.
  const std::string noise =
      "](K\1K\2eNa0(K\1l0(NN1N200G" + std::string(8, '\0') + "0C\1x0B" + little_endian<uint32_t>(1) + "x0";
  const TempFolder folder;
  const auto source = open_weights(folder.file("m.bin", archive(std::string("\x80\x04\x95") + std::string(8, '\0') +
                                                                "}\x94" + noise + text("p") + parameter + "s.")));
  CHECK(source->find("p")->values.str() == "f32(2)");
}

TEST_CASE("A pickle is never run", "[io]") {
  const auto call = [](std::string module, std::string name, std::string argument) {
    return "\x80\x02" + global(module, name) + tuple(text(argument)) + "R.";
  };
  const TempFolder folder;
  const std::string touch = "touch " + (folder / "touched").string();
  CHECK(pickle_error(call("os", "system", touch)) == "m.bin: data.pkl: refuses to call os.system");
  CHECK(pickle_error(call("posix", "system", touch)) == "m.bin: data.pkl: refuses to call posix.system");
  CHECK(pickle_error(call("builtins", "eval", "1")) == "m.bin: data.pkl: refuses to call builtins.eval");
  CHECK(pickle_error(call("torch", "load", "x")) == "m.bin: data.pkl: refuses to call torch.load");
  CHECK(pickle_error("\x80\x04" + text("os") + text("system") + "\x93" + tuple(text(touch)) + "R.") ==
        "m.bin: data.pkl: refuses to call os.system");
  CHECK(pickle_error(std::string("\x80\x02") + "(ios\nsystem\n.") == "m.bin: data.pkl: opcode 0x69 is not supported");
  CHECK(!std::filesystem::exists(folder / "touched"));
}

TEST_CASE("Known globals are called as torch does or not at all", "[io]") {
  const std::string float_storage = storage("FloatStorage", "0", 12);
  CHECK(pickle_error("\x80\x02" + global("collections", "OrderedDict") + tuple(text("x")) + "R.") ==
        "m.bin: data.pkl: refuses to call collections.OrderedDict with 1 arguments");
  CHECK(pickle_error("\x80\x02" + global("torch", "FloatStorage") + ")R.") ==
        "m.bin: data.pkl: refuses to call torch.FloatStorage with 0 arguments");
  CHECK(pickle_error("\x80\x02" + global("torch._utils", "_rebuild_tensor_v2") + tuple("NNNNNN") + "R.") ==
        "m.bin: data.pkl: has None, expected a storage");
  CHECK(pickle_error("\x80\x02" + text("x") + ")R.") == "m.bin: data.pkl: has a string, expected a global");
  CHECK(pickle_error("\x80\x02" + float_storage + "}b.") ==
        "m.bin: data.pkl: refuses to set the state of anything but a dict");
  CHECK(pickle_error("\x80\x02" + tuple(text("module")) + "Q.") ==
        "m.bin: data.pkl: a persistent id is not ('storage', class, key, location, numel)");
  CHECK(pickle_error("\x80\x02" +
                     tuple(text("storage") + global("collections", "OrderedDict") + text("0") + text("cpu") + "K\1") +
                     "Q.") == "m.bin: data.pkl: collections.OrderedDict is no storage class");
  CHECK(pickle_error("\x80\x02" +
                     tuple(text("storage") + global("torch", "OtherStorage") + text("0") + text("cpu") + "K\1") +
                     "Q.") == "m.bin: data.pkl: refuses to call torch.OtherStorage");
}

TEST_CASE("BUILD of a state dict's _metadata is ignored", "[io]") {
  const std::string w = tensor(storage("FloatStorage", "0", 12), 0, {12}, {1});
  const TempFolder folder;
  std::string data_pkl = dict(text("w") + w);
  data_pkl.pop_back();
  data_pkl += "}" + text("_metadata") + "}sb.";
  CHECK(open_weights(folder.file("m.bin", archive(data_pkl)))->names() == std::vector<std::string>{"w"});
}

TEST_CASE("A pickle that makes no sense is an error", "[io]") {
  const auto error = [](std::string tail) { return pickle_error("\x80\x02" + tail); };
  CHECK(error("") == "m.bin: data.pkl: ends in the middle (truncated?)");
  CHECK(error("}") == "m.bin: data.pkl: ends in the middle (truncated?)");
  CHECK(error("X" + little_endian<uint32_t>(1000) + "abc") == "m.bin: data.pkl: ends in the middle (truncated?)");
  CHECK(error("\x8d" + little_endian<uint64_t>(~uint64_t(0)) + "abc") ==
        "m.bin: data.pkl: ends in the middle (truncated?)");
  CHECK(error("cos") == "m.bin: data.pkl: ends in the middle (truncated?)");
  CHECK(error(".") == "m.bin: data.pkl: takes a value from an empty stack");
  CHECK(error("(K\1t\x86.") == "m.bin: data.pkl: takes a value from an empty stack");
  CHECK(error("K\1(\x85.") == "m.bin: data.pkl: takes a value from an empty stack");
  CHECK(error("t.") == "m.bin: data.pkl: takes values back to a mark that is not there");
  CHECK(error("h\7.") == "m.bin: data.pkl: memo 7 was never put");
  CHECK(error("q\1.") == "m.bin: data.pkl: takes a value from an empty stack");
  CHECK(error("}(K\1u.") == "m.bin: data.pkl: a dict gets a key without a value");
  CHECK(error("]K\1K\1s.") == "m.bin: data.pkl: has a list, expected a dict");
  CHECK(error("\x8a\x09" + std::string(9, '\1') + ".") ==
        "m.bin: data.pkl: an int of 9 bytes, at most 8 are supported");
  CHECK(pickle_error("\x80\x06.") == "m.bin: data.pkl: protocol 6, at most 5 is supported");
  CHECK(error("K\1.") == "m.bin: data.pkl: holds an int, expected a dict of tensors");
  CHECK(error("}K\1K\2s.") == "m.bin: data.pkl: a key is an int, expected a string");
  CHECK(error("}" + text("step") + "K\2s.") == "m.bin: step: is an int, expected a tensor");
}

TEST_CASE("A pickle bomb runs into a limit", "[io]") {
  CHECK(pickle_error("\x80\x02" + std::string(2 << 20, ')') + ".") == "m.bin: data.pkl: more than 1048576 values");
  CHECK(pickle_error(std::string((64 << 20) + 1, ')')) == "m.bin: data.pkl: 67108865 bytes, at most 67108864 are read");
}

TEST_CASE("Deep nesting and cycles need no deep stack", "[io]") {
  std::string nested = "\x80\x02)";
  for (int i = 0; i < 1 << 19; ++i) nested += "\x85";
  CHECK(pickle_error(nested + ".") == "m.bin: data.pkl: holds a tuple, expected a dict of tensors");
  CHECK(pickle_error("\x80\x02]q\1h\1a.") == "m.bin: data.pkl: holds a list, expected a dict of tensors");
}

TEST_CASE("A tensor stays inside its storage", "[io]") {
  const std::string outside = " with its sizes and strides is outside its storage of 12 elements";
  CHECK(tensor_error(0, {3, 4}, {4, 1}) == "no error");
  CHECK(tensor_error(1, {3, 4}, {4, 1}) == "m.bin: w: offset 1" + outside);
  CHECK(tensor_error(0, {2, 4}, {9, 1}) == "m.bin: w: offset 0" + outside);
  CHECK(tensor_error(13, {0}, {1}) == "m.bin: w: offset 13" + outside);
  CHECK(tensor_error(-1, {1}, {1}) == "m.bin: w: offset -1" + outside);
  CHECK(tensor_error(int64_t(1) << 62, {1}, {1}) == "m.bin: w: offset 4611686018427387904" + outside);
  CHECK(tensor_error(0, {int64_t(1) << 40}, {0}) == "m.bin: w: offset 0" + outside);
  CHECK(tensor_error(0, {int64_t(1) << 33, int64_t(1) << 33}, {0, 0}) == "m.bin: w: offset 0" + outside);
  CHECK(tensor_error(0, {5}, {int64_t(1) << 62}) == "m.bin: w: offset 0" + outside);
  CHECK(tensor_error(0, {3, 3}, {int64_t(1) << 62, int64_t(1) << 62}) == "m.bin: w: offset 0" + outside);
  CHECK(tensor_error(0, {-1}, {1}) == "m.bin: w: sizes and strides must be whole numbers, not negative");
  CHECK(tensor_error(0, {2}, {-1}) == "m.bin: w: sizes and strides must be whole numbers, not negative");
  CHECK(tensor_error(0, {2}, {1, 1}) == "m.bin: w: 1 sizes and 2 strides, at most 5 axes are supported");
  CHECK(tensor_error(0, {1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1}) == "no error");  // it is only listed
  CHECK(tensor_error(0, {1, 1, 1, 1, 1, -1}, {1, 1, 1, 1, 1, 1}) ==
        "m.bin: w: sizes must be whole numbers, not negative");
}

TEST_CASE("A storage is in the archive and long enough", "[io]") {
  CHECK(tensor_error(0, {1}, {1}, 13) == "m.bin: w: its storage data/0 has 48 bytes, 13 f32 need more");
  CHECK(tensor_error(0, {1}, {1}, -1) == "m.bin: w: its storage data/0 has 48 bytes, -1 f32 need more");
  CHECK(tensor_error(0, {1}, {1}, int64_t(1) << 62) ==
        "m.bin: w: its storage data/0 has 48 bytes, 4611686018427387904 f32 need more");
  CHECK(pickle_error(dict(text("w") + tensor(storage("FloatStorage", "../0", 1), 0, {1}, {1}))) ==
        "m.bin: w: its storage data/../0 is not in the archive");
  const std::string w = text("w") + tensor(storage("FloatStorage", "0", 12), 0, {1}, {1});
  CHECK(pickle_error(dict(w + w)) == "m.bin: w: is there twice");
}

TEST_CASE("A broken archive is an error", "[io]") {
  const std::string empty_dict = dict("");
  const std::string whole = archive(empty_dict);
  REQUIRE(open_error(whole) == "no error");
  CHECK(open_error(whole.substr(0, whole.size() - 1)) == "m.bin: a zip archive without an end record (truncated?)");
  for (size_t length = 2; length < whole.size(); length += 7)
    CHECK(open_error(whole.substr(0, length)).starts_with("m.bin: "));

  ZipBuilder deflated;
  deflated.add("archive/data.pkl", empty_dict);
  deflated.method = 8;
  deflated.add("archive/data/0", kFloats);
  CHECK(open_error(deflated.whole()) == "m.bin: archive/data/0: is compressed (method 8), expected a stored entry");

  ZipBuilder secret;
  secret.flags = 1;
  secret.add("archive/data.pkl", empty_dict);
  CHECK(open_error(secret.whole()) == "m.bin: archive/data.pkl: is encrypted");

  ZipBuilder twice;
  twice.add("archive/data.pkl", empty_dict);
  twice.add("archive/data.pkl", empty_dict);
  CHECK(open_error(twice.whole()) == "m.bin: archive/data.pkl: is there twice");

  ZipBuilder other;
  other.add("word/document.xml", "<xml/>");
  CHECK(open_error(other.whole()) == "m.bin: a zip archive without data.pkl, not a torch file");

  ZipBuilder big_endian;
  big_endian.add("archive/data.pkl", empty_dict);
  big_endian.add("archive/byteorder", "big");
  CHECK(open_error(big_endian.whole()) == "m.bin: byteorder is \"big\", expected \"little\"");

  ZipBuilder long_entry;
  long_entry.begin("archive/data.pkl", 1000);
  CHECK(open_error(long_entry.whole()) == "m.bin: archive/data.pkl: 1000 bytes at 64 run into the directory");

  ZipBuilder more;
  more.add("archive/data.pkl", empty_dict);
  more.entries = 2;
  CHECK(open_error(more.whole()) == "m.bin: the directory has 1 entries, 2 were announced");

  CHECK(open_error("\x80\x02\x8a\x0al\xfc\x9c\x46\xf9 old torch") ==
        "m.bin: a torch file of before 1.6, not a zip archive; load and save it with a newer torch");
}

TEST_CASE("Wild offsets in the archive are errors", "[io]") {
  const std::string whole = archive(dict(""));
  const auto with = [&](size_t from_end, uint32_t value) {
    std::string bytes = whole;
    bytes.replace(bytes.size() - from_end, 4, little_endian(value));
    return open_error(bytes);
  };
  CHECK(with(6, 0xFFFFFFF0) ==
        "m.bin: central directory at byte 4294967280 runs past the end of the file (truncated?)");
  CHECK(with(10, 0xFFFFFFF0).ends_with("runs past the end of the file (truncated?)"));
  CHECK(with(6, 0) == "m.bin: no directory record at byte 0");

  ZipBuilder zip;
  zip.zip64 = true;
  zip.add("archive/data.pkl", dict(""));
  const std::string good = zip.whole();
  for (size_t at = zip.bytes.size(); at < good.size(); ++at)  // every byte of the directory and the end records
    for (int value : {0, 0x7F, 0xFF}) {
      std::string bytes = good;
      bytes[at] = char(value);
      const std::string error = open_error(bytes);
      CHECK((error == "no error" || error.starts_with("m.bin: ")));
    }
}

TEST_CASE("Storages at odd addresses are copied to even ones", "[io]") {
  ZipBuilder zip;
  zip.add("archive/data.pkl", dict(text("w") + tensor(storage("FloatStorage", "0", 12), 3, {2}, {1})));
  zip.add("archive/data/0", kFloats);
  std::string bytes = zip.whole();
  const size_t local = bytes.rfind("PK\3\4");
  const uint16_t extra = uint16_t(uint8_t(bytes[local + 28]) | uint8_t(bytes[local + 29]) << 8);
  // One byte of padding less in front of the last entry, so the directory comes a byte earlier.
  bytes.replace(local + 28, 2, little_endian(uint16_t(extra - 1)));
  bytes.erase(local + 30 + std::string("archive/data/0").size() + 4, 1);
  bytes.replace(bytes.size() - 6, 4, little_endian(uint32_t(zip.bytes.size() - 1)));
  const TempFolder folder;
  const auto source = open_weights(folder.file("m.bin", bytes));
  CHECK(reinterpret_cast<uintptr_t>(source->find("w")->values.data) % 4 == 0);
}

TEST_CASE("A storage larger than 4 GiB is mapped, with tensors behind its 2^32nd byte", "[io]") {
  constexpr int64_t kElements = (int64_t(1) << 30) + (1 << 20) + 8, kOffset = (int64_t(1) << 30) + 12345;  // of f32
  ZipBuilder zip;
  zip.zip64 = true;
  const std::string flat = storage("FloatStorage", "0", kElements);
  zip.add("archive/data.pkl",
          dict(text("near") + tensor(flat, 0, {2, 2}, {2, 1}) + text("far") + tensor(flat, kOffset, {3, 2}, {2, 1}) +
               text("edge") + tensor(flat, kElements - 1, {1}, {1}) + text("after") +
               tensor(storage("FloatStorage", "1", 1), 0, {1}, {1})));
  zip.begin("archive/data/0", uint64_t(kElements) * 4);

  // The file is sparse: what is not written is a hole.
  const TempFolder folder;
  const auto path = folder / "big.bin";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT, 0666);
  REQUIRE(fd >= 0);
  const auto put = [&](const std::string& bytes, uint64_t at) {
    REQUIRE(::pwrite(fd, bytes.data(), bytes.size(), off_t(at)) == ssize_t(bytes.size()));
  };
  const uint64_t data_at = zip.bytes.size();
  put(zip.bytes, 0);
  put(little_endian(7.5f) + little_endian(8.5f), data_at + uint64_t(kOffset) * 4);
  zip.base = data_at + uint64_t(kElements) * 4;
  zip.bytes.clear();
  zip.add("archive/data/1", little_endian(3.25f));
  put(zip.whole(), zip.base);
  ::close(fd);

  const auto source = open_weights(path);
  CHECK(source->find("far")->values.as<float>()[0] == 7.5f);
  CHECK(source->find("far")->values.as<float>()[1] == 8.5f);
  CHECK(source->find("near")->values.as<float>()[3] == 0);
  CHECK(*source->find("edge")->values.as<float>() == 0);
  CHECK(*source->find("after")->values.as<float>() == 3.25f);
}

TEST_CASE("The golden torch files open", "[io][golden]") {
  if (!have_golden()) return;
  const auto pretrained = golden_dir() / "pretrained";
  const auto llm = open_weights(pretrained / "seed_story/george_sft/pytorch_model.bin");
  const auto vit = open_weights(pretrained / "visual_tokenizer/qwen_vit_G.pt");
  const auto detokenizer =
      open_weights(pretrained / "detokenizer/detokenizer_george_adapted/checkpoint-4000/pytorch_model.bin");
  CHECK(llm->names().size() == 102);
  CHECK(vit->names().size() == 42);
  CHECK(detokenizer->names().size() > 10);
  CHECK(llm->find("llm.base_model.model.model.layers.0.self_attn.q_proj.weight")->values.str() == "bf16(256, 256)");
  CHECK(vit->find("ln_post.weight")->values.dtype == DType::bf16);
  int views = 0;
  for (const std::string& name : llm->names()) {
    const Tensor& t = llm->find(name)->values;
    CHECK(t.contiguous());
    views += t.dtype == DType::f32;
  }
  CHECK(views > 10);
}
