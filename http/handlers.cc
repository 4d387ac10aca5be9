#include "http/handlers.h"

#include <utility>

#include "http/params.h"
#include "http/prometheus.h"
#include "http/render.h"

namespace cairn::http {
namespace {

Access access_of(Endpoint endpoint, Method method) {
  if (endpoint != Endpoint::kItem && endpoint != Endpoint::kRange) return Access::kNothing;
  if (method == Method::kGet || method == Method::kHead) return Access::kRead;
  return endpoint == Endpoint::kItem ? Access::kWriteKey : Access::kWriteMany;
}

std::optional<Problem> decode(Call& call, const Route& route, const Target& target) {
  const auto bad = [](const char* detail) {
    Problem p;
    p.code = Code::kBadRequest;
    p.detail = detail;
    return p;
  };
  if (call.endpoint == Endpoint::kItem || call.endpoint == Endpoint::kRing) {
    auto key = percent_decode(route.key);
    if (!key) return bad("the key has a \"%\" that two hex digits do not follow");
    if (key->empty()) {
      Problem p;
      p.code = Code::kKeyEmpty;
      return p;
    }
    call.key = std::move(*key);
    call.key_hash = std::hash<std::string_view>{}(call.key);
  }
  if (call.endpoint == Endpoint::kPromote || call.endpoint == Endpoint::kLeader ||
      call.endpoint == Endpoint::kDiff || call.endpoint == Endpoint::kHeal)
    call.key = route.key;
  if (target.query.empty()) return std::nullopt;
  auto query = parse_query(target.query);
  if (!query) return bad("the query has a broken escape, or a parameter twice, or too many");
  call.query = std::move(*query);
  return std::nullopt;
}

Response json(std::string body) {
  Response r;
  r.body = std::move(body);
  return r;
}

Response ready_response(const Backend& backend) {
  const auto reasons = backend.not_ready_reasons();
  if (reasons.empty()) return json("{\"status\":\"ok\"}\n");
  Response r = json(render_not_ready(reasons));
  r.status = 503;
  r.retry_after = 1;
  return r;
}

Response metrics_response(HandlerContext& context) {
  std::vector<kv::Sample> samples = context.backend.metrics();
  const auto append = [&samples](std::vector<kv::Sample> more) {
    samples.insert(samples.end(), std::make_move_iterator(more.begin()),
                   std::make_move_iterator(more.end()));
  };
  if (context.own_metrics) append(context.own_metrics());
  if (context.options.more_metrics) append(context.options.more_metrics());
  Response r = json(render_prometheus(samples));
  r.type = ContentType::kMetrics;
  return r;
}

void handle_backup(HandlerContext& context, const Call& call, const Responder& respond) {
  if (call.http_1_0) {
    return answer_bad_request(call, "a backup is streamed in chunks, which HTTP/1.0 does not know",
                              respond);
  }
  context.backend.backup([respond](kv::Result<std::shared_ptr<kv::BackupStream>> stream) {
    if (!stream) return answer_error(stream.error(), false, false, respond);
    Response r;
    r.type = ContentType::kBytes;
    r.stream = std::move(*stream);
    respond(std::move(r));
  });
}

}  // namespace

Call make_call(Request&& request) {
  Call call;
  const Target target = split_target(request.target);
  const Route found = route(target.path);
  call.endpoint = found.endpoint;
  call.method = request.method;
  call.http_1_0 = request.http_1_0;
  if (found.endpoint == Endpoint::kNone) {
    call.problem.emplace().code = Code::kNotFound;
  } else if (!allows(found.endpoint, request.method)) {
    call.problem.emplace().code = Code::kMethodNotAllowed;
  } else {
    call.access = access_of(found.endpoint, request.method);
    call.problem = decode(call, found, target);
  }
  if (call.problem) {
    call.access = Access::kNothing;
    if (request.is_write()) call.problem->committed = kv::Committed::kNo;
    return call;
  }
  call.has_idempotency_key = request.fields.idempotency_key.has_value();
  call.fields = std::move(request.fields);
  call.body = std::move(request.body);
  return call;
}

bool conflict(const AccessOf& earlier, const AccessOf& later) noexcept {
  if (earlier.access == Access::kNothing || later.access == Access::kNothing) return false;
  if (earlier.access == Access::kRead && later.access == Access::kRead) return false;
  return earlier.access != Access::kWriteKey || later.access != Access::kWriteKey ||
         earlier.key_hash == later.key_hash;
}

void handle(HandlerContext& context, Call&& call, Responder respond) {
  if (call.problem) {
    Response r = problem_response(*call.problem);
    if (call.problem->code == Code::kMethodNotAllowed) r.allow = allowed_methods(call.endpoint);
    return respond(std::move(r));
  }
  switch (call.endpoint) {
    case Endpoint::kItem:
      return handle_item(context, std::move(call), std::move(respond));
    case Endpoint::kRange:
      return handle_range(context, std::move(call), std::move(respond));
    case Endpoint::kNodes:
    case Endpoint::kPromote:
    case Endpoint::kLeader:
    case Endpoint::kDiff:
    case Endpoint::kHeal:
      return handle_members(context, std::move(call), std::move(respond));
    default:
      return handle_admin(context, std::move(call), std::move(respond));
  }
}

void handle_admin(HandlerContext& context, Call&& call, Responder respond) {
  Params params(call.query, call.fields);
  if (auto complaint = params.complaint()) {
    return answer_bad_request(call, std::move(*complaint), respond);
  }
  switch (call.endpoint) {
    case Endpoint::kBackup:
      return handle_backup(context, call, respond);
    case Endpoint::kCluster:
      return respond(json(render_cluster(context.backend.cluster())));
    case Endpoint::kRing:
      return respond(json(render_ring(call.key, context.backend.ring(call.key))));
    case Endpoint::kReady:
      return respond(ready_response(context.backend));
    case Endpoint::kMetrics:
      return respond(metrics_response(context));
    default:
      return respond(json("{\"status\":\"ok\"}\n"));
  }
}

void answer_bad_request(const Call& call, std::string detail, const Responder& respond) {
  Problem p;
  p.code = Code::kBadRequest;
  p.detail = std::move(detail);
  if (call.is_write()) p.committed = kv::Committed::kNo;
  respond(problem_response(p));
}

void answer_error(const kv::Error& error, bool is_write, bool has_idempotency_key,
                  const Responder& respond) {
  respond(problem_response(problem_of(error, is_write, has_idempotency_key)));
}

}  // namespace cairn::http
