// MemoryFileSystem: faults, power cuts, rot, and looking from outside.
#include <algorithm>
#include <stdexcept>

#include "wal/memory_node.h"

namespace cairn::wal {

bool MemoryFileSystem::hit(Fault& fault) {
  if (fault.countdown == 0) return false;
  if (fault.countdown > 1) {
    --fault.countdown;
    return false;
  }
  if (!fault.sticky) fault.countdown = 0;
  return true;
}

int MemoryFileSystem::fault(Call call, bool changes) {
  const auto i = static_cast<std::size_t>(call);
  ++calls_[i];
  if (changes) ++changes_;
  const bool of_kind = hit(faults_[i]);
  const bool of_change = changes && hit(change_fault_);
  if (of_change) return change_fault_.error;
  return of_kind ? faults_[i].error : 0;
}

void MemoryFileSystem::fail(Call call, std::uint64_t kth, int error, bool sticky) {
  const std::lock_guard lock(mutex_);
  faults_[static_cast<std::size_t>(call)] = Fault{kth, error, sticky};
}

void MemoryFileSystem::fail_changes(std::uint64_t kth, int error, bool sticky) {
  const std::lock_guard lock(mutex_);
  change_fault_ = Fault{kth, error, sticky};
}

void MemoryFileSystem::clear_faults() {
  const std::lock_guard lock(mutex_);
  faults_ = {};
  change_fault_ = {};
}

void MemoryFileSystem::drop_on_failed_sync(bool drop) {
  const std::lock_guard lock(mutex_);
  drop_on_failed_sync_ = drop;
}

void MemoryFileSystem::set_capacity(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  capacity_ = bytes;
}

std::uint64_t MemoryFileSystem::used_bytes() const {
  const std::lock_guard lock(mutex_);
  return root_->bytes();
}

std::uint64_t MemoryFileSystem::calls(Call call) const {
  const std::lock_guard lock(mutex_);
  return calls_[static_cast<std::size_t>(call)];
}

std::uint64_t MemoryFileSystem::changes() const {
  const std::lock_guard lock(mutex_);
  return changes_;
}

// --- power cuts and rot -----------------------------------------------------------------

void MemoryFileSystem::end_epoch() {
  ++epoch_;
  locks_.clear();
  faults_ = {};
  change_fault_ = {};
}

void MemoryFileSystem::crash(Crash mode, std::uint64_t seed) {
  const std::lock_guard lock(mutex_);
  CrashDice dice(mode, seed);
  std::set<const Node*> seen;
  root_->crash(dice, seen);
  end_epoch();
}

void MemoryFileSystem::kill_process() {
  const std::lock_guard lock(mutex_);
  end_epoch();
}

MemoryFileSystem::NodePtr MemoryFileSystem::file_or_throw(const std::string& path) const {
  Place at;
  if (locate(path, &at) != 0 || !at.node || at.node->is_directory) {
    throw std::logic_error("MemoryFileSystem: no file " + path);
  }
  return at.node;
}

std::string MemoryFileSystem::read_file(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  return file_or_throw(path)->live;
}

void MemoryFileSystem::overwrite(const std::string& path, std::uint64_t offset,
                                 std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  const NodePtr node = file_or_throw(path);
  for (std::string* image : {&node->live, &node->durable}) {
    if (image->size() < offset + bytes.size()) image->resize(offset + bytes.size(), '\0');
    image->replace(offset, bytes.size(), bytes);
  }
}

void MemoryFileSystem::flip_bit(const std::string& path, std::uint64_t offset, unsigned bit) {
  const std::lock_guard lock(mutex_);
  const NodePtr node = file_or_throw(path);
  for (std::string* image : {&node->live, &node->durable}) {
    if (offset >= image->size()) continue;
    (*image)[offset] = static_cast<char>((*image)[offset] ^ (1u << (bit & 7)));
  }
}

void MemoryFileSystem::resize_file(const std::string& path, std::uint64_t size) {
  const std::lock_guard lock(mutex_);
  const NodePtr node = file_or_throw(path);
  node->resize(size);
  node->settle();
}

MemoryFileSystem::Image MemoryFileSystem::image() const {
  const std::lock_guard lock(mutex_);
  Image image;
  root_->describe("", false, &image);
  return image;
}

MemoryFileSystem::Image MemoryFileSystem::durable_image() const {
  const std::lock_guard lock(mutex_);
  Image image;
  root_->describe("", true, &image);
  return image;
}

MemoryFileSystem::Image MemoryFileSystem::durable_image(const std::string& directory) const {
  const std::lock_guard lock(mutex_);
  Image image;
  NodePtr node = root_;
  std::string path;
  for (std::size_t begin = 0; begin < directory.size();) {
    const std::size_t end = std::min(directory.find('/', begin), directory.size());
    const std::string part = directory.substr(begin, end - begin);
    begin = end + 1;
    const auto found = node->durable_entries.find(part);
    if (found == node->durable_entries.end() || !found->second->is_directory) return image;
    node = found->second;
    path += (path.empty() ? "" : "/") + part;
    image.directories.push_back(path);
  }
  node->describe(path, true, &image);
  return image;
}

void MemoryFileSystem::load(Image image) {
  const std::lock_guard lock(mutex_);
  root_ = std::make_shared<Node>();
  root_->is_directory = true;
  const auto put = [this](const std::string& path, const NodePtr& node) {
    Place at;
    if (locate(path, &at) != 0 || !at.directory) {
      throw std::logic_error("MemoryFileSystem: image without directory of " + path);
    }
    at.directory->change({{at.name, node}});
  };
  for (const std::string& path : image.directories) {
    const auto node = std::make_shared<Node>();
    node->is_directory = true;
    put(path, node);
  }
  for (auto& [path, bytes] : image.files) {
    const auto node = std::make_shared<Node>();
    node->live = std::move(bytes);
    put(path, node);
  }
  root_->settle();
  end_epoch();
}

}  // namespace cairn::wal
