#include "tests/kv/engine/stream.h"

#include "raft/core.h"
#include "tests/kv/engine/fixture.h"

namespace cairn::kv::test {

std::uint64_t Random::next() {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

namespace {

class Maker {
 public:
  Maker(std::uint64_t seed, const StreamShape& shape) : random_(seed), shape_(shape) {}

  raft::Entry entry(raft::Index index) {
    raft::Entry out;
    out.index = index;
    out.term = 1 + index / 64;
    if (random_.one_in(40)) return out;  // a no-op
    if (random_.one_in(60)) {
      out.kind = raft::EntryKind::kConfig;
      raft::Configuration config;
      config.voters = {1, 2, 3 + random_.below(3)};
      out.data = std::make_shared<const std::string>(raft::encode_configuration(config));
      return out;
    }
    out.kind = raft::EntryKind::kCommand;
    if (random_.one_in(80)) {
      out.data = std::make_shared<const std::string>("no command at all");
      return out;
    }
    revision_ += random_.one_in(8) ? (1 + random_.below(400)) << 13 : 1 + random_.below(3);
    out.data = entry_bytes(revision_, command());
    return out;
  }

 private:
  std::string key() {
    static constexpr const char* kPrefixes[] = {"a/", "b/", "bb/", ""};
    return kPrefixes[random_.below(4)] + std::to_string(random_.below(shape_.keys) + 1);
  }

  std::string value() {
    std::string out(random_.below(shape_.value_bytes_max + 1), '\0');
    for (char& c : out) c = static_cast<char>(random_.next());
    return out;
  }

  Command command() {
    if (!sent_.empty() && random_.one_in(6)) return sent_[random_.below(sent_.size())];  // again
    Command made = fresh();
    if (shape_.sessions && random_.one_in(3)) stamp(made);
    if (shape_.idempotency && random_.one_in(4)) {
      made = with_key(std::move(made), "k" + std::to_string(random_.below(30)),
                      static_cast<std::uint32_t>(200 + random_.below(3) * 900), 12);
    }
    if (random_.one_in(30)) made.epoch = kEpoch + static_cast<std::uint32_t>(random_.below(2));
    if (shape_.sessions || shape_.idempotency) {
      sent_.push_back(made);
      if (sent_.size() > 20) sent_.erase(sent_.begin());
    }
    return made;
  }

  Command fresh() {
    if (shape_.sessions && random_.one_in(12)) return open_session(1 + random_.below(6));
    if (random_.one_in(20)) {
      Command empty;
      empty.kind = CommandKind::kEmpty;
      return empty;
    }
    if (random_.one_in(15)) {
      static constexpr const char* kPrefixes[] = {"a/", "b", "c/", ""};
      return remove_prefix(kPrefixes[random_.below(4)],
                           static_cast<std::uint32_t>(1 + random_.below(12)),
                           random_.one_in(2) ? key() : "");
    }
    Command out = random_.one_in(4) ? remove(key()) : put(key(), value());
    while (random_.one_in(3)) {
      Command more = random_.one_in(3) ? remove(key()) : put(key(), value());
      out.operations.push_back(more.operations.front());
    }
    if (random_.one_in(5)) out.condition.if_absent = true;
    if (random_.one_in(6)) out.condition.if_revision = revision_ - random_.below(40);
    if (random_.one_in(4)) out.return_previous = true;
    return out;
  }

  void stamp(Command& command) {
    const std::uint64_t client = 1 + random_.below(6);
    if (command.kind == CommandKind::kOpenSession) return;
    std::uint64_t& sequence = sequences_[client];
    if (random_.one_in(12)) sequence += 10;  // beyond the window
    const std::uint64_t acknowledged = sequence > 3 && random_.one_in(2) ? sequence - 3 : 0;
    command = with_session(std::move(command), client, ++sequence, acknowledged);
  }

  Random random_;
  const StreamShape shape_;
  Revision revision_ = 5'000'000ull << 13;
  std::map<std::uint64_t, std::uint64_t> sequences_;
  std::vector<Command> sent_;
};

}  // namespace

std::vector<raft::Entry> random_log(std::uint64_t seed, std::size_t entries,
                                    const StreamShape& shape) {
  Maker maker(seed, shape);
  std::vector<raft::Entry> log;
  for (std::size_t i = 1; i <= entries; ++i) log.push_back(maker.entry(i));
  return log;
}

Answer Model::apply(const raft::Entry& entry) {
  const auto split = split_entry(*entry.data);
  if (!split) {
    Answer answer;
    answer.error = Errc::kBadRequest;
    return answer;
  }
  const Command command = decode_command(split->command).value();
  Answer answer;
  if (command.kind != CommandKind::kEmpty && command.epoch != 0 && command.epoch != kEpoch) {
    answer.error = Errc::kNoLeader;
    answer.wrong_epoch = true;
    return answer;
  }
  if (command.kind == CommandKind::kWrite) return write(split->stamp, command);
  if (command.kind == CommandKind::kRemovePrefix) return remove_prefix(split->stamp, command);
  answer.revision = split->stamp.revision;
  return answer;
}

Answer Model::write(const Stamp& stamp, const Command& command) {
  Answer answer;
  const std::string& first = command.operations.front().key;
  const auto old = items_.find(first);
  const Revision old_revision = old == items_.end() ? 0 : old->second.mod_revision;
  if ((command.condition.if_absent && old_revision != 0) ||
      (command.condition.if_revision != 0 && command.condition.if_revision != old_revision)) {
    answer.error = Errc::kRevisionMismatch;
    answer.revision = old_revision;
    return answer;
  }
  answer.revision = stamp.revision;
  if (command.return_previous && old != items_.end()) answer.previous = old->second;
  bool at_first = true;
  for (const Operation& operation : command.operations) {
    if (operation.kind == Operation::Kind::kRemove) {
      answer.deleted += items_.erase(operation.key);
    } else {
      const auto [at, created] = items_.try_emplace(operation.key);
      Item& item = at->second;
      item.key = operation.key;
      if (created) item.create_revision = stamp.revision;
      item.mod_revision = stamp.revision;
      item.value = operation.value;
      ++item.version;
      if (at_first) {
        answer.created = created;
        answer.version = item.version;
      }
    }
    at_first = false;
  }
  return answer;
}

Answer Model::remove_prefix(const Stamp& stamp, const Command& command) {
  Answer answer;
  answer.revision = stamp.revision;
  auto at = items_.lower_bound(command.prefix);
  std::string last;
  while (at != items_.end() && at->first.starts_with(command.prefix)) {
    if (!command.start_after.empty() && at->first <= command.start_after) {
      ++at;
      continue;
    }
    if (answer.deleted == command.limit) {
      answer.more = true;
      answer.last_key = last;
      break;
    }
    last = at->first;
    at = items_.erase(at);
    ++answer.deleted;
  }
  return answer;
}

}  // namespace cairn::kv::test
