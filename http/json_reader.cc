#include "http/json_reader.h"

#include <charconv>
#include <set>

namespace cairn::http {
namespace {

constexpr std::size_t kElementsMax = 1024;

}  // namespace

void JsonReader::complain(std::string what) {
  if (!complaint_) complaint_ = std::move(what);
  text_ = {};
}

void JsonReader::space() {
  const std::size_t at = text_.find_first_not_of(" \t\r\n");
  text_.remove_prefix(at == std::string_view::npos ? text_.size() : at);
}

bool JsonReader::take(char c) {
  space();
  if (text_.empty() || text_.front() != c) return false;
  text_.remove_prefix(1);
  return true;
}

void JsonReader::expect(char c, const char* what) {
  if (!take(c)) complain(std::string("the body is not the JSON it should be: expected ") + what);
}

void JsonReader::object(const std::function<void(const std::string&)>& field) {
  expect('{', "an object");
  if (complaint_ || take('}')) return;
  std::set<std::string> seen;
  do {
    space();
    const std::string name = string();
    expect(':', "a colon after a name");
    if (complaint_) return;
    if (!seen.insert(name).second) return complain("the field \"" + name + "\" comes twice");
    field(name);
  } while (!complaint_ && take(','));
  expect('}', "the end of an object");
}

void JsonReader::array(const std::function<void()>& element) {
  expect('[', "a list");
  if (complaint_ || take(']')) return;
  std::size_t count = 0;
  do {
    if (++count > kElementsMax) return complain("a list has more than 1024 elements");
    element();
  } while (!complaint_ && take(','));
  expect(']', "the end of a list");
}

bool JsonReader::escape(std::string& out) {
  if (text_.empty()) return false;
  const char c = text_.front();
  text_.remove_prefix(1);
  switch (c) {
    case '"':
    case '\\':
    case '/':
      out += c;
      return true;
    case 'u': {
      // Addresses and names are ASCII: nothing else can be meant.
      unsigned code = 0;
      if (text_.size() < 4) return false;
      const auto end = text_.data() + 4;
      const auto parsed = std::from_chars(text_.data(), end, code, 16);
      if (parsed.ec != std::errc() || parsed.ptr != end || code < 0x20 || code > 0x7e) return false;
      out += static_cast<char>(code);
      text_.remove_prefix(4);
      return true;
    }
    default:
      return false;
  }
}

std::string JsonReader::string() {
  expect('"', "a string");
  std::string out;
  while (!text_.empty() && text_.front() != '"') {
    const char c = text_.front();
    text_.remove_prefix(1);
    const bool fine = c == '\\' ? escape(out) : static_cast<unsigned char>(c) >= 0x20;
    if (!fine) complain("a string holds a character that it may not");
    if (c != '\\') out += c;
  }
  if (!complaint_ && !take('"')) complain("a string does not end");
  return out;
}

std::uint64_t JsonReader::number() {
  space();
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text_.data(), text_.data() + text_.size(), value);
  const bool leading_zero =
      text_.size() > 1 && text_[0] == '0' && text_[1] >= '0' && text_[1] <= '9';
  if (parsed.ec != std::errc() || leading_zero) {
    complain("expected a whole number");
    return 0;
  }
  text_.remove_prefix(static_cast<std::size_t>(parsed.ptr - text_.data()));
  if (!text_.empty() && (text_.front() == '.' || text_.front() == 'e' || text_.front() == 'E'))
    complain("expected a whole number");
  return value;
}

bool JsonReader::boolean() {
  space();
  for (const bool value : {true, false}) {
    const std::string_view word = value ? "true" : "false";
    if (text_.substr(0, word.size()) != word) continue;
    text_.remove_prefix(word.size());
    return value;
  }
  complain("expected true or false");
  return false;
}

std::optional<std::string> JsonReader::finish() {
  space();
  if (!complaint_ && !text_.empty()) complain("something follows the JSON of the body");
  return complaint_;
}

}  // namespace cairn::http
