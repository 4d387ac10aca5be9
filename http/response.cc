#include "http/response.h"

#include <time.h>

#include <cstdio>

#include "http/json_text.h"

namespace cairn::http {
namespace {

std::string_view status_line(int status) {
  switch (status) {
    case 200:
      return "HTTP/1.1 200 OK\r\n";
    case 202:
      return "HTTP/1.1 202 Accepted\r\n";
    case 400:
      return "HTTP/1.1 400 Bad Request\r\n";
    case 401:
      return "HTTP/1.1 401 Unauthorized\r\n";
    case 403:
      return "HTTP/1.1 403 Forbidden\r\n";
    case 404:
      return "HTTP/1.1 404 Not Found\r\n";
    case 405:
      return "HTTP/1.1 405 Method Not Allowed\r\n";
    case 408:
      return "HTTP/1.1 408 Request Timeout\r\n";
    case 409:
      return "HTTP/1.1 409 Conflict\r\n";
    case 410:
      return "HTTP/1.1 410 Gone\r\n";
    case 412:
      return "HTTP/1.1 412 Precondition Failed\r\n";
    case 413:
      return "HTTP/1.1 413 Content Too Large\r\n";
    case 414:
      return "HTTP/1.1 414 URI Too Long\r\n";
    case 421:
      return "HTTP/1.1 421 Misdirected Request\r\n";
    case 422:
      return "HTTP/1.1 422 Unprocessable Content\r\n";
    case 429:
      return "HTTP/1.1 429 Too Many Requests\r\n";
    case 431:
      return "HTTP/1.1 431 Request Header Fields Too Large\r\n";
    case 503:
      return "HTTP/1.1 503 Service Unavailable\r\n";
    case 504:
      return "HTTP/1.1 504 Gateway Timeout\r\n";
    case 507:
      return "HTTP/1.1 507 Insufficient Storage\r\n";
    default:
      return "HTTP/1.1 500 Internal Server Error\r\n";
  }
}

// A value may be any bytes: "nosniff" keeps a browser from running it as a page of this origin.
std::string_view type_fields(ContentType type) {
  switch (type) {
    case ContentType::kJson:
      return "Content-Type: application/json\r\n";
    case ContentType::kProblem:
      return "Content-Type: application/problem+json\r\n";
    case ContentType::kMetrics:
      return "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n";
    case ContentType::kBytes:
      break;
  }
  return "Content-Type: application/octet-stream\r\nX-Content-Type-Options: nosniff\r\n";
}

}  // namespace

void append_response(std::string& out, const Response& r, std::string_view date, bool head_only,
                     bool close) {
  out += status_line(r.status);
  out += "Date: ";
  out += date;
  out += "\r\nCache-Control: no-store\r\n";
  out += type_fields(r.type);
  if (r.etag != 0) {
    out += "ETag: \"";
    append_number(out, r.etag);
    out += "\"\r\n";
  }
  if (r.revision != 0) {
    out += "Cairn-Revision: ";
    append_number(out, r.revision);
    out += "\r\n";
  }
  if (r.replayed) out += "Idempotency-Replayed: true\r\n";
  if (r.retry_after != 0) {
    out += "Retry-After: ";
    append_number(out, r.retry_after);
    out += "\r\n";
  }
  if (r.allow != nullptr) {
    out += "Allow: ";
    out += r.allow;
    out += "\r\n";
  }
  if (close) out += "Connection: close\r\n";
  if (r.stream) {
    out += "Transfer-Encoding: chunked\r\n\r\n";
    return;
  }
  out += "Content-Length: ";
  append_number(out, r.body.size());
  out += "\r\n\r\n";
  if (!head_only) out += r.body;
}

void append_chunk(std::string& out, std::string_view piece) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
  out += size;
  out += piece;
  out += "\r\n";
}

std::string imf_date(std::int64_t unix_seconds) {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const time_t t = unix_seconds;
  tm parts{};
  gmtime_r(&t, &parts);
  char text[64];
  const int n = std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT",
                              kDays[parts.tm_wday], parts.tm_mday, kMonths[parts.tm_mon],
                              parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
  return std::string(text, static_cast<std::size_t>(n));
}

}  // namespace cairn::http
