// A disk in memory that loses power, fails and rots when told to: the test twin of the POSIX file
// system and the simulator's disk.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "wal/file_system.h"

namespace cairn::wal {

/// Deterministic: the same calls and seeds give the same disk. Usable from several threads.
///
/// What it models of a real disk:
/// - File bytes become durable by sync() of the file, per sector of 512 bytes; until then a power
///   cut keeps any subset of the sectors written since the last sync, and the old or new size.
/// - Names become durable by sync_directory() of their directory alone; until then a power cut
///   keeps any subset of the creations, renames and removals (a rename within a directory is one).
/// - A failed sync drops what was to be written and calls it clean (hazard W1): the bytes can still
///   be read, a later sync says ok, a power cut loses them.
/// - A failed write leaves the first half of its bytes in the file.
/// - A removed or replaced file stays readable through handles that were open.
class MemoryFileSystem final : public FileSystem {
 public:
  static constexpr std::size_t kSectorBytes = 512;

  MemoryFileSystem();
  MemoryFileSystem(const MemoryFileSystem&) = delete;
  MemoryFileSystem& operator=(const MemoryFileSystem&) = delete;
  ~MemoryFileSystem() override;

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) noexcept override;
  Result<void> rename(const std::string& from, const std::string& to) noexcept override;
  Result<void> remove(const std::string& path) noexcept override;
  Result<void> create_directories(const std::string& path) noexcept override;
  Result<void> remove_directory(const std::string& path) noexcept override;
  Result<void> sync_directory(const std::string& path) noexcept override;
  Result<std::vector<std::string>> list(const std::string& path) noexcept override;
  Result<bool> exists(const std::string& path) noexcept override;
  Result<std::uint64_t> file_size(const std::string& path) noexcept override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) noexcept override;

  // --- power cuts -------------------------------------------------------------------------------

  enum class Crash {
    kLoseUnsynced,  // only what was synced is left
    kKeepAll,       // everything happened to reach the disk
    kRandom,        // any subset of the pending sectors and names
    kRandomTorn,    // as kRandom, and a sector may be cut anywhere between old and new bytes
  };

  /// Cuts the power: handles and locks of before are dead (EIO), faults are cleared, the capacity
  /// stays. What is left is durable.
  void crash(Crash mode, std::uint64_t seed = 0);

  /// A process is killed, the machine stays up: handles and locks are dead, no byte is lost.
  void kill_process();

  // --- faults -----------------------------------------------------------------------------------

  enum class Call : unsigned {
    kOpen,
    kRead,
    kWrite,
    kSync,
    kTruncate,
    kRename,
    kRemove,
    kMakeDirectory,
    kSyncDirectory,
    kLook,  // list, exists, sizes
    kLock,
    kCount_,
  };
  static constexpr std::size_t kCalls = static_cast<std::size_t>(Call::kCount_);

  /// The k-th call of that kind from now on (1 = the next) fails with `error`, an errno value; with
  /// `sticky` all after it too. One fault a kind; a new one replaces it.
  void fail(Call call, std::uint64_t kth, int error, bool sticky = false);
  /// The k-th call that would change the disk, whatever its kind, and all changes after it fail:
  /// a power cut at that moment, to be followed by crash().
  void fail_changes(std::uint64_t kth, int error, bool sticky = true);
  void clear_faults();

  /// False: a failed sync leaves its bytes pending instead of dropping them.
  void drop_on_failed_sync(bool drop);

  /// The sum of all file sizes may not grow past this: ENOSPC. 0 = no limit.
  void set_capacity(std::uint64_t bytes);
  std::uint64_t used_bytes() const;

  std::uint64_t calls(Call call) const;
  /// Calls that change the disk: create, write, sync, truncate, rename, remove, directories.
  std::uint64_t changes() const;

  // --- rot, and looking from outside
  // -------------------------------------------------------------- These bypass faults and
  // counters. A path that names no file is a std::logic_error.

  std::string read_file(const std::string& path) const;
  /// Replaces bytes at `offset` in the file and in its durable image; past the end it grows.
  void overwrite(const std::string& path, std::uint64_t offset, std::string_view bytes);
  void flip_bit(const std::string& path, std::uint64_t offset, unsigned bit);
  /// Cuts or grows the file, durably.
  void resize_file(const std::string& path, std::uint64_t size);

  /// All directories and files, by full path; files with their bytes.
  struct Image {
    std::vector<std::string> directories;
    std::map<std::string, std::string> files;
    friend bool operator==(const Image&, const Image&) = default;
  };
  /// As running programs see the disk.
  Image image() const;
  /// As a power cut that keeps nothing pending would leave it.
  Image durable_image() const;
  /// Of this directory and what is below it alone.
  Image durable_image(const std::string& directory) const;
  /// Replaces the whole disk, durably; handles die.
  void load(Image image);

 private:
  struct Node;
  class MemoryFile;
  class MemoryLock;
  using NodePtr = std::shared_ptr<Node>;
  struct Place;
  struct Fault {
    std::uint64_t countdown = 0;  // 0 = none
    int error = 0;
    bool sticky = false;
  };

  // All below with mutex_ held. They give an errno value, 0 = done, where they can fail.
  int fault(Call call, bool changes);
  static bool hit(Fault& fault);
  int locate(const std::string& path, Place* place) const;
  NodePtr file_or_throw(const std::string& path) const;
  int open_node(const std::string& path, OpenMode mode, NodePtr* node);
  int rename_node(const std::string& from, const std::string& to);
  int write_node(Node& node, std::uint64_t offset, std::span<const char> bytes);
  void end_epoch();

  mutable std::mutex mutex_;
  NodePtr root_;
  std::uint64_t epoch_ = 0;                     // handles of an earlier one are dead
  std::map<std::string, std::uint64_t> locks_;  // path -> owner
  std::uint64_t next_lock_ = 1;
  std::array<Fault, kCalls> faults_;
  Fault change_fault_;
  std::array<std::uint64_t, kCalls> calls_{};
  std::uint64_t changes_ = 0;
  std::uint64_t capacity_ = 0;
  bool drop_on_failed_sync_ = true;
};

}  // namespace cairn::wal
