#include "kv/sim/durable_log.h"

#include <cstdlib>

#include "wal/manual_executor.h"

namespace cairn::kv::sim {

DurableLog read_durable_log(World& world, NodeId node) {
  DurableLog log;
  const Options& options = world.options_of(node);
  const std::string directory = options.data_dir + "/wal";
  wal::MemoryFileSystem copy;
  copy.load(world.disk(node).durable_image(directory));
  wal::WalOptions wal_options;
  wal_options.cluster_id =
      std::strtoull(world.node(node).cluster().cluster_id.c_str(), nullptr, 16);
  wal_options.node_id = node;
  wal_options.segment_bytes = options.segment_bytes;
  wal::ManualExecutor home;
  wal::ManualExecutor disk;
  std::string detail;
  const auto opened = wal::Wal::open(copy, directory, wal_options, home, disk, &detail);
  if (!opened) {
    log.error = opened.error().message() + " " + detail;
    return log;
  }
  for (const wal::RecoveredGroup& group : (*opened)->recovered()) log.groups[group.group] = group;
  return log;
}

}  // namespace cairn::kv::sim
