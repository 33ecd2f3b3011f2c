// Where things are when nobody says.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "cli/flags.h"
#include "io/image.h"
#include "load/model_dir.h"

namespace seedstory {

// --model (or $SEEDSTORY_MODEL) or --hf-repo, and the overrides of single parts; without the two the nano that ships:
// beside the installed program, or in the tree it was built from. ErrorKind::input if there is none.
ModelPaths find_model(const ModelFlags& flags);

// The paths with the files of single parts that flags name.
ModelPaths with_given_files(ModelPaths paths, const ModelFlags& flags);

// The model of the flags; the published one by its name alone, where no file of it is here. Says which on stderr where
// it is not plain.
ModelDir open_model_or_sizes(const ModelFlags& flags);

// --model seed-story, where that is no model's folder: plan knows its sizes.
bool is_published_name(const ModelFlags& flags);
// Ours has a model.json; the published layout is known by its folders.
bool is_model_folder(const std::filesystem::path& dir);

// The same for a program that has no flags.
std::filesystem::path shipped_model();
bool is_shipped_model(const std::filesystem::path& dir);

// "story-a-little-fox-finds-a-red-lantern-in-the": the folder of a story whose user names none.
std::string story_folder(std::string_view text);

// A user's text file, whole; "-" is stdin, and pipes will do. ErrorKind::input: unreadable, over 16 MiB, not UTF-8,
// with a NUL.
std::string read_user_text(const std::string& path);
std::string user_text_name(const std::string& path);  // for messages

// What is wrong with a text for a story: "is not UTF-8 text", "has a NUL at byte 3", "is empty"; empty: nothing.
std::string wrong_in_text(std::string_view text);

// A user's picture; "-" is stdin, and pipes will do. ErrorKind::input: see read_picture; over 256 MiB of a pipe.
Picture read_user_picture(const std::string& path, Pixels pixels);

// ErrorKind::usage where both flags are "-": there is one standard input.
void need_one_stdin(const std::optional<std::string>& image, const char* flag, const std::optional<std::string>& text);

}  // namespace seedstory
