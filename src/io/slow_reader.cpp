// By poll(), a piece at a time, so that no write waits longer than its caller wants.
#include "io/slow_reader.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

namespace seedstory {

// Not by O_NONBLOCK, which would be that of everybody who shares the pipe. A pipe that polls as writable has room for
// 4096 bytes (PIPE_BUF), a socket can be asked not to wait.
std::optional<size_t> write_some(int fd, std::string_view bytes) {
  constexpr size_t kPipe = 4096;
  struct stat info {};
  if (::fstat(fd, &info) != 0) return std::nullopt;
  size_t done = 0;
  while (done < bytes.size()) {
    if (!wait_for_reader(fd, 0)) break;
    const std::string_view rest = bytes.substr(done, S_ISREG(info.st_mode) ? std::string_view::npos : kPipe);
    const ssize_t n = S_ISSOCK(info.st_mode) ? ::send(fd, rest.data(), rest.size(), MSG_DONTWAIT)
                                             : ::write(fd, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (n < 0) return std::nullopt;
    done += size_t(n);
  }
  return done;
}

// What is broken counts as taken: the write says what it is.
bool wait_for_reader(int fd, int ms) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::milliseconds(ms);
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd out{.fd = fd, .events = POLLOUT, .revents = 0};
    const int ready = ::poll(&out, 1, int(std::max<decltype(left)>(left, 0)));
    if (ready != 0 && !(ready < 0 && errno == EINTR)) return true;
    if (left <= 0) return false;
  }
}

bool write_to_reader(int fd, std::string_view bytes, const GivesUp& gives_up) {
  constexpr int kSecond = 1000;
  while (!bytes.empty()) {
    const auto n = write_some(fd, bytes);
    if (!n) return false;
    bytes.remove_prefix(*n);
    if (*n > 0 || wait_for_reader(fd, kSecond) || !gives_up || !gives_up()) continue;
    errno = ECANCELED;
    return false;
  }
  return true;
}

}  // namespace seedstory
