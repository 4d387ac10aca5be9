#include "http/request_reader.h"

#include <algorithm>
#include <utility>

#include "http/beast_head.h"

namespace cairn::http {

RequestReader::Step RequestReader::next(std::string_view in) {
  if (phase_ == Phase::kBody) return body(in);
  if (in.empty()) return {};
  if (!skipped_blank_ && in.front() == '\r') {
    // One empty line before a request is left over from the one before (RFC 9112, 2.2).
    phase_ = Phase::kHead;
    if (in.size() == 1) return {};
    if (in[1] == '\n') {
      skipped_blank_ = true;
      phase_ = Phase::kIdle;
      Step step = next(in.substr(2));
      step.consumed += 2;
      return step;
    }
  }
  phase_ = Phase::kHead;
  return head(in);
}

RequestReader::Step RequestReader::head(std::string_view in) {
  switch (scanner_.scan(in)) {
    case HeadScanner::Result::kMore:
      return {};
    case HeadScanner::Result::kRefused:
      return refuse(scanner_.refusal());
    case HeadScanner::Result::kDone:
      break;
  }
  const std::string_view text = in.substr(0, scanner_.size());
  const HeadVerdict verdict = check_head(text, limits_, policy_);
  if (verdict.refusal) return refuse(*verdict.refusal);
  request_ = Request();
  if (const auto refusal = parse_head(text, verdict.head, request_)) return refuse(*refusal);

  request_.keep_alive = verdict.head.keep_alive;
  request_.http_1_0 = verdict.head.http_1_0;
  chunked_ = verdict.head.chunked;
  remaining_ = static_cast<std::size_t>(verdict.head.content_length);
  continue_due_ = verdict.head.expect_continue && (chunked_ || remaining_ > 0);
  phase_ = Phase::kBody;
  Step step = body(in.substr(text.size()));
  step.consumed += text.size();
  return step;
}

RequestReader::Step RequestReader::body(std::string_view in) {
  if (continue_due_ && in.empty()) {
    continue_due_ = false;
    return {Event::kContinue, 0};
  }
  continue_due_ = false;  // a body that comes by itself needs no invitation
  if (!chunked_) {
    const std::size_t n = std::min(remaining_, in.size());
    request_.body.append(in.data(), n);
    remaining_ -= n;
    return {remaining_ == 0 ? Event::kRequest : Event::kMore, n};
  }
  const std::size_t before = in.size();
  switch (chunks_.feed(in, request_.body, limits_.body_bytes_max)) {
    case ChunkReader::Result::kMore:
      return {Event::kMore, before};
    case ChunkReader::Result::kDone:
      return {Event::kRequest, before - in.size()};
    case ChunkReader::Result::kTooLarge:
      return refuse({Code::kTooLarge, "the body is over the limit", request_.is_write()});
    case ChunkReader::Result::kMalformed:
      break;
  }
  return refuse({Code::kBadRequest, "the chunked body is malformed, or has extensions or trailers",
                 request_.is_write()});
}

RequestReader::Step RequestReader::refuse(const Refusal& refusal) {
  refusal_ = refusal;
  return {Event::kRefused, 0};
}

void RequestReader::abandon() {
  phase_ = Phase::kIdle;
  request_ = Request();
}

Request RequestReader::take() {
  phase_ = Phase::kIdle;
  skipped_blank_ = false;
  scanner_.reset();
  chunks_.reset();
  return std::exchange(request_, Request());
}

}  // namespace cairn::http
