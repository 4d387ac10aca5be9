#include "kv/door/door_server.h"

#include <algorithm>
#include <utility>

namespace cairn::kv::door {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr microseconds kTick = milliseconds{100};
constexpr microseconds kTickMin = milliseconds{5};
// Connections over the bound that are told so at the same time; more are just closed.
constexpr std::size_t kRefusalsMax = 64;
constexpr std::uint32_t kBusyRetryMs = 1000;

}  // namespace

DoorServer::DoorServer(DoorSeams seams, const Options& options)
    : seams_(std::move(seams)), options_(options) {}

DoorServer::~DoorServer() {
  for (const auto& [number, connection] : connections_) connection->abandon();
}

Result<void> DoorServer::listen() {
  auto opened = net::FramedListener::open(
      *seams_.context, options_.client,
      [this](boost::asio::ip::tcp::socket socket) { accepted(std::move(socket)); });
  if (opened) {
    listener_ = std::move(*opened);
    return {};
  }
  if (opened.error() == boost::system::errc::address_in_use)
    return Error(Errc::kAddressInUse, "client address " + options_.client + " is in use");
  return Error(Errc::kIo, "client address " + options_.client + ": " + opened.error().message());
}

/// A copy: they may go while they are visited.
std::vector<std::shared_ptr<DoorConnection>> DoorServer::all_connections() const {
  std::vector<std::shared_ptr<DoorConnection>> all;
  all.reserve(connections_.size());
  for (const auto& [number, connection] : connections_) all.push_back(connection);
  return all;
}

void DoorServer::stop_accepting() {
  if (listener_) listener_->stop();
}

void DoorServer::finish() {
  stop_accepting();
  for (const auto& connection : all_connections()) connection->finish();
}

// --- connections -------------------------------------------------------------------------------

void DoorServer::accepted(boost::asio::ip::tcp::socket socket) {
  ++metrics_.connections_total;
  const std::size_t max = limits().connections_max;
  const bool too_many = connections_.size() >= max;
  if (too_many) ++metrics_.refused["connections"];
  if (connections_.size() >= max + kRefusalsMax) return;  // closed by its destructor
  if (!tick_due_) map_ = seams_.node().cluster_map();     // the first one: nobody kept it fresh
  auto connection = std::make_shared<DoorConnection>(*this, ++last_connection_, now());
  connections_.emplace(connection->number(), connection);
  connection->adopt(std::move(socket));
  if (too_many) connection->goodbye(Reason::kBusy, kBusyRetryMs);
  schedule_tick();
}

void DoorServer::closed(DoorConnection& connection) {
  connections_.erase(connection.number());
}

/// Runs only while there is something to watch: an idle door does not wake up.
void DoorServer::schedule_tick() {
  if (tick_due_ || connections_.empty()) return;
  tick_due_ = true;
  const auto& l = limits();
  const microseconds shortest = std::min({l.hello_timeout, l.idle_timeout, l.write_timeout});
  seams_.clock->call_after(std::clamp(shortest / 4, kTickMin, kTick), [this] { tick(); });
}

void DoorServer::tick() {
  tick_due_ = false;
  const microseconds moment = now();
  ClusterMap fresh = seams_.node().cluster_map();
  const bool news = fresh != map_;
  map_ = std::move(fresh);
  for (const auto& connection : all_connections()) {
    if (news) connection->say_map(map_);
    connection->tick(moment);
  }
  schedule_tick();
}

// --- requests ----------------------------------------------------------------------------------

std::uint32_t DoorServer::partition_of_request(const Request& request) const {
  const auto partitions = static_cast<std::uint32_t>(map_.partitions.size());
  if (partitions == 0) return 0;
  if (const auto* command = std::get_if<Command>(&request.body))
    return command->operations.empty()
               ? 0
               : partition_of(command->operations.front().key, partitions, map_.hash);
  if (const auto* get = std::get_if<Get>(&request.body))
    return partition_of(get->key, partitions, map_.hash);
  if (const auto* open = std::get_if<OpenSession>(&request.body)) return open->partition;
  return 0;
}

DoorServer::Ticket DoorServer::enter(Pending pending) {
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(pending_.size()));
    pending_.emplace_back();
  }
  const std::uint32_t place = free_.back();
  free_.pop_back();
  pending.generation = pending_[place].generation + 1;
  pending_[place] = std::move(pending);
  return {this, place, pending_[place].generation};
}

void DoorServer::begin(std::shared_ptr<DoorConnection> connection, Request request,
                       std::size_t bytes) {
  const Ticket ticket =
      enter({std::move(connection), request.id, bytes, partition_of_request(request), 0});
  try {
    begin_on_node(ticket, request);
  } catch (...) {
    seams_.broken(std::current_exception());
  }
}

void DoorServer::begin_on_node(const Ticket& ticket, Request& request) {
  Node& node = seams_.node();
  const milliseconds timeout{request.deadline_ms};
  if (auto* command = std::get_if<Command>(&request.body)) {
    node.client_command(std::move(*command), 0, timeout, [ticket](Result<Answer> answer) {
      ticket.server->answered(ticket, std::move(answer));
    });
  } else if (auto* get = std::get_if<Get>(&request.body)) {
    const ReadOptions options{get->consistency, get->min_revision, timeout};
    node.get(std::move(get->key), options, [ticket](Result<ReadResult> result) {
      ticket.server->answered_read(ticket, std::move(result));
    });
  } else if (auto* scan = std::get_if<ScanOptions>(&request.body)) {
    scan->read.timeout = timeout;
    node.scan(std::move(*scan), [ticket](Result<ScanResult> result) {
      ticket.server->answered_read(ticket, std::move(result));
    });
  } else if (const auto* open = std::get_if<OpenSession>(&request.body)) {
    Command opening;
    opening.kind = CommandKind::kOpenSession;
    opening.session.client = open->client;
    node.client_command(std::move(opening), open->partition, timeout,
                        [ticket](Result<Answer> answer) {
                          const bool opened = answer && !answer->error;
                          if (opened)
                            ticket.server->answered(ticket, Reply{0, Opened{}});
                          else
                            ticket.server->answered(ticket, std::move(answer));
                        });
  }
}

// --- answers: the node is on the stack, and is not called here but to be looked at --------------

Failure DoorServer::failure_of(const Error& error, std::uint32_t partition) {
  Failure failure{error, false, false, 0};
  if (error.code == Errc::kNoLeader) failure.leader = seams_.node().leader_of_partition(partition);
  return failure;
}

void DoorServer::answered(const Ticket& ticket, Reply reply) {
  Pending& pending = pending_[ticket.place];
  if (pending.generation != ticket.generation || !pending.connection) return;
  const std::shared_ptr<DoorConnection> connection = std::move(pending.connection);
  pending.connection = nullptr;
  reply.id = pending.id;
  const std::size_t bytes = pending.bytes;
  free_.push_back(ticket.place);
  connection->answer(reply, bytes);
}

void DoorServer::answered(const Ticket& ticket, Result<Answer> answer) {
  const std::uint32_t partition = pending_[ticket.place].partition;
  if (!answer) return answered(ticket, Reply{0, failure_of(answer.error(), partition)});
  if (!answer->error) {
    return answered(
        ticket, Reply{0, Written{answer->revision, answer->version, answer->deleted,
                                 answer->created, answer->replayed, std::move(answer->previous)}});
  }
  Failure failure = failure_of(refusal_of(*answer), partition);
  failure.session_unknown = answer->session_unknown;
  failure.unrecorded = *answer->error == Errc::kOverloaded || answer->wrong_epoch;
  answered(ticket, Reply{0, std::move(failure)});
}

template <class T>
void DoorServer::answered_read(const Ticket& ticket, Result<T> result) {
  if (result)
    answered(ticket, Reply{0, std::move(*result)});
  else
    answered(ticket, Reply{0, failure_of(result.error(), pending_[ticket.place].partition)});
}

void DoorServer::add_metrics(std::vector<Sample>& samples) const {
  metrics_.add_to(samples, connections_.size(), pending_.size() - free_.size(), bytes_);
}

}  // namespace cairn::kv::door
