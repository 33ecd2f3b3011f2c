// A story on disk: frames as PNG, story.json, story.html. Nothing in them depends on the clock or the machine's name:
// equal stories are equal bytes.
#pragma once

#include <filesystem>
#include <future>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/file.h"
#include "io/image.h"
#include "io/json.h"
#include "output/page_picture.h"
#include "output/story_json.h"
#include "request/request.h"

namespace seedstory {

// The folder of one story. Of what is in a folder already, or comes into it while the story is made, only what its own
// story.json lists is ever written or removed.
class StoryFolder {
 public:
  // Without a folder ("") the same frames are made, and nothing is read or written.
  StoryFolder(std::filesystem::path dir, StoryRecord record);
  // A folder that was made for a story of which no frame came to be is removed again.
  ~StoryFolder();
  StoryFolder(const StoryFolder&) = delete;
  StoryFolder& operator=(const StoryFolder&) = delete;

  // Makes the folder and keeps other processes out. False: one of them has it. ErrorKind::input: it cannot be made.
  bool claim();
  const std::string& missing_lock() const { return lock_.missing(); }  // FolderLock::missing

  // Whether this very story, or none, is in the folder: what begin(false) would take.
  bool suits() const;

  // The frames, if this very story is in the folder, whole and undamaged.
  std::optional<std::vector<StoredFrame>> finished() const;
  // What of this story is missing, damaged or was changed, in words; empty also where it is not finished.
  std::vector<std::string> damage() const;
  // A finished story's page, written again if it is missing or damaged. True: it was.
  bool mend(const std::vector<StoredFrame>& frames);

  // A file of this name in the folder will hold the sheet. ErrorKind::input: one that is not this story's is there.
  void take_sheet(const std::string& name, bool force);
  // Whether a file anywhere is a sheet that this story or a shorter one of it made; whether a mark is theirs.
  bool is_sheet(const std::filesystem::path& file) const;
  bool is_of_this_story(const std::string& mark) const;

  // Makes the folder ready and shows that it can be written. ErrorKind::input if another story is in it and `force` is
  // not given, with which that story's files are removed; or files of somebody else's, which are never touched.
  void begin(bool force);

  // Writes the picture at once, then story.json. Start pictures are marked as the user's own.
  StoredFrame add(const Frame& frame, const Image& picture, bool is_start = false);

  // Instead of add: the picture of this very frame, made for this very story or a shorter one that it continues, is in
  // the folder since another run. Nothing: it is not, or it is damaged.
  std::optional<StoredFrame> keep(const Frame& frame);

  // The page of what is there, and story.json with "complete": true, or false for a story that goes on another time.
  void finish(bool complete = true);

  // A frame's file: of the folder, or, without one, of the frame that was added last.
  std::string png(const StoredFrame& frame) const;
  // All of them and their texts on one picture, over what is expected to be there: see AtomicFile. What of the texts is
  // not on it, for a person.
  std::string write_sheet(const std::filesystem::path& file, const FileState& expected,
                          const std::vector<StoredFrame>& frames, const GivesUp& gives_up) const;

  const std::vector<StoredFrame>& frames() const { return frames_; }

  const std::filesystem::path& dir() const { return dir_; }

 private:
  std::optional<StoredStory> stored() const;
  std::string whose(const std::optional<StoredStory>& stored) const;
  std::set<std::string> own_files(const StoredStory& stored) const;
  std::set<std::string> files_of_another() const;
  std::optional<Json> data_of(const std::string& file) const;
  bool is_one(const StoredStory& stored, const Json& story) const;
  bool is_foreign(const StoredStory& stored, const std::string& file, const char* key) const;
  bool is_edited(const StoredFrame& frame) const;
  bool is_edited_page(const StoredStory& stored) const;
  [[noreturn]] void refuse_stranger(const std::string& file) const;
  bool is_whole(const StoredFrame& frame) const;
  bool is_intact(const StoredFrame& frame) const;
  bool has_a_frame() const;
  int64_t most_frames() const;
  void need_no_strangers(const std::set<std::string>& own) const;
  void need_folder() const;
  void put(const std::string& name, std::string_view bytes);
  StoredFrame describe(const Frame& frame) const;
  void prepare(const StoredFrame& frame, std::optional<Image> picture);
  std::string page(const std::vector<StoredFrame>& frames);
  std::vector<StoredFrame> all_frames() const;
  void write_json(bool complete);

  std::filesystem::path dir_;
  StoryRecord record_;
  FolderLock lock_;
  std::vector<std::filesystem::path> made_;  // folders, the outermost first
  bool begun_ = false;
  std::set<std::string> own_;     // files of this story that are there, and may be replaced
  std::set<std::string> sheets_;  // their names in the folder
  std::optional<FileDigest> page_;
  std::map<int64_t, std::future<PagePicture>> pictures_;  // by frame: made while the next one is
  std::vector<StoredFrame> frames_;                       // of this run
  std::vector<StoredFrame> listed_;                       // that story.json had before this run
  std::string last_png_;
};

// ErrorKind::input where a sheet has other pixels than this program wrote: somebody went on working with it.
void need_unedited_sheet(const std::filesystem::path& file);

// What a frame's file says of itself, and what a contact sheet says of its story; nothing: it is none. Of a folder or
// story.json: its text.
std::optional<std::string> read_frame_json(const std::filesystem::path& png);
std::optional<std::string> read_sheet_json(const std::filesystem::path& png);
std::string read_story_json(const std::filesystem::path& file_or_dir);

}  // namespace seedstory
