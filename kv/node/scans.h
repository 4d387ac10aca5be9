// Operations over key ranges of all partitions: an ordered scan by merge (one read index a
// partition) and a prefix delete as a series of atomic steps, one partition after another.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/kv/store.h"
#include "kv/engine/engine.h"
#include "kv/node/rpc.h"

namespace cairn::kv {

/// Where a scan or a prefix delete goes on: opaque to clients, printable, at most 8 KiB.
struct ScanCursor {
  std::uint32_t partition = 0;  // prefix delete only
  std::string key;              // last one done; empty: from the partition's start
};
[[nodiscard]] std::string encode_cursor(const ScanCursor& cursor);
[[nodiscard]] std::optional<ScanCursor> decode_cursor(std::string_view text);

/// The half-open range that `options` and its cursor leave to do, as one partition reads it. The
/// error is kBadRequest.
[[nodiscard]] Result<EngineView::Range> range_of(const ScanOptions& options);

/// One page of a view; a count goes over the whole range, in steps that hold little memory.
[[nodiscard]] boost::system::result<EngineView::Page> scan_fully(const EngineView& view,
                                                                 raft::GroupId group,
                                                                 EngineView::Range range);

/// Merges what the partitions answered to the same range, in key order, up to the limit.
[[nodiscard]] ScanResult merge_pages(const ScanOptions& options, std::vector<PageReply> pages);

/// Asks all groups for their page; one failure fails the whole.
using PageSource = std::function<void(raft::GroupId, EngineView::Range, Callback<PageReply>)>;
void scan_groups(const std::vector<raft::GroupId>& groups, ScanOptions options,
                 const PageSource& source, Callback<ScanResult> done);

}  // namespace cairn::kv
