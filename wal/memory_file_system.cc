#include "wal/memory_file_system.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "wal/memory_node.h"

namespace cairn::wal {
namespace {

using boost::system::error_code;

error_code system_error(int e) noexcept {
  return error_code(e, boost::system::system_category());
}

Result<void> outcome(int e) noexcept {
  if (e != 0) return system_error(e);
  return {};
}

/// A file may not grow past this whatever a caller asks for.
constexpr std::uint64_t kFileBytesMax = 1ull << 40;

}  // namespace

class MemoryFileSystem::MemoryFile final : public File {
 public:
  MemoryFile(MemoryFileSystem& files, NodePtr node, bool writable)
      : files_(files), node_(std::move(node)), epoch_(files.epoch_), writable_(writable) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<char> out) const noexcept override {
    const std::lock_guard lock(files_.mutex_);
    if (const int e = check(Call::kRead, false)) return system_error(e);
    const std::string& bytes = node_->live;
    if (offset >= bytes.size()) return std::size_t{0};
    const std::size_t length = std::min<std::uint64_t>(out.size(), bytes.size() - offset);
    if (length > 0) std::memcpy(out.data(), bytes.data() + offset, length);
    return length;
  }

  Result<void> write_at(std::uint64_t offset, std::span<const char> bytes) noexcept override {
    const std::lock_guard lock(files_.mutex_);
    const int e = check(Call::kWrite, true);
    if (e != 0) {
      if (alive() && writable_) node_->write(offset, bytes.first(bytes.size() / 2));
      return system_error(e);
    }
    return outcome(files_.write_node(*node_, offset, bytes));
  }

  Result<void> sync() noexcept override {
    const std::lock_guard lock(files_.mutex_);
    if (const int e = check(Call::kSync, true)) {
      if (alive() && files_.drop_on_failed_sync_) node_->drop_pending();
      return system_error(e);
    }
    node_->sync();
    return {};
  }

  Result<std::uint64_t> size() const noexcept override {
    const std::lock_guard lock(files_.mutex_);
    if (const int e = check(Call::kLook, false)) return system_error(e);
    return static_cast<std::uint64_t>(node_->live.size());
  }

  Result<void> truncate(std::uint64_t size) noexcept override {
    const std::lock_guard lock(files_.mutex_);
    if (const int e = check(Call::kTruncate, true)) return system_error(e);
    if (size > kFileBytesMax) return system_error(EFBIG);
    node_->resize(size);
    return {};
  }

 private:
  bool alive() const { return epoch_ == files_.epoch_; }
  int check(Call call, bool changes) const {
    if (!alive()) return EIO;
    if ((call == Call::kWrite || call == Call::kTruncate) && !writable_) return EBADF;
    return files_.fault(call, changes);
  }

  MemoryFileSystem& files_;
  NodePtr node_;
  std::uint64_t epoch_;
  bool writable_;
};

class MemoryFileSystem::MemoryLock final : public FileLock {
 public:
  MemoryLock(MemoryFileSystem& files, std::string path, std::uint64_t owner)
      : files_(files), path_(std::move(path)), owner_(owner) {}
  ~MemoryLock() override {
    const std::lock_guard lock(files_.mutex_);
    const auto held = files_.locks_.find(path_);
    if (held != files_.locks_.end() && held->second == owner_) files_.locks_.erase(held);
  }

 private:
  MemoryFileSystem& files_;
  std::string path_;
  std::uint64_t owner_;
};

MemoryFileSystem::MemoryFileSystem() : root_(std::make_shared<Node>()) {
  root_->is_directory = true;
}

MemoryFileSystem::~MemoryFileSystem() = default;

// --- names -----------------------------------------------------------------------------

int MemoryFileSystem::locate(const std::string& path, Place* place) const {
  *place = Place{nullptr, "", root_};
  for (std::size_t begin = 0; begin < path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    std::string part = path.substr(begin, end - begin);
    begin = end + 1;
    if (part.empty() || part == ".") continue;
    if (part == "..") return EINVAL;
    if (!place->node) return ENOENT;
    if (!place->node->is_directory) return ENOTDIR;
    place->directory = place->node;
    const auto found = place->directory->entries.find(part);
    place->node = found == place->directory->entries.end() ? nullptr : found->second;
    place->name = std::move(part);
  }
  return 0;
}

int MemoryFileSystem::open_node(const std::string& path, OpenMode mode, NodePtr* node) {
  Place at;
  if (const int e = locate(path, &at)) return e;
  const bool creates = mode == OpenMode::kCreate || mode == OpenMode::kCreateTruncate;
  const bool changes = mode == OpenMode::kCreateTruncate || (creates && !at.node);
  if (const int e = fault(Call::kOpen, changes)) return e;
  if (!at.node && !creates) return ENOENT;
  if (at.node && at.node->is_directory) return EISDIR;
  if (!at.node) {
    at.node = std::make_shared<Node>();
    at.directory->change({{at.name, at.node}});
  } else if (mode == OpenMode::kCreateTruncate) {
    at.node->resize(0);
  }
  *node = at.node;
  return 0;
}

Result<std::unique_ptr<File>> MemoryFileSystem::open(const std::string& path,
                                                     OpenMode mode) noexcept {
  const std::lock_guard lock(mutex_);
  NodePtr node;
  if (const int e = open_node(path, mode, &node)) return system_error(e);
  return std::unique_ptr<File>(
      std::make_unique<MemoryFile>(*this, std::move(node), mode != OpenMode::kRead));
}

int MemoryFileSystem::rename_node(const std::string& from, const std::string& to) {
  Place source;
  Place target;
  if (const int e = locate(from, &source)) return e;
  if (const int e = locate(to, &target)) return e;
  if (!source.node) return ENOENT;
  if (!source.directory || !target.directory) return EBUSY;  // the root
  if (source.node == target.node) return 0;
  if (target.node) {
    if (target.node->is_directory && !source.node->is_directory) return EISDIR;
    if (!target.node->is_directory && source.node->is_directory) return ENOTDIR;
    if (target.node->is_directory && !target.node->entries.empty()) return ENOTEMPTY;
  }
  if (source.directory == target.directory) {
    source.directory->change({{source.name, nullptr}, {target.name, source.node}});
  } else {
    target.directory->change({{target.name, source.node}});
    source.directory->change({{source.name, nullptr}});
  }
  return 0;
}

Result<void> MemoryFileSystem::rename(const std::string& from, const std::string& to) noexcept {
  const std::lock_guard lock(mutex_);
  if (const int e = fault(Call::kRename, true)) return system_error(e);
  return outcome(rename_node(from, to));
}

Result<void> MemoryFileSystem::remove(const std::string& path) noexcept {
  const std::lock_guard lock(mutex_);
  if (const int e = fault(Call::kRemove, true)) return system_error(e);
  Place at;
  if (const int e = locate(path, &at)) return system_error(e);
  if (!at.node) return system_error(ENOENT);
  if (at.node->is_directory) return system_error(EISDIR);
  at.directory->change({{at.name, nullptr}});
  return {};
}

Result<void> MemoryFileSystem::create_directories(const std::string& path) noexcept {
  const std::lock_guard lock(mutex_);
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    begin = end + 1;
    Place at;
    if (const int e = locate(path.substr(0, end), &at)) return system_error(e);
    if (at.node) {
      if (!at.node->is_directory) return system_error(ENOTDIR);
      continue;
    }
    if (const int e = fault(Call::kMakeDirectory, true)) return system_error(e);
    at.node = std::make_shared<Node>();
    at.node->is_directory = true;
    at.directory->change({{at.name, at.node}});
  }
  return {};
}

Result<void> MemoryFileSystem::remove_directory(const std::string& path) noexcept {
  const std::lock_guard lock(mutex_);
  if (const int e = fault(Call::kRemove, true)) return system_error(e);
  Place at;
  if (const int e = locate(path, &at)) return system_error(e);
  if (!at.node) return system_error(ENOENT);
  if (!at.node->is_directory) return system_error(ENOTDIR);
  if (!at.directory) return system_error(EBUSY);
  if (!at.node->entries.empty()) return system_error(ENOTEMPTY);
  at.directory->change({{at.name, nullptr}});
  return {};
}

Result<void> MemoryFileSystem::sync_directory(const std::string& path) noexcept {
  const std::lock_guard lock(mutex_);
  if (const int e = fault(Call::kSyncDirectory, true)) return system_error(e);
  Place at;
  if (const int e = locate(path, &at)) return system_error(e);
  if (!at.node) return system_error(ENOENT);
  if (!at.node->is_directory) return system_error(ENOTDIR);
  at.node->sync_names();
  return {};
}

Result<std::vector<std::string>> MemoryFileSystem::list(const std::string& path) noexcept {
  const std::lock_guard lock(mutex_);
  if (const int e = fault(Call::kLook, false)) return system_error(e);
  Place at;
  if (const int e = locate(path, &at)) return system_error(e);
  if (!at.node) return system_error(ENOENT);
  if (!at.node->is_directory) return system_error(ENOTDIR);
  std::vector<std::string> names;
  for (const auto& [name, node] : at.node->entries) names.push_back(name);
  return names;
}

Result<bool> MemoryFileSystem::exists(const std::string& path) noexcept {
  const std::lock_guard lock(mutex_);
  if (const int e = fault(Call::kLook, false))
    return {boost::system::in_place_error, system_error(e)};
  Place at;
  const int e = locate(path, &at);
  if (e == ENOENT || e == ENOTDIR) return false;
  if (e != 0) return {boost::system::in_place_error, system_error(e)};
  return at.node != nullptr;
}

Result<std::uint64_t> MemoryFileSystem::file_size(const std::string& path) noexcept {
  const std::lock_guard lock(mutex_);
  if (const int e = fault(Call::kLook, false)) return system_error(e);
  Place at;
  if (const int e = locate(path, &at)) return system_error(e);
  if (!at.node) return system_error(ENOENT);
  return static_cast<std::uint64_t>(at.node->live.size());
}

Result<std::unique_ptr<FileLock>> MemoryFileSystem::lock(const std::string& path) noexcept {
  const std::lock_guard guard(mutex_);
  if (const int e = fault(Call::kLock, false)) return system_error(e);
  NodePtr node;
  if (const int e = open_node(path, OpenMode::kCreate, &node)) return system_error(e);
  if (!locks_.emplace(path, next_lock_).second) return system_error(EAGAIN);
  return std::unique_ptr<FileLock>(std::make_unique<MemoryLock>(*this, path, next_lock_++));
}

int MemoryFileSystem::write_node(Node& node, std::uint64_t offset, std::span<const char> bytes) {
  if (offset > kFileBytesMax || bytes.size() > kFileBytesMax - offset) return EFBIG;
  const std::uint64_t end = offset + bytes.size();
  if (capacity_ != 0 && end > node.live.size()) {
    const std::uint64_t used = root_->bytes();
    const std::uint64_t room = node.live.size() + (capacity_ > used ? capacity_ - used : 0);
    if (end > room) {
      if (room > offset) node.write(offset, bytes.first(room - offset));
      return ENOSPC;
    }
  }
  node.write(offset, bytes);
  return 0;
}

}  // namespace cairn::wal
