#include "kv/offline/backup_file.h"

#include <utility>

namespace cairn::kv {
namespace {

class Watcher final : public BackupVisitor {
 public:
  Watcher(const Progress& progress, std::uint64_t total) : progress_(progress), total_(total) {}
  void progress(std::uint64_t bytes) override {
    if (progress_) progress_(bytes, total_);
  }

 private:
  const Progress& progress_;
  const std::uint64_t total_;
};

}  // namespace

Result<BackupFile> BackupFile::open(wal::FileSystem& files, std::string path) {
  auto file = files.open(path, wal::OpenMode::kRead);
  if (!file) return Error(Errc::kIo, path + ": " + file.error().message());
  const auto size = (*file)->size();
  if (!size) return Error(Errc::kIo, path + ": " + size.error().message());
  BackupFile opened;
  opened.path_ = std::move(path);
  opened.file_ = std::move(*file);
  opened.size_ = *size;
  return opened;
}

Result<BackupSummary> BackupFile::walk(BackupVisitor& visitor) const {
  BackupFault fault;
  const auto summary = walk_backup(
      [this](std::uint64_t offset, std::span<char> out) { return file_->read_at(offset, out); },
      visitor, &fault);
  if (summary) return *summary;
  return Error(fault.newer ? Errc::kNewerFormat : Errc::kCorrupt,
               path_ + " at " + std::to_string(fault.offset) + ": " + fault.what);
}

Result<BackupSummary> BackupFile::check(const Progress& progress) const {
  Watcher watcher(progress, size_);
  return walk(watcher);
}

}  // namespace cairn::kv
