// story.json, and the same data in every picture of a story: what is written, how it is read back, and whether two of
// them are one story. Other rooms include output/story_folder.h.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "io/file.h"
#include "io/json.h"
#include "request/request.h"

namespace seedstory {

// What a story's bytes follow from, and how to ask for them again.
struct StoryRecord {
  using Names = std::vector<std::pair<std::string, std::string>>;

  std::string version;            // of this program
  std::string command;            // generate or visualize
  std::string model;              // the model's name
  Names weights;                  // part to fingerprint
  Names model_flags;              // "--model" to what was given, where it was: to ask again, not to compare
  std::string type;               // f32
  std::string backend;            // cpu or cuda
  std::string products;           // of q8 and q4 on the CPU: int8 or f32; else empty
  std::string cache_k, cache_v;   // of the LLM's keys and values; empty: as its activations
  std::string kernels;            // library; empty: this program's alone
  std::string start_fingerprint;  // fingerprint of the start picture; empty: there is none
  StoryRequest request;
  std::string command_line;    // for the page: asks for it again, without this machine's paths; empty: there is none
  bool counts_frames = false;  // the model is told how many frames are left: a longer story is another one
};

struct StoredFrame {
  int64_t index = 0;
  std::string file, text;
  uint64_t seed = 0;
  std::optional<FileDigest> digest;  // of the file; older stories have none
};

// What a folder's story.json says.
struct StoredStory {
  Json json;
  std::vector<StoredFrame> frames;
  std::set<std::string> sheets;
  std::optional<FileDigest> page;
  std::vector<std::string> changed;  // what no run wrote, in words
  bool is_damaged = false;           // there is none, or it is no JSON, but a frame of this story is there
};

// What story.json says before its frames. As one line of ASCII in a file that the story makes beside its folder.
Json story_head(const StoryRecord& record);
std::string story_mark(const StoryRecord& record);

// The text of story.json.
std::string story_json(const StoryRecord& record, bool complete, const std::set<std::string>& sheets,
                       const std::optional<FileDigest>& page, const std::vector<StoredFrame>& frames);

// What stands in a frame's file: all that its pixels follow from. `is_start`: nothing in it was drawn with these
// parameters.
std::string frame_mark(const StoryRecord& record, const StoredFrame& frame, bool is_start);

// The line that AUTOMATIC1111's web UI writes, and many viewers show.
std::string a1111_parameters(const StoryRecord& record, const StoredFrame& frame);

// The JSON of story.json or of a picture; choices that its program did not have yet are filled in. `what` begins the
// errors.
Json parse_stored(const std::string& text, const std::string& what);
// Of story.json. Throws where it is not one of this program's.
StoredStory stored_story(const std::string& text);

// What differs between the story asked for and another, for a person; empty: nothing, or that it goes on where the
// other ends.
std::string difference(const StoryRecord& record, const Json& stored);

// Whether a stored request is the very one, not one that goes on behind it.
bool is_whole_request(const StoryRecord& record, Json stored);

// Whether a picture's story is the whole one, or was when that had fewer frames.
bool is_part_of(const Json& story, const Json& whole);

// Whether a frame's own data say that it is this one, of this story or of a shorter one that it continues.
bool is_frame_of(const StoryRecord& record, const Json& story, const StoredFrame& frame);

}  // namespace seedstory
