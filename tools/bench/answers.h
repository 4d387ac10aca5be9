// HTTP answers cut out of a stream without copying them, where they have a Content-Length, as all
// of Cairn's have; the others go through the reader that kvctl uses.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/lib/http_message.h"

namespace cairn::tools::bench {

/// Valid until the reader is asked or fed again.
struct Answer {
  int status = 0;
  std::string_view body;
  bool closes = false;  // no further answer comes on this connection
};

class AnswerReader {
 public:
  /// Where the next bytes go; feed() says how many came.
  struct Space {
    char* data;
    std::size_t size;
  };
  [[nodiscard]] Space space();
  void feed(std::size_t size);

  enum class Outcome { kNeedMore, kAnswer, kBroken };
  Outcome next(Answer& answer);
  void clear();

 private:
  Outcome next_slowly(Answer& answer);

  static constexpr std::size_t kPiece = 16 << 10;
  static constexpr std::size_t kHeadMax = 64 << 10;
  static constexpr std::size_t kBodyMax = 64 << 20;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // of what is not consumed
  std::size_t end_ = 0;
  bool slow_ = false;  // once an answer had no length: till the connection ends
  ResponseReader slowly_;
  HttpResponse response_;
};

}  // namespace cairn::tools::bench
