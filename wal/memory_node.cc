#include "wal/memory_node.h"

#include <algorithm>
#include <cstring>

namespace cairn::wal {

std::uint64_t CrashDice::next() {
  state_ += 0x9e3779b97f4a7c15ull;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

std::uint64_t CrashDice::below(std::uint64_t bound) {
  return bound == 0 ? 0 : next() % bound;
}

bool CrashDice::keep() {
  switch (mode_) {
    case MemoryFileSystem::Crash::kLoseUnsynced:
      return false;
    case MemoryFileSystem::Crash::kKeepAll:
      return true;
    case MemoryFileSystem::Crash::kRandom:
    case MemoryFileSystem::Crash::kRandomTorn:
      return (next() & 1) != 0;
  }
  return false;
}

bool CrashDice::torn() {
  return mode_ == MemoryFileSystem::Crash::kRandomTorn && (next() & 3) == 0;
}

void MemoryFileSystem::Node::mark_dirty(std::uint64_t from, std::uint64_t to) {
  if (from >= to) return;
  const std::uint64_t last = (to - 1) / kSectorBytes;
  if (dirty.size() <= last) dirty.resize(last + 1, false);
  for (std::uint64_t s = from / kSectorBytes; s <= last; ++s) {
    if (dirty[s]) continue;
    dirty[s] = true;
    dirty_sectors.push_back(s);
  }
}

void MemoryFileSystem::Node::clear_dirty() {
  for (const std::uint64_t s : dirty_sectors) dirty[s] = false;
  dirty_sectors.clear();
}

void MemoryFileSystem::Node::write(std::uint64_t offset, std::span<const char> bytes) {
  if (bytes.empty()) return;
  if (offset > live.size()) mark_dirty(live.size(), offset);  // the gap reads as zeros
  if (offset + bytes.size() > live.size()) live.resize(offset + bytes.size(), '\0');
  std::memcpy(live.data() + offset, bytes.data(), bytes.size());
  mark_dirty(offset, offset + bytes.size());
}

void MemoryFileSystem::Node::resize(std::uint64_t size) {
  mark_dirty(std::min<std::uint64_t>(size, live.size()),
             std::max<std::uint64_t>(size, live.size()));
  live.resize(size, '\0');
}

void MemoryFileSystem::Node::sync() {
  durable.resize(live.size(), '\0');
  for (const std::uint64_t s : dirty_sectors) {
    const std::uint64_t from = s * kSectorBytes;
    if (from >= live.size()) continue;
    const std::size_t length = std::min<std::uint64_t>(kSectorBytes, live.size() - from);
    std::memcpy(durable.data() + from, live.data() + from, length);
  }
  clear_dirty();
}

void MemoryFileSystem::Node::drop_pending() {
  clear_dirty();
}

void MemoryFileSystem::Node::change(Change change) {
  for (const auto& [name, node] : change) {
    if (node) {
      entries[name] = node;
    } else {
      entries.erase(name);
    }
  }
  pending.push_back(std::move(change));
}

void MemoryFileSystem::Node::sync_names() {
  durable_entries = entries;
  pending.clear();
}

void MemoryFileSystem::Node::crash_file(CrashDice& dice) {
  std::uint64_t size = durable.size();
  if (!dirty_sectors.empty() && live.size() != durable.size() && dice.keep()) {
    size = live.size();
    if (dice.random() && live.size() > durable.size() && dice.below(3) == 0) {
      size = durable.size() + dice.below(live.size() - durable.size() + 1);
    }
  }
  durable.resize(size, '\0');
  std::sort(dirty_sectors.begin(), dirty_sectors.end());
  for (const std::uint64_t s : dirty_sectors) {
    if (!dice.keep()) continue;
    const std::uint64_t from = s * kSectorBytes;
    const std::uint64_t end = std::min<std::uint64_t>(
        {from + kSectorBytes, live.size(), static_cast<std::uint64_t>(durable.size())});
    if (from >= end) continue;
    std::uint64_t begin = from;
    std::uint64_t stop = end;
    if (dice.torn()) {
      const std::uint64_t cut = from + dice.below(end - from + 1);
      (dice.below(2) == 0 ? begin : stop) = cut;
    }
    std::memcpy(durable.data() + begin, live.data() + begin, stop - begin);
  }
  live = durable;
  clear_dirty();
}

void MemoryFileSystem::Node::crash_names(CrashDice& dice) {
  for (const Change& change : pending) {
    if (!dice.keep()) continue;
    for (const auto& [name, node] : change) {
      if (node) {
        durable_entries[name] = node;
      } else {
        durable_entries.erase(name);
      }
    }
  }
  pending.clear();
  entries = durable_entries;
}

void MemoryFileSystem::Node::crash(CrashDice& dice, std::set<const Node*>& seen) {
  if (!seen.insert(this).second) return;
  if (!is_directory) {
    crash_file(dice);
    return;
  }
  crash_names(dice);
  for (const auto& [name, node] : entries) node->crash(dice, seen);
}

void MemoryFileSystem::Node::settle() {
  if (!is_directory) {
    durable = live;
    clear_dirty();
    return;
  }
  sync_names();
  for (const auto& [name, node] : entries) node->settle();
}

std::uint64_t MemoryFileSystem::Node::bytes() const {
  if (!is_directory) return live.size();
  std::uint64_t sum = 0;
  for (const auto& [name, node] : entries) sum += node->bytes();
  return sum;
}

void MemoryFileSystem::Node::describe(const std::string& path, bool of_durable,
                                      Image* image) const {
  for (const auto& [name, node] : of_durable ? durable_entries : entries) {
    const std::string below = path.empty() ? name : path + "/" + name;
    if (node->is_directory) {
      image->directories.push_back(below);
      node->describe(below, of_durable, image);
    } else {
      image->files[below] = of_durable ? node->durable : node->live;
    }
  }
}

}  // namespace cairn::wal
