#include "kv/sim/durable_log.h"

#include <cstdlib>

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
  std::string detail;
  const auto found = wal::Wal::look(copy, directory, wal_options, &detail);
  if (!found) {
    log.error = found.error().message() + " " + detail;
    return log;
  }
  for (const wal::RecoveredGroup& group : *found) log.groups[group.group] = group;
  return log;
}

}  // namespace cairn::kv::sim
