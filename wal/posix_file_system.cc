#include "wal/posix_file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <limits>
#include <new>

namespace cairn::wal {
namespace {

using boost::system::error_code;

constexpr mode_t kFileMode = 0600;
constexpr mode_t kDirectoryMode = 0700;

error_code system_error(int e) noexcept {
  return error_code(e, boost::system::system_category());
}
error_code last_error() noexcept {
  return system_error(errno);
}

/// Offsets and sizes of ours are unsigned, the system's are signed.
bool fits(std::uint64_t offset, std::size_t length) noexcept {
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());
  return offset <= kMax && length <= kMax - offset;
}

/// Repeats a call that a signal interrupted.
template <class Call>
auto uninterrupted(Call call) noexcept -> decltype(call()) {
  for (;;) {
    auto r = call();
    if (r != -1 || errno != EINTR) return r;
  }
}

/// Owns a descriptor. Errors of close() are not looked at: whatever had to be durable was synced.
class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& o) noexcept : fd_(o.fd_) { o.fd_ = -1; }
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);  // never repeated: on Linux the descriptor is gone even on EINTR
  }
  int get() const noexcept { return fd_; }
  bool valid() const noexcept { return fd_ >= 0; }

 private:
  int fd_;
};

Descriptor open_descriptor(const std::string& path, int flags) noexcept {
  return Descriptor(
      uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, kFileMode); }));
}

class PosixFile final : public File {
 public:
  explicit PosixFile(Descriptor fd) noexcept : fd_(std::move(fd)) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<char> out) const noexcept override {
    if (!fits(offset, out.size())) return system_error(EINVAL);
    std::size_t done = 0;
    while (done < out.size()) {
      const ssize_t n = uninterrupted([&] {
        return ::pread(fd_.get(), out.data() + done, out.size() - done,
                       static_cast<off_t>(offset + done));
      });
      if (n < 0) return last_error();
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

  Result<void> write_at(std::uint64_t offset, std::span<const char> bytes) noexcept override {
    if (!fits(offset, bytes.size())) return system_error(EFBIG);
    std::size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t n = uninterrupted([&] {
        return ::pwrite(fd_.get(), bytes.data() + done, bytes.size() - done,
                        static_cast<off_t>(offset + done));
      });
      if (n < 0) return last_error();
      if (n == 0) return system_error(EIO);  // no progress and no reason: not to be looped on
      done += static_cast<std::size_t>(n);
    }
    return {};
  }

  Result<void> sync() noexcept override {
    if (uninterrupted([&] { return ::fdatasync(fd_.get()); }) != 0) return last_error();
    return {};
  }

  Result<std::uint64_t> size() const noexcept override {
    struct stat st {};
    if (::fstat(fd_.get(), &st) != 0) return last_error();
    return static_cast<std::uint64_t>(st.st_size);
  }

  Result<void> truncate(std::uint64_t size) noexcept override {
    if (!fits(size, 0)) return system_error(EFBIG);
    if (uninterrupted([&] { return ::ftruncate(fd_.get(), static_cast<off_t>(size)); }) != 0) {
      return last_error();
    }
    return {};
  }

 private:
  Descriptor fd_;
};

class PosixLock final : public FileLock {
 public:
  explicit PosixLock(Descriptor fd) noexcept : fd_(std::move(fd)) {}

 private:
  Descriptor fd_;  // closing it lets go of the lock
};

int open_flags(OpenMode mode) noexcept {
  switch (mode) {
    case OpenMode::kRead:
      return O_RDONLY;
    case OpenMode::kReadWrite:
      return O_RDWR;
    case OpenMode::kCreate:
      return O_RDWR | O_CREAT;
    case OpenMode::kCreateTruncate:
      return O_RDWR | O_CREAT | O_TRUNC;
  }
  return O_RDONLY;
}

Result<void> make_directory(const std::string& path) noexcept {
  if (::mkdir(path.c_str(), kDirectoryMode) == 0) return {};
  const int e = errno;
  struct stat st {};
  if (e == EEXIST && ::stat(path.c_str(), &st) == 0) {
    if (S_ISDIR(st.st_mode)) return {};
    return system_error(ENOTDIR);
  }
  return system_error(e);
}

Result<void> tighten_directory(const std::string& path) noexcept {
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return last_error();
  if ((st.st_mode & 07777 & ~kDirectoryMode) == 0) return {};
  if (::chmod(path.c_str(), st.st_mode & kDirectoryMode) != 0) return last_error();
  return {};
}

}  // namespace

Result<std::unique_ptr<File>> PosixFileSystem::open(const std::string& path,
                                                    OpenMode mode) noexcept {
  Descriptor fd = open_descriptor(path, open_flags(mode));
  if (!fd.valid()) return last_error();
  auto* file = new (std::nothrow) PosixFile(std::move(fd));
  if (file == nullptr) return system_error(ENOMEM);
  return std::unique_ptr<File>(file);
}

Result<void> PosixFileSystem::rename(const std::string& from, const std::string& to) noexcept {
  if (std::rename(from.c_str(), to.c_str()) != 0) return last_error();
  return {};
}

Result<void> PosixFileSystem::remove(const std::string& path) noexcept {
  if (::unlink(path.c_str()) != 0) return last_error();
  return {};
}

Result<void> PosixFileSystem::create_directories(const std::string& path) noexcept try {
  if (path.empty()) return system_error(ENOENT);
  std::string whole = path;
  while (whole.size() > 1 && whole.back() == '/') whole.pop_back();
  if (whole == "/") return {};
  for (std::size_t slash = whole.find('/', 1); slash != std::string::npos;
       slash = whole.find('/', slash + 1)) {
    if (auto made = make_directory(whole.substr(0, slash)); !made) return made;
  }
  if (auto made = make_directory(whole); !made) return made;
  return tighten_directory(whole);
} catch (const std::bad_alloc&) {
  return system_error(ENOMEM);
}

Result<void> PosixFileSystem::remove_directory(const std::string& path) noexcept {
  if (::rmdir(path.c_str()) != 0) return last_error();
  return {};
}

Result<void> PosixFileSystem::sync_directory(const std::string& path) noexcept {
  const Descriptor fd = open_descriptor(path, O_RDONLY | O_DIRECTORY);
  if (!fd.valid()) return last_error();
  if (uninterrupted([&] { return ::fsync(fd.get()); }) != 0) return last_error();
  return {};
}

Result<std::vector<std::string>> PosixFileSystem::list(const std::string& path) noexcept try {
  struct Closer {
    void operator()(DIR* d) const noexcept { ::closedir(d); }
  };
  const std::unique_ptr<DIR, Closer> directory(::opendir(path.c_str()));
  if (!directory) return last_error();
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) break;
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  if (errno != 0) return last_error();
  std::sort(names.begin(), names.end());
  return names;
} catch (const std::bad_alloc&) {
  return system_error(ENOMEM);
}

Result<bool> PosixFileSystem::exists(const std::string& path) noexcept {
  struct stat st {};
  if (::stat(path.c_str(), &st) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return {boost::system::in_place_error, last_error()};
}

Result<std::uint64_t> PosixFileSystem::file_size(const std::string& path) noexcept {
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return last_error();
  return static_cast<std::uint64_t>(st.st_size);
}

Result<std::unique_ptr<FileLock>> PosixFileSystem::lock(const std::string& path) noexcept {
  Descriptor fd = open_descriptor(path, O_RDWR | O_CREAT);
  if (!fd.valid()) return last_error();
  if (uninterrupted([&] { return ::flock(fd.get(), LOCK_EX | LOCK_NB); }) != 0) {
    return last_error();  // held: EWOULDBLOCK, which is EAGAIN
  }
  auto* held = new (std::nothrow) PosixLock(std::move(fd));
  if (held == nullptr) return system_error(ENOMEM);
  return std::unique_ptr<FileLock>(held);
}

}  // namespace cairn::wal
