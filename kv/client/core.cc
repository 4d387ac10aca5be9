#include "kv/client/core.h"

#include <sys/random.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

namespace cairn::kv::client {
namespace {

using std::chrono::milliseconds;

constexpr Micros kTickBusy = milliseconds{10};
constexpr Micros kTickIdle = milliseconds{200};
// What the node is told to take less than the caller gives, so that its word comes in time.
constexpr Micros kOnTheWayMax = milliseconds{100};
constexpr milliseconds kTimeoutMax = std::chrono::hours{24};

std::uint64_t system_random() {
  std::uint64_t value = 0;
  while (::getrandom(&value, sizeof value, 0) != sizeof value) {
    // Interrupted, early at boot: nothing else can make a request of 8 bytes fail.
  }
  return value;
}

}  // namespace

Core::Core(std::vector<std::string> endpoints, const ClientOptions& options)
    : options_(options),
      loop_("cairn-client",
            [this](std::exception_ptr) {
              // An invariant of ours is broken: nobody may wait for what does not come.
              boost::asio::post(loop_.context(), [this] { end_all(); });
            }),
      number_(std::max<std::uint64_t>(system_random(), 1)),
      routes_(options_, std::move(endpoints), [this](Door& door) { return dial(door); }),
      numbering_(*this),
      budget_(system_random()) {}

Core::~Core() = default;

std::uint64_t Core::random() {
  return system_random();
}

// --- taking in ---------------------------------------------------------------------------------

std::optional<Error> Core::refuse(const Call& call) {
  const std::size_t calls = under_way_.fetch_add(1) + 1;
  const std::size_t bytes = bytes_.fetch_add(call.bytes) + call.bytes;
  if (calls > options_.calls_max || (calls > 1 && bytes > options_.bytes_max)) {
    Error full(Errc::kOverloaded, "this client has too many calls under way");
    full.retry_after_ms = 10;
    return full;
  }
  return std::nullopt;
}

void Core::submit(CallPtr call) {
  if (auto refused = refuse(*call)) return end(call, std::move(*refused));
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (inbox_state_ != Inbox::kClosed) {
      inbox_.push_back(std::move(call));
      wake = std::exchange(inbox_state_, Inbox::kWoken) == Inbox::kOpen;
    }
  }
  if (call) return end(call, Error(Errc::kShuttingDown, "the client has stopped"));
  // What comes until then is taken in the same turn, and sent in one write a connection.
  if (wake) boost::asio::post(loop_.context(), [this] { take_in(); });
}

void Core::take_in() {
  {
    const std::lock_guard lock(mutex_);
    taken_.swap(inbox_);
    if (inbox_state_ == Inbox::kWoken) inbox_state_ = Inbox::kOpen;
  }
  for (CallPtr& call : taken_) begin(std::exchange(call, nullptr));
  taken_.clear();
}

void Core::begin(const CallPtr& call) {
  if (call->timeout.count() <= 0) call->timeout = options_.timeout;
  call->timeout = std::min(call->timeout, kTimeoutMax);
  call->deadline = now() + call->timeout;
  call->self = call;
  if (stopping_) return end(call, Error(Errc::kShuttingDown, "the client has stopped"));
  deadlines_[call->timeout].push_back(*call);
  schedule_tick();
  route(call);
}

// --- on their way ------------------------------------------------------------------------------

void Core::route(const CallPtr& call) {
  if (call->ended) return;
  if (!parked_.empty() || !try_route(call)) parked_.push_back(call);
}

bool Core::try_route(const CallPtr& call) {
  const Micros moment = now();
  if (!routes_.mapped()) {
    for (const auto& door : routes_.doors()) routes_.want(*door, moment);
    return false;
  }
  if (!std::exchange(call->routable, true)) {
    if (const auto* command = std::get_if<Command>(&call->request.body))
      call->partition =
          command->operations.empty() ? 0 : routes_.partition(command->operations.front().key);
    else if (const auto* get = std::get_if<door::Get>(&call->request.body))
      call->partition = routes_.partition(get->key);
  }
  auto* command = std::get_if<Command>(&call->request.body);
  if (command != nullptr && options_.sessions && command->idempotency_key.empty()) {
    if (!call->numbered) {
      numbering_.submit(call);
      return true;
    }
    if (!numbering_.stamp(*call)) {
      session_over(call);
      return true;
    }
  }
  const std::size_t bytes = door::frame_bytes(call->request);
  Link* const link = routes_.pick(*call, bytes, moment);
  if (link == nullptr) return false;
  if (bytes > link->frame_bytes_max()) {
    end(call, Error(Errc::kTooLarge, "the request is larger than the node takes"));
    return true;
  }
  const Micros left = std::max(call->deadline - moment, Micros{1000});
  const Micros told = left - std::min(left / 10, kOnTheWayMax);
  link->send(call, static_cast<std::uint32_t>(
                       std::max<std::int64_t>(1, std::chrono::ceil<milliseconds>(told).count())));
  ++stats_.attempts;
  if (call->attempts++ > 0) ++stats_.retries;
  return true;
}

void Core::route_parked() {
  while (!parked_.empty()) {
    const CallPtr call = std::move(parked_.front());
    parked_.pop_front();
    if (call->ended || try_route(call)) continue;
    parked_.push_front(call);
    return;
  }
}

void Core::again(const CallPtr& call, Micros pause) {
  call->redirects = 0;
  pausing_.emplace(now() + pause, call);
}

void Core::open_session(std::uint32_t partition, std::uint64_t client) {
  auto call = std::make_shared<Call>();
  call->internal = true;
  call->routable = true;
  call->partition = partition;
  call->request.body = door::OpenSession{partition, client};
  call->done = [this, partition, client](const Result<door::Opened>& result) {
    if (!stopping_) numbering_.opened(partition, client, result);
  };
  begin(call);
}

/// No session: the write was never sent.
void Core::refused(const CallPtr& call, const Error& error) {
  const Errc code = error.code == Errc::kTimeout ? Errc::kNoLeader : error.code;
  Error refusal(code, "no session could be opened (" + error.message() + ")");
  refusal.retry_after_ms = error.retry_after_ms;
  end(call, std::move(refusal));
}

// --- the end of a call -------------------------------------------------------------------------

template <class Give>
void Core::give(const CallPtr& ending, Give how) {
  const CallPtr call = ending;  // which may be its own `self`
  if (std::exchange(call->ended, true)) return;
  call->self = nullptr;
  if (call->is_linked()) call->unlink();
  if (call->numbered) numbering_.release(*call);
  if (!call->internal) {
    bytes_.fetch_sub(call->bytes);
    under_way_.fetch_sub(1);
  }
  try {
    std::visit(how, call->done);
  } catch (...) {
    // What a program's callback throws is its own matter.
  }
}

namespace {

struct GiveError {
  const Error& error;
  template <class T>
  void operator()(const std::function<void(Result<T>)>& done) const {
    if (done) done(error);
  }
};

struct GiveReply {
  door::Reply& reply;
  void operator()(const Callback<PutResult>& done) const {
    auto& w = std::get<door::Written>(reply.body);
    if (done) done(PutResult{w.revision, w.version, w.created, std::move(w.previous), w.replayed});
  }
  void operator()(const Callback<RemoveResult>& done) const {
    auto& w = std::get<door::Written>(reply.body);
    if (done) done(RemoveResult{w.deleted > 0, w.revision, std::move(w.previous), w.replayed});
  }
  void operator()(const Callback<BatchResult>& done) const {
    const auto& w = std::get<door::Written>(reply.body);
    if (done) done(BatchResult{w.revision, w.deleted, w.replayed});
  }
  void operator()(const Callback<ReadResult>& done) const {
    if (done) done(std::move(std::get<ReadResult>(reply.body)));
  }
  void operator()(const Callback<ScanResult>& done) const {
    if (done) done(std::move(std::get<ScanResult>(reply.body)));
  }
  void operator()(const std::function<void(Result<door::Opened>)>& done) const {
    if (done) done(door::Opened{});
  }
};

}  // namespace

void Core::end(const CallPtr& call, door::Reply reply) {
  ++stats_.calls;
  budget_.answered();
  give(call, GiveReply{reply});
}

void Core::end(const CallPtr& call, Error error) {
  if (on_thread()) {
    ++stats_.calls;
    if (error.code == Errc::kOutcomeUnknown) ++stats_.unknown;
  }
  give(call, GiveError{error});
}

void Core::expire(const CallPtr& call) {
  const bool open = call->link != nullptr || call->maybe_done;
  if (call->link != nullptr) call->link->forget(*call);
  if (call->is_write() && open) {
    return end(call, Error(Errc::kOutcomeUnknown,
                           "no answer came in time (" + call->last_error.message() + ")",
                           Committed::kUnknown));
  }
  Error error = call->last_error;
  error.committed = Committed::kNo;
  if (!call->is_write() && (open || call->attempts > 0))
    error = Error(Errc::kTimeout, "no answer came in time (" + call->last_error.message() + ")");
  else if (call->attempts == 0)
    error = Error(Errc::kNoLeader, "no node could be reached in time" + what_doors_said());
  end(call, std::move(error));
}

void Core::end_all() {
  stopping_ = true;
  {
    const std::lock_guard lock(mutex_);
    inbox_state_ = Inbox::kClosed;
    taken_.insert(taken_.end(), inbox_.begin(), inbox_.end());
    inbox_.clear();
  }
  std::vector<CallPtr> calls = std::exchange(taken_, {});
  for (auto& [timeout, list] : deadlines_)
    for (Call& call : list) calls.push_back(call.self);
  for (const CallPtr& call : calls) {
    if (!call) continue;
    const bool open = call->is_write() && (call->link != nullptr || call->maybe_done);
    if (call->link != nullptr) call->link->forget(*call);
    end(call, open ? Error(Errc::kOutcomeUnknown, "the client has stopped", Committed::kUnknown)
                   : Error(Errc::kShuttingDown, "the client has stopped"));
  }
  parked_.clear();
  pausing_.clear();
  for (const auto& door : routes_.doors()) {
    for (const auto& link : door->links) (void)link->close();
    std::move(door->links.begin(), door->links.end(), std::back_inserter(gone_));
    door->links.clear();
  }
  for (FirstNode& waiter : std::exchange(first_node_, {}))
    waiter.done(Error(Errc::kShuttingDown, "the client has stopped"));
}

void Core::stop() {
  {
    const std::lock_guard lock(mutex_);
    inbox_state_ = Inbox::kClosed;
  }
  loop_.post([this] { end_all(); });
  loop_.stop();
}

// --- time --------------------------------------------------------------------------------------

void Core::schedule_tick() {
  if (tick_due_ || stopping_) return;
  tick_due_ = true;
  const bool busy = under_way_ > 0 || !pausing_.empty() || !first_node_.empty();
  const Micros delay = busy ? kTickBusy : kTickIdle;
  loop_.call_after(delay, [this, delay] {
    tick_due_ = false;
    if (stopping_) return;
    budget_.passed(delay);
    tick();
  });
}

void Core::tick() {
  const Micros moment = now();
  gone_.clear();
  look_at_links(moment);
  end_late(moment);
  while (!pausing_.empty() && pausing_.begin()->first <= moment) {
    const CallPtr call = std::move(pausing_.begin()->second);
    pausing_.erase(pausing_.begin());
    if (call->ended) continue;
    if (call->attempts == 0 || budget_.take())
      route(call);
    else
      again(call, budget_.pause(call->attempts));
  }
  route_parked();
  bool links = false;
  for (const auto& door : routes_.doors()) links = links || !door->links.empty();
  if (links || under_way_ > 0 || !pausing_.empty() || !first_node_.empty()) schedule_tick();
}

void Core::end_late(Micros moment) {
  for (auto at = deadlines_.begin(); at != deadlines_.end();) {
    Deadlines& list = at->second;
    while (!list.empty() && list.front().deadline <= moment) {
      const CallPtr late = list.front().self;
      expire(late);
    }
    at = list.empty() ? deadlines_.erase(at) : std::next(at);
  }
  std::erase_if(first_node_, [&](FirstNode& waiter) {
    if (moment < waiter.deadline) return false;
    waiter.done(Error(Errc::kTimeout, "no endpoint answered in time" + what_doors_said()));
    return true;
  });
  if (!first_node_.empty())
    for (const auto& door : routes_.doors()) routes_.want(*door, moment);
}

void Core::look_at_links(Micros moment) {
  std::vector<std::shared_ptr<Link>> links;
  for (const auto& door : routes_.doors())
    links.insert(links.end(), door->links.begin(), door->links.end());
  for (const auto& link : links) {
    if (!link->up()) {
      if (moment >= link->begun() + options_.dial_timeout) link->lose("no hello in time");
      continue;
    }
    if (link->in_flight() == 0 || moment < link->heard_at() + options_.stall_timeout) continue;
    routes_.avoid(*link, moment + options_.stall_timeout);
    for (const CallPtr& call : link->repeatable()) {
      link->forget(*call);
      fate_unknown(call, "the node says nothing");
    }
  }
}

}  // namespace cairn::kv::client
