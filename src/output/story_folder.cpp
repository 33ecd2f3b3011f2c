// Who owns which file of the folder, what of it is whole, and what may be written.
#include "output/story_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <span>
#include <system_error>
#include <utility>

#include "io/file.h"
#include "io/json.h"
#include "io/picture_kind.h"
#include "io/png.h"
#include "output/contact_sheet.h"
#include "output/output_paths.h"
#include "output/story_html.h"
#include "seedstory/error.h"
#include "text/normal_text.h"
#include "text/utf8.h"

namespace seedstory {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPngKey = "seedstory";
constexpr const char* kSheetKey = "seedstory-sheet";

// Something that a person keeps in a file, and not what is left of ours: a picture, something else that is known by
// its first bytes, or a text.
bool is_somebodys(std::string_view bytes, const std::string& name) {
  const std::span<const uint8_t> view(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (!is_picture(view)) return !unread_picture(view).empty() || (is_utf8(bytes) && !is_blank(bytes));
  return or_nothing([&] { return read_picture(view, name).image.width > 0; });
}

// A file's bytes where it is a regular one, else none. Of a very long one the first.
std::string bytes_of(const fs::path& path) {
  constexpr size_t kMost = 512 << 20;
  return or_nothing([&] {
    std::error_code none;
    if (!fs::is_regular_file(path, none)) return std::string();
    const MappedFile file(path);
    const auto bytes = file.bytes().first(std::min(file.bytes().size(), kMost));
    return std::string(bytes.begin(), bytes.end());
  });
}

// What one picture of so many may take in the page, before base64: of eleven or fewer, a page of 2 MB.
size_t page_picture_bytes(size_t pictures) {
  constexpr size_t kPage = 1'350'000, kLeast = 48'000, kMost = 384'000;
  return std::clamp(kPage / std::max<size_t>(pictures, 1), kLeast, kMost);
}

bool is_foreign_page(const std::string& page) {
  constexpr size_t kHead = 120;  // bytes, the same in every page
  const std::string head = story_page("", {}, {}).substr(0, kHead);
  return !page.starts_with(head.substr(0, page.size())) && is_somebodys(page, kStoryPage);
}

// A regular file, or a link to one: reading it does not wait for somebody.
bool is_file(const fs::path& path) {
  std::error_code none;
  return fs::is_regular_file(path, none);
}

[[noreturn]] void refuse_edited(const fs::path& file) {
  fail_input(fmt::format(
      "{}: was changed since this story wrote it, and is not overwritten; move it away, or --force makes the "
      "story again",
      file.string()));
}

// Of a sheet: its pixels, so that somebody's other ones are noticed.
std::string pixels_mark(const Image& image) {
  const std::string_view bytes(reinterpret_cast<const char*>(image.rgb.data()), image.rgb.size());
  return fmt::format("{:08x}", digest_of(bytes).crc32);
}

// Something is there that has a content to lose; a link that leads nowhere has none.
bool is_there(const fs::path& path) {
  std::error_code none;
  return fs::exists(path, none);
}

void need_regular(const fs::path& path) {
  if (is_there(path) && !is_file(path)) fail_input(path.string() + ": is not a regular file");
}

// What a link leads to; the link stays.
void remove_content(const fs::path& path) {
  std::error_code ignored;  // what stays is overwritten, or write_json says why not
  const fs::path file = end_of_links(path);
  if (fs::is_regular_file(file, ignored)) fs::remove(file, ignored);
}

}  // namespace

StoryFolder::StoryFolder(fs::path dir, StoryRecord record) : dir_(std::move(dir)), record_(std::move(record)) {}

StoryFolder::~StoryFolder() {
  if (!frames_.empty() || !listed_.empty()) return;
  std::error_code ignored;
  if (begun_ && !made_.empty()) fs::remove(dir_ / kStoryJson, ignored);
  for (auto folder = made_.rbegin(); folder != made_.rend(); ++folder) fs::remove(*folder, ignored);  // if it is empty
}

bool StoryFolder::claim() {
  if (dir_.empty()) return true;
  std::vector<fs::path> missing;
  for (fs::path at = dir_.has_filename() ? dir_ : dir_.parent_path(); !at.empty() && !is_there(at);
       at = at.parent_path()) {
    std::error_code none;
    if (fs::is_symlink(at, none))
      fail_input(
          fmt::format("{}: is a link to {}, which is not there", at.string(), fs::read_symlink(at, none).string()));
    missing.push_back(at);
  }
  for (auto folder = missing.rbegin(); folder != missing.rend(); ++folder) {
    std::error_code error;
    if (fs::create_directory(*folder, error)) made_.push_back(*folder);
    if (error) fail_input(fmt::format("{}: cannot be made: {}", dir_.string(), error.message()));
  }
  const bool is_taken = lock_.take(dir_);
  if (!is_taken) made_.clear();  // whoever has it was faster, and the folders are theirs
  return is_taken;
}

int64_t StoryFolder::most_frames() const {
  return record_.request.frames + (record_.start_fingerprint.empty() ? 0 : 1);
}

// The JSON that a picture of this program's holds under a key.
static std::optional<Json> picture_data(const fs::path& path, const char* key) {
  return or_nothing([&]() -> std::optional<Json> {
    if (!is_file(path)) return std::nullopt;
    for (const auto& [name, text] : read_png_text(path)) {
      if (name != key) continue;
      return parse_stored(text, path.string());
    }
    return std::nullopt;
  });
}

// Nothing: there is no story.json. Throws where it is not one of this program's.
std::optional<StoredStory> StoryFolder::stored() const {
  const bool is_missing = !is_there(dir_ / kStoryJson);
  need_regular(dir_ / kStoryJson);
  const std::string text = is_missing ? "" : read_text_file(dir_ / kStoryJson);
  constexpr std::string_view kBegin = "{\n \"seedstory\": ";
  const bool is_left = text.starts_with(kBegin.substr(0, text.size())) || !is_somebodys(text, kStoryJson);
  if (is_left && !is_json(text) && has_a_frame()) return StoredStory{.is_damaged = true};
  if (is_missing) return std::nullopt;
  return stored_story(text);
}

std::optional<Json> StoryFolder::data_of(const std::string& file) const {
  return picture_data(dir_ / file, kPngKey);
}

// Whether what a file says of itself is this story, or the one that is in the folder.
bool StoryFolder::is_one(const StoredStory& stored, const Json& story) const {
  return or_nothing(
      [&] { return difference(record_, story).empty() || (!stored.is_damaged && is_part_of(story, stored.json)); });
}

// In the place of a picture of the story's lies what no run of it wrote, and not a picture of it that was damaged.
bool StoryFolder::is_foreign(const StoredStory& stored, const std::string& file, const char* key) const {
  if (const auto data = picture_data(dir_ / file, key)) return !is_one(stored, *data);
  return is_somebodys(bytes_of(dir_ / file), file);
}

// A whole picture with this frame's own data that is not what was written: somebody went on working with it.
bool StoryFolder::is_edited(const StoredFrame& frame) const {
  const fs::path path = dir_ / frame.file;
  return frame.digest && or_nothing([&] {
           if (file_digest(path) == *frame.digest) return false;
           const auto data = data_of(frame.file);
           if (!data || data->at("frame").at("index") != frame.index) return false;
           read_image(path);
           return is_whole_png(MappedFile(path).bytes());
         });
}

// A whole page that is not what was written. What is cut off is damage.
bool StoryFolder::is_edited_page(const StoredStory& stored) const {
  if (!stored.page) return false;
  const std::string there = bytes_of(dir_ / kStoryPage);
  return digest_of(there) != *stored.page && !is_foreign_page(there) && there.find("</html>") != std::string::npos &&
         there.find('\0') == std::string::npos;
}

void StoryFolder::refuse_stranger(const std::string& file) const {
  fail_input(
      fmt::format("{}: is not of a story that this folder holds, and is not overwritten; move it away, or go elsewhere "
                  "with -o",
                  (dir_ / file).string()));
}

// Whether a frame's file is what was written; without a digest, whether it is a picture.
bool StoryFolder::is_whole(const StoredFrame& frame) const {
  return or_nothing([&] {
    if (!is_file(dir_ / frame.file)) return false;
    if (frame.digest) return file_digest(dir_ / frame.file) == *frame.digest;
    read_image(dir_ / frame.file);
    return true;
  });
}

bool StoryFolder::is_intact(const StoredFrame& frame) const {
  return is_whole(frame) && or_nothing([&] {
           const auto data = data_of(frame.file);
           return data && is_frame_of(record_, *data, frame);
         });
}

// A picture in the folder that says itself that it is of this story.
bool StoryFolder::has_a_frame() const {
  for (int64_t index = 0; index < most_frames(); ++index)
    if (const auto data = data_of(frame_file(index)))
      if (or_nothing([&] { return difference(record_, *data).empty(); })) return true;
  return false;
}

// Why it is another story; empty: it is this one, or there is none.
std::string StoryFolder::whose(const std::optional<StoredStory>& stored) const {
  return !stored || stored->is_damaged ? "" : difference(record_, stored->json);
}

bool StoryFolder::suits() const {
  std::error_code none;
  if (is_there(dir_) && !fs::is_directory(dir_, none)) return false;
  return or_nothing([&] {
    const auto there = stored();
    if (!there) need_no_strangers({});
    return whose(there).empty();
  });
}

std::optional<std::vector<StoredFrame>> StoryFolder::finished() const {
  if (dir_.empty()) return std::nullopt;
  return or_nothing([&]() -> std::optional<std::vector<StoredFrame>> {
    const auto there = stored();
    if (!there || there->is_damaged || !there->changed.empty() || !there->json.value("complete", false).get<bool>() ||
        !whose(there).empty() || !is_whole_request(record_, there->json.at("request")))
      return std::nullopt;
    for (size_t i = 0; i < there->frames.size(); ++i)
      if (there->frames[i].index != int64_t(i) || !is_intact(there->frames[i])) return std::nullopt;
    const bool has_more = int64_t(there->frames.size()) < most_frames() && data_of(frame_file(there->frames.size()));
    return there->frames.empty() || has_more ? std::nullopt : std::optional(there->frames);
  });
}

std::vector<std::string> StoryFolder::damage() const {
  if (dir_.empty()) return {};
  return or_nothing([&] {
    std::vector<std::string> words;
    const auto add = [&](const std::string& file) {
      const fs::path path = dir_ / file;
      words.push_back(fmt::format("{} is {}", path.string(), is_there(path) ? "damaged" : "missing"));
    };
    const auto changed = [&](const std::string& what) {
      words.push_back(fmt::format("{} was changed: {}", (dir_ / kStoryJson).string(), what));
    };
    const auto there = stored();
    if (!there || !whose(there).empty()) return words;
    if (there->is_damaged) {
      add(kStoryJson);
      return words;
    }
    for (const std::string& what : there->changed) changed(what);
    int64_t next = 0;
    for (const StoredFrame& frame : there->frames) {
      const auto data = data_of(frame.file);
      const bool is_ours = is_whole(frame) && data && difference(record_, *data).empty();
      // What is somebody's, begin() refuses.
      if (!(is_ours && is_frame_of(record_, *data, frame)) && !is_foreign(*there, frame.file, kPngKey) &&
          !is_edited(frame)) {
        if (is_ours)
          changed(fmt::format("{} says otherwise", (dir_ / frame.file).string()));
        else
          add(frame.file);
      }
      const bool is_unlisted =
          frame.index > next && there->json.value("complete", false).get<bool>() && there->changed.empty();
      if (is_unlisted) changed(frame_file(next) + " is not in it");
      next = frame.index + 1;
    }
    if (there->json.value("complete", false).get<bool>() && there->changed.empty() && next < most_frames() &&
        data_of(frame_file(next)) && is_whole_request(record_, there->json.at("request")))
      changed(frame_file(next) + " is not in it");
    return words;
  });
}

bool StoryFolder::mend(const std::vector<StoredFrame>& frames) {
  frames_ = frames;
  const auto there = stored();
  sheets_.insert(there->sheets.begin(), there->sheets.end());
  page_ = there->page;
  own_ = {kStoryJson, kStoryPage};
  need_regular(dir_ / kStoryPage);
  if (is_foreign_page(bytes_of(dir_ / kStoryPage))) refuse_stranger(kStoryPage);
  if (is_edited_page(*there)) refuse_edited(dir_ / kStoryPage);
  if (sheets_ != there->sheets) write_json(true);
  if (page_ && or_nothing([&] { return file_digest(dir_ / kStoryPage) == *page_; })) return false;
  const std::string html = page(frames);
  if (or_nothing([&] { return read_text_file(dir_ / kStoryPage) == html; })) return false;
  if (std::exchange(page_, digest_of(html)) != page_) write_json(true);
  put(kStoryPage, html);
  return true;
}

void StoryFolder::take_sheet(const std::string& name, bool force) {
  sheets_.insert(name);
  const fs::path path = dir_ / name;
  if (!has_content(path)) return;
  std::optional<StoredStory> there;
  const bool is_read = or_nothing([&] {
    there = stored();
    return true;
  });
  if (!force && (!is_read || !whose(there).empty())) return;  // begin() refuses it, for another reason
  const bool is_own =
      there ? !is_foreign(*there, name, kSheetKey) && (there->sheets.count(name) > 0 || picture_data(path, kSheetKey))
      : is_read ? is_sheet(path)
                : picture_data(path, kSheetKey).has_value();  // of a story.json that says nothing
  if (!is_own)
    fail_input(fmt::format("{}: is not of the story in its folder, and is not overwritten; name another --sheet FILE",
                           path.string()));
}

bool StoryFolder::is_sheet(const fs::path& file) const {
  const auto data = picture_data(file, kSheetKey);
  return data && or_nothing([&] { return difference(record_, *data).empty(); });
}

bool StoryFolder::is_of_this_story(const std::string& mark) const {
  return or_nothing([&] { return difference(record_, parse_json(mark, "", 8)).empty(); });
}

// The folder's files that a story may write: what story.json lists, and a picture whose run was killed before that.
std::set<std::string> StoryFolder::own_files(const StoredStory& stored) const {
  std::set<std::string> own{kStoryJson};
  for (const std::string& sheet : stored.sheets)
    if (!is_foreign(stored, sheet, kSheetKey)) own.insert(sheet);
  // Older stories do not say that they have a page.
  const bool is_older =
      std::any_of(stored.frames.begin(), stored.frames.end(), [](const StoredFrame& frame) { return !frame.digest; });
  if ((stored.page || is_older || stored.is_damaged) && !is_foreign_page(bytes_of(dir_ / kStoryPage)))
    own.insert(kStoryPage);
  for (const StoredFrame& frame : stored.frames)
    if (!is_foreign(stored, frame.file, kPngKey)) own.insert(frame.file);
  const int64_t most = std::max(most_frames(), int64_t(stored.frames.size()) + 1);
  for (int64_t index = 0; index < most; ++index) {
    const std::string file = frame_file(index);
    if (own.count(file)) continue;
    const auto data = data_of(file);
    if (data && is_one(stored, *data)) own.insert(file);
  }
  return own;
}

// Where story.json says nothing any more: what another story left, as its pictures say. Nothing: there is none.
std::set<std::string> StoryFolder::files_of_another() const {
  std::set<std::string> own;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(dir_, none)) {
    const std::string name = entry.path().filename().string();
    const auto data = is_frame_file(name) ? data_of(name) : std::nullopt;
    if (data && data->contains("seedstory") && data->contains("request")) own.insert(name);
  }
  if (!own.empty()) own.insert({kStoryJson, kStoryPage});
  return own;
}

void StoryFolder::need_no_strangers(const std::set<std::string>& own) const {
  std::vector<std::string> wanted{kStoryJson, kStoryPage};
  for (int64_t index = 0; index < most_frames(); ++index) wanted.push_back(frame_file(index));
  std::set<fs::path> ends;
  for (const std::string& name : wanted) {
    std::error_code none;
    const fs::path path = dir_ / name;
    const auto refuse = [&](const char* why) { fail_input(fmt::format("{}: {}", path.string(), why)); };
    need_regular(path);
    if (is_there(path) && !own.count(name)) refuse_stranger(name);
    if (!fs::is_symlink(path, none)) continue;
    const fs::path end = end_of_links(path);
    const bool is_inside = end.parent_path() == fs::canonical(dir_, none);
    if (!ends.insert(end).second || (is_inside && is_story_file(end.filename().string())))
      refuse("is a link to another file of the story");
    const WritablePlace shown(path);
  }
}

void StoryFolder::begin(bool force) {
  if (dir_.empty()) return;
  need_regular(dir_ / kStoryJson);
  std::optional<StoredStory> there;
  std::string why = "cannot be read";
  const bool is_read = or_nothing([&] {
    there = stored();
    why = whose(there);
    return true;
  });
  const std::set<std::string> own = there ? own_files(*there) : is_read ? std::set<std::string>() : files_of_another();
  if (!is_read && own.empty()) need_no_strangers({});
  if (!why.empty() && !force)
    fail_input(fmt::format("{}: holds another story ({} {}); --force replaces it, -o DIR goes elsewhere", dir_.string(),
                           is_read ? "its" : "whose story.json", why));
  need_no_strangers(own);
  if (there && !force) {
    for (const StoredFrame& frame : there->frames)
      if (is_edited(frame)) refuse_edited(dir_ / frame.file);
    if (is_edited_page(*there)) refuse_edited(dir_ / kStoryPage);
  }
  remove_stale_temporaries(dir_);
  // Shows that a frame has room, at its largest; gone again at once.
  AtomicFile(dir_ / kStoryJson).write(std::string(size_t(record_.request.width * record_.request.height * 3), '\0'));
  if (force) {
    for (const std::string& name : own) remove_content(dir_ / name);
  } else if (there) {
    sheets_.insert(there->sheets.begin(), there->sheets.end());
    page_ = there->page;
    for (const StoredFrame& frame : there->frames)
      if (is_there(dir_ / frame.file)) listed_.push_back(frame);
    std::copy_if(own.begin(), own.end(), std::inserter(own_, own_.end()),
                 [&](const std::string& name) { return is_there(dir_ / name); });
  }
  begun_ = true;
  write_json(false);
}

// Moved or removed since claim(): what is at its name now is somebody else's.
void StoryFolder::need_folder() const {
  if (!lock_.is_at(dir_))
    fail_input(fmt::format("{}: the folder was moved or removed while its story was made", dir_.string()));
}

void StoryFolder::put(const std::string& name, std::string_view bytes) {
  need_folder();
  write_file_atomically(dir_ / name, bytes, own_.count(name) ? std::nullopt : std::optional(FileState()));
  own_.insert(name);
}

StoredFrame StoryFolder::describe(const Frame& frame) const {
  return {.index = frame.index,
          .file = frame_file(frame.index),
          .text = frame.text,
          .seed = frame_seed(record_.request, frame.index)};
}

StoredFrame StoryFolder::add(const Frame& frame, const Image& picture, bool is_start) {
  StoredFrame stored = describe(frame);
  PngText text;
  if (!is_start) text.emplace_back("parameters", a1111_parameters(record_, stored));
  text.emplace_back(kPngKey, frame_mark(record_, stored, is_start));
  last_png_ = encode_png(picture, text);
  stored.digest = digest_of(last_png_);
  if (!dir_.empty()) put(stored.file, last_png_);
  frames_.push_back(stored);
  // A picture of the user's may be large: it is read again instead of copied.
  prepare(stored, is_start ? std::nullopt : std::optional(picture));
  write_json(false);
  return stored;
}

std::optional<StoredFrame> StoryFolder::keep(const Frame& frame) {
  if (dir_.empty()) return std::nullopt;
  need_folder();
  StoredFrame stored = describe(frame);
  for (const StoredFrame& listed : listed_)
    if (listed.index == stored.index) stored.digest = listed.digest;
  if (!is_intact(stored)) return std::nullopt;
  // The same pixels, but of a story that asked for fewer frames, or found its model at another place.
  if (read_frame_json(dir_ / stored.file) != frame_mark(record_, stored, false))
    return add(frame, read_image(dir_ / stored.file));
  if (!stored.digest) stored.digest = file_digest(dir_ / stored.file);
  frames_.push_back(stored);
  prepare(stored, std::nullopt);
  write_json(false);
  return stored;
}

// The picture for the page, while the next frame is told and painted. The fewer bytes are allowed, the more frames the
// story may have: as many as it was asked for, so that a story that goes on another time gets the same page.
void StoryFolder::prepare(const StoredFrame& frame, std::optional<Image> picture) {
  if (dir_.empty()) return;
  pictures_[frame.index] = std::async(
      [path = dir_ / frame.file, picture = std::move(picture), most = page_picture_bytes(size_t(most_frames()))] {
        return page_picture(picture ? *picture : read_image(path), most);
      });
}

void StoryFolder::finish(bool complete) {
  if (dir_.empty()) return;
  std::vector<StoredFrame> shown = complete ? frames_ : all_frames();
  const auto is_broken = [&](const StoredFrame& f) { return f.index >= int64_t(frames_.size()) && !is_intact(f); };
  shown.erase(std::remove_if(shown.begin(), shown.end(), is_broken), shown.end());
  const std::string html = page(shown);
  // story.json first: a page that is missing because its run was killed in between is written again by the next one. A
  // stranger's that came meanwhile stays.
  const auto before = std::exchange(page_, digest_of(html));
  // Else it would be the page of before with a digest that is not its own, as if somebody had changed it.
  if (own_.count(kStoryPage) && before != page_) remove_content(dir_ / kStoryPage);
  write_json(complete && (own_.count(kStoryPage) || !is_there(dir_ / kStoryPage)));
  try {
    put(kStoryPage, html);
  } catch (const Error&) {
    page_ = before;
    write_json(false);
    throw;
  }
}

std::string StoryFolder::page(const std::vector<StoredFrame>& frames) {
  const StoryRequest& r = record_.request;
  const std::string title = story_title(record_.command == "generate" ? r.prompt : r.captions.at(0));
  constexpr size_t kMostCommand = 1600;  // bytes: the last page has no more room
  const bool fits = !record_.command_line.empty() && record_.command_line.size() <= kMostCommand;
  std::string again = "For the line that makes it again, in the folder that it was made in:";
  if (fits)
    again = fmt::format("This line, typed in the folder of the story, makes it again{}:",
                        record_.model_flags.empty() ? "" : fmt::format("; MODEL is where {} is", record_.model));
  const Colophon colophon = {
      .made = fmt::format("Told and painted by {} with seedstory {}, seed {}.", record_.model, record_.version, r.seed),
      .again = again,
      .command = fits ? record_.command_line : "seedstory inspect story.json --command"};
  std::vector<Page> pages;
  pages.reserve(frames.size());
  for (const StoredFrame& frame : frames) {
    if (!pictures_.count(frame.index)) prepare(frame, std::nullopt);
    pages.push_back({.text = frame.text, .picture = pictures_[frame.index].get()});
    pictures_.erase(frame.index);
  }
  return story_page(title, colophon, pages);
}

// Those of this run, and behind them what another left that this one did not come to.
std::vector<StoredFrame> StoryFolder::all_frames() const {
  std::vector<StoredFrame> all = frames_;
  for (const StoredFrame& frame : listed_)
    if (frame.index >= int64_t(frames_.size())) all.push_back(frame);
  return all;
}

std::string StoryFolder::png(const StoredFrame& frame) const {
  if (dir_.empty()) return last_png_;
  const MappedFile file(dir_ / frame.file);
  return {file.bytes().begin(), file.bytes().end()};
}

std::string StoryFolder::write_sheet(const fs::path& file, const FileState& expected,
                                     const std::vector<StoredFrame>& frames, const GivesUp& gives_up) const {
  std::vector<SheetFrame> sheet;
  sheet.reserve(frames.size());
  for (const StoredFrame& frame : frames)
    sheet.push_back({.text = frame.text, .picture = read_image(dir_ / frame.file)});
  const Sheet made = contact_sheet(sheet);
  Json mark = story_head(record_);
  mark["pixels"] = pixels_mark(made.image);
  write_file_atomically(file, encode_png(made.image, {{kSheetKey, mark.dump_replacing(-1, true)}}), expected, gives_up);
  return made.lacks;
}

void StoryFolder::write_json(bool complete) {
  if (dir_.empty()) return;
  put(kStoryJson, story_json(record_, complete, sheets_, page_, complete ? frames_ : all_frames()));
}

static std::optional<std::string> png_text(const fs::path& png, const char* wanted) {
  for (const auto& [key, text] : read_png_text(png))
    if (key == wanted) return text;
  return std::nullopt;
}

std::optional<std::string> read_frame_json(const fs::path& png) {
  return png_text(png, kPngKey);
}

std::optional<std::string> read_sheet_json(const fs::path& png) {
  return png_text(png, kSheetKey);
}

void need_unedited_sheet(const fs::path& file) {
  const bool is_edited = or_nothing([&] {
    const auto text = read_sheet_json(file);
    if (!text) return false;
    const Json mark = parse_json(*text, file.string(), 8);
    return mark.contains("pixels") && mark["pixels"] != pixels_mark(read_image(file));
  });
  if (is_edited) refuse_edited(file);
}

std::string read_story_json(const fs::path& file_or_dir) {
  const bool is_dir = fs::is_directory(file_or_dir);
  const fs::path file = is_dir ? file_or_dir / kStoryJson : file_or_dir;
  if (is_dir) need_regular(file);
  return read_text_file(file);
}

}  // namespace seedstory
