// One call on its way: what is asked, who waits, and what has happened to it so far. Made on the
// caller's thread, then the client thread's alone.
#pragma once

#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "cairn/kv/store.h"
#include "kv/door/messages.h"

namespace cairn::kv::client {

using Micros = std::chrono::microseconds;

class Link;

using Done = std::variant<Callback<PutResult>, Callback<RemoveResult>, Callback<BatchResult>,
                          Callback<ReadResult>, Callback<ScanResult>,
                          std::function<void(Result<door::Opened>)>>;

struct Call;
using CallPtr = std::shared_ptr<Call>;

struct Call
    : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  door::Request request;
  Done done;
  std::chrono::milliseconds timeout{0};
  std::size_t bytes = 0;  // of keys and values, for the client's bound
  bool internal = false;  // the client's own: no caller waits

  CallPtr self;  // until it has ended: whoever lets go of it, its caller is not forgotten
  Micros deadline{0};
  bool ended = false;
  bool routable = false;  // its partition is known
  std::uint32_t partition = 0;
  unsigned attempts = 0;
  unsigned redirects = 0;  // followed at once, since the last pause
  unsigned overloads = 0;
  bool maybe_done = false;  // an earlier attempt of a write has an unknown fate
  Error last_error{Errc::kNoLeader, "no node could be reached in time"};

  // Under a session: its number there.
  bool numbered = false;
  std::uint64_t session = 0;  // client id that the number belongs to
  std::uint64_t sequence = 0;

  // Under way.
  Link* link = nullptr;
  std::uint32_t slot = 0;
  Micros sent_at{0};
  std::size_t sent_bytes = 0;

  [[nodiscard]] bool is_write() const { return std::holds_alternative<Command>(request.body); }
  /// It may be sent again though an earlier attempt may have been carried out.
  [[nodiscard]] bool repeatable() const {
    const auto* command = std::get_if<Command>(&request.body);
    return command == nullptr || numbered || !command->idempotency_key.empty();
  }
};

}  // namespace cairn::kv::client
