#include "kv/client/numbering.h"

#include <algorithm>
#include <utility>

namespace cairn::kv::client {
namespace {

// From the oldest call not ended to the newest number: below the answers that an engine keeps of a
// session, so that one slow call never makes it refuse the others.
constexpr std::size_t kWindow = 1000;

}  // namespace

Numbering::Session& Numbering::session_of(std::uint32_t partition) {
  if (partition >= sessions_.size()) sessions_.resize(partition + 1);
  return sessions_[partition];
}

void Numbering::submit(const CallPtr& call) {
  session_of(call->partition).waiting.push_back(call);
  go_on(call->partition);
}

void Numbering::go_on(std::uint32_t partition) {
  Session& session = sessions_[partition];
  while (!session.waiting.empty() && session.waiting.front()->ended) session.waiting.pop_front();
  if (session.waiting.empty()) return;
  if (!session.open) {
    if (std::exchange(session.opening, true)) return;
    if (session.client == 0) session.client = std::max<std::uint64_t>(host_.random(), 1);
    host_.open_session(partition, session.client);
    return;
  }
  while (!session.waiting.empty() && session.not_ended.size() < kWindow) {
    const CallPtr call = std::move(session.waiting.front());
    session.waiting.pop_front();
    if (call->ended) continue;
    call->numbered = true;
    call->session = session.client;
    call->sequence = session.base + session.not_ended.size();
    session.not_ended.push_back(true);
    host_.numbered(call);
  }
}

void Numbering::opened(std::uint32_t partition, std::uint64_t client,
                       const Result<door::Opened>& result) {
  Session& session = session_of(partition);
  if (session.client != client || !session.opening) return;
  session.opening = false;
  if (result) {
    session.open = true;
    return go_on(partition);
  }
  // Its own call has tried as long as a call may: those that waited for it have their answer.
  for (const CallPtr& call : std::exchange(session.waiting, {}))
    if (!call->ended) host_.refused(call, result.error());
}

bool Numbering::stamp(Call& call) {
  const Session& session = session_of(call.partition);
  if (call.session != session.client || !session.open) return false;
  auto* command = std::get_if<Command>(&call.request.body);
  command->session = {call.session, call.sequence, session.base - 1};
  return true;
}

void Numbering::lost(const Call& call) {
  Session& session = session_of(call.partition);
  if (call.session != session.client || !session.open) return;  // known already
  session.client = 0;
  session.open = false;
  session.base = 1;
  session.not_ended.clear();
}

void Numbering::release(Call& call) {
  if (!std::exchange(call.numbered, false)) return;
  Session& session = session_of(call.partition);
  if (call.session != session.client || !session.open) return;
  session.not_ended[call.sequence - session.base] = false;
  while (!session.not_ended.empty() && !session.not_ended.front()) {
    session.not_ended.pop_front();
    ++session.base;
  }
  go_on(call.partition);
}

}  // namespace cairn::kv::client
