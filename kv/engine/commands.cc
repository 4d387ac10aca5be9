// What each command does. Every path through here is a function of the group's state and the entry
// alone.
#include <algorithm>
#include <utility>

#include "kv/command/limits.h"
#include "kv/engine/applier.h"
#include "kv/engine/bytes.h"
#include "kv/placement/cluster_record.h"

namespace cairn::kv {
namespace {

constexpr int kRevisionCounterBits = 13;

/// The log's own time, milliseconds since 2024.
std::uint64_t log_time_ms(const Group& group) {
  return group.record.last_revision >> kRevisionCounterBits;
}

Answer refusal(Errc code) {
  Answer answer;
  answer.error = code;
  return answer;
}

Answer done_at(const Stamp& stamp) {
  Answer answer;
  answer.revision = stamp.revision;
  return answer;
}

bool well_formed(const Command& command) {
  if (command.operations.empty()) return false;
  return std::all_of(command.operations.begin(), command.operations.end(), [](const Operation& o) {
    return !o.key.empty() && o.key.size() <= kCommandKeyBytesMax;
  });
}

}  // namespace

EngineResult<Answer> Applier::apply_command(Group& group, const Stamp& stamp,
                                            const Command& command) {
  GroupRecord& record = group.record;
  record.last_revision = std::max(record.last_revision, stamp.revision);
  record.ceiling = std::max(record.ceiling, stamp.ceiling);
  record.lease_elapsed = std::max(record.lease_elapsed, stamp.lease_elapsed);
  group.sessions.expire(log_time_ms(group), changes_);
  group.idempotency.expire(log_time_ms(group), changes_);
  switch (command.kind) {
    case CommandKind::kEmpty:
      return done_at(stamp);
    case CommandKind::kOpenSession:
      return open_session(group, stamp, command);
    case CommandKind::kWrite:
    case CommandKind::kRemovePrefix:
    case CommandKind::kFound:
    case CommandKind::kSetCluster:
      return apply_once(group, stamp, command);
  }
  return refusal(Errc::kBadRequest);
}

Answer Applier::open_session(Group& group, const Stamp& stamp, const Command& command) {
  if (command.session.client == 0) return refusal(Errc::kBadRequest);
  switch (group.sessions.open(command.session.client, command.principal, log_time_ms(group),
                              changes_)) {
    case Sessions::Opened::kFull:
      return refusal(Errc::kOverloaded);
    case Sessions::Opened::kForeign:
      return refusal(Errc::kBadRequest);
    case Sessions::Opened::kDone:
      break;
  }
  return done_at(stamp);
}

EngineResult<Answer> Applier::apply_once(Group& group, const Stamp& stamp, const Command& command) {
  const SessionStamp& session = command.session;
  const bool stamped = session.client != 0;
  if (stamped) {
    switch (group.sessions.check(session, command.principal, log_time_ms(group), changes_)) {
      case Sessions::Verdict::kNew:
        break;
      case Sessions::Verdict::kReplay: {
        const auto stored = group.sessions.stored_answer(session, database_, changes_);
        if (!stored) return stored.error();
        auto answer = decode_answer(*stored);
        if (!answer) return database_.corrupt();
        return std::move(*answer);
      }
      case Sessions::Verdict::kUnknown: {
        Answer unknown = refusal(Errc::kBadRequest);
        unknown.session_unknown = true;
        return unknown;
      }
      case Sessions::Verdict::kStale:
      case Sessions::Verdict::kMalformed:
        return refusal(Errc::kBadRequest);
      case Sessions::Verdict::kBeyondWindow:
        return refusal(Errc::kOverloaded);
    }
  }
  if (command.epoch != 0 && command.epoch != group.record.epoch) {
    // Not executed and not recorded: sent again with the right epoch it is a new command.
    Answer elsewhere = refusal(Errc::kNoLeader);
    elsewhere.wrong_epoch = true;
    return elsewhere;
  }
  bool keep = true;
  EngineResult<Answer> answer = apply_keyed(group, stamp, command, &keep);
  if (answer && stamped && keep) group.sessions.record(session, encode_answer(*answer), changes_);
  return answer;
}

EngineResult<Answer> Applier::apply_keyed(Group& group, const Stamp& stamp, const Command& command,
                                          bool* keep) {
  if (command.idempotency_key.empty()) return execute(group, stamp, command);
  if (command.idempotency_key.size() > kCommandIdempotencyKeyBytesMax) {
    return refusal(Errc::kBadRequest);
  }
  IdempotencyTable& table = group.idempotency;
  const Hash128 request = request_hash(command);
  const std::uint64_t now_ms = log_time_ms(group);
  auto known = table.find(command.principal, command.idempotency_key, now_ms, database_, changes_);
  if (!known) return known.error();
  if (*known) {
    if ((*known)->request != request) return refusal(Errc::kIdempotencyMismatch);
    auto first = decode_answer((*known)->answer);
    if (!first) return database_.corrupt();
    first->replayed = true;
    return std::move(*first);
  }
  if (table.full(command.idempotency_keys_max)) {
    *keep = false;  // nothing was done: it may be tried again under the same number
    return refusal(Errc::kOverloaded);
  }
  EngineResult<Answer> answer = execute(group, stamp, command);
  if (!answer) return answer;
  IdempotencyRecord record;
  record.request = request;
  record.expiry_ms = now_ms + command.idempotency_window_ms;
  record.answer = encode_answer(*answer);
  table.record(command.principal, command.idempotency_key, record, changes_);
  return answer;
}

EngineResult<Answer> Applier::execute(Group& group, const Stamp& stamp, const Command& command) {
  switch (command.kind) {
    case CommandKind::kWrite:
      return write(group, stamp, command);
    case CommandKind::kRemovePrefix:
      return remove_prefix(group, stamp, command);
    case CommandKind::kFound:
      return found(group, stamp, command);
    case CommandKind::kSetCluster:
      return set_cluster(group, stamp, command);
    case CommandKind::kOpenSession:
    case CommandKind::kEmpty:
      break;
  }
  return refusal(Errc::kBadRequest);
}

EngineResult<Answer> Applier::write(Group& group, const Stamp& stamp, const Command& command) {
  if (!well_formed(command)) return refusal(Errc::kBadRequest);
  const Operation& first = command.operations.front();
  EngineResult<MetadataTable::Entry*> entry = look_up(group, first.key);
  if (!entry) return entry.error();
  const Condition& condition = command.condition;
  const bool was_present = (*entry)->present;
  const Revision was_revision = was_present ? (*entry)->mod_revision : 0;
  if ((condition.if_absent && was_present) ||
      (condition.if_revision != 0 && condition.if_revision != was_revision)) {
    Answer mismatch = refusal(Errc::kRevisionMismatch);
    mismatch.revision = was_revision;
    return mismatch;
  }
  Answer answer = done_at(stamp);
  if (command.return_previous && was_present) {
    EngineResult<Item> previous = read_item(group, first.key);
    if (!previous) return previous.error();
    answer.previous = std::move(*previous);
  }
  for (const Operation& operation : command.operations) {
    if (&operation != &first) {
      entry = look_up(group, operation.key);
      if (!entry) return entry.error();
    }
    if (operation.kind == Operation::Kind::kPut) {
      put(group, stamp, operation.key, operation.value, **entry);
      if (&operation == &first) {
        answer.created = !was_present;
        answer.version = (*entry)->version;
      }
    } else if ((*entry)->present) {
      remove(group, operation.key, **entry);
      ++answer.deleted;
    }
  }
  return answer;
}

EngineResult<Answer> Applier::remove_prefix(Group& group, const Stamp& stamp,
                                            const Command& command) {
  Answer answer = done_at(stamp);
  const std::uint32_t limit = std::clamp(command.limit, 1u, kCommandRemoveLimitMax);
  Cursor cursor(database_, group.current_prefix + command.prefix, nullptr, false);
  if (command.start_after.starts_with(command.prefix)) {
    if (!command.start_after.empty()) {
      cursor.seek(command.start_after.substr(command.prefix.size()) + '\0');
    }
  } else if (command.start_after > command.prefix) {
    return answer;  // past the last key with this prefix
  }
  std::size_t bytes = 0;
  std::string key;
  for (; cursor.valid(); cursor.next()) {
    if (answer.deleted == limit || bytes > kRemovePrefixBytesMax) {
      answer.more = true;
      answer.last_key = std::move(key);
      break;
    }
    key = command.prefix;
    key.append(cursor.key());
    bytes += key.size() + cursor.value().size();
    MetadataTable::Entry* entry = table_.find(group.id, group.record.generation, key);
    if (entry == nullptr) {
      entry = &table_.add(group.id, group.record.generation, key);
      const std::optional<ItemMeta> meta = parse_item_trailer(cursor.value());
      if (!meta) return database_.corrupt();
      entry->word = StateHash::word_of(key, *meta);
    }
    remove(group, key, *entry);
    ++answer.deleted;
  }
  if (auto done = cursor.status(); !done) return done.error();
  return answer;
}

EngineResult<Answer> Applier::found(Group& group, const Stamp& stamp, const Command& command) {
  EngineResult<MetadataTable::Entry*> entry = look_up(group, kFoundingKey);
  if (!entry) return entry.error();
  if ((*entry)->present) {
    Answer mismatch = refusal(Errc::kRevisionMismatch);
    mismatch.revision = (*entry)->mod_revision;
    return mismatch;
  }
  put(group, stamp, kFoundingKey, command.record, **entry);
  Answer answer = done_at(stamp);
  answer.created = true;
  answer.version = 1;
  return answer;
}

EngineResult<Answer> Applier::set_cluster(Group& group, const Stamp& stamp,
                                          const Command& command) {
  const auto next = decode_cluster_record(command.record);
  if (!next) return refusal(Errc::kBadRequest);
  EngineResult<MetadataTable::Entry*> entry = look_up(group, kClusterKey);
  if (!entry) return entry.error();
  std::uint64_t epoch = 1;  // as founded
  if ((*entry)->present) {
    const EngineResult<Item> item = read_item(group, kClusterKey);
    if (!item) return item.error();
    const auto present = decode_cluster_record(item->value);
    if (!present) return database_.corrupt();
    if (present->cluster_id != next->cluster_id) return refusal(Errc::kBadRequest);
    epoch = present->epoch;
  }
  if (next->epoch != epoch + 1) {
    Answer mismatch = refusal(Errc::kRevisionMismatch);
    mismatch.revision = (*entry)->present ? (*entry)->mod_revision : 0;
    mismatch.version = epoch;
    return mismatch;
  }
  put(group, stamp, kClusterKey, command.record, **entry);
  Answer answer = done_at(stamp);
  answer.version = next->epoch;
  return answer;
}

std::string_view Applier::item_key(const Group& group, std::string_view key) {
  key_.assign(group.current_prefix);
  key_.append(key);
  return key_;
}

EngineResult<MetadataTable::Entry*> Applier::look_up(Group& group, std::string_view key) {
  const std::uint64_t generation = group.record.generation;
  if (MetadataTable::Entry* known = table_.find(group.id, generation, key)) return known;
  ++counters_.table_misses;
  const EngineResult<bool> there = database_.get(item_key(group, key), &value_);
  if (!there) return there.error();
  MetadataTable::Entry& entry = table_.add(group.id, generation, key);
  if (*there) {
    const std::optional<ItemMeta> meta = parse_item_trailer(value_);
    if (!meta) return database_.corrupt();
    entry.present = true;
    entry.create_revision = meta->create_revision;
    entry.mod_revision = meta->mod_revision;
    entry.version = meta->version;
    entry.word = StateHash::word_of(key, *meta);
  }
  return &entry;
}

EngineResult<Item> Applier::read_item(Group& group, std::string_view key) {
  std::string record;
  const EngineResult<bool> there = database_.get(item_key(group, key), &record);
  if (!there) return there.error();
  if (!*there) throw BrokenInvariant("apply: the metadata table knows a key that is not there");
  std::optional<Item> item = to_item(key, std::move(record));
  if (!item) return database_.corrupt();
  return std::move(*item);
}

void Applier::put(Group& group, const Stamp& stamp, std::string_view key, std::string_view value,
                  MetadataTable::Entry& entry) {
  std::uint64_t before = 0;  // what the hash loses
  if (entry.present) {
    before = entry.word;
  } else {
    entry.present = true;
    entry.create_revision = stamp.revision;
    entry.version = 0;
  }
  entry.mod_revision = stamp.revision;
  ++entry.version;
  entry.batch = batch_;
  ItemMeta meta;
  meta.create_revision = entry.create_revision;
  meta.mod_revision = entry.mod_revision;
  meta.version = entry.version;
  meta.value_size = static_cast<std::uint32_t>(value.size());
  meta.value_hash = hash128(value);
  const std::uint64_t key_hash = StateHash::key_hash(key);
  entry.word = StateHash::word_of(key_hash, meta);
  group.hash.toggle(key_hash, before ^ entry.word);
  value_.assign(value);
  append_item_trailer(value_, meta);
  changes_.put(item_key(group, key), value_);
}

void Applier::remove(Group& group, std::string_view key, MetadataTable::Entry& entry) {
  group.hash.toggle(StateHash::key_hash(key), entry.word);
  entry.present = false;
  entry.batch = batch_;
  changes_.remove(item_key(group, key));
}

}  // namespace cairn::kv
