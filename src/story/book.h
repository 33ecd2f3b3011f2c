// A story on disk: frames as PNG, story.json, story.html. Nothing in them depends on the clock or the machine's name:
// equal stories are equal bytes.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/image.h"
#include "story/story.h"

namespace seedstory {

// What a story's bytes follow from, and how to ask for them again.
struct StoryRecord {
  using Names = std::vector<std::pair<std::string, std::string>>;

  std::string version;      // of this program
  std::string command;      // generate or visualize
  std::string model;        // the model's name
  Names weights;            // part to fingerprint
  Names model_flags;        // "--model" to what was given, where it was: to ask again, not to compare
  std::string type;         // f32
  std::string backend;      // cpu or cuda
  std::string start_print;  // fingerprint of the start picture; empty: there is none
  StoryRequest request;
};

struct StoredFrame {
  int64_t index = 0;
  std::string file, text;
  uint64_t seed = 0;
};

// FNV-1a, 64 bits: tells files and pictures apart; no protection against anybody.
class Fingerprint {
 public:
  void add(const void* data, size_t bytes);
  void add(std::string_view text) { add(text.data(), text.size()); }
  std::string hex() const;

 private:
  uint64_t hash_ = 0xcbf29ce484222325;
};

// The folder of one story.
class Book {
 public:
  // Without a folder ("") the same frames are made, and nothing is read or written.
  Book(std::filesystem::path dir, StoryRecord record);

  // The frames, if this very story is in the folder with all its files.
  std::optional<std::vector<StoredFrame>> finished() const;

  // Makes the folder ready and shows that it can be written. ErrorKind::input if another story, or pictures of
  // somebody else's, are in it and `force` is not given; with it the other story's files are removed.
  void begin(bool force);

  // Writes the picture at once, then story.json. Start pictures are marked as the user's own.
  StoredFrame add(const Frame& frame, const Image& picture, bool is_start = false);

  // Instead of add: the picture of this very frame, made for this very story, is in the folder since a run that was
  // interrupted. Nothing: it is not, or it is damaged.
  std::optional<StoredFrame> keep(const Frame& frame);

  // The page of what is there, and story.json with "complete": true, or false for a story that goes on another time.
  void finish(bool complete = true);

  // A frame's file: of the folder, or, without one, of the frame that was added last.
  std::string png(const StoredFrame& frame) const;
  // All of them and their texts on one picture.
  void write_sheet(const std::filesystem::path& file, const std::vector<StoredFrame>& frames) const;

  const std::vector<StoredFrame>& frames() const { return frames_; }

  const std::filesystem::path& dir() const { return dir_; }

 private:
  StoredFrame describe(const Frame& frame) const;
  std::string frame_text(const StoredFrame& frame, bool is_start) const;
  void write_json(bool complete) const;

  std::filesystem::path dir_;
  StoryRecord record_;
  std::vector<StoredFrame> frames_;
  std::string last_png_;
};

// Of a frame's file: the text under "seedstory", or nothing. Of a folder or story.json: its text.
std::optional<std::string> read_frame_json(const std::filesystem::path& png);
std::string read_story_json(const std::filesystem::path& file_or_dir);

std::string policy_name(Policy policy);
std::string noise_name(NoiseSource source);

}  // namespace seedstory
