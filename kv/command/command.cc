#include "kv/command/command.h"

#include <capnp/message.h>
#include <kj/exception.h>

#include <stdexcept>

#include "kv/command/command.capnp.h"
#include "kv/command/limits.h"
#include "kv/command/message.h"

namespace cairn::kv {
namespace {

class CommandCategory final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "cairn.kv.command"; }
  std::string message(int value) const override {
    switch (static_cast<CommandError>(value)) {
      case CommandError::kMalformed:
        return "malformed command";
      case CommandError::kNewerVersion:
        return "command of a newer version";
    }
    return "unknown command error";
  }
};

bool operations_fit(const std::vector<Operation>& operations) {
  if (operations.size() > kCommandOperationsMax) return false;
  for (const Operation& operation : operations) {
    if (operation.key.empty() || operation.key.size() > kCommandKeyBytesMax) return false;
    switch (operation.kind) {
      case Operation::Kind::kPut:
        if (operation.value.size() > kCommandValueBytesMax) return false;
        break;
      case Operation::Kind::kRemove:
        if (!operation.value.empty()) return false;
        break;
      default:
        return false;
    }
  }
  return true;
}

/// The body's fields belong to the kind: what a kind does not use must be empty.
bool body_fits(const Command& command) {
  const bool prefix_unused =
      command.prefix.empty() && command.start_after.empty() && command.limit == 0;
  const bool write_unused = command.operations.empty() && !command.condition.if_absent &&
                            command.condition.if_revision == 0 && !command.return_previous;
  switch (command.kind) {
    case CommandKind::kWrite:
      if (!prefix_unused || !command.record.empty()) return false;
      return operations_fit(command.operations) && (!command.operations.empty() || write_unused);
    case CommandKind::kRemovePrefix:
      return write_unused && command.record.empty() && command.limit > 0 &&
             command.limit <= kCommandRemoveLimitMax &&
             command.prefix.size() <= kCommandKeyBytesMax &&
             command.start_after.size() <= kCommandKeyBytesMax;
    case CommandKind::kOpenSession:
      return write_unused && prefix_unused && command.record.empty() && command.session.client != 0;
    case CommandKind::kEmpty:
      return write_unused && prefix_unused && command.record.empty();
    case CommandKind::kFound:
    case CommandKind::kSetCluster:
      return write_unused && prefix_unused;
  }
  return false;
}

bool well_formed(const Command& command) {
  if (command.session.client == 0 &&
      (command.session.sequence != 0 || command.session.acknowledged != 0)) {
    return false;
  }
  return command.idempotency_key.size() <= kCommandIdempotencyKeyBytesMax && body_fits(command);
}

std::size_t message_words(const Command& command) {
  std::size_t words = 1 + capnp::sizeInWords<wire::Command>();
  if (command.session.client != 0) words += capnp::sizeInWords<wire::Session>();
  if (!command.idempotency_key.empty()) {
    words +=
        capnp::sizeInWords<wire::Idempotency>() + wire::blob_words(command.idempotency_key.size());
  }
  switch (command.kind) {
    case CommandKind::kWrite:
      words += 1;  // the list's tag
      for (const Operation& operation : command.operations) {
        words += capnp::sizeInWords<wire::Operation>() + wire::blob_words(operation.key.size()) +
                 wire::blob_words(operation.value.size());
      }
      break;
    case CommandKind::kRemovePrefix:
      words += capnp::sizeInWords<wire::RemovePrefix>() + wire::blob_words(command.prefix.size()) +
               wire::blob_words(command.start_after.size());
      break;
    case CommandKind::kFound:
    case CommandKind::kSetCluster:
      words += wire::blob_words(command.record.size());
      break;
    case CommandKind::kOpenSession:
    case CommandKind::kEmpty:
      break;
  }
  return words;
}

void write_operations(const Command& command, wire::Command::Body::Builder body) {
  auto list = body.initWrite(static_cast<capnp::uint>(command.operations.size()));
  capnp::uint i = 0;
  for (const Operation& operation : command.operations) {
    auto out = list[i++];
    out.setKey(wire::as_data(operation.key));
    if (operation.kind == Operation::Kind::kPut) {
      out.setPut(wire::as_data(operation.value));
    } else {
      out.setRemove();
    }
  }
}

void write_body(const Command& command, wire::Command::Body::Builder body) {
  switch (command.kind) {
    case CommandKind::kWrite:
      write_operations(command, body);
      break;
    case CommandKind::kRemovePrefix: {
      auto out = body.initRemovePrefix();
      out.setLimit(command.limit);
      out.setPrefix(wire::as_data(command.prefix));
      out.setStartAfter(wire::as_data(command.start_after));
      break;
    }
    case CommandKind::kOpenSession:
      body.setOpenSession();
      break;
    case CommandKind::kEmpty:
      body.setEmpty();
      break;
    case CommandKind::kFound:
      body.setFound(wire::as_data(command.record));
      break;
    case CommandKind::kSetCluster:
      body.setSetCluster(wire::as_data(command.record));
      break;
  }
}

bool read_operations(capnp::List<wire::Operation>::Reader list, std::vector<Operation>& out) {
  if (list.size() > kCommandOperationsMax) return false;
  out.resize(list.size());
  capnp::uint i = 0;
  for (Operation& operation : out) {
    const auto in = list[i++];
    operation.key = wire::as_view(in.getKey());
    switch (in.which()) {
      case wire::Operation::PUT:
        operation.kind = Operation::Kind::kPut;
        operation.value = wire::as_view(in.getPut());
        break;
      case wire::Operation::REMOVE:
        operation.kind = Operation::Kind::kRemove;
        operation.value.clear();
        break;
      default:
        return false;
    }
  }
  return true;
}

bool read_body(wire::Command::Body::Reader body, Command& command) {
  switch (body.which()) {
    case wire::Command::Body::WRITE:
      command.kind = CommandKind::kWrite;
      return read_operations(body.getWrite(), command.operations);
    case wire::Command::Body::REMOVE_PREFIX: {
      command.kind = CommandKind::kRemovePrefix;
      const auto in = body.getRemovePrefix();
      command.limit = in.getLimit();
      command.prefix = wire::as_view(in.getPrefix());
      command.start_after = wire::as_view(in.getStartAfter());
      return true;
    }
    case wire::Command::Body::OPEN_SESSION:
      command.kind = CommandKind::kOpenSession;
      return true;
    case wire::Command::Body::EMPTY:
      command.kind = CommandKind::kEmpty;
      return true;
    case wire::Command::Body::FOUND:
      command.kind = CommandKind::kFound;
      command.record = wire::as_view(body.getFound());
      return true;
    case wire::Command::Body::SET_CLUSTER:
      command.kind = CommandKind::kSetCluster;
      command.record = wire::as_view(body.getSetCluster());
      return true;
    case wire::Command::Body::NONE:
      return false;
  }
  return false;
}

/// As a new one, but for the memory that it holds.
void clear(Command& command) {
  command.session = {};
  command.idempotency_key.clear();
  command.idempotency_window_ms = 0;
  command.idempotency_keys_max = 0;
  command.prefix.clear();
  command.start_after.clear();
  command.limit = 0;
  command.record.clear();
}

boost::system::result<void> read_command(wire::Command::Reader in, Command& command) {
  if (in.getVersion() > kCommandVersion) return CommandError::kNewerVersion;
  if (in.getVersion() == 0) return CommandError::kMalformed;
  clear(command);
  command.epoch = in.getEpoch();
  command.principal = in.getPrincipal();
  command.auth_revision = in.getAuthRevision();
  command.condition.if_revision = in.getIfRevision();
  command.condition.if_absent = in.getIfAbsent();
  command.return_previous = in.getReturnPrevious();
  if (in.hasSession()) {
    const auto session = in.getSession();
    command.session.client = session.getClient();
    command.session.sequence = session.getSequence();
    command.session.acknowledged = session.getAcknowledged();
  }
  if (in.hasIdempotency()) {
    const auto idempotency = in.getIdempotency();
    command.idempotency_key = wire::as_view(idempotency.getKey());
    command.idempotency_window_ms = idempotency.getWindowMs();
    command.idempotency_keys_max = idempotency.getKeysMax();
    if (command.idempotency_key.empty()) return CommandError::kMalformed;
  }
  const auto body = in.getBody();
  if (!body.isWrite()) command.operations.clear();
  if (!read_body(body, command) || !well_formed(command)) return CommandError::kMalformed;
  return {};
}

}  // namespace

boost::system::error_code make_error_code(CommandError e) noexcept {
  static const CommandCategory category;
  return {static_cast<int>(e), category};
}

std::string encode_command(const Command& command) {
  if (!well_formed(command)) throw std::logic_error("encode_command: the command is not valid");
  const std::size_t words = message_words(command);
  if (words * wire::kWordBytes > kCommandBytesMax - wire::kWordBytes) {
    throw std::logic_error("encode_command: the command is too large");
  }
  wire::OneSegmentBuilder message(words);
  auto out = message.initRoot<wire::Command>();
  out.setVersion(kCommandVersion);
  out.setEpoch(command.epoch);
  out.setPrincipal(command.principal);
  out.setAuthRevision(command.auth_revision);
  out.setIfRevision(command.condition.if_revision);
  out.setIfAbsent(command.condition.if_absent);
  out.setReturnPrevious(command.return_previous);
  if (command.session.client != 0) {
    auto session = out.initSession();
    session.setClient(command.session.client);
    session.setSequence(command.session.sequence);
    session.setAcknowledged(command.session.acknowledged);
  }
  if (!command.idempotency_key.empty()) {
    auto idempotency = out.initIdempotency();
    idempotency.setWindowMs(command.idempotency_window_ms);
    idempotency.setKeysMax(command.idempotency_keys_max);
    idempotency.setKey(wire::as_data(command.idempotency_key));
  }
  write_body(command, out.getBody());
  return message.take();
}

boost::system::result<Command> decode_command(std::string_view bytes) {
  Command command;
  if (const auto decoded = decode_command(bytes, command); !decoded) return decoded.error();
  return command;
}

boost::system::result<void> decode_command(std::string_view bytes, Command& into) {
  if (bytes.size() > kCommandBytesMax) return CommandError::kMalformed;
  try {
    wire::OneSegment segment;
    if (!segment.open(bytes)) return CommandError::kMalformed;
    const kj::ArrayPtr<const capnp::word> words = segment.words();
    capnp::SegmentArrayMessageReader message(kj::arrayPtr(&words, 1), segment.limits());
    return read_command(message.getRoot<wire::Command>(), into);
  } catch (const kj::Exception&) {
    return CommandError::kMalformed;
  }
}

}  // namespace cairn::kv
