#include "kv/engine/state_hash.h"

#include "kv/engine/bytes.h"
#include "kv/engine/hash.h"

namespace cairn::kv {
namespace {

constexpr std::uint8_t kForm = 1;
/// Apart from the hash that places keys in partitions: all keys of one would share its high bits.
constexpr std::uint64_t kKeySeed = 0x6275636b65747331;

}  // namespace

std::uint64_t StateHash::key_hash(std::string_view key) noexcept {
  return hash64(key, kKeySeed);
}

std::uint64_t StateHash::word_of(std::uint64_t key_hash, const ItemMeta& meta) noexcept {
  char bytes[8 * 6];
  char* at = bytes;
  for (const std::uint64_t field : {meta.create_revision, meta.mod_revision, meta.version,
                                    meta.lease, meta.value_hash.low, meta.value_hash.high}) {
    store_le(field, at);
    at += sizeof field;
  }
  const std::uint64_t word = hash64({bytes, sizeof bytes}, key_hash);
  return word != 0 ? word : 1;
}

void StateHash::set_buckets(const StateBuckets& buckets) noexcept {
  buckets_ = buckets;
  total_ = 0;
  for (const std::uint64_t bucket : buckets_) total_ ^= bucket;
}

std::string StateHash::encode(const GroupRecord& record) const {
  std::string out;
  out.reserve(1 + 8 * (3 + kStateBuckets));
  append_le(out, kForm);
  append_le(out, record.applied);
  append_le(out, record.generation);
  append_le(out, odd_at);
  for (const std::uint64_t bucket : buckets_) append_le(out, bucket);
  return out;
}

std::optional<StateHash> StateHash::decode(std::string_view bytes, const GroupRecord& record) {
  FieldReader in(bytes);
  StateHash hash;
  StateBuckets buckets{};
  const auto form = in.le<std::uint8_t>();
  const auto applied = in.le<std::uint64_t>();
  const auto generation = in.le<std::uint64_t>();
  hash.odd_at = in.le<std::uint64_t>();
  for (std::uint64_t& bucket : buckets) bucket = in.le<std::uint64_t>();
  if (!in.done() || form != kForm || applied != record.applied || generation != record.generation)
    return std::nullopt;
  hash.set_buckets(buckets);
  return hash;
}

EngineResult<StateHash> StateHash::count(const Database& database, raft::GroupId group,
                                         std::uint64_t generation) {
  StateHash hash;
  Cursor cursor(database, space_prefix(group, generation, Space::kCurrent), nullptr, false);
  for (; cursor.valid(); cursor.next()) {
    const auto meta = parse_item_trailer(cursor.value());
    if (!meta) return database.corrupt();
    const std::uint64_t key = key_hash(cursor.key());
    hash.toggle(key, word_of(key, *meta));
  }
  if (auto done = cursor.status(); !done) return done.error();
  return hash;
}

void StateMarks::keep(const StateMark& mark) {
  recent_[mark.index % kRecent] = mark;
  if (mark.index % kGrid != 0) return;
  last_grid_ = grid_[mark.index / kGrid % kKept] = mark;
  if (mark.index % kCoarse == 0) last_coarse_ = mark;
}

void StateMarks::publish(raft::Index index, const StateHash& hash) {
  const std::lock_guard lock(mutex_);
  for (const StateMark& mark : fresh_) keep(mark);
  fresh_.clear();
  newest_ = {index, hash.total()};
  buckets_ = hash.buckets();
}

void StateMarks::reset() {
  const std::lock_guard lock(mutex_);
  fresh_.clear();
  recent_ = {};
  grid_ = {};
  newest_ = last_grid_ = last_coarse_ = {};
}

std::optional<std::uint64_t> StateMarks::at(raft::Index index) const {
  const std::lock_guard lock(mutex_);
  if (index == 0) return std::nullopt;
  for (const StateMark& mark : {newest_, recent_[index % kRecent], grid_[index / kGrid % kKept]})
    if (mark.index == index) return mark.hash;
  return std::nullopt;
}

std::vector<StateMark> StateMarks::newest() const {
  const std::lock_guard lock(mutex_);
  std::vector<StateMark> marks;
  for (const StateMark& mark : {newest_, last_grid_, last_coarse_})
    if (mark.index != 0 && (marks.empty() || marks.back().index != mark.index))
      marks.push_back(mark);
  return marks;
}

StateBuckets StateMarks::buckets(raft::Index* index) const {
  const std::lock_guard lock(mutex_);
  *index = newest_.index;
  return buckets_;
}

}  // namespace cairn::kv
