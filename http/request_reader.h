// Bytes in, whole requests out: head, strict check, Beast, body. Pure: no socket, no clock.
#pragma once

#include <cstddef>
#include <string_view>

#include "http/chunk_reader.h"
#include "http/head_check.h"
#include "http/request.h"

namespace cairn::http {

class RequestReader {
 public:
  RequestReader(const ServerOptions& limits, const HostPolicy& policy)
      : limits_(limits), policy_(policy), scanner_(limits) {}

  enum class Phase { kIdle, kHead, kBody };
  enum class Event {
    kMore,      // needs bytes that have not come
    kContinue,  // the head is fine, and the client waits for "100 Continue"
    kRequest,   // take() it
    kRefused,   // see refusal(); the reader is done for good
  };
  struct Step {
    Event event = Event::kMore;
    std::size_t consumed = 0;  // drop this many bytes from the front, whatever the event
  };

  /// `in` is all that came and was not consumed yet, in one piece. A head is consumed only when
  /// whole; a body as it comes.
  [[nodiscard]] Step next(std::string_view in);
  [[nodiscard]] Request take();
  /// Lets go of a request that will not be read on.
  void abandon();
  [[nodiscard]] const Refusal& refusal() const { return refusal_; }
  [[nodiscard]] Phase phase() const { return phase_; }
  /// Memory held for a body that is being read.
  [[nodiscard]] std::size_t body_bytes() const {
    return phase_ == Phase::kBody ? request_.body.capacity() : 0;
  }
  /// Of the request being read, as far as its head says.
  [[nodiscard]] bool is_write() const { return phase_ == Phase::kBody && request_.is_write(); }

 private:
  Step head(std::string_view in);
  Step body(std::string_view in);
  Step refuse(const Refusal& refusal);

  const ServerOptions& limits_;
  const HostPolicy& policy_;
  Phase phase_ = Phase::kIdle;
  bool skipped_blank_ = false;
  bool chunked_ = false;
  bool continue_due_ = false;
  std::size_t remaining_ = 0;  // of a body with Content-Length
  HeadScanner scanner_;
  ChunkReader chunks_;
  Request request_;
  Refusal refusal_;
};

}  // namespace cairn::http
