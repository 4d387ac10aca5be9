#include "kv/engine/install.h"

#include <algorithm>

namespace cairn::kv {
namespace {

constexpr std::size_t kBatchBytesMax = 1u << 20;
constexpr std::size_t kCleanKeysMax = 1000;
constexpr std::size_t kCleanBytesMax = 4u << 20;

leveldb::Slice slice(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}

/// An error as that of a step whose value is a bool, which an error_code converts to as well.
EngineResult<bool> failed_step(const EngineResult<void>& done) {
  return {boost::system::in_place_error, done.error()};
}

}  // namespace

// --- the generations
// ------------------------------------------------------------------------------

EngineResult<void> Installs::load() {
  Cursor marks(database_, garbage_prefix(), nullptr, false);
  for (; marks.valid(); marks.next()) {
    const auto garbage = parse_garbage_key(garbage_prefix() + std::string(marks.key()));
    if (!garbage) return database_.corrupt();
    garbage_.emplace(garbage->group, garbage->generation);
  }
  return marks.status();
}

std::uint64_t Installs::next_generation(raft::GroupId group) const {
  const Group* const known = groups_.find(group);
  std::uint64_t highest = known != nullptr ? known->record.generation : 0;
  for (const Generation& one : garbage_) {
    if (one.first == group) highest = std::max(highest, one.second);
  }
  return highest + 1;
}

std::uint64_t Installs::first_generation(raft::GroupId group) const {
  return next_generation(group);
}

bool Installs::building(const Generation& generation) const {
  const auto found = building_.find(generation.first);
  return found != building_.end() && found->second == generation.second;
}

EngineResult<std::unique_ptr<SnapshotSink>> Installs::begin(raft::GroupId group,
                                                            const raft::SnapshotMeta& meta) {
  const std::uint64_t generation = next_generation(group);
  // The mark is written before the first record: after a crash what is there is known as garbage.
  leveldb::WriteBatch batch;
  batch.Put(garbage_key(group, generation), {});
  if (auto done = database_.write(batch, {}); !done) return done.error();
  garbage_.emplace(group, generation);
  building_[group] = generation;
  return std::unique_ptr<SnapshotSink>(
      std::make_unique<GroupInstall>(*this, group, generation, meta));
}

EngineResult<void> Installs::flip(raft::GroupId group, std::uint64_t generation, GroupRecord record,
                                  const StateHash& items) {
  Group* known = groups_.find(group);
  const std::uint64_t old = known != nullptr ? known->record.generation : 0;
  record.generation = generation;
  record.installed_index = record.applied;
  record.installed_term = record.applied_term;
  leveldb::WriteBatch batch;
  batch.Put(group_key(group), encode_group(record));
  batch.Put(state_hash_key(group), items.encode(record));
  batch.Delete(garbage_key(group, generation));
  if (known != nullptr) batch.Put(garbage_key(group, old), {});
  const AppliedIndex applied{group, record.applied};
  if (auto done = database_.write(batch, std::span(&applied, 1)); !done) return done;
  garbage_.erase({group, generation});
  building_.erase(group);
  if (known == nullptr) {
    auto fresh = std::make_unique<Group>(group, options_);
    if (auto done = fresh->adopt(record, items, database_); !done) return done;
    groups_.add(std::move(fresh));
    return {};
  }
  garbage_.emplace(group, old);
  table_.forget(group, old);
  return known->adopt(record, items, database_);
}

EngineResult<void> Installs::remove(raft::GroupId group) {
  const Group* const known = groups_.find(group);
  building_.erase(group);  // an install under way is superseded
  if (known == nullptr) return {};
  const std::uint64_t generation = known->record.generation;
  leveldb::WriteBatch batch;
  batch.Delete(group_key(group));
  batch.Delete(state_hash_key(group));
  batch.Put(garbage_key(group, generation), {});
  if (auto done = database_.write(batch, {}); !done) return done;
  garbage_.emplace(group, generation);
  table_.forget(group, generation);
  groups_.drop(group);
  return {};
}

EngineResult<bool> Installs::clean_up() {
  const auto first = std::find_if(garbage_.begin(), garbage_.end(),
                                  [this](const Generation& g) { return !building(g); });
  if (first == garbage_.end()) return false;
  const Generation doomed = *first;
  const std::string prefix = generation_prefix(doomed.first, doomed.second);
  leveldb::WriteBatch batch;
  bool all = false;
  {
    Cursor cursor(database_, prefix, nullptr, false);
    // Spares a walk over what the last step removed.
    if (clean_from_.starts_with(prefix)) cursor.seek(clean_from_.substr(prefix.size()));
    std::size_t bytes = 0;
    std::size_t keys = 0;
    for (; cursor.valid() && keys < kCleanKeysMax && bytes < kCleanBytesMax; cursor.next()) {
      clean_from_ = prefix;
      clean_from_.append(cursor.key());
      bytes += clean_from_.size() + cursor.value().size();
      ++keys;
      batch.Delete(clean_from_);
    }
    if (auto done = cursor.status(); !done) return failed_step(done);
    all = !cursor.valid();
  }
  if (all) batch.Delete(garbage_key(doomed.first, doomed.second));
  if (auto done = database_.write(batch, {}); !done) return failed_step(done);
  if (!all) return true;
  garbage_.erase(doomed);
  clean_from_.clear();
  return std::any_of(garbage_.begin(), garbage_.end(),
                     [this](const Generation& g) { return !building(g); });
}

// --- one stream
// -----------------------------------------------------------------------------------

GroupInstall::GroupInstall(Installs& installs, raft::GroupId group, std::uint64_t generation,
                           raft::SnapshotMeta meta)
    : installs_(installs),
      group_(group),
      generation_(generation),
      meta_(std::move(meta)),
      prefix_(generation_prefix(group, generation)) {}

GroupInstall::~GroupInstall() {
  if (current()) installs_.building_.erase(group_);
}

bool GroupInstall::current() const {
  return installs_.building({group_, generation_});
}

boost::system::result<void> GroupInstall::add(std::string_view chunk) {
  if (!current()) return EngineError::kSuperseded;
  if (broken_) return EngineError::kBadChunk;
  broken_ = true;  // until this chunk has passed
  if (auto done = reader_.read(chunk); !done) return done;
  if (!digest_) {
    if (auto done = accept_head(); !done) return done;
  }
  leveldb::WriteBatch batch;
  for (;;) {
    const EngineResult<bool> more = reader_.next();
    if (!more) return more.error();
    if (!*more) break;
    if (auto done = accept_entry(batch); !done) return done;
    if (batch.ApproximateSize() < kBatchBytesMax) continue;
    if (auto done = write(batch); !done) return done;
  }
  if (auto done = write(batch); !done) return done;
  broken_ = false;
  return {};
}

EngineResult<void> GroupInstall::accept_head() {
  const StreamHead& head = *reader_.head();
  const std::optional<GroupRecord> record = decode_replicated(head.replicated);
  if (!record || head.cluster != installs_.cluster_ || head.group != group_) {
    return EngineError::kBadChunk;
  }
  if (raft::SnapshotMeta{record->applied, record->applied_term, record->config} != meta_) {
    return EngineError::kBadChunk;
  }
  record_ = *record;
  digest_.emplace(head.replicated);
  return {};
}

EngineResult<void> GroupInstall::accept_entry(leveldb::WriteBatch& batch) {
  const std::string_view key = reader_.key();
  const std::string_view value = reader_.value();
  if (key.size() < 2 || key <= last_key_) return EngineError::kBadChunk;
  if (!acceptable_record(key, value)) return EngineError::kBadChunk;
  const auto space = static_cast<Space>(static_cast<unsigned char>(key.front()));
  if (space == Space::kCurrent) {
    const std::uint64_t item = StateHash::key_hash(key.substr(1));
    items_.toggle(item, StateHash::word_of(item, *parse_item_trailer(value)));
  }
  if (space == Space::kSession) ++sessions_;
  if (space == Space::kIdempotency) ++idempotency_records_;
  digest_->add(key, value);
  ++entries_;
  last_key_.assign(key);
  std::string full_key = prefix_;
  full_key.append(key);
  batch.Put(full_key, slice(value));
  return {};
}

EngineResult<void> GroupInstall::write(leveldb::WriteBatch& batch) {
  if (batch.ApproximateSize() == leveldb::WriteBatch().ApproximateSize()) return {};
  if (auto done = installs_.database_.write(batch, {}); !done) return done;
  batch.Clear();
  return {};
}

boost::system::result<void> GroupInstall::finish() {
  if (!current()) return EngineError::kSuperseded;
  const std::optional<StreamTail>& tail = reader_.tail();
  if (broken_ || !tail) return EngineError::kBadChunk;
  if (tail->entries != entries_ || tail->digest != digest_->value() ||
      record_.sessions != sessions_ || record_.idempotency_records != idempotency_records_) {
    broken_ = true;
    return EngineError::kBadChunk;
  }
  const Group* const known = installs_.groups_.find(group_);
  if (known != nullptr && known->record.applied > record_.applied) return EngineError::kSuperseded;
  return installs_.flip(group_, generation_, record_, items_);
}

}  // namespace cairn::kv
