// A state that is not the others'. With each heartbeat in which something was applied, the replicas
// of a group say to its leader what their hash is, and hear whether it is the leader's. Whom a
// majority finds odd is quarantined: that replica shows nothing and does not lead, but its log is
// sound, so it votes and acks, and no quorum is lost. People look at it (kvctl diff), and make it
// sound again from its leader (kvctl heal).
#include <algorithm>
#include <utility>

#include "kv/node/node_impl.h"

namespace cairn::kv {
namespace {

constexpr Micros kWordTimeout = std::chrono::seconds{2};
constexpr Micros kSaidAgain = std::chrono::seconds{10};
constexpr Micros kCompareTimeout = std::chrono::minutes{10};
constexpr std::size_t kWordsInOne = 1'024;

std::string partition_name(raft::GroupId group) {
  return group == kMetadataGroup ? std::string("the metadata group")
                                 : "partition " + std::to_string(partition_of_group(group));
}

std::vector<NodeNumber> nodes_of(const std::vector<raft::NodeId>& members) {
  std::vector<NodeNumber> nodes;
  nodes.reserve(members.size());
  for (const raft::NodeId member : members) nodes.push_back(node_of(member));
  return nodes;
}

}  // namespace

/// False: it does not decode, or this node does not serve.
bool NodeImpl::handle_states(NodeNumber from, net::Channel channel, const net::Request& request,
                             Micros deadline) {
  if (state_ != State::kServing || fenced_ || failed_) return false;
  const Callback<std::string> answer = [this, from, channel,
                                        id = request.id](Result<std::string> body) {
    if (body)
      reply(from, channel, id, RpcReply(AdminReply{std::move(*body)}));
    else
      reply(from, channel, id, RpcReply(Refusal{body.error(), raft::kNobody}));
  };
  if (request.kind == static_cast<std::uint16_t>(RequestKind::kStates)) {
    const auto words = decode_state_words(request.body);
    if (words) answer(judge_states(from, *words));
    return words.has_value();
  }
  if (request.kind == static_cast<std::uint16_t>(RequestKind::kStateView)) {
    const auto ask = decode_state_ask(request.body);
    if (ask) state_views_.serve(from, *ask, deadline, answer);
    return ask.has_value();
  }
  const auto wish = decode_comparison(request.body);
  if (!wish || wish->node != self_) return false;
  compare_here(*wish, [answer](Result<StateReport> report) {
    if (report)
      answer(encode_report(*report));
    else
      answer(report.error());
  });
  return true;
}

/// What was found equal is said again when there is something new, or now and then: the leader's
/// may have become another.
void NodeImpl::say_states() {
  if (state_ != State::kServing || fenced_ || failed_ || !engine_) return;
  std::map<NodeNumber, std::vector<StateWord>> words;
  for (const auto& [group, r] : replicas_) {
    const NodeNumber leader = node_of(r->core().leader());
    if (leader == raft::kNobody || leader == self_ || !r->has_state()) continue;
    if (words_under_way_.count(leader) != 0 || words[leader].size() >= kWordsInOne) continue;
    const std::vector<StateMark> marks = engine_->state_marks(group);
    if (marks.empty()) continue;
    const StateMark& newest = marks.front();
    const auto said = states_said_.find(group);
    if (said != states_said_.end() && said->second.leader == leader &&
        said->second.mark.index == newest.index && said->second.mark.hash == newest.hash &&
        now() < said->second.at + kSaidAgain)
      continue;
    for (const StateMark& mark : marks)
      words[leader].push_back({group, mark.index, mark.hash, r->odd()});
  }
  for (auto& [leader, said] : words) {
    if (said.empty()) continue;
    words_under_way_.insert(leader);
    const bool sent =
        try_request(leader, net::Channel::kControl, RequestKind::kStates, encode_state_words(said),
                    now() + kWordTimeout, [this, leader = leader](std::optional<RpcReply> reply) {
                      words_under_way_.erase(leader);
                      const auto* answer = reply ? std::get_if<AdminReply>(&*reply) : nullptr;
                      if (answer != nullptr) hear_states(leader, answer->body);
                    });
    if (!sent) words_under_way_.erase(leader);
  }
}

/// What is not equal is said again with the next heartbeat, until it is.
void NodeImpl::hear_states(NodeNumber leader, std::string_view body) {
  const auto answers = decode_state_answers(body);
  if (!answers || state_ != State::kServing || fenced_ || failed_) return;
  for (const StateAnswer& a : *answers) {
    Replica* const here = replica(a.group);
    if (here == nullptr || node_of(here->core().leader()) != leader) continue;
    const std::string what = "its state of " + partition_name(a.group) +
                             " differs from that of node " + std::to_string(leader) +
                             ", its leader, at index " + std::to_string(a.index);
    switch (a.verdict) {
      case StateVerdict::kUnknown:
        break;
      case StateVerdict::kEqual:
        if (const auto hash = engine_->state_mark_at(a.group, a.index))
          if (StateSaid& said = states_said_[a.group];
              said.leader != leader || said.mark.index <= a.index)
            said = {{a.index, *hash}, leader, now()};
        state_differs_.erase(a.group);
        break;
      case StateVerdict::kDiffers:
        states_said_.erase(a.group);
        if (!here->odd() && state_differs_.emplace(a.group, StateDiffers{leader, what}).second)
          log_line(LogLine::Level::kError, what);
        break;
      case StateVerdict::kOdd:
        states_said_.erase(a.group);
        quarantine(*here, a.index, what + ", and a majority agrees with that one");
        break;
    }
  }
}

std::string NodeImpl::judge_states(NodeNumber from, const std::vector<StateWord>& words) {
  std::vector<StateAnswer> answers;
  for (const StateWord& word : words) {
    Replica* r = replica(word.group);
    if (r == nullptr || !r->leads() || r->odd()) continue;
    const raft::Configuration& config = r->core().config();
    StateWatch::Voters voters{nodes_of(config.voters)};
    if (!config.voters_outgoing.empty()) voters.push_back(nodes_of(config.voters_outgoing));
    const bool differed = state_watch_.differing().count({word.group, from}) != 0;
    const StateVerdict verdict = state_watch_.heard(
        word, from, engine_->state_mark_at(word.group, word.index), self_, voters);
    const bool differs = verdict == StateVerdict::kDiffers || verdict == StateVerdict::kOdd;
    if (differs && !differed)
      log_line(LogLine::Level::kError,
               "the state of " + partition_name(word.group) + " at node " + std::to_string(from) +
                   " differs from the own at index " + std::to_string(word.index));
    answers.push_back({word.group, word.index, verdict});
    if (const auto odd = state_watch_.leader_odd_at(word.group))
      quarantine(*r, *odd,
                 "its state of " + partition_name(word.group) +
                     ", which it leads, differs from a majority's at index " +
                     std::to_string(*odd));
  }
  return encode_state_answers(answers);
}

/// What was said of groups that others lead now, and of who is in a group no more.
void NodeImpl::forget_states() {
  for (const auto& [group, r] : replicas_) {
    const raft::Configuration& config = r->core().config();
    std::vector<NodeNumber> nodes;
    for (const auto* list : {&config.voters, &config.voters_outgoing, &config.learners})
      for (const raft::NodeId member : *list) nodes.push_back(node_of(member));
    if (const auto differs = state_differs_.find(group);
        differs != state_differs_.end() && node_of(r->core().leader()) != differs->second.leader)
      state_differs_.erase(differs);
    if (r->leads())
      state_watch_.keep(group, nodes);
    else
      state_watch_.forget(group);
  }
  for (const auto& [node, until] : departed_) state_watch_.forget_node(node);
}

void NodeImpl::quarantine(Replica& replica, raft::Index index, const std::string& why) {
  if (replica.odd()) return;
  const raft::GroupId group = replica.group();
  state_differs_.erase(group);
  state_watch_.forget(group);
  log_line(LogLine::Level::kError, why + ": the replica is quarantined (kvctl diff, kvctl heal)");
  replica.set_odd(index);
  outbox_.keep_members(group, {});
  using Marked = boost::system::result<void>;
  apply_->run<Marked>([group, index](Engine& engine) { return engine.mark_odd(group, index); },
                      [this](const Marked& marked) {
                        if (marked) start_flush();
                      });
}

bool NodeImpl::diverged(raft::GroupId group, NodeNumber node) const {
  if (node != self_) return state_watch_.differing().count({group, node}) != 0;
  const auto here = replicas_.find(group);
  return here != replicas_.end() && (here->second->odd() || state_differs_.count(group) != 0);
}

// --- comparing key by key -----------------------------------------------------------------------

void NodeImpl::compare_states(const StateComparison& wish, Callback<StateReport> done) {
  if (auto refused = refuse_write()) return done(std::move(*refused));
  if (!wish.metadata && wish.partition >= routes_.partitions())
    return done(
        Error(Errc::kBadRequest, "there is no partition " + std::to_string(wish.partition)));
  if (wish.node == self_) return compare_here(wish, std::move(done));
  const std::string who = "node " + std::to_string(wish.node);
  if (record_.node(wish.node) == nullptr)
    return done(Error(Errc::kUnknownNode, who + " is not a member"));
  const Micros within = wish.timeout.count() > 0 ? Micros(wish.timeout) : kCompareTimeout;
  const bool sent =
      try_request(wish.node, net::Channel::kControl, RequestKind::kCompare, encode_comparison(wish),
                  now() + within, [who, done](std::optional<RpcReply> reply) {
                    const auto* refusal = reply ? std::get_if<Refusal>(&*reply) : nullptr;
                    const auto* body = reply ? std::get_if<AdminReply>(&*reply) : nullptr;
                    auto report = body != nullptr ? decode_report(body->body) : std::nullopt;
                    if (report)
                      done(std::move(*report));
                    else if (refusal != nullptr)
                      done(refusal->error);
                    else
                      done(Error(Errc::kTimeout, who + " did not answer: compare again"));
                  });
  if (!sent) done(Error(Errc::kTimeout, who + " is not connected"));
}

void NodeImpl::compare_here(const StateComparison& wish, Callback<StateReport> done) {
  if (auto refused = refuse_write()) return done(std::move(*refused));
  const raft::GroupId group = wish.metadata ? kMetadataGroup : group_of_partition(wish.partition);
  const Replica* const here = replica(group);
  const std::string name = partition_name(group);
  if (here == nullptr || !here->has_state())
    return done(Error(Errc::kUnknownNode, "this node has no replica of " + name));
  if (here->leads())
    return done(Error(Errc::kUnchanged, "this node leads " + name +
                                            ": the others are compared with it, or move the "
                                            "leadership first (kvctl leader move)"));
  const NodeNumber leader = node_of(here->core().leader());
  if (leader == raft::kNobody) {
    Error e(Errc::kNoLeader, name + " has no leader to compare with");
    e.retry_after_ms = 500;
    return done(std::move(e));
  }
  state_repair_.start(group, leader, wish, std::move(done));
}

raft::Index NodeImpl::hold_apply(raft::GroupId group) {
  return std::max(apply_->hold(group), replica(group)->applied());
}

void NodeImpl::state_healed(raft::GroupId group) {
  states_said_.erase(group);
  state_differs_.erase(group);
  Replica* const here = replica(group);
  if (here == nullptr) return;
  here->set_odd(0);
  log_line(LogLine::Level::kInfo, "its state of " + partition_name(group) + " is sound again");
}

}  // namespace cairn::kv
