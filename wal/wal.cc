#include "wal/wal.h"

#include <string>
#include <utility>

#include "wal/recovery.h"
#include "wal/wal_impl.h"

namespace cairn::wal {
namespace {

constexpr std::uint64_t kSegmentBytesMin = 4096;  // the simulator likes them small
constexpr std::uint64_t kSegmentBytesMax = 1ull << 30;
constexpr std::uint64_t kRecordBytesMax = 1ull << 30;

// Boost's base class has no virtual destructor, on purpose: categories are never deleted.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "cairn.wal"; }
  std::string message(int code) const override {
    switch (static_cast<WalError>(code)) {
      case WalError::kCorrupt:
        return "the log is corrupt";
      case WalError::kNewerFormat:
        return "the log was made by a newer version";
      case WalError::kForeign:
        return "the log belongs to another cluster or node";
      case WalError::kFenced:
        return "the log is fenced after a failed write or sync";
      case WalError::kTooLarge:
        return "a record is over the limit";
      case WalError::kClosed:
        return "the log is closed";
    }
    return "unknown error of the log";
  }
};
#pragma GCC diagnostic pop

const char* fault_in(const WalOptions& o) {
  if (o.segment_bytes < kSegmentBytesMin || o.segment_bytes > kSegmentBytesMax ||
      o.segment_bytes % kAlignment != 0) {
    return "segment_bytes";
  }
  if (o.record_bytes_max == 0 || o.record_bytes_max > kRecordBytesMax) return "record_bytes_max";
  if (o.batch_bytes_max == 0 || o.batch_bytes_max > kSegmentBytesMax) return "batch_bytes_max";
  return nullptr;
}

}  // namespace

boost::system::error_code make_error_code(WalError e) noexcept {
  static const Category category;
  return {static_cast<int>(e), category};
}

Result<std::unique_ptr<Wal>> Wal::open(FileSystem& files, std::string directory,
                                       const WalOptions& options, Executor& home, Executor& disk,
                                       std::string* detail) {
  if (const char* field = fault_in(options)) {
    if (detail != nullptr) *detail = std::string(field) + " is out of its range";
    return make_error_code(boost::system::errc::invalid_argument);
  }
  auto store = std::make_shared<SegmentStore>(files, std::move(directory), options);
  auto recovered = recover_log(*store, options, detail);
  if (!recovered) return recovered.error();
  return std::unique_ptr<Wal>(
      std::make_unique<WalImpl>(std::move(store), std::move(*recovered), options, home, disk));
}

Result<std::vector<RecoveredGroup>> Wal::look(FileSystem& files, std::string directory,
                                              const WalOptions& options, std::string* detail) {
  SegmentStore store(files, std::move(directory), options);
  const auto groups = look_at_log(store, options, detail);
  if (!groups) return groups.error();
  return recovered_groups(*groups);
}

}  // namespace cairn::wal
