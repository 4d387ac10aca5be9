#include "kv/engine/snapshot.h"

#include <utility>

namespace cairn::kv {

EngineResult<std::unique_ptr<SnapshotSource>> GroupSnapshot::take(const Database& database,
                                                                  std::uint64_t cluster,
                                                                  raft::GroupId group) {
  Moment moment = database.moment();
  const EngineResult<GroupRecord> record = read_group(database, moment, group);
  if (!record) return record.error();
  return std::unique_ptr<SnapshotSource>(
      new GroupSnapshot(database, std::move(moment), cluster, group, *record));
}

GroupSnapshot::GroupSnapshot(const Database& database, Moment moment, std::uint64_t cluster,
                             raft::GroupId group, const GroupRecord& record)
    : meta_{record.applied, record.applied_term, record.config},
      digest_(encode_replicated(record)),
      cursor_(database, generation_prefix(group, record.generation), moment, false) {
  writer_.begin({cluster, group, encode_replicated(record)});
}

boost::system::result<std::optional<std::string>> GroupSnapshot::next(std::size_t bytes_max) {
  if (ended_) return std::optional<std::string>();
  for (bool any = false; cursor_.valid(); cursor_.next(), any = true) {
    const std::string_view key = cursor_.key();
    const std::string_view value = cursor_.value();
    // An entry that is larger than a chunk gets a chunk of its own.
    if (any && writer_.bytes() + key.size() + value.size() > bytes_max) {
      return std::optional<std::string>(writer_.take(std::nullopt));
    }
    digest_.add(key, value);
    writer_.add(key, value);
    ++entries_;
  }
  if (auto done = cursor_.status(); !done) return done.error();
  ended_ = true;
  return std::optional<std::string>(writer_.take(StreamTail{entries_, digest_.value()}));
}

}  // namespace cairn::kv
