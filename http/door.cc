#include "http/door.h"

#include <time.h>

#include <utility>

namespace cairn::http {

Door::Door(std::shared_ptr<Backend> backend, ServerOptions options)
    : backend_(std::move(backend)),
      options_(std::move(options)),
      policy_(options_.allowed_hosts, options_.allowed_origins),
      handlers_{*backend_, options_, [this] { return metrics_.samples(count_, buffered_); }} {}

void Door::add(Connection& connection) {
  connections_.push_back(connection);
  ++count_;
}

void Door::remove(Connection& connection) {
  if (!connection.is_linked()) return;
  connection.unlink();
  if (--count_ == 0 && on_empty_) on_empty_();
}

void Door::wind_down(std::function<void()> on_empty) {
  stopping_ = true;
  on_empty_ = std::move(on_empty);
  for_each([](Connection& c) { c.wind_down(); });
}

const std::string& Door::date() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (now.tv_sec != date_second_) {
    date_second_ = now.tv_sec;
    date_ = imf_date(now.tv_sec);
  }
  return date_;
}

}  // namespace cairn::http
