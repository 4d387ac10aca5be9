#include "tools/bench/answers.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace cairn::tools::bench {
namespace {

/// `name` is in lower case and ends with the colon.
bool begins_with(std::string_view line, std::string_view name) {
  if (line.size() < name.size()) return false;
  return std::equal(name.begin(), name.end(), line.begin(), [](char lower, char c) {
    return lower == (c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c);
  });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

struct Head {
  int status = 0;
  std::optional<std::size_t> length;
  bool closes = false;
  bool broken = false;
};

void take_field(std::string_view line, Head& head) {
  constexpr std::string_view kLength = "content-length:";
  constexpr std::string_view kConnection = "connection:";
  // Nearly all fields are told from those two by their first letter and colon.
  if (line.empty() || (line[0] | 0x20) != 'c') return;
  if (begins_with(line, kLength)) {
    const std::string_view value = trimmed(line.substr(kLength.size()));
    std::size_t length = 0;
    head.broken |= value.empty() || value.size() > 9;
    for (const char c : value) {
      head.broken |= c < '0' || c > '9';
      length = length * 10 + static_cast<std::size_t>(c - '0');
    }
    head.broken |= head.length && *head.length != length;
    head.length = length;
  } else if (begins_with(line, kConnection)) {
    head.closes = begins_with(trimmed(line.substr(kConnection.size())), "close");
  }
}

Head read_head(std::string_view text) {
  Head head;
  head.broken = text.size() < 12 || !text.starts_with("HTTP/1.");
  if (head.broken) return head;
  for (const char c : text.substr(9, 3)) {
    head.broken |= c < '0' || c > '9';
    head.status = head.status * 10 + (c - '0');
  }
  head.closes = text[7] == '0';
  std::size_t at = text.find('\n');
  while (at != std::string_view::npos && at + 1 < text.size()) {
    const std::size_t end = std::min(text.find('\n', at + 1), text.size());
    std::string_view line = text.substr(at + 1, end - at - 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    take_field(line, head);
    at = end;
  }
  return head;
}

}  // namespace

AnswerReader::Space AnswerReader::space() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (buffer_.size() - end_ < kPiece / 2) {
    if (end_ > begin_) std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    if (buffer_.size() - end_ < kPiece) buffer_.resize(std::max(buffer_.size() * 2, kPiece * 2));
  }
  return {buffer_.data() + end_, buffer_.size() - end_};
}

void AnswerReader::feed(std::size_t size) {
  end_ += size;
}

AnswerReader::Outcome AnswerReader::next(Answer& answer) {
  if (slow_) return next_slowly(answer);
  const std::string_view left(buffer_.data() + begin_, end_ - begin_);
  if (left.empty()) return Outcome::kNeedMore;
  const auto* blank = static_cast<const char*>(::memmem(left.data(), left.size(), "\r\n\r\n", 4));
  if (blank == nullptr) return left.size() > kHeadMax ? Outcome::kBroken : Outcome::kNeedMore;
  const auto head_size = static_cast<std::size_t>(blank - left.data()) + 4;
  const Head head = read_head(left.substr(0, head_size - 2));
  if (head.broken) return Outcome::kBroken;
  const bool bodiless = head.status == 204 || head.status == 304;
  if (!head.length && !bodiless) {
    slow_ = true;
    return next_slowly(answer);
  }
  const std::size_t length = bodiless ? 0 : *head.length;
  if (length > kBodyMax) return Outcome::kBroken;
  if (left.size() < head_size + length) return Outcome::kNeedMore;
  answer.status = head.status;
  answer.closes = head.closes;
  answer.body = left.substr(head_size, length);
  begin_ += head_size + length;
  return Outcome::kAnswer;
}

AnswerReader::Outcome AnswerReader::next_slowly(Answer& answer) {
  slowly_.feed(buffer_.data() + begin_, end_ - begin_);
  begin_ = end_ = 0;
  switch (slowly_.next(response_)) {
    case ResponseReader::Outcome::kNeedMore:
      return Outcome::kNeedMore;
    case ResponseReader::Outcome::kBroken:
      return Outcome::kBroken;
    case ResponseReader::Outcome::kAnswer:
      break;
  }
  // It stays with the slow reader, which may have bytes of the next answer already.
  answer = {response_.status, response_.body, response_.closes};
  return Outcome::kAnswer;
}

void AnswerReader::clear() {
  begin_ = end_ = 0;
  slow_ = false;
  slowly_.clear();
}

}  // namespace cairn::tools::bench
