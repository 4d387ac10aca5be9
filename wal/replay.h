// The effect of records on the groups: one rule a kind, used in recovery only.
#pragma once

#include <cstdint>
#include <string>

#include "wal/group_log.h"
#include "wal/segment_scan.h"

namespace cairn::wal {

/// Feeds on records in log order, oldest segment first. Every record is checked against what came
/// before; the bytes are sound, but what they say may still not fit together.
class Replay {
 public:
  void begin_segment(std::uint32_t sequence, std::uint64_t birth_end);
  /// False: a contradiction.
  [[nodiscard]] bool apply(const ScannedRecord& record);
  /// After the last record. False when an entry that a group must have is nowhere; *what says
  /// which.
  [[nodiscard]] bool finish(std::string* what);

  GroupMap take_groups() { return std::move(groups_); }

 private:
  bool entry(const ScannedRecord& record);
  bool copied_entry(const ScannedRecord& record);
  bool hard_state(const ScannedRecord& record);
  bool config(const ScannedRecord& record);
  bool reset(const ScannedRecord& record);
  bool trim(const ScannedRecord& record);
  bool checkpoint(const ScannedRecord& record);
  bool birth_end(const ScannedRecord& record);
  Slot place(const ScannedRecord& record) const;

  GroupMap groups_;
  std::uint32_t segment_ = 0;
  std::uint64_t birth_end_ = 0;
  std::map<GroupId, std::uint64_t> last_terms_;  // that the birth's checkpoints promised
};

}  // namespace cairn::wal
