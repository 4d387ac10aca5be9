#include "wal/segment_store.h"

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>
#include <vector>

namespace cairn::wal {
namespace {

using boost::system::error_code;

constexpr std::string_view kSparePrefix = "spare-";
constexpr std::string_view kFillingPrefix = "filling-";
constexpr std::uint64_t kFillStepBytes = 4ull << 20;  // zeros between two syncs of a spare
constexpr std::size_t kZerosBytes = 64u << 10;

bool no_room(error_code e) {
  return e == boost::system::errc::no_space_on_device ||
         e == error_code(EDQUOT, boost::system::system_category());
}

/// A failure while no live segment was touched.
WriteOutcome before_birth(error_code e) {
  if (!no_room(e)) return WriteOutcome::broken(e);
  return {WriteOutcome::Kind::kRefused, make_error_code(boost::system::errc::no_space_on_device),
          nullptr, 0};
}

std::string parent_of(const std::string& path) {
  std::string trimmed = path;
  while (trimmed.size() > 1 && trimmed.back() == '/') trimmed.pop_back();
  const std::size_t slash = trimmed.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : trimmed.substr(0, slash);
}

}  // namespace

SegmentStore::SegmentStore(FileSystem& files, std::string directory, const WalOptions& options)
    : files_(files),
      directory_(std::move(directory)),
      segment_bytes_(options.segment_bytes),
      spares_wanted_(options.spare_segments),
      now_us_(options.now_us) {}

Result<void> SegmentStore::prepare_directory() {
  // The names of all directories that are made here have to be durable, up to one that was there.
  std::vector<std::string> to_sync;
  for (std::string path = directory_;;) {
    const auto there = files_.exists(path);
    if (!there) return there.error();
    const std::string parent = parent_of(path);
    // Once at least: an earlier open may have died between making and syncing.
    to_sync.push_back(parent);
    if (*there || parent == path || parent == ".") break;
    path = parent;
  }
  if (auto made = files_.create_directories(directory_); !made) return made;
  for (const std::string& parent : to_sync) {
    if (auto synced = files_.sync_directory(parent); !synced) return synced;
  }
  return {};
}

Result<void> SegmentStore::tidy() {
  const auto names = files_.list(directory_);
  if (!names) return names.error();
  for (const std::string& name : *names) {
    const bool spare = name.starts_with(kSparePrefix);
    if (!spare && !name.starts_with(kFillingPrefix)) continue;
    const std::string path = path_of(name);
    if (spare && spares_.size() < spares_wanted_) {
      const auto size = files_.file_size(path);
      if (!size) return size.error();
      if (*size == segment_bytes_) {
        auto file = files_.open(path, OpenMode::kReadWrite);
        if (!file) return file.error();
        spares_.push_back(Spare{path, std::move(*file), segment_bytes_, segment_bytes_});
        continue;
      }
    }
    if (auto removed = files_.remove(path); !removed) return removed;
  }
  return {};
}

std::string SegmentStore::next_name(const char* prefix) {
  // Names of kept spares are skipped; there are few.
  for (;;) {
    std::string path = path_of(prefix + std::to_string(next_spare_++));
    const bool taken =
        std::any_of(spares_.begin(), spares_.end(), [&](const Spare& s) { return s.path == path; });
    if (!taken) return path;
  }
}

Result<SegmentStore::Spare> SegmentStore::start_spare(std::uint64_t bytes) {
  std::string path = next_name(kFillingPrefix.data());
  auto file = files_.open(path, OpenMode::kCreateTruncate);
  if (!file) return file.error();
  return Spare{std::move(path), std::move(*file), bytes, 0};
}

Result<void> SegmentStore::fill_step(Spare* spare) {
  static const std::vector<char> zeros(kZerosBytes, '\0');
  const std::uint64_t stop = std::min(spare->bytes, spare->filled + kFillStepBytes);
  while (spare->filled < stop) {
    const std::size_t n = std::min<std::uint64_t>(zeros.size(), stop - spare->filled);
    if (auto w = spare->file->write_at(spare->filled, {zeros.data(), n}); !w) return w;
    spare->filled += n;
  }
  return spare->file->sync();
}

Result<void> SegmentStore::finish_spare(Spare* spare) {
  while (spare->filled < spare->bytes) {
    if (auto step = fill_step(spare); !step) return step;
  }
  std::string path = next_name(kSparePrefix.data());
  if (auto named = files_.rename(spare->path, path); !named) return named;
  spare->path = std::move(path);
  return {};
}

Result<SegmentStore::Spare> SegmentStore::take_spare(std::uint64_t bytes) {
  const auto fits = std::find_if(spares_.begin(), spares_.end(),
                                 [&](const Spare& s) { return s.bytes == bytes; });
  if (fits != spares_.end()) {
    Spare spare = std::move(*fits);
    spares_.erase(fits);
    return spare;
  }
  Spare spare;
  if (filling_ && filling_->bytes == bytes) {
    spare = std::move(*filling_);
    filling_.reset();
  } else {
    auto started = start_spare(bytes);
    if (!started) return started.error();
    spare = std::move(*started);
  }
  if (auto done = finish_spare(&spare); !done) {
    discard(std::move(spare));
    return done.error();
  }
  return spare;
}

void SegmentStore::discard(Spare spare) {
  spare.file.reset();
  // If even this fails the next open() tidies it away.
  [[maybe_unused]] const auto ignored = files_.remove(spare.path);
}

WriteOutcome SegmentStore::bear(const SegmentHeader& header, std::span<const char> birth) {
  return bear(header, [birth](File& file) { return file.write_at(0, birth); });
}

WriteOutcome SegmentStore::bear(const SegmentHeader& header, const Fill& fill) {
  auto taken = take_spare(header.file_bytes);
  if (!taken) return before_birth(taken.error());
  Spare spare = std::move(*taken);
  auto filled = fill(*spare.file);
  if (filled) filled = spare.file->sync();
  if (!filled) {
    discard(std::move(spare));
    return before_birth(filled.error());
  }
  const std::string path = path_of(segment_name(header.sequence));
  if (auto named = files_.rename(spare.path, path); !named) {
    return WriteOutcome::broken(named.error());
  }
  if (auto synced = files_.sync_directory(directory_); !synced) {
    return WriteOutcome::broken(synced.error());
  }
  WriteOutcome outcome;
  outcome.born = std::make_shared<SegmentFile>();
  outcome.born->path = path;
  outcome.born->sequence = header.sequence;
  outcome.born->seed = header.check;
  outcome.born->file_bytes = header.file_bytes;
  outcome.born->file = std::move(spare.file);
  return outcome;
}

WriteOutcome SegmentStore::write(SegmentFile& segment, std::uint64_t offset,
                                 std::span<const char> bytes) {
  if (auto written = segment.file->write_at(offset, bytes); !written) {
    return WriteOutcome::broken(written.error());
  }
  WriteOutcome outcome;
  const std::uint64_t before = now_us_ ? now_us_() : 0;
  if (auto synced = segment.file->sync(); !synced) return WriteOutcome::broken(synced.error());
  if (now_us_) outcome.sync_us = now_us_() - before;
  return outcome;
}

void SegmentStore::retire(SegmentFilePtr segment) {
  const bool alone = segment.use_count() == 1;  // no read holds it
  if (!alone || !wants_spare() || segment->file_bytes != segment_bytes_) {
    remove_segment(segment->sequence);
    return;
  }
  std::string path = next_name(kSparePrefix.data());
  if (!files_.rename(segment->path, path)) return;
  Spare spare{std::move(path), std::move(segment->file), segment_bytes_, segment_bytes_};
  // Before it is written under its new name, the old name must be gone for good: else a power cut
  // could bring that back with another segment's bytes.
  if (!files_.sync_directory(directory_)) {
    discard(std::move(spare));
    return;
  }
  spares_.push_back(std::move(spare));
}

void SegmentStore::remove_segment(std::uint64_t sequence) {
  [[maybe_unused]] const auto ignored = files_.remove(path_of(segment_name(sequence)));
}

bool SegmentStore::prepare_spare_step() {
  if (!wants_spare()) return false;
  if (!filling_) {
    auto started = start_spare(segment_bytes_);
    if (!started) return false;
    filling_ = std::make_unique<Spare>(std::move(*started));
  }
  const bool whole = filling_->filled == filling_->bytes;
  if (auto step = whole ? finish_spare(filling_.get()) : fill_step(filling_.get()); !step) {
    // No room, or worse: told when a segment is needed, by the write that needs it.
    discard(std::move(*filling_));
    filling_.reset();
    return false;
  }
  if (!whole) return true;
  spares_.push_back(std::move(*filling_));
  filling_.reset();
  return wants_spare();
}

}  // namespace cairn::wal
