// Pictures on stdout: a story as one stream of words and pictures, and pictures in a terminal.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "cli/terminal.h"
#include "output/story_folder.h"

namespace seedstory {

// The story as it is made, for -o -. Nothing but this goes to stdout then.
class StoryStream {
 public:
  virtual ~StoryStream() = default;
  virtual void text(int64_t index, std::string_view text) = 0;
  virtual void picture(const StoredFrame& frame, std::string_view png) = 0;
  virtual void end() = 0;  // the story is whole
};

// multipart: a MIME message, multipart/mixed, with a text/plain and an image/png part a frame. jsonl: an object a
// frame, with its PNG in base64. ErrorKind::usage: stdout is a terminal.
std::unique_ptr<StoryStream> open_stream(StreamFormat format, Terminal& terminal);

// --show: whether frames appear between the paragraphs. auto: stdout is a terminal that says that it speaks the kitty
// graphics protocol, and no multiplexer sits in between, which would swallow it.
bool shows_pictures(When when);

// A PNG in the kitty graphics protocol (sw.kovidgoyal.net/kitty/graphics-protocol): base64 in chunks of 4096 bytes.
std::string kitty_picture(std::string_view png);

}  // namespace seedstory
