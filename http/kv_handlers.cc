// /v1/kv/{key} and /v1/kv.
#include <utility>

#include "http/handlers.h"
#include "http/json_text.h"
#include "http/params.h"
#include "http/render.h"

namespace cairn::http {
namespace {

Response item_response(kv::Item&& item, kv::Revision revision, bool raw) {
  Response r;
  r.etag = item.mod_revision;
  r.revision = revision;
  if (raw) {
    r.type = ContentType::kBytes;
    r.body = std::move(item.value);
  } else {
    r.body = render_item(item);
  }
  return r;
}

Response absent_response(kv::Revision revision) {
  Problem p;
  p.code = Code::kKeyNotFound;
  Response r = problem_response(p);
  r.revision = revision;
  return r;
}

void get_item(HandlerContext& context, Call&& call, Responder respond) {
  Params params(call.query, call.fields);
  const bool raw = params.flag("raw");
  const kv::ReadOptions options = params.read_options();
  if (auto complaint = params.complaint()) {
    return answer_bad_request(call, std::move(*complaint), respond);
  }
  context.backend.get(std::move(call.key), options,
                      [respond, raw](kv::Result<kv::ReadResult> result) {
                        if (!result) return answer_error(result.error(), false, false, respond);
                        if (!result->item) return respond(absent_response(result->revision));
                        respond(item_response(std::move(*result->item), result->revision, raw));
                      });
}

void put_item(HandlerContext& context, Call&& call, Responder respond) {
  Params params(call.query, call.fields);
  kv::WriteOptions options = params.write_options(true);
  const bool prev = options.return_previous = params.flag("prev");
  if (auto complaint = params.complaint()) {
    return answer_bad_request(call, std::move(*complaint), respond);
  }
  context.backend.put(
      std::move(call.key), std::move(call.body), std::move(options),
      [respond, prev, keyed = call.has_idempotency_key](kv::Result<kv::PutResult> result) {
        if (!result) return answer_error(result.error(), true, keyed, respond);
        Response r;
        r.body = render_put(*result, prev);
        r.revision = result->revision;
        r.replayed = result->replayed;
        respond(std::move(r));
      });
}

void delete_item(HandlerContext& context, Call&& call, Responder respond) {
  Params params(call.query, call.fields);
  kv::WriteOptions options = params.write_options(false);
  const bool prev = options.return_previous = params.flag("prev");
  if (auto complaint = params.complaint()) {
    return answer_bad_request(call, std::move(*complaint), respond);
  }
  context.backend.remove(
      std::move(call.key), std::move(options),
      [respond, prev, keyed = call.has_idempotency_key](kv::Result<kv::RemoveResult> result) {
        if (!result) return answer_error(result.error(), true, keyed, respond);
        Response r;
        r.body = render_remove(*result, prev);
        r.revision = result->revision;
        r.replayed = result->replayed;
        respond(std::move(r));
      });
}

// Our cursor is the store's in base64url. False: it is not one.
bool read_cursor(Params& params, std::string& cursor) {
  const auto text = params.text("cursor");
  if (!text) return true;
  auto bytes = decode_base64url(*text);
  if (!bytes || bytes->empty()) return false;
  cursor = std::move(*bytes);
  return true;
}

constexpr const char* kBadCursor = "the parameter cursor is not one that this server gave out";

void list(HandlerContext& context, Call&& call, Responder respond) {
  Params params(call.query, call.fields);
  kv::ScanOptions options;
  const auto prefix = params.text("prefix");
  const auto start = params.text("start");
  const auto end = params.text("end");
  options.prefix = prefix.value_or("");
  options.start = start.value_or("");
  options.end = end.value_or("");
  options.limit =
      params.number("limit", context.options.list_limit_default, 1, context.options.list_limit_max);
  options.reverse = params.flag("reverse");
  options.keys_only = params.flag("keys_only");
  options.count_only = params.flag("count_only");
  options.read = params.read_options();
  const bool cursor_fine = read_cursor(params, options.cursor);
  if (auto complaint = params.complaint()) {
    return answer_bad_request(call, std::move(*complaint), respond);
  }
  if (!cursor_fine) return answer_bad_request(call, kBadCursor, respond);
  if (prefix && (start || end)) {
    return answer_bad_request(call, "the parameter prefix excludes start and end", respond);
  }
  if (options.count_only && (options.keys_only || !options.cursor.empty())) {
    return answer_bad_request(call, "the parameter count_only excludes keys_only and cursor",
                              respond);
  }
  context.backend.scan(std::move(options),
                       [respond, keys_only = options.keys_only,
                        count_only = options.count_only](kv::Result<kv::ScanResult> result) {
                         if (!result) return answer_error(result.error(), false, false, respond);
                         Response r;
                         r.body = render_scan(*result, keys_only, count_only);
                         r.revision = result->revision;
                         respond(std::move(r));
                       });
}

void delete_prefix(HandlerContext& context, Call&& call, Responder respond) {
  Params params(call.query, call.fields);
  kv::RemovePrefixOptions options;
  const auto prefix = params.text("prefix");
  options.limit = params.number("limit", context.options.remove_limit_default, 1,
                                context.options.list_limit_max);
  const bool cursor_fine = read_cursor(params, options.cursor);
  if (auto complaint = params.complaint()) {
    return answer_bad_request(call, std::move(*complaint), respond);
  }
  if (!cursor_fine) return answer_bad_request(call, kBadCursor, respond);
  // To delete everything one says so: ?prefix= with nothing behind it.
  if (!prefix) return answer_bad_request(call, "the parameter prefix is missing", respond);
  context.backend.remove_prefix(std::string(*prefix), std::move(options),
                                [respond](kv::Result<kv::RemovePrefixResult> result) {
                                  if (!result) {
                                    return answer_error(result.error(), true, false, respond);
                                  }
                                  Response r;
                                  r.body = render_remove_prefix(*result);
                                  r.revision = result->revision;
                                  respond(std::move(r));
                                });
}

}  // namespace

void handle_item(HandlerContext& context, Call&& call, Responder respond) {
  switch (call.method) {
    case Method::kPut:
      return put_item(context, std::move(call), std::move(respond));
    case Method::kDelete:
      return delete_item(context, std::move(call), std::move(respond));
    default:
      return get_item(context, std::move(call), std::move(respond));
  }
}

void handle_range(HandlerContext& context, Call&& call, Responder respond) {
  if (call.method == Method::kDelete) {
    return delete_prefix(context, std::move(call), std::move(respond));
  }
  list(context, std::move(call), std::move(respond));
}

}  // namespace cairn::http
