// From a whole request to calls of the backend, and back to an answer.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cairn/http/server.h"
#include "http/backend.h"
#include "http/problem.h"
#include "http/request.h"
#include "http/router.h"
#include "http/target.h"

namespace cairn::http {

/// How a call may run beside others of its connection (see conflict()).
enum class Access : std::uint8_t { kNothing, kRead, kWriteKey, kWriteMany };

/// A request whose route, method and target are in order.
struct Call {
  Endpoint endpoint = Endpoint::kNone;
  Method method = Method::kOther;
  Access access = Access::kNothing;
  std::size_t key_hash = 0;
  std::string key;  // decoded; the number of a node or partition in the path, as it stands there
  Query query;
  Fields fields;
  std::string body;
  std::optional<Problem> problem;  // then this is the answer
  bool has_idempotency_key = false;
  bool http_1_0 = false;

  [[nodiscard]] bool is_write() const {
    return access == Access::kWriteKey || access == Access::kWriteMany || method == Method::kPost;
  }
};

struct AccessOf {
  Access access = Access::kNothing;
  std::size_t key_hash = 0;
};

/// Routes, checks the method, decodes key and query. What is wrong stands in Call::problem.
[[nodiscard]] Call make_call(Request&& request);

/// Must the later of two pipelined calls wait for the earlier one? Reads run together, and so do
/// writes of different keys; all else runs one after another, as a client may rely on.
[[nodiscard]] bool conflict(const AccessOf& earlier, const AccessOf& later) noexcept;

struct HandlerContext {
  Backend& backend;
  const ServerOptions& options;
  std::function<std::vector<kv::Sample>()> own_metrics;
};

/// Carries the call out. Answers exactly once, now or later.
void handle(HandlerContext& context, Call&& call, Responder respond);

// One a family of routes; each expects its endpoint and a call without a problem.
void handle_item(HandlerContext& context, Call&& call, Responder respond);
void handle_range(HandlerContext& context, Call&& call, Responder respond);
void handle_admin(HandlerContext& context, Call&& call, Responder respond);
void handle_members(HandlerContext& context, Call&& call, Responder respond);

/// Answers with a complaint about parameters.
void answer_bad_request(const Call& call, std::string detail, const Responder& respond);
/// Answers with an error of the store.
void answer_error(const kv::Error& error, bool is_write, bool has_idempotency_key,
                  const Responder& respond);

}  // namespace cairn::http
