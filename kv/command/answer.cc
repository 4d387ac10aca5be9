#include <capnp/message.h>
#include <kj/exception.h>

#include <stdexcept>

#include "kv/command/command.capnp.h"
#include "kv/command/command.h"
#include "kv/command/limits.h"
#include "kv/command/message.h"

namespace cairn::kv {
namespace {

constexpr std::uint16_t kAnswerVersion = 1;

wire::Refusal wire_refusal(const std::optional<Errc>& error) {
  if (!error) return wire::Refusal::NONE;
  switch (*error) {
    case Errc::kRevisionMismatch:
      return wire::Refusal::REVISION_MISMATCH;
    case Errc::kIdempotencyMismatch:
      return wire::Refusal::IDEMPOTENCY_MISMATCH;
    case Errc::kOverloaded:
      return wire::Refusal::OVERLOADED;
    case Errc::kBadRequest:
      return wire::Refusal::BAD_REQUEST;
    case Errc::kNoLeader:
      return wire::Refusal::NO_LEADER;
    default:
      throw std::logic_error("encode_answer: no apply gives this error");
  }
}

bool read_refusal(wire::Refusal refusal, std::optional<Errc>& error) {
  switch (refusal) {
    case wire::Refusal::NONE:
      error.reset();
      return true;
    case wire::Refusal::REVISION_MISMATCH:
      error = Errc::kRevisionMismatch;
      return true;
    case wire::Refusal::IDEMPOTENCY_MISMATCH:
      error = Errc::kIdempotencyMismatch;
      return true;
    case wire::Refusal::OVERLOADED:
      error = Errc::kOverloaded;
      return true;
    case wire::Refusal::BAD_REQUEST:
      error = Errc::kBadRequest;
      return true;
    case wire::Refusal::NO_LEADER:
      error = Errc::kNoLeader;
      return true;
  }
  return false;
}

bool well_formed(const Answer& answer) {
  if (answer.last_key.size() > kCommandKeyBytesMax) return false;
  if (!answer.previous) return true;
  return answer.previous->key.size() <= kCommandKeyBytesMax &&
         answer.previous->value.size() <= kCommandValueBytesMax;
}

std::size_t message_words(const Answer& answer) {
  std::size_t words =
      1 + capnp::sizeInWords<wire::Answer>() + wire::blob_words(answer.last_key.size());
  if (answer.previous) {
    words += capnp::sizeInWords<wire::Item>() + wire::blob_words(answer.previous->key.size()) +
             wire::blob_words(answer.previous->value.size());
  }
  return words;
}

Item read_item(wire::Item::Reader in) {
  Item item;
  item.key = wire::as_view(in.getKey());
  item.value = wire::as_view(in.getValue());
  item.create_revision = in.getCreateRevision();
  item.mod_revision = in.getModRevision();
  item.version = in.getVersion();
  return item;
}

boost::system::result<Answer> read_answer(wire::Answer::Reader in) {
  if (in.getVersion() > kAnswerVersion) return CommandError::kNewerVersion;
  if (in.getVersion() == 0) return CommandError::kMalformed;
  Answer answer;
  if (!read_refusal(in.getRefusal(), answer.error)) return CommandError::kMalformed;
  answer.session_unknown = in.getSessionUnknown();
  answer.wrong_epoch = in.getWrongEpoch();
  answer.replayed = in.getReplayed();
  answer.created = in.getCreated();
  answer.more = in.getMore();
  answer.revision = in.getRevision();
  answer.version = in.getItemVersion();
  answer.deleted = in.getDeleted();
  answer.last_key = wire::as_view(in.getLastKey());
  if (in.hasPrevious()) answer.previous = read_item(in.getPrevious());
  if (!well_formed(answer)) return CommandError::kMalformed;
  return answer;
}

}  // namespace

Error refusal_of(const Answer& answer) {
  Error e(*answer.error);
  switch (*answer.error) {
    case Errc::kRevisionMismatch:
      e.detail = "the condition on the key's revision does not hold";
      e.revision = answer.revision;
      break;
    case Errc::kIdempotencyMismatch:
      e.detail = "this idempotency key was used with another request";
      break;
    case Errc::kOverloaded:
      e.detail = "the partition's table of sessions or idempotency keys is full";
      e.retry_after_ms = 100;
      break;
    default:
      if (answer.wrong_epoch) e.detail = "the partition's placement changed: ask again";
      break;
  }
  return e;
}

std::string encode_answer(const Answer& answer) {
  if (!well_formed(answer)) throw std::logic_error("encode_answer: the answer is not valid");
  wire::OneSegmentBuilder message(message_words(answer));
  auto out = message.initRoot<wire::Answer>();
  out.setVersion(kAnswerVersion);
  out.setRefusal(wire_refusal(answer.error));
  out.setSessionUnknown(answer.session_unknown);
  out.setWrongEpoch(answer.wrong_epoch);
  out.setReplayed(answer.replayed);
  out.setCreated(answer.created);
  out.setMore(answer.more);
  out.setRevision(answer.revision);
  out.setItemVersion(answer.version);
  out.setDeleted(answer.deleted);
  if (!answer.last_key.empty()) out.setLastKey(wire::as_data(answer.last_key));
  if (answer.previous) {
    auto item = out.initPrevious();
    item.setKey(wire::as_data(answer.previous->key));
    item.setValue(wire::as_data(answer.previous->value));
    item.setCreateRevision(answer.previous->create_revision);
    item.setModRevision(answer.previous->mod_revision);
    item.setVersion(answer.previous->version);
  }
  return message.take();
}

boost::system::result<Answer> decode_answer(std::string_view bytes) {
  if (bytes.size() > kCommandBytesMax) return CommandError::kMalformed;
  try {
    wire::OneSegment segment;
    if (!segment.open(bytes)) return CommandError::kMalformed;
    const kj::ArrayPtr<const capnp::word> words = segment.words();
    capnp::SegmentArrayMessageReader message(kj::arrayPtr(&words, 1), segment.limits());
    return read_answer(message.getRoot<wire::Answer>());
  } catch (const kj::Exception&) {
    return CommandError::kMalformed;
  }
}

}  // namespace cairn::kv
