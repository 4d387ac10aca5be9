// What memory knows of one group's log: where each entry lies, hard state and configuration.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "wal/format.h"

namespace cairn::wal {

/// Where an entry lies. 24 bytes an entry: the log may hold millions.
struct Slot {
  std::uint64_t term = 0;
  std::uint32_t segment = 0;       // sequence; 0 = not known (while recovering only)
  std::uint32_t offset_units = 0;  // in kAlignment
  std::uint32_t length = 0;        // of the payload

  std::uint64_t offset() const { return std::uint64_t{offset_units} * kAlignment; }
  std::uint64_t bytes() const { return record_bytes(length); }
  bool known() const { return segment != 0; }
  bool same_place(const Slot& o) const {
    return segment == o.segment && offset_units == o.offset_units;
  }
};

/// Entries (start, last] are the group's log. Slots go from `base` on, base <= start: entries in
/// (base, start] are trimmed in memory but not yet on disk, so a crash would want them back and
/// their segments must stay.
struct GroupLog {
  LogHardState hard_state;
  std::string config;
  std::uint64_t start = 0;
  std::uint64_t start_term = 0;
  std::uint64_t base = 0;
  std::uint64_t live_bytes = 0;  // of the records of (start, last]
  std::uint64_t resets = 0;      // tells a trim's completion that the log was replaced meanwhile
  std::deque<Slot> slots;

  std::uint64_t last() const { return base + slots.size(); }
  bool holds(std::uint64_t index) const { return index > start && index <= last(); }
  const Slot& slot(std::uint64_t index) const { return slots[index - base - 1]; }
  Slot& slot(std::uint64_t index) { return slots[index - base - 1]; }
  std::uint64_t last_term() const { return last() == start ? start_term : slots.back().term; }

  std::optional<std::uint64_t> term_at(std::uint64_t index) const {
    if (index == start) return start_term;
    if (holds(index)) return slot(index).term;
    return std::nullopt;
  }
};

using GroupMap = std::map<GroupId, GroupLog>;

}  // namespace cairn::wal
