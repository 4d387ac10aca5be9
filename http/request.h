// A whole request, as it came in, and the answer's way back.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "http/response.h"

namespace cairn::http {

enum class Method : std::uint8_t { kGet, kHead, kPut, kDelete, kPost, kOther };

/// The header fields this server acts upon.
struct Fields {
  std::optional<std::string> if_match, if_none_match, idempotency_key, min_revision;
};

struct Request {
  Method method = Method::kOther;
  bool keep_alive = true;
  bool http_1_0 = false;
  std::string target;
  Fields fields;
  std::string body;

  [[nodiscard]] bool is_write() const {
    return method == Method::kPut || method == Method::kDelete || method == Method::kPost ||
           method == Method::kOther;
  }
};

/// Where answers go.
class AnswerSink {
 public:
  virtual ~AnswerSink() = default;
  /// On the loop thread. An id that is unknown or already answered is ignored.
  virtual void answer(std::uint64_t id, Response&& response) = 0;
};

/// The right to answer one request. Copyable, since the store's callbacks are; the first answer
/// counts. Keeps its connection alive.
class Responder {
 public:
  Responder(std::shared_ptr<AnswerSink> sink, std::uint64_t id) : sink_(std::move(sink)), id_(id) {}
  void operator()(Response&& response) const { sink_->answer(id_, std::move(response)); }

 private:
  std::shared_ptr<AnswerSink> sink_;
  std::uint64_t id_;
};

}  // namespace cairn::http
