#include "http/beast_head.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

namespace cairn::http {
namespace {

namespace beast_http = boost::beast::http;
using boost::beast::error_code;
using boost::beast::string_view;

Method method_of(beast_http::verb verb) {
  switch (verb) {
    case beast_http::verb::get:
      return Method::kGet;
    case beast_http::verb::head:
      return Method::kHead;
    case beast_http::verb::put:
      return Method::kPut;
    case beast_http::verb::delete_:
      return Method::kDelete;
    case beast_http::verb::post:
      return Method::kPost;
    default:
      return Method::kOther;
  }
}

// Keeps only what the server acts upon, so that a head costs no container of fields.
class HeadParser final : public beast_http::basic_parser<true> {
 public:
  explicit HeadParser(Request& request) : request_(request) {}

  const char* refused = nullptr;
  std::string_view target;

 private:
  void on_request_impl(beast_http::verb verb, string_view, string_view text, int,
                       error_code&) override {
    request_.method = method_of(verb);
    target = {text.data(), text.size()};
  }

  void on_field_impl(beast_http::field name, string_view name_text, string_view value,
                     error_code&) override {
    switch (name) {
      case beast_http::field::if_match:
        return take(request_.fields.if_match, value, "If-Match stands twice");
      case beast_http::field::if_none_match:
        return take(request_.fields.if_none_match, value, "If-None-Match stands twice");
      case beast_http::field::content_encoding:
        if (!boost::beast::iequals(value, "identity")) refused = "Content-Encoding is not accepted";
        return;
      case beast_http::field::trailer:
        refused = "trailers are not accepted";
        return;
      case beast_http::field::unknown:
        if (boost::beast::iequals(name_text, "Idempotency-Key")) {
          take(request_.fields.idempotency_key, value, "Idempotency-Key stands twice");
        } else if (boost::beast::iequals(name_text, "Cairn-Min-Revision")) {
          take(request_.fields.min_revision, value, "Cairn-Min-Revision stands twice");
        }
        return;
      default:
        return;
    }
  }

  void take(std::optional<std::string>& field, string_view value, const char* twice) {
    if (field) {
      refused = twice;
    } else {
      field.emplace(value.data(), value.size());
    }
  }

  void on_response_impl(int, string_view, int, error_code&) override {}
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code&) override {}
  std::size_t on_body_impl(string_view body, error_code&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code&) override {
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  Request& request_;
};

}  // namespace

std::optional<Refusal> parse_head(std::string_view head, const CheckedHead& checked,
                                  Request& request) {
  const auto bad = [&checked](const char* detail) {
    return Refusal{Code::kBadRequest, detail, is_write_method(checked.method)};
  };
  HeadParser parser(request);
  parser.header_limit(static_cast<std::uint32_t>(head.size() + 1));
  parser.body_limit(boost::none);
  error_code ec;
  const std::size_t used = parser.put(boost::asio::buffer(head.data(), head.size()), ec);
  if (ec == beast_http::error::need_more) ec = {};
  if (ec || used != head.size() || !parser.is_header_done()) return bad("the head is malformed");
  if (parser.refused != nullptr) return bad(parser.refused);
  const auto length = parser.content_length();
  if (parser.target != checked.request_target || parser.chunked() != checked.chunked ||
      (length ? *length : 0) != checked.content_length) {
    return bad("the head can be read in two ways");
  }
  request.target.assign(checked.target);
  return std::nullopt;
}

}  // namespace cairn::http
