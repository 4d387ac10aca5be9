// Mutated heads: what the check lets through, a second, plain reading of the rules finds fine as
// well, and Beast reads alike.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "http/beast_head.h"
#include "http/head_check.h"

namespace cairn::http {
namespace {

const std::vector<std::string>& seeds() {
  static const std::vector<std::string> kSeeds = {
      "GET /v1/kv/a%20b?raw HTTP/1.1\r\nHost: localhost:8001\r\nAccept: */*\r\n\r\n",
      "PUT /v1/kv/k HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 12\r\nIf-Match: \"5\"\r\n\r\n",
      "PUT /v1/kv/k HTTP/1.1\r\nHost: [::1]:80\r\nTransfer-Encoding: chunked\r\n\r\n",
      "DELETE /v1/kv?prefix=a HTTP/1.0\r\nhost: localhost\r\nConnection: close\r\n\r\n",
      "PUT / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
  };
  return kSeeds;
}

const std::vector<std::string>& fragments() {
  static const std::vector<std::string> kFragments = {
      "\r\n",
      "\n",
      "\r",
      " ",
      "\t",
      ":",
      ",",
      std::string(1, '\0'),
      "\x7f",
      "\xff",
      "chunked",
      "gzip",
      "Transfer-Encoding: chunked\r\n",
      "Transfer-Encoding: identity\r\n",
      "Content-Length: 5\r\n",
      "Content-Length: 0\r\n",
      "Content-Length:",
      "Host: localhost\r\n",
      "Host: evil\r\n",
      "HTTP/1.0",
      "HTTP/1.1",
      "Transfer-Encoding",
      "18446744073709551617",
      "-1",
      " chunked",
      "\r\n ",
      "Expect: 100-continue\r\n",
      "Origin: http://localhost\r\n",
      "%",
      "#",
      "5",
  };
  return kFragments;
}

std::string mutated(std::mt19937_64& random) {
  const auto below = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  std::string text = seeds()[below(seeds().size())];
  for (std::size_t i = 0, n = 1 + below(3); i < n; ++i) {
    const std::size_t at = below(text.size());
    switch (below(4)) {
      case 0:
        text[at] = static_cast<char>(random() & 0xFF);
        break;
      case 1:
        text.insert(at, fragments()[below(fragments().size())]);
        break;
      case 2:
        text.erase(at, 1 + below(4));
        break;
      default:
        // At the front of a line, where whole fields do harm.
        text.insert(text.find("\r\n") == std::string::npos ? 0 : text.find("\r\n") + 2,
                    fragments()[below(fragments().size())]);
    }
    if (text.empty()) text = " ";
  }
  return text;
}

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return text;
}

std::string trimmed(const std::string& text) {
  const std::size_t from = text.find_first_not_of(" \t");
  if (from == std::string::npos) return "";
  return text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

// The rules once more, read plainly. Empty: an honest head; else what is wrong with it.
std::string complaint(const std::string& head, const CheckedHead& read) {
  for (std::size_t i = 0; i < head.size(); ++i) {
    const auto c = static_cast<unsigned char>(head[i]);
    if (c == '\n' && (i == 0 || head[i - 1] != '\r')) return "bare LF";
    if (c == '\r' && (i + 1 == head.size() || head[i + 1] != '\n')) return "bare CR";
    if ((c < 32 && c != '\r' && c != '\n' && c != '\t') || c == 127) return "control byte";
  }
  int hosts = 0, lengths = 0, encodings = 0;
  std::string length, encoding;
  std::size_t at = head.find("\r\n") + 2;
  while (head.compare(at, 2, "\r\n") != 0) {
    const std::size_t end = head.find("\r\n", at);
    const std::string line = head.substr(at, end - at);
    at = end + 2;
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || colon == 0) return "no name";
    if (line.find_first_of(" \t") < colon) return "space in a name";
    const std::string name = lower(line.substr(0, colon));
    const std::string value = trimmed(line.substr(colon + 1));
    hosts += name == "host";
    if (name == "content-length") ++lengths, length = value;
    if (name == "transfer-encoding") ++encodings, encoding = lower(value);
  }
  if (hosts != 1) return "not one Host";
  if (lengths + encodings > 1) return "framed twice";
  if (encodings == 1 && (encoding != "chunked" || !read.chunked || read.http_1_0))
    return "encoding";
  if (encodings == 0 && read.chunked) return "chunked out of nowhere";
  if (lengths == 1 &&
      (length.empty() || length.find_first_not_of("0123456789") != std::string::npos ||
       std::strtoull(length.c_str(), nullptr, 10) != read.content_length)) {
    return "length";
  }
  if (lengths == 0 && read.content_length != 0) return "length out of nowhere";
  return "";
}

TEST(HeadMutation, Accepted_IsFineForASecondReader) {
  std::uint64_t seed = 20'260'101;
  if (const char* text = std::getenv("CAIRN_SEED")) seed = std::strtoull(text, nullptr, 10);
  SCOPED_TRACE("CAIRN_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  const ServerOptions limits;
  const HostPolicy policy({}, {});
  int accepted = 0, beast_refused = 0;
  for (int round = 0; round < 200'000; ++round) {
    const std::string text = mutated(random);
    HeadScanner scanner(limits);
    if (scanner.scan(text) != HeadScanner::Result::kDone) continue;
    const std::string head = text.substr(0, scanner.size());
    const HeadVerdict verdict = check_head(head, limits, policy);
    if (verdict.refusal) continue;
    ++accepted;
    ASSERT_EQ(complaint(head, verdict.head), "") << "round " << round << ":\n" << head;
    Request request;
    if (const auto refusal = parse_head(head, verdict.head, request)) {
      ++beast_refused;
      // Never because the two read the framing in two ways: then the check is at fault.
      ASSERT_STRNE(refusal->detail, "the head can be read in two ways") << head;
    }
  }
  EXPECT_GT(accepted, 10'000);
  EXPECT_LT(beast_refused, accepted / 4);
}

}  // namespace
}  // namespace cairn::http
