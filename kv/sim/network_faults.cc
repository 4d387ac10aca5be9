// What goes wrong on a network: held-up links, connections that die on one side alone, frames that
// come twice, late or out of turn; and telling observers what became of each Raft frame.
#include "kv/command/command.h"
#include "kv/node/rpc.h"
#include "kv/sim/network.h"
#include "net/frame.h"

namespace cairn::kv::sim {

namespace {

bool is_numbered(std::string_view write_request) {
  const auto write = decode_write_request(write_request);
  const auto command = write ? decode_command(write->command)
                             : boost::system::result<Command>(CommandError::kMalformed);
  return command && command->session.sequence != 0;
}

/// The session keeps this answer, and gives it again.
bool is_on_record(std::string_view reply) {
  const auto decoded = decode_reply(reply);
  const auto* answer = decoded ? std::get_if<Answer>(&*decoded) : nullptr;
  return answer && !answer->session_unknown && !answer->wrong_epoch &&
         answer->error != Errc::kOverloaded;
}

}  // namespace

void Network::unclog(NodeId from, NodeId to) {
  if (clogged_.erase({from, to}) == 0) return;
  for (auto& [number, connection] : connections_) {
    for (std::size_t side = 0; side < 2; ++side) {
      Side& here = connection.sides[side];
      if (here.node == to && connection.sides[1 - side].node == from) release(number, side);
    }
  }
}

void Network::unclog_all() {
  const auto links = clogged_;
  for (const auto& [from, to] : links) unclog(from, to);
}

void Network::refuse(NodeId node, bool refuses) {
  if (refuses) {
    refusing_.insert(node);
  } else {
    refusing_.erase(node);
  }
}

/// A side of an open connection, both of whose ends live; number 0: there is none.
std::pair<Network::Number, std::size_t> Network::pick_side(raft::Random& random) {
  std::vector<Number> open;
  for (const auto& [number, connection] : connections_) {
    if (connection.sides[0].open && connection.sides[1].open && connection.sides[0].transport &&
        connection.sides[1].transport) {
      open.push_back(number);
    }
  }
  if (open.empty()) return {0, 0};
  const Number number = open[random.next() % open.size()];
  return {number, random.next() % 2};
}

bool Network::reset_one(raft::Random& random) {
  const auto [number, side] = pick_side(random);
  if (number == 0) return false;
  break_at(number, queue_.now());
  return true;
}

bool Network::half_open_one(raft::Random& random) {
  const auto [number, side] = pick_side(random);
  if (number == 0) return false;
  Side& here = connections_.at(number).sides[side];
  SimTransport* transport = std::exchange(here.transport, nullptr);
  drop_coming(number, side);
  transport->tell_close(id_of(number, side), "closed");
  break_at(number, queue_.now() + stall());
  return true;
}

bool Network::late_one(raft::Random& random, Time span) {
  const auto [number, side] = pick_side(random);
  if (number == 0) return false;
  Side& there = connections_.at(number).sides[1 - side];
  there.held_until = queue_.now() + span;
  lose(number, side, "closed");  // the end of the stream waits behind what is held
  queue_.at(there.held_until, 0, "held", [this, n = number, s = 1 - side] {
    if (find(n, s)) release(n, s);
  });
  return true;
}

bool Network::hold_one(raft::Random& random, Time span) {
  const auto [number, side] = pick_side(random);
  if (number == 0) return false;
  Side& here = connections_.at(number).sides[side];
  here.held_until = queue_.now() + span;
  queue_.at(here.held_until, 0, "held", [this, n = number, s = side] {
    if (find(n, s)) release(n, s);
  });
  return true;
}

/// True: the frame does not come now.
bool Network::meddle(Number number, std::size_t to_side, std::string_view frame) {
  if (law_.duplicate_per_mille + law_.reorder_per_mille + law_.replay_per_mille == 0) return false;
  const Connection& connection = connections_.at(number);
  const NodeId from = connection.sides[1 - to_side].node;
  const NodeId to = connection.sides[to_side].node;
  if (chance(random_, law_.duplicate_per_mille)) {
    ++counters_.duplicated;
    deliver_late(from, to, std::string(frame), Time(50'000));
  }
  if (chance(random_, law_.replay_per_mille)) {
    ++counters_.replayed;
    deliver_late(from, to, std::string(frame), law_.late_max);
  }
  if (!chance(random_, law_.reorder_per_mille)) return false;
  ++counters_.reordered;
  deliver_late(from, to, std::string(frame), Time(50'000));
  return true;
}

/// A write on its way to the leader stands under its session's number: coming again after its
/// answer, however late, it is done once. Only then: TCP brings a frame once, so a refusal is
/// final, and of a write without a record there (refused, or not answered yet) a second copy would
/// be a second chance, behind the back of a client who may have been told no. Attempts that overlap
/// are the forwarder's own. On its own connection only: answers are told apart by that.
void Network::repeat_write(Number number, std::size_t to_side, const net::FrameHeader& header,
                           std::string_view frame) {
  if (header.type != net::FrameType::kRequest) return;
  const std::uint64_t per_mille = 4 * (law_.duplicate_per_mille + law_.replay_per_mille);
  if (per_mille == 0 || !chance(random_, std::min<std::uint64_t>(per_mille, 500))) return;
  const auto decoded = net::decode_frame(frame);
  if (!decoded) return;
  const auto* request = std::get_if<net::Request>(&decoded->message);
  if (!request || request->kind != static_cast<std::uint16_t>(RequestKind::kWrite)) return;
  const auto span = static_cast<std::uint64_t>(std::max(law_.late_max, Time(50'000)).count());
  const Time after(static_cast<std::int64_t>(random_.between(1, span)));
  if (!is_numbered(request->body)) return;
  connections_.at(number).sides[to_side].repeats[request->id] = false;
  queue_.at(queue_.now() + after, 0, "late",
            [this, number, to_side, id = request->id, again = std::string(frame)] {
              const auto at = connections_.find(number);
              if (at == connections_.end()) return;
              Side& here = at->second.sides[to_side];
              const auto repeat = here.repeats.extract(id);
              if (repeat.empty() || !repeat.mapped()) return;
              if (!here.transport || !here.open || !here.trusted) return;
              if (is_cut(at->second.sides[1 - to_side].node, here.node)) return;
              ++counters_.duplicated;
              trace_.add(again);
              here.transport->tell_frame(id_of(number, to_side), again);
            });
}

/// An answer arrives at `to_side`: what it answers may come again, if it is on record.
void Network::note_answer(Number number, std::size_t to_side, const net::FrameHeader& header,
                          std::string_view frame) {
  auto& repeats = connections_.at(number).sides[1 - to_side].repeats;
  if (header.type != net::FrameType::kReply || repeats.empty()) return;
  const auto decoded = net::decode_frame(frame);
  const auto* reply = decoded ? std::get_if<net::Reply>(&decoded->message) : nullptr;
  const auto repeat = reply ? repeats.find(reply->id) : repeats.end();
  if (repeat != repeats.end()) repeat->second = is_on_record(reply->body);
}

// On whatever connection joins the two by then; none: it is lost.
void Network::deliver_late(NodeId from, NodeId to, std::string frame, Time span) {
  const Time after(
      static_cast<std::int64_t>(random_.between(1, static_cast<std::uint64_t>(span.count()))));
  queue_.at(queue_.now() + after, 0, "late", [this, from, to, frame = std::move(frame)] {
    if (is_cut(from, to)) return;
    for (auto at = connections_.rbegin(); at != connections_.rend(); ++at) {
      for (std::size_t side = 0; side < 2; ++side) {
        const Side& here = at->second.sides[side];
        if (here.node != to || at->second.sides[1 - side].node != from) continue;
        if (!here.transport || !here.open || !here.trusted) continue;
        trace_.add(frame);
        here.transport->tell_frame(id_of(at->first, side), frame);
        return;
      }
    }
  });
}

std::vector<std::uint64_t> Network::tell_sent(NodeId from, NodeId to, LifeId life,
                                              std::string_view bytes) {
  std::vector<std::uint64_t> frames;
  if (!observers_ || observers_->empty()) return frames;
  while (!bytes.empty()) {
    const auto header = net::parse_frame_header(bytes, net::kFrameBytesMax);
    if (!header || bytes.size() < header->frame_bytes()) break;
    if (header->type == net::FrameType::kRaftBatch) {
      const auto decoded = net::decode_frame(bytes.substr(0, header->frame_bytes()));
      if (decoded) {
        FrameSent sent;
        sent.frame = ++last_frame_;
        sent.at = queue_.now();
        sent.from = from;
        sent.to = to;
        sent.life = life;
        sent.messages = std::get<net::RaftBatch>(decoded->message).messages;
        for (Observer* observer : *observers_) observer->on_sent(sent);
        frames.push_back(sent.frame);
      }
    }
    bytes.remove_prefix(header->frame_bytes());
  }
  return frames;
}

void Network::tell_ended(Number number, std::size_t to_side, const Item& item, bool delivered) {
  if (!observers_) return;
  const Connection& connection = connections_.at(number);
  for (const std::uint64_t frame : item.frames) {
    const FrameEnded ended{frame, queue_.now(), connection.sides[1 - to_side].node,
                           connection.sides[to_side].node, delivered};
    for (Observer* observer : *observers_) observer->on_ended(ended);
  }
}

void Network::drop_coming(Number number, std::size_t side) {
  Side& here = connections_.at(number).sides[side];
  for (const Item& item : here.coming) tell_ended(number, side, item, false);
  here.coming.clear();
  here.coming_bytes = 0;
}

}  // namespace cairn::kv::sim
