// Where a cluster's partitions begin their life: a pure function of the founding record.
#pragma once

#include "kv/placement/placement.h"
#include "net/wire.h"

namespace cairn::kv {

[[nodiscard]] Placement first_placement(const net::FoundingRecord& record);

}  // namespace cairn::kv
