#include "kv/node/admin.h"

#include "kv/command/byte_reader.h"

namespace cairn::kv {
namespace {

void append_text(std::string_view text, std::string& out) {
  append_le(static_cast<std::uint16_t>(text.size()), out);
  out += text;
}

std::string read_text(ByteReader& in) {
  return std::string(in.bytes(in.number<std::uint16_t>()));
}

void append_numbers(const std::vector<std::uint64_t>& numbers, std::string& out) {
  append_le(static_cast<std::uint16_t>(numbers.size()), out);
  for (const std::uint64_t number : numbers) append_le(number, out);
}

std::vector<std::uint64_t> read_numbers(ByteReader& in) {
  std::vector<std::uint64_t> numbers(in.count(in.number<std::uint16_t>(), 8));
  for (std::uint64_t& number : numbers) number = in.number<std::uint64_t>();
  return numbers;
}

void append_signed(std::int64_t value, std::string& out) {
  append_le(static_cast<std::uint64_t>(value), out);
}

std::int64_t read_signed(ByteReader& in) {
  return static_cast<std::int64_t>(in.number<std::uint64_t>());
}

GroupPlan read_group(ByteReader& in) {
  GroupPlan group;
  group.metadata = in.number<std::uint8_t>() != 0;
  group.partition = in.number<std::uint32_t>();
  group.voters_before = read_numbers(in);
  group.voters_after = read_numbers(in);
  group.learners_after = read_numbers(in);
  group.bytes_to_ship = in.number<std::uint64_t>();
  const std::size_t phases = in.count(in.number<std::uint8_t>(), 14);
  for (std::size_t i = 0; i < phases && in.ok(); ++i) {
    PlanPhase phase;
    phase.name = read_text(in);
    phase.voters = read_numbers(in);
    phase.also = read_numbers(in);
    phase.failures_tolerated = read_signed(in);
    group.phases.push_back(std::move(phase));
  }
  return group;
}

}  // namespace

std::string encode_change(const MemberChange& change) {
  std::string out;
  append_le(static_cast<std::uint8_t>(change.dry_run), out);
  append_numbers(change.remove, out);
  append_le(static_cast<std::uint16_t>(change.add.size()), out);
  for (const NewMember& member : change.add) {
    append_le(member.id, out);
    append_le(static_cast<std::uint8_t>(member.learner), out);
    append_text(member.peer, out);
  }
  return out;
}

std::optional<MemberChange> decode_change(std::string_view bytes) {
  ByteReader in(bytes);
  MemberChange change;
  change.dry_run = in.number<std::uint8_t>() != 0;
  change.remove = read_numbers(in);
  const std::size_t added = in.count(in.number<std::uint16_t>(), 11);
  for (std::size_t i = 0; i < added && in.ok(); ++i) {
    NewMember member;
    member.id = in.number<std::uint64_t>();
    member.learner = in.number<std::uint8_t>() != 0;
    member.peer = read_text(in);
    change.add.push_back(std::move(member));
  }
  if (!in.done()) return std::nullopt;
  return change;
}

std::string encode_number(std::uint64_t number) {
  std::string out;
  append_le(number, out);
  return out;
}

std::optional<std::uint64_t> decode_number(std::string_view bytes) {
  ByteReader in(bytes);
  const auto number = in.number<std::uint64_t>();
  if (!in.done()) return std::nullopt;
  return number;
}

std::string encode_rejoin(const RejoinRequest& request) {
  std::string out;
  append_le(request.node, out);
  append_le(request.incarnation, out);
  return out;
}

std::optional<RejoinRequest> decode_rejoin(std::string_view bytes) {
  ByteReader in(bytes);
  RejoinRequest request;
  request.node = in.number<std::uint64_t>();
  request.incarnation = in.number<std::uint64_t>();
  if (!in.done()) return std::nullopt;
  return request;
}

std::string encode_move(const MoveLeaderRequest& request) {
  std::string out;
  append_le(request.partition, out);
  append_le(request.to, out);
  return out;
}

std::optional<MoveLeaderRequest> decode_move(std::string_view bytes) {
  ByteReader in(bytes);
  MoveLeaderRequest request;
  request.partition = in.number<std::uint32_t>();
  request.to = in.number<std::uint64_t>();
  if (!in.done()) return std::nullopt;
  return request;
}

std::string encode_plan(const MemberPlan& plan) {
  std::string out;
  append_le(plan.change, out);
  append_le(plan.bytes_to_ship, out);
  append_signed(plan.failures_tolerated, out);
  append_le(static_cast<std::uint32_t>(plan.groups.size()), out);
  for (const GroupPlan& group : plan.groups) {
    append_le(static_cast<std::uint8_t>(group.metadata), out);
    append_le(group.partition, out);
    append_numbers(group.voters_before, out);
    append_numbers(group.voters_after, out);
    append_numbers(group.learners_after, out);
    append_le(group.bytes_to_ship, out);
    append_le(static_cast<std::uint8_t>(group.phases.size()), out);
    for (const PlanPhase& phase : group.phases) {
      append_text(phase.name, out);
      append_numbers(phase.voters, out);
      append_numbers(phase.also, out);
      append_signed(phase.failures_tolerated, out);
    }
  }
  return out;
}

std::optional<MemberPlan> decode_plan(std::string_view bytes) {
  ByteReader in(bytes);
  MemberPlan plan;
  plan.change = in.number<std::uint64_t>();
  plan.bytes_to_ship = in.number<std::uint64_t>();
  plan.failures_tolerated = read_signed(in);
  const std::size_t groups = in.count(in.number<std::uint32_t>(), 20);
  for (std::size_t i = 0; i < groups && in.ok(); ++i) plan.groups.push_back(read_group(in));
  if (!in.done()) return std::nullopt;
  return plan;
}

}  // namespace cairn::kv
