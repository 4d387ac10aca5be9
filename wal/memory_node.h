// The files and directories of MemoryFileSystem: what programs see, what is durable, and what a
// power cut may keep of the difference. Private to memory_file_system.cc; no locking here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "wal/memory_file_system.h"

namespace cairn::wal {

/// The choices of one power cut (splitmix64).
class CrashDice {
 public:
  CrashDice(MemoryFileSystem::Crash mode, std::uint64_t seed) : mode_(mode), state_(seed) {}

  bool keep();  // does this pending change survive?
  bool torn();  // is this surviving sector cut?
  std::uint64_t below(std::uint64_t bound);
  bool random() const {
    return mode_ == MemoryFileSystem::Crash::kRandom ||
           mode_ == MemoryFileSystem::Crash::kRandomTorn;
  }

 private:
  std::uint64_t next();

  MemoryFileSystem::Crash mode_;
  std::uint64_t state_;
};

/// A file or a directory; shared by names and handles.
struct MemoryFileSystem::Node {
  bool is_directory = false;

  // A file. Sectors that are not dirty are equal in both, up to the smaller size, except where a
  // failed sync dropped them.
  std::string live;
  std::string durable;
  std::vector<bool> dirty;                   // by sector
  std::vector<std::uint64_t> dirty_sectors;  // in the order first written

  // A directory.
  using Entries = std::map<std::string, NodePtr>;
  using Change = std::vector<std::pair<std::string, NodePtr>>;  // null = the name goes; all or none
  Entries entries;
  Entries durable_entries;
  std::vector<Change> pending;

  void write(std::uint64_t offset, std::span<const char> bytes);
  void resize(std::uint64_t size);
  void sync();
  void drop_pending();
  void change(Change change);
  void sync_names();

  /// Settles this node and all below it; `seen` because two names may survive of one file.
  void crash(CrashDice& dice, std::set<const Node*>& seen);
  /// Makes all of it durable as it stands.
  void settle();
  std::uint64_t bytes() const;
  void describe(const std::string& path, bool of_durable, Image* image) const;

 private:
  void mark_dirty(std::uint64_t from, std::uint64_t to);
  void clear_dirty();
  void crash_file(CrashDice& dice);
  void crash_names(CrashDice& dice);
};

/// Where a path leads: its directory, the last name in it, and what has that name, if anything.
/// The root has no directory and no name.
struct MemoryFileSystem::Place {
  NodePtr directory;
  std::string name;
  NodePtr node;
};

}  // namespace cairn::wal
