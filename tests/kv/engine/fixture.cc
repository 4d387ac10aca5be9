#include "tests/kv/engine/fixture.h"

#include "kv/command/command.h"

namespace cairn::kv::test {

raft::Configuration three_voters() {
  raft::Configuration config;
  config.voters = {1, 2, 3};
  return config;
}

EngineOptions small_options() {
  EngineOptions options;
  options.write_buffer_bytes = 64u << 10;
  options.block_cache_bytes = 64u << 10;
  options.metadata_table_bytes = 64u << 10;
  options.sessions_max = 4;
  options.session_answers_max = 8;
  options.session_idle_ms = 1000;
  return options;
}

std::shared_ptr<const std::string> entry_bytes(Revision revision, const Command& command) {
  Stamp stamp;
  stamp.revision = revision;
  stamp.ceiling = revision + (3000u << 13);
  return make_entry(stamp, encode_command(command));
}

raft::Entry command_entry(raft::Index index, Revision revision, const Command& command) {
  raft::Entry entry;
  entry.index = index;
  entry.term = 1 + index / 100;
  entry.kind = raft::EntryKind::kCommand;
  entry.data = entry_bytes(revision, command);
  return entry;
}

Command put(std::string key, std::string value) {
  Command command;
  command.operations.push_back({Operation::Kind::kPut, std::move(key), std::move(value)});
  return command;
}

Command remove(std::string key) {
  Command command;
  command.operations.push_back({Operation::Kind::kRemove, std::move(key), {}});
  return command;
}

Command remove_prefix(std::string prefix, std::uint32_t limit, std::string start_after) {
  Command command;
  command.kind = CommandKind::kRemovePrefix;
  command.prefix = std::move(prefix);
  command.start_after = std::move(start_after);
  command.limit = limit;
  return command;
}

Command open_session(std::uint64_t client) {
  Command command;
  command.kind = CommandKind::kOpenSession;
  command.session.client = client;
  return command;
}

Command with_session(Command command, std::uint64_t client, std::uint64_t sequence,
                     std::uint64_t acknowledged) {
  command.session = {client, sequence, acknowledged};
  return command;
}

Command with_key(Command command, std::string idempotency_key, std::uint32_t window_ms,
                 std::uint32_t keys_max) {
  command.idempotency_key = std::move(idempotency_key);
  command.idempotency_window_ms = window_ms;
  command.idempotency_keys_max = keys_max;
  return command;
}

std::vector<std::string> chunks_of(const Engine& engine, raft::GroupId group, std::size_t bytes_max,
                                   raft::SnapshotMeta* meta) {
  auto source = engine.snapshot(group).value();
  if (meta != nullptr) *meta = source->meta();
  std::vector<std::string> chunks;
  while (auto chunk = source->next(bytes_max).value()) chunks.push_back(std::move(*chunk));
  return chunks;
}

void EngineTest::open(const EngineOptions& options) {
  auto opened = Engine::open(disk_, "data/engine", kCluster, kNode, options, nullptr, &detail_);
  ASSERT_TRUE(opened) << detail_;
  engine_ = std::move(*opened);
  ASSERT_TRUE(engine_->create_group(kGroup, three_voters(), kEpoch));
}

boost::system::error_code EngineTest::open_error(std::uint64_t cluster, std::uint64_t node) {
  detail_.clear();
  auto opened =
      Engine::open(disk_, "data/engine", cluster, node, small_options(), nullptr, &detail_);
  return opened ? boost::system::error_code() : opened.error();
}

Revision EngineTest::next_revision(std::uint64_t elapsed_ms) {
  revision_ = elapsed_ms == 0 ? revision_ + 1 : ((revision_ >> 13) + elapsed_ms) << 13;
  return revision_;
}

Answer EngineTest::run(const Command& command, std::uint64_t elapsed_ms) {
  log_.push_back(command_entry(log_.size() + 1, next_revision(elapsed_ms), command));
  const ApplyItem item{kGroup, log_.back()};
  auto results = engine_->apply(std::span(&item, 1));
  if (!results || results->size() != 1 || !results->front().answer) {
    ADD_FAILURE() << "apply refused";
    return {};
  }
  return *results->front().answer;
}

std::vector<Answer> EngineTest::run_batch(const std::vector<Command>& commands) {
  std::vector<ApplyItem> items;
  for (const Command& command : commands) {
    log_.push_back(command_entry(log_.size() + 1, next_revision(0), command));
    items.push_back({kGroup, log_.back()});
  }
  auto results = engine_->apply(items);
  std::vector<Answer> answers;
  if (!results) {
    ADD_FAILURE() << "apply refused: " << results.error().message();
    answers.resize(commands.size());
    return answers;
  }
  for (ApplyResult& result : *results) answers.push_back(std::move(*result.answer));
  return answers;
}

Answer EngineTest::run_in_batch_with(const std::vector<Command>& commands) {
  return run_batch(commands).back();
}

bool EngineTest::apply_entry(raft::EntryKind kind, std::shared_ptr<const std::string> data) {
  raft::Entry entry;
  entry.index = log_.size() + 1;
  entry.term = 9;
  entry.kind = kind;
  entry.data = std::move(data);
  const ApplyItem item{kGroup, entry};
  if (!engine_->apply(std::span(&item, 1))) return false;
  log_.push_back(entry);
  return true;
}

std::optional<Item> EngineTest::get(std::string_view key) {
  auto item = engine_->get(kGroup, key);
  if (!item) {
    ADD_FAILURE() << "get: " << item.error().message();
    return std::nullopt;
  }
  return *item;
}

std::string EngineTest::value(std::string_view key) {
  const std::optional<Item> item = get(key);
  return item ? item->value : "<none>";
}

std::vector<std::string> EngineTest::keys(std::string prefix) {
  EngineView::Range range;
  range.start = prefix;
  range.keys_only = true;
  const auto page = engine_->view()->scan(kGroup, range).value();
  std::vector<std::string> out;
  for (const Item& item : page.items) {
    if (item.key.starts_with(prefix)) out.push_back(item.key);
  }
  return out;
}

EngineGroup EngineTest::group() {
  for (const EngineGroup& one : engine_->groups()) {
    if (one.group == kGroup) return one;
  }
  ADD_FAILURE() << "the group is not there";
  return {};
}

std::string EngineTest::digest() {
  return engine_->digest(kGroup).value();
}

boost::system::result<FlushPoint> EngineTest::flush() {
  std::optional<boost::system::result<FlushPoint>> outcome;
  engine_->flush([&](boost::system::result<FlushPoint> r) { outcome = std::move(r); });
  if (!outcome) {
    ADD_FAILURE() << "without an executor a flush is over when flush() returns";
    return EngineError::kFailed;
  }
  return *outcome;
}

}  // namespace cairn::kv::test
