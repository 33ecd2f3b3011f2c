// Files: mapped for reading, replaced atomically for writing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "io/slow_reader.h"

namespace seedstory {

// A file's bytes, mapped read-only for as long as the object lives. Nobody may cut the file meanwhile: reading what is
// no longer there ends the process, as with every mapping.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);  // ErrorKind::input: missing, a directory, unreadable
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const uint8_t> bytes() const { return bytes_; }
  const std::filesystem::path& path() const { return path_; }

  // The pages that hold these bytes are this process's memory no longer. They come back from the file, which the system
  // may still have, where they are read again. Bytes that are elsewhere stay as they are.
  void let_go(const void* bytes, int64_t count) const;

 private:
  std::filesystem::path path_;
  std::span<const uint8_t> bytes_;
};

// While it lives, reading some bytes of a mapped file brings in the pages that hold them and not megabytes behind them.
class PagesAlone {
 public:
  PagesAlone(const void* bytes, size_t count);
  ~PagesAlone();
  PagesAlone(const PagesAlone&) = delete;
  PagesAlone& operator=(const PagesAlone&) = delete;

 private:
  void* begin_;
  size_t size_;
};

// The whole file as a string; ErrorKind::input if it is missing or longer than `limit` bytes.
std::string read_text_file(const std::filesystem::path& path, int64_t limit = 64 << 20);

// The same of an open descriptor, whatever it is; `name` begins the messages.
std::string read_descriptor(int fd, const std::string& name, size_t limit);

// The same of what may be a pipe or a device. A pipe may take its time, but one that nobody has open for writing is
// ErrorKind::input after two seconds: for ever would be a program that hangs.
std::string read_stream(const std::filesystem::path& path, size_t limit);

// Which file a path leads to, whatever its name is. A path is followed to the end of its links, as when it is opened.
struct FileId {
  uint64_t device = 0, inode = 0;
  bool operator==(const FileId&) const = default;
};
std::optional<FileId> file_id(const std::filesystem::path& path);  // nothing: there is no such file

// What is at the end of a path's links at one time, to notice whoever writes there meanwhile. Without an id: nothing.
struct FileState {
  std::optional<FileId> id;
  int64_t modified_ns = 0;  // since the epoch
  bool operator==(const FileState&) const = default;
};
FileState file_state(const std::filesystem::path& path);

// How many bytes, and their CRC-32 as zlib, gzip and PNG have it: notices damage, not malice.
struct FileDigest {
  uint64_t bytes = 0;
  uint32_t crc32 = 0;
  bool operator==(const FileDigest&) const = default;
};
FileDigest digest_of(std::string_view bytes);
FileDigest file_digest(const std::filesystem::path& path);  // ErrorKind::input: missing, unreadable

// Whether an output over what is there would lose something: a regular file that is not empty, named and not one of
// this process's descriptors.
bool has_content(const std::filesystem::path& path);

// The same as a name: absolute, normal, and behind the last link, whether or not there is a file.
std::filesystem::path end_of_links(const std::filesystem::path& path);

// The names in a folder are on the disk. Some file systems cannot do that; the files themselves are safe by then.
void sync_folder(const std::filesystem::path& folder);

// Writes a file of a few KiB into a folder and takes it away again: permissions say little of a full or read-only disk.
// Why that failed; empty: it did not.
std::string try_writing(const std::filesystem::path& folder);

// A file being replaced. Temp name in the same folder, fsync, rename: a reader sees the old file or the new one, never
// a part; without commit() nothing changes. A link stays a link, and what it leads to is replaced. Where something else
// than a regular file is (a pipe, a device, /dev/fd/N), the bytes go into it as they come, and nothing is replaced.
// ErrorKind::input when the place cannot be written, or when what is there is not `expected`, where that is given:
// somebody else wrote it meanwhile, and it stays. `gives_up`: how long a reader is waited for.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& path, const std::optional<FileState>& expected = {},
                      GivesUp gives_up = nullptr);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::string_view bytes);  // appends
  void commit();                       // once, at the end

 private:
  int put_in_place() const;  // an errno

  std::filesystem::path path_, target_, temporary_;  // temporary_ is empty where nothing is replaced
  std::optional<FileState> expected_;
  GivesUp gives_up_;
  int fd_ = -1;
};

// The same for bytes that are all there.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes,
                           const std::optional<FileState>& expected = {}, const GivesUp& gives_up = nullptr);

// Shows that AtomicFile will find its place writable, and changes nothing. A pipe's reader is held until then: it would
// see the end if nobody had the pipe open. ErrorKind::input if the place is not writable.
class WritablePlace {
 public:
  explicit WritablePlace(const std::filesystem::path& path);
  ~WritablePlace();
  WritablePlace(const WritablePlace&) = delete;
  WritablePlace& operator=(const WritablePlace&) = delete;

 private:
  int pipe_ = -1;
};

// A folder that one process at a time may write: flock on the folder itself, so that no file is left behind, and a
// process that is killed holds nothing any more.
class FolderLock {
 public:
  FolderLock() = default;
  ~FolderLock() { release(); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

  // False: another process has it. ErrorKind::input: there is no such folder, or it cannot be opened.
  bool take(const std::filesystem::path& folder);
  void release();
  // Whether the path leads to the folder that was taken: it may have been moved or removed since. True: none was taken.
  bool is_at(const std::filesystem::path& folder) const;
  // Why the file system of the folder that was taken knows no locks, so that nothing is locked; empty: it does.
  const std::string& missing() const { return missing_; }

 private:
  int fd_ = -1;
  std::string missing_;
};

// What AtomicFile left in a folder because its process was killed.
void remove_stale_temporaries(const std::filesystem::path& folder);

// A descriptor that appends to the file, which is made if there is none. ErrorKind::input if that cannot be.
int open_to_append(const std::filesystem::path& path);

}  // namespace seedstory
