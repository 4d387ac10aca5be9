#include "kv/offline/overlay_file_system.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace cairn::kv {
namespace {

using wal::OpenMode;
template <class T>
using Outcome = wal::Result<T>;

boost::system::error_code code(boost::system::errc::errc_t e) noexcept {
  return make_error_code(e);
}

class NoLock final : public wal::FileLock {};

}  // namespace

/// A file's content: the lower file as long as nobody has written to it.
struct OverlayFileSystem::Node {
  std::unique_ptr<wal::File> lower;
  std::string bytes;  // without `lower`

  Outcome<std::uint64_t> size() const noexcept {
    if (lower) return lower->size();
    return static_cast<std::uint64_t>(bytes.size());
  }
  Outcome<void> copy() noexcept {
    if (!lower) return {};
    const auto all = lower->size();
    if (!all) return all.error();
    std::string copied(*all, '\0');
    const auto got = lower->read_at(0, {copied.data(), copied.size()});
    if (!got) return got.error();
    copied.resize(*got);
    bytes = std::move(copied);
    lower.reset();
    return {};
  }
};

class OverlayFileSystem::OverlayFile final : public wal::File {
 public:
  OverlayFile(OverlayFileSystem& files, NodePtr node) : files_(files), node_(std::move(node)) {}

  Outcome<std::size_t> read_at(std::uint64_t offset, std::span<char> out) const noexcept override {
    const std::lock_guard lock(files_.mutex_);
    if (node_->lower) return node_->lower->read_at(offset, out);
    if (offset >= node_->bytes.size()) return std::size_t{0};
    const std::size_t length = std::min<std::uint64_t>(out.size(), node_->bytes.size() - offset);
    if (length > 0) std::memcpy(out.data(), node_->bytes.data() + offset, length);
    return length;
  }
  Outcome<void> write_at(std::uint64_t offset, std::span<const char> from) noexcept override {
    const std::lock_guard lock(files_.mutex_);
    if (auto done = node_->copy(); !done) return done;
    std::string& bytes = node_->bytes;
    if (bytes.size() < offset + from.size()) bytes.resize(offset + from.size(), '\0');
    std::copy(from.begin(), from.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
    return {};
  }
  Outcome<void> sync() noexcept override { return {}; }
  Outcome<std::uint64_t> size() const noexcept override {
    const std::lock_guard lock(files_.mutex_);
    return node_->size();
  }
  Outcome<void> truncate(std::uint64_t size) noexcept override {
    const std::lock_guard lock(files_.mutex_);
    if (auto done = node_->copy(); !done) return done;
    node_->bytes.resize(size, '\0');
    return {};
  }

 private:
  OverlayFileSystem& files_;
  const NodePtr node_;
};

wal::Result<OverlayFileSystem::NodePtr> OverlayFileSystem::find(const std::string& path) {
  if (const auto at = upper_.find(path); at != upper_.end()) return at->second;
  if (hidden_.count(path) != 0) return code(boost::system::errc::no_such_file_or_directory);
  auto file = lower_.open(path, OpenMode::kRead);
  if (!file) return file.error();
  auto node = std::make_shared<Node>();
  node->lower = std::move(*file);
  return node;
}

/// The node that writers share; from now on it is ours.
wal::Result<OverlayFileSystem::NodePtr> OverlayFileSystem::copied(const std::string& path) {
  auto node = find(path);
  if (node) upper_[path] = *node;
  return node;
}

wal::Result<std::unique_ptr<wal::File>> OverlayFileSystem::open(const std::string& path,
                                                                OpenMode mode) noexcept {
  const std::lock_guard lock(mutex_);
  const auto file = [this](NodePtr node) {
    return std::unique_ptr<wal::File>(std::make_unique<OverlayFile>(*this, std::move(node)));
  };
  if (mode == OpenMode::kRead) {
    auto node = find(path);
    if (!node) return node.error();
    return file(std::move(*node));
  }
  if (mode != OpenMode::kCreateTruncate) {
    auto node = copied(path);
    if (node) return file(std::move(*node));
    const bool absent = node.error() == boost::system::errc::no_such_file_or_directory;
    if (mode != OpenMode::kCreate || !absent) return node.error();
  }
  auto fresh = std::make_shared<Node>();
  upper_[path] = fresh;
  return file(std::move(fresh));
}

wal::Result<void> OverlayFileSystem::rename(const std::string& from,
                                            const std::string& to) noexcept {
  const std::lock_guard lock(mutex_);
  auto node = find(from);
  if (!node) return node.error();
  upper_.erase(from);
  hidden_.insert(from);
  upper_[to] = std::move(*node);
  return {};
}

wal::Result<void> OverlayFileSystem::remove(const std::string& path) noexcept {
  const std::lock_guard lock(mutex_);
  if (auto node = find(path); !node) return node.error();
  upper_.erase(path);
  hidden_.insert(path);
  return {};
}

wal::Result<void> OverlayFileSystem::create_directories(const std::string& path) noexcept {
  const std::lock_guard lock(mutex_);
  directories_.insert(path);
  return {};
}

wal::Result<void> OverlayFileSystem::remove_directory(const std::string& path) noexcept {
  const std::lock_guard lock(mutex_);
  directories_.erase(path);
  return {};
}

wal::Result<void> OverlayFileSystem::sync_directory(const std::string&) noexcept {
  return {};
}

wal::Result<std::vector<std::string>> OverlayFileSystem::list(const std::string& path) noexcept {
  const std::lock_guard lock(mutex_);
  std::string prefix = path;
  if (!prefix.empty() && prefix.back() != '/') prefix += '/';
  std::set<std::string> names;
  if (const auto below = lower_.list(path)) {
    for (const std::string& name : *below) {
      if (hidden_.count(prefix + name) == 0) names.insert(name);
    }
  } else if (directories_.count(prefix.substr(0, prefix.size() - 1)) == 0) {
    return below.error();
  }
  for (const auto& [full, node] : upper_) {
    if (full.starts_with(prefix) && full.find('/', prefix.size()) == std::string::npos) {
      names.insert(full.substr(prefix.size()));
    }
  }
  return std::vector<std::string>(names.begin(), names.end());
}

wal::Result<bool> OverlayFileSystem::exists(const std::string& path) noexcept {
  const std::lock_guard lock(mutex_);
  if (upper_.count(path) != 0 || directories_.count(path) != 0) return true;
  if (hidden_.count(path) != 0) return false;
  return lower_.exists(path);
}

wal::Result<std::uint64_t> OverlayFileSystem::file_size(const std::string& path) noexcept {
  const std::lock_guard lock(mutex_);
  auto node = find(path);
  if (!node) return node.error();
  return (*node)->size();
}

wal::Result<std::unique_ptr<wal::FileLock>> OverlayFileSystem::lock(const std::string&) noexcept {
  return std::unique_ptr<wal::FileLock>(std::make_unique<NoLock>());
}

}  // namespace cairn::kv
