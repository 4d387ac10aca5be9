#include "kv/engine/sessions.h"

#include <algorithm>

#include "kv/engine/bytes.h"

namespace cairn::kv {
namespace {

/// More than the one session that an entry can open, so that expiry keeps up.
constexpr int kExpiredPerEntryMax = 2;

}  // namespace

EngineResult<void> Sessions::load(const Database& database, const Moment& moment,
                                  raft::GroupId group, std::uint64_t generation,
                                  std::uint32_t count) {
  head_prefix_ = space_prefix(group, generation, Space::kSession);
  answer_prefix_ = space_prefix(group, generation, Space::kSessionAnswer);
  sessions_.clear();
  by_activity_.clear();
  unwritten_heads_.clear();
  if (count == 0) return {};

  Cursor heads(database, head_prefix_, moment, false);
  for (; heads.valid(); heads.next()) {
    FieldReader key(heads.key());
    const auto client = key.be<std::uint64_t>();
    const std::optional<SessionRecord> head = decode_session(heads.value());
    if (!key.done() || !head) return database.corrupt();
    sessions_[client].head = *head;
    by_activity_.emplace(head->active_ms, client);
  }
  if (auto done = heads.status(); !done) return done;
  if (sessions_.size() != count) return database.corrupt();

  Cursor answers(database, answer_prefix_, moment, false);
  for (; answers.valid(); answers.next()) {
    FieldReader key(answers.key());
    const auto client = key.be<std::uint64_t>();
    const auto sequence = key.be<std::uint64_t>();
    const auto session = sessions_.find(client);
    if (!key.done() || session == sessions_.end()) return database.corrupt();
    session->second.answers.push_back(sequence);
  }
  return answers.status();
}

bool Sessions::idle(const Session& session, std::uint64_t now_ms) const {
  return now_ms > session.head.active_ms + options_->session_idle_ms;
}

void Sessions::expire(std::uint64_t now_ms, Changes& changes) {
  for (int n = 0; n < kExpiredPerEntryMax && !by_activity_.empty(); ++n) {
    const auto oldest = sessions_.find(by_activity_.begin()->second);
    if (!idle(oldest->second, now_ms)) return;
    remove(oldest, changes);
  }
}

Sessions::Opened Sessions::open(std::uint64_t client, std::uint64_t principal, std::uint64_t now_ms,
                                Changes& changes) {
  auto at = sessions_.find(client);
  if (at != sessions_.end() && idle(at->second, now_ms)) {
    remove(at, changes);  // what it knew is void, as if expire() had come to it
    at = sessions_.end();
  }
  if (at != sessions_.end()) {
    if (at->second.head.principal != principal) return Opened::kForeign;
    touch(at, now_ms);
    return Opened::kDone;
  }
  if (sessions_.size() >= options_->sessions_max) return Opened::kFull;
  at = sessions_.try_emplace(client).first;
  at->second.head.principal = principal;
  at->second.head.active_ms = now_ms;
  by_activity_.emplace(now_ms, client);
  unwritten_heads_.insert(client);
  return Opened::kDone;
}

Sessions::Verdict Sessions::check(const SessionStamp& stamp, std::uint64_t principal,
                                  std::uint64_t now_ms, Changes& changes) {
  const auto at = sessions_.find(stamp.client);
  if (at == sessions_.end() || idle(at->second, now_ms)) return Verdict::kUnknown;
  if (at->second.head.principal != principal) return Verdict::kUnknown;
  if (stamp.sequence == 0 || stamp.acknowledged >= stamp.sequence) return Verdict::kMalformed;
  touch(at, now_ms);
  acknowledge(at, stamp.acknowledged, changes);
  const Session& session = at->second;
  if (stamp.sequence <= session.head.acknowledged) return Verdict::kStale;
  if (std::binary_search(session.answers.begin(), session.answers.end(), stamp.sequence)) {
    return Verdict::kReplay;
  }
  if (stamp.sequence - session.head.acknowledged > options_->session_answers_max) {
    return Verdict::kBeyondWindow;
  }
  return Verdict::kNew;
}

void Sessions::record(const SessionStamp& stamp, std::string answer, Changes& changes) {
  std::vector<std::uint64_t>& answers = sessions_.at(stamp.client).answers;
  answers.insert(std::upper_bound(answers.begin(), answers.end(), stamp.sequence), stamp.sequence);
  changes.put_record(answer_key(stamp.client, stamp.sequence), std::move(answer));
}

EngineResult<std::string> Sessions::stored_answer(const SessionStamp& stamp,
                                                  const Database& database,
                                                  const Changes& changes) const {
  const std::string key = answer_key(stamp.client, stamp.sequence);
  if (const std::optional<std::string>* pending = changes.find_record(key)) {
    if (*pending) return **pending;
    return database.corrupt();
  }
  std::string answer;
  const EngineResult<bool> found = database.get(key, &answer);
  if (!found) return found.error();
  if (!*found) return database.corrupt();
  return answer;
}

void Sessions::touch(Map::iterator at, std::uint64_t now_ms) {
  SessionRecord& head = at->second.head;
  unwritten_heads_.insert(at->first);
  if (now_ms <= head.active_ms) return;
  by_activity_.erase({head.active_ms, at->first});
  head.active_ms = now_ms;
  by_activity_.emplace(now_ms, at->first);
}

void Sessions::acknowledge(Map::iterator at, std::uint64_t sequence, Changes& changes) {
  Session& session = at->second;
  if (sequence <= session.head.acknowledged) return;
  session.head.acknowledged = sequence;
  const auto end = std::upper_bound(session.answers.begin(), session.answers.end(), sequence);
  for (auto one = session.answers.begin(); one != end; ++one) {
    changes.remove_record(answer_key(at->first, *one));
  }
  session.answers.erase(session.answers.begin(), end);
}

void Sessions::remove(Map::iterator at, Changes& changes) {
  for (const std::uint64_t sequence : at->second.answers) {
    changes.remove_record(answer_key(at->first, sequence));
  }
  changes.remove_record(head_key(at->first));
  by_activity_.erase({at->second.head.active_ms, at->first});
  unwritten_heads_.erase(at->first);
  sessions_.erase(at);
}

void Sessions::write_heads(Changes& changes) {
  for (const std::uint64_t client : unwritten_heads_) {
    changes.put_record(head_key(client), encode_session(sessions_.at(client).head));
  }
  unwritten_heads_.clear();
}

std::string Sessions::head_key(std::uint64_t client) const {
  return head_prefix_ + session_suffix(client);
}

std::string Sessions::answer_key(std::uint64_t client, std::uint64_t sequence) const {
  return answer_prefix_ + answer_suffix(client, sequence);
}

}  // namespace cairn::kv
