// One run of a story over its folder: claim, check, resume, tell, paint, stop, finish. Knows no terminal.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "io/file.h"
#include "load/model_dir.h"
#include "output/story_folder.h"
#include "request/request.h"
#include "story/stage_types.h"
#include "story/trace_file.h"

namespace seedstory {

class Painter;
class Storyteller;
struct Engine;

// What happens, in order. A whole story that is there already: on_folder, on_kept, on_sheet. Any other: on_folder,
// on_begin, on_start, on_loaded; for each frame on_telling, on_text..., on_told, on_painting, on_step..., on_decode,
// on_picture, or for all frames the first half of these and then the second; on_sheet.
class RunListener : public StoryListener {
 public:
  // Asked between frames: whether the story ends here for now.
  virtual bool wants_stop() { return false; }

  virtual void on_folder(const std::filesystem::path& /*dir*/) {}  // before it is made; may throw
  virtual void on_kept(const StoryFolder& /*folder*/, const std::vector<StoredFrame>& /*frames*/, bool /*mended*/) {}
  virtual void on_begin() {}                                                               // it has to be computed
  virtual void on_start(const StoryFolder& /*folder*/, const std::string& /*backend*/) {}  // before the model is read
  virtual void on_loaded() {}  // from here on a stop is worth the wait for the frame in work
  virtual void on_telling(int64_t /*index*/) {}
  virtual void on_told(const Frame& /*frame*/) {}
  virtual void on_all_told() {}  // where nothing is painted before
  virtual void on_painting(int64_t /*index*/) {}
  virtual void on_picture(const StoryFolder& /*folder*/, const StoredFrame& /*frame*/, bool /*was_there*/) {}
  virtual void on_sheet(const std::filesystem::path& /*file*/) {}
};

struct RunOptions {
  std::filesystem::path folder;  // empty: nothing is written
  bool numbered = false;         // folder-2, folder-3, ... where another story has the name
  std::optional<std::filesystem::path> sheet, trace;
  bool force = false;       // another story's files may be replaced
  bool text_first = false;  // tell all of it, then paint; the same files
  bool may_stage = true;    // one stage in memory at a time where all do not fit
  StageTypes types;
};

class StoryRun {
 public:
  StoryRun(const ModelDir& model, const StoryRecord& record, RunOptions options, RunListener& listener);
  ~StoryRun();

  // kept: the folder held the whole story. stopped: the listener wanted so; the same run goes on from there.
  enum class End { whole, kept, stopped };
  // The backend is made when something has to be computed.
  End run(const std::function<std::unique_ptr<Backend>()>& make_backend);

  const StoryFolder& folder() const { return *folder_; }
  // In the folder at the end, the user's picture with them.
  int64_t frames() const { return int64_t(folder_->frames().size()); }
  int64_t frames_made() const { return made_; }     // of the model's, in this run or before it
  bool is_sheet_cut() const { return sheet_cut_; }  // a stop came while its reader took nothing

 private:
  void claim_folder();
  void hold_sheet();
  void hold_trace();
  End make(Backend& backend);
  bool needs_stages(const Backend& backend);
  void tell_and_paint(Engine& engine, Trace* traced);
  void tell_then_paint(Engine& engine, Trace* traced);
  std::optional<Frame> tell_next(Storyteller& teller);
  void add_start();
  void add(const Frame& frame, Painter& painter);
  void write_sheet(const std::vector<StoredFrame>& frames);

  const ModelDir& model_;
  const StoryRecord record_;
  const StoryRequest& request_;
  const RunOptions options_;
  RunListener& listener_;
  std::optional<StoryFolder> folder_;
  std::optional<WritablePlace> sheet_;
  FileState sheet_before_;  // what may be replaced
  std::optional<TraceFile> trace_;
  int64_t told_ = 0, made_ = 0;
  bool is_told_ = false;  // no more words to come
  bool sheet_cut_ = false;
};

}  // namespace seedstory
