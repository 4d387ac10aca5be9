// The rules that hold for every message, whatever it says (figure 2, "Rules for Servers").
#include <type_traits>
#include <variant>

#include "raft/impl.h"

namespace cairn::raft {

namespace {

template <typename T>
bool is(const Message& message) {
  return std::holds_alternative<T>(message.body);
}

// A granted pre-vote carries the term the candidate would have; nobody is in that term yet.
bool names_future_term(const Message& message) {
  if (const auto* request = std::get_if<VoteRequest>(&message.body)) return request->pre_vote;
  if (const auto* reply = std::get_if<VoteReply>(&message.body)) {
    return reply->pre_vote && reply->granted;
  }
  return false;
}

}  // namespace

void Core::Impl::step(Message message) {
  if (stopped_) return;
  if (!well_formed(message)) {
    event(Event::Kind::kMessageRejected, message.from);
    return;
  }
  if (!of_a_member(message)) return;
  if (wakes(message)) wake();
  if (admit(message)) dispatch(message);
}

bool Core::Impl::admit(const Message& message) {
  if (const auto* request = std::get_if<VoteRequest>(&message.body)) {
    // Learners answer too: one may have been made a voter by an entry that it does not hold yet.
    // A member without a configuration has no say at all: it never held anything.
    if (is_empty(config_)) return false;
    // While a leader is heard nobody else is wanted (dissertation 4.2.3 and 9.6): this is what
    // keeps a returning, or half-deaf, member from deposing a good leader.
    if (message.term > term_ && !request->leader_transfer && hears_leader()) return false;
    if (!request->leader_transfer && promised()) return false;
  }
  if (message.term < term_) {
    answer_older_term(message);
    return false;
  }
  if (message.term > term_ && !names_future_term(message)) {
    bool from_leader = is<AppendRequest>(message) || is<Heartbeat>(message);
    become_follower(message.term, from_leader ? message.from : kNobody);
  }
  return true;
}

void Core::Impl::answer_older_term(const Message& message) {
  // A leader or candidate that learns of our term gives way: without this a member whose term has
  // run ahead could never follow again (raft-rs #84). None of these promise anything.
  if (is<AppendRequest>(message)) {
    send(message.from, AppendReply{true, std::get<AppendRequest>(message.body).prev_index, 0, 0});
  } else if (is<Heartbeat>(message)) {
    send(message.from, HeartbeatReply{0});
  } else if (const auto* request = std::get_if<VoteRequest>(&message.body)) {
    send(message.from, VoteReply{request->pre_vote, false});
  } else if (const auto* read = std::get_if<ReadIndexRequest>(&message.body)) {
    send(message.from, ReadIndexReply{read->request, 0});
  }
}

void Core::Impl::dispatch(Message& message) {
  std::visit(
      [&](auto& body) {
        using T = std::decay_t<decltype(body)>;
        if constexpr (std::is_same_v<T, VoteRequest>) {
          on_vote_request(message, body);
        } else if constexpr (std::is_same_v<T, VoteReply>) {
          on_vote_reply(message, body);
        } else if constexpr (std::is_same_v<T, AppendRequest>) {
          on_append_request(message, body);
        } else if constexpr (std::is_same_v<T, AppendReply>) {
          on_append_reply(message, body);
        } else if constexpr (std::is_same_v<T, Heartbeat>) {
          on_heartbeat(message, body);
        } else if constexpr (std::is_same_v<T, HeartbeatReply>) {
          on_heartbeat_reply(message, body);
        } else if constexpr (std::is_same_v<T, ReadIndexRequest>) {
          on_read_request(message, body);
        } else if constexpr (std::is_same_v<T, ReadIndexReply>) {
          on_read_reply(message, body);
        } else {
          static_assert(std::is_same_v<T, TimeoutNow>);
          on_timeout_now(message);
        }
      },
      message.body);
}

}  // namespace cairn::raft
