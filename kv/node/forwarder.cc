#include "kv/node/forwarder.h"

#include <algorithm>
#include <utility>

namespace cairn::kv {
namespace {

constexpr Micros kReplyTimeout = std::chrono::milliseconds{1000};
constexpr Micros kRetryAfter = std::chrono::milliseconds{20};
constexpr unsigned kRedirectsMax = 3;
// From the oldest call not ended to the newest numbered: below the answers that an engine keeps of
// a session, so that one slow call never makes it refuse the others.
constexpr std::uint64_t kWindow = 512;
constexpr std::size_t kQueueBytesMax = 32u << 20;
constexpr std::size_t kQueueMax = 16'384;

constexpr Micros kFullFor = std::chrono::milliseconds{200};

Error no_session_free() {
  Error full(Errc::kOverloaded, "the partition's session table is full");
  full.retry_after_ms = 500;
  return full;
}

std::size_t bytes_of(const Command& command) {
  std::size_t n = sizeof(Command) + command.prefix.size() + command.idempotency_key.size();
  for (const Operation& op : command.operations) n += op.key.size() + op.value.size() + 64;
  return n;
}

/// Refusals that a session does not remember: sent again under its number, the command may be done.
bool unrecorded(const Answer& answer) {
  return answer.error && (*answer.error == Errc::kOverloaded || answer.wrong_epoch);
}

}  // namespace

void Forwarder::submit(raft::GroupId group, Command command, Micros deadline, Done done) {
  Session& session = sessions_[group];
  const std::size_t bytes = bytes_of(command);
  if (session.bytes + bytes > kQueueBytesMax || session.unnumbered.size() >= kQueueMax) {
    Error full(Errc::kOverloaded, "too many writes wait for another node");
    full.retry_after_ms = 100;
    done(std::move(full));
    return;
  }
  if (host_.now() < session.full_until) {
    done(no_session_free());
    return;
  }
  auto call = std::make_shared<Call>();
  call->command = std::move(command);
  call->deadline = deadline;
  call->done = std::move(done);
  call->bytes = bytes;
  session.bytes += bytes;
  ++waiting_;
  session.unnumbered.push_back(std::move(call));
  if (session.open)
    number_waiting(group, session);
  else
    open(group, session);
}

raft::NodeId Forwarder::target(raft::GroupId group, unsigned attempt) const {
  const raft::NodeId leader = host_.leader_of(group);
  return leader != raft::kNobody ? leader : host_.any_member(group, attempt);
}

void Forwarder::open(raft::GroupId group, Session& session) {
  if (session.opening) return;
  if (session.client == 0) {
    session.client = std::max<std::uint64_t>(host_.random(), 1);
    session.next_sequence = 1;
  }
  Command command;
  command.kind = CommandKind::kOpenSession;
  command.session.client = session.client;
  session.opening_since = host_.now();
  const std::uint64_t epoch = ++session.epoch;
  const raft::NodeId to = target(group, session.opening_attempts++);
  if (to == raft::kNobody) return;  // the next tick tries again
  session.opening = true;
  const bool sent =
      host_.send_write(to, group, encode_command(command), session.opening_since + kReplyTimeout,
                       [this, group, epoch](Result<Answer> answer, raft::NodeId from) {
                         opened(group, epoch, std::move(answer), from);
                       });
  if (!sent && session.epoch == epoch) {
    session.opening = false;
    host_.redirected(group, to, raft::kNobody);
  }
}

void Forwarder::opened(raft::GroupId group, std::uint64_t epoch, Result<Answer> answer,
                       raft::NodeId from) {
  Session& session = sessions_[group];
  if (session.epoch != epoch) return;
  session.opening = false;
  if (answer && !answer->error) {
    session.open = true;
    session.opening_attempts = 0;
    number_waiting(group, session);
    return;
  }
  if (answer && *answer->error == Errc::kOverloaded) {
    refuse_waiting(session);
    return;
  }
  // Opening again with the same id is harmless, so any failure is just tried anew.
  if (!answer) host_.redirected(group, from, raft::kNobody);
}

/// Each try is an entry in the log of a group that is full already: they must stay rare.
void Forwarder::refuse_waiting(Session& session) {
  session.full_until = host_.now() + kFullFor;
  for (const auto& call : std::exchange(session.unnumbered, {}))
    end(session, call, no_session_free());
}

void Forwarder::number_waiting(raft::GroupId group, Session& session) {
  if (session.numbering) return;
  session.numbering = true;
  const auto room = [&] {
    return session.calls.empty() || session.next_sequence - session.calls.begin()->first < kWindow;
  };
  // No more than wait now: a callback that submits again at once must not keep this turn for ever.
  for (std::size_t left = session.unnumbered.size(); left > 0 && session.open; --left) {
    if (session.unnumbered.empty() || !room()) break;
    std::shared_ptr<Call> call = std::move(session.unnumbered.front());
    session.unnumbered.pop_front();
    call->sequence = session.next_sequence++;
    session.calls.emplace(call->sequence, call);
    attempt(group, session, call);
  }
  session.numbering = false;
}

void Forwarder::attempt(raft::GroupId group, Session& session, const std::shared_ptr<Call>& call) {
  const raft::NodeId to = target(group, call->attempts);
  call->sent_at = host_.now();
  if (to == raft::kNobody) return;  // waits for a leader, or for the next tick
  ++call->attempts;
  const std::uint64_t id = ++call->attempt_id;
  call->command.session = {session.client, call->sequence, session.calls.begin()->first - 1};
  call->under_way = true;
  const bool sent =
      host_.send_write(to, group, encode_command(call->command), call->deadline,
                       [this, group, call, id](Result<Answer> answer, raft::NodeId from) {
                         answered(group, call, id, std::move(answer), from);
                       });
  if (!sent) {
    call->under_way = false;
    host_.redirected(group, to, raft::kNobody);
  }
}

void Forwarder::answered(raft::GroupId group, const std::shared_ptr<Call>& call,
                         std::uint64_t attempt_id, Result<Answer> answer, raft::NodeId from) {
  Session& session = sessions_[group];
  const auto found = session.calls.find(call->sequence);
  if (found == session.calls.end() || found->second != call) return;  // ended
  // What was done under this number is the answer, whichever attempt it came by. Anything else that
  // an earlier attempt met says nothing of the newest one.
  const bool final = answer && !answer->session_unknown && !unrecorded(*answer);
  if (!final && call->attempt_id != attempt_id) return;
  call->under_way = false;
  if (answer && answer->session_unknown) {
    session_lost(group, session);
    return;
  }
  if (final || (answer && !call->maybe_done)) {
    finish(session, call, std::move(answer));
    number_waiting(group, session);
    return;
  }
  if (answer) return;  // the clock decides: an earlier attempt may yet arrive and be done
  const Error& error = answer.error();
  if (error.committed == Committed::kUnknown) {
    call->maybe_done = true;
  } else if (error.code != Errc::kNoLeader && error.code != Errc::kShuttingDown &&
             error.code != Errc::kFenced && !call->maybe_done) {
    finish(session, call, std::move(answer));  // a refusal that no other node would lift
    number_waiting(group, session);
    return;
  }
  // A redirect may be followed at once, a few times; then the clock decides.
  if (call->redirects++ < kRedirectsMax && host_.leader_of(group) != raft::kNobody &&
      host_.leader_of(group) != from)
    attempt(group, session, call);
}

void Forwarder::session_lost(raft::GroupId group, Session& session) {
  // Expired, or never opened there: this session's calls were not executed, but for those whose
  // earlier attempts may have been.
  const std::vector<std::pair<std::uint64_t, std::shared_ptr<Call>>> calls(session.calls.begin(),
                                                                           session.calls.end());
  session.calls.clear();
  session.open = false;
  session.opening = false;
  session.client = 0;
  ++session.epoch;
  std::vector<std::shared_ptr<Call>> unknown;
  for (auto it = calls.rbegin(); it != calls.rend(); ++it) {
    const std::shared_ptr<Call>& c = it->second;
    if (c->maybe_done || c->under_way) {
      unknown.push_back(c);
    } else {
      c->sequence = 0;
      ++c->attempt_id;
      session.unnumbered.push_front(c);
    }
  }
  for (const auto& c : unknown)
    end(session, c,
        Error(Errc::kOutcomeUnknown, "the session expired before the outcome was known",
              Committed::kUnknown));
  if (!session.open && !session.unnumbered.empty()) open(group, session);
}

void Forwarder::end(Session& session, const std::shared_ptr<Call>& call, Result<Answer> result) {
  const Done done = std::exchange(call->done, nullptr);
  if (!done) return;
  session.bytes -= call->bytes;
  --waiting_;
  done(std::move(result));
}

void Forwarder::finish(Session& session, const std::shared_ptr<Call>& call, Result<Answer> result) {
  const auto found = session.calls.find(call->sequence);
  if (found != session.calls.end() && found->second == call) session.calls.erase(found);
  end(session, call, std::move(result));
}

Error Forwarder::deadline_error(const Call& call) {
  if (call.maybe_done || call.under_way)
    return Error(Errc::kOutcomeUnknown, "no answer from the partition's leader in time",
                 Committed::kUnknown);
  Error none(Errc::kNoLeader, "the partition has no leader that this node can reach");
  none.retry_after_ms = 500;
  return none;
}

void Forwarder::leader_known(raft::GroupId group) {
  const auto it = sessions_.find(group);
  if (it == sessions_.end()) return;
  Session& session = it->second;
  if (!session.open) {
    if (!session.unnumbered.empty()) open(group, session);
    return;
  }
  std::vector<std::shared_ptr<Call>> idle;
  for (const auto& [sequence, call] : session.calls)
    if (!call->under_way) idle.push_back(call);
  for (const auto& call : idle) {
    const auto found = session.calls.find(call->sequence);
    if (found != session.calls.end() && found->second == call && !call->under_way)
      attempt(group, session, call);
  }
}

void Forwarder::tick() {
  const Micros now = host_.now();
  for (auto& [group, session] : sessions_) {
    std::vector<std::shared_ptr<Call>> late, again;
    for (const auto& [sequence, call] : session.calls) {
      if (call->deadline <= now) {
        late.push_back(call);
      } else if (call->under_way ? call->sent_at + kReplyTimeout <= now
                                 : call->sent_at + kRetryAfter <= now) {
        again.push_back(call);
      }
    }
    for (const auto& call : late) finish(session, call, deadline_error(*call));
    std::vector<std::shared_ptr<Call>> late_unnumbered;
    std::erase_if(session.unnumbered, [&](const std::shared_ptr<Call>& call) {
      if (call->deadline > now) return false;
      late_unnumbered.push_back(call);
      return true;
    });
    for (const auto& call : late_unnumbered) end(session, call, deadline_error(*call));
    for (const auto& call : again) {
      const auto found = session.calls.find(call->sequence);
      if (found == session.calls.end() || found->second != call) continue;
      if (call->under_way) call->maybe_done = true;  // no reply: its fate is open
      call->redirects = 0;
      attempt(group, session, call);
    }
    if (!session.open && !session.unnumbered.empty()) {
      if (session.opening && session.opening_since + kReplyTimeout <= now) session.opening = false;
      if (!session.opening && session.opening_since + kRetryAfter <= now) open(group, session);
    }
    if (session.open) number_waiting(group, session);
  }
}

void Forwarder::end_all(const Error& error) {
  for (auto& [group, session] : sessions_) {
    std::vector<std::shared_ptr<Call>> calls;
    for (const auto& [sequence, call] : session.calls) calls.push_back(call);
    calls.insert(calls.end(), session.unnumbered.begin(), session.unnumbered.end());
    session.calls.clear();
    session.unnumbered.clear();
    for (const auto& call : calls) {
      if (call->maybe_done || call->under_way)
        end(session, call,
            Error(Errc::kOutcomeUnknown, "this node is stopping", Committed::kUnknown));
      else
        end(session, call, error);
    }
  }
}

}  // namespace cairn::kv
