// The commands that a partition's log carries and the answers that applying them gives. Both are
// plain values with a stable byte form (kv/command/command.capnp, kv/FORMAT.md); bytes that do not
// decode are refused before they are proposed (hazard Z3).
#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/kv/error.h"
#include "cairn/kv/store.h"

namespace cairn::kv {

inline constexpr std::uint16_t kCommandVersion = 1;

enum class CommandKind : std::uint8_t {
  kWrite = 1,         // operations, atomically, if the condition holds
  kRemovePrefix = 2,  // one bounded step
  kOpenSession = 3,   // session.client becomes known
  kEmpty = 4,         // moves the revision on, nothing else
  kFound = 5,         // metadata group: the founding record and first placement
  kSetCluster = 6,    // metadata group: the next cluster record, if its epoch is the next one
};

struct Operation {
  enum class Kind : std::uint8_t { kPut = 1, kRemove = 2 } kind = Kind::kPut;
  std::string key;
  std::string value;
};

/// Of the first operation's key.
struct Condition {
  bool if_absent = false;
  Revision if_revision = 0;
};

/// Exactly-once for forwarded commands: a client opens a session, then numbers its commands from 1.
struct SessionStamp {
  std::uint64_t client = 0;  // 0: no session
  std::uint64_t sequence = 0;
  std::uint64_t acknowledged = 0;  // answers up to here have arrived: their records may go
};

struct Command {
  CommandKind kind = CommandKind::kWrite;
  std::uint64_t principal = 0;      // 0: none yet
  std::uint64_t auth_revision = 0;  // 0: none yet
  std::uint32_t epoch = 0;          // of the placement that routed it; checked at apply
  SessionStamp session;
  std::string idempotency_key;  // empty: none
  std::uint32_t idempotency_window_ms = 0;
  std::uint32_t idempotency_keys_max = 0;
  Condition condition;
  bool return_previous = false;
  std::vector<Operation> operations;  // kWrite
  std::string prefix;                 // kRemovePrefix
  std::string start_after;            // kRemovePrefix: only keys above this one
  std::uint32_t limit = 0;            // kRemovePrefix
  std::string record;                 // kFound, kSetCluster: encoded metadata
};

/// What the leader adds when it proposes; the fixed head of every command entry (kv/FORMAT.md).
struct Stamp {
  Revision revision = 0;
  Revision ceiling = 0;             // highest revision that may be closed by this entry
  std::uint64_t lease_elapsed = 0;  // reserved for leases
};

/// The answer of one command: pure function of (state, entry), replicated where sessions need it.
struct Answer {
  /// nullopt: applied. Only codes that a deterministic apply can give: kRevisionMismatch,
  /// kIdempotencyMismatch, kOverloaded (a replicated table is full), kBadRequest (session unknown
  /// or expired: `session_unknown`), kNoLeader (`wrong_epoch`: the placement changed).
  std::optional<Errc> error;
  bool session_unknown = false;
  bool wrong_epoch = false;
  bool replayed = false;
  bool created = false;
  Revision revision = 0;  // the command's own; of a mismatch: the key's current mod revision
  std::uint64_t version = 0;
  std::uint64_t deleted = 0;
  std::optional<Item> previous;
  bool more = false;  // kRemovePrefix: go on after `last_key`
  std::string last_key;
};

/// What the refusal in an answer (`error` is set) means to who sent the command.
[[nodiscard]] Error refusal_of(const Answer& answer);

enum class CommandError { kMalformed = 1, kNewerVersion };
boost::system::error_code make_error_code(CommandError e) noexcept;

[[nodiscard]] std::string encode_command(const Command& command);
[[nodiscard]] boost::system::result<Command> decode_command(std::string_view bytes);
/// The same into a command that was used before, whose buffers serve again. After an error `into`
/// is of no use but for another call.
[[nodiscard]] boost::system::result<void> decode_command(std::string_view bytes, Command& into);

/// Entry payload = stamp + command bytes (as encode_command made them, never re-encoded).
[[nodiscard]] std::shared_ptr<const std::string> make_entry(const Stamp& stamp,
                                                            std::string_view command);
struct EntryView {
  Stamp stamp;
  std::string_view command;
};
[[nodiscard]] boost::system::result<EntryView> split_entry(std::string_view payload);

[[nodiscard]] std::string encode_answer(const Answer& answer);
[[nodiscard]] boost::system::result<Answer> decode_answer(std::string_view bytes);

}  // namespace cairn::kv

template <>
struct boost::system::is_error_code_enum<cairn::kv::CommandError> : std::true_type {};
