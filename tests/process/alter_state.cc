// Alters a stopped node's state as an apply that went wrong would leave it: one key's item becomes
// another key's, or goes, and the rolling hash is that of the items as they are then.
//   alter_state DATA-DIR CLUSTER-ID NODE PARTITION KEY [AS-KEY]
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "kv/engine/engine.h"
#include "kv/engine/state_hash.h"
#include "wal/posix_file_system.h"

namespace cairn::kv {
namespace {

int alter(const std::vector<std::string>& words) {
  wal::PosixFileSystem files;
  std::string detail;
  auto opened =
      Engine::open(files, words[0] + "/engine", std::strtoull(words[1].c_str(), nullptr, 16),
                   std::strtoull(words[2].c_str(), nullptr, 10), {}, nullptr, &detail);
  if (!opened) {
    std::fprintf(stderr, "error: %s %s\n", opened.error().message().c_str(), detail.c_str());
    return 1;
  }
  Engine& engine = **opened;
  const auto group = static_cast<raft::GroupId>(std::atoi(words[3].c_str()) + 1);
  auto before = *engine.state_view(group);
  std::vector<ItemRecord> items{{words[4], std::nullopt}};
  if (words.size() > 5) items.front().record = before->record(words[5]).value();
  engine.repair(group, before->applied(), items).value();
  auto after = *engine.state_view(group);
  StateView::Range all;
  all.bytes_max = ~std::size_t{0};
  StateHash counted;
  for (const StateEntry& entry : after->page(all).value().entries)
    counted.toggle(StateHash::key_hash(entry.key), entry.word);
  StateBuckets by = before->buckets();
  for (std::size_t i = 0; i < kStateBuckets; ++i) by[i] ^= counted.buckets()[i];
  engine.adjust_state(group, after->generation(), by).value();
  before.reset();
  after.reset();
  bool flushed = false;
  engine.flush(
      [&](const boost::system::result<FlushPoint>& point) { flushed = point.has_value(); });
  return flushed ? 0 : 1;
}

}  // namespace
}  // namespace cairn::kv

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() != 5 && words.size() != 6) return 2;
  return cairn::kv::alter(words);
}
