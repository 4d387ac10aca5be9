// Where the native door listens. Lives on the io_context's one thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/result.hpp>
#include <functional>
#include <memory>
#include <string>

namespace cairn::net {

class FramedListener {
 public:
  using Accepted = std::function<void(boost::asio::ip::tcp::socket)>;

  /// Listens at once; accepts when the io_context runs. "host:port"; a name is resolved here, which
  /// may block for a moment. Fails with address_in_use and the like.
  [[nodiscard]] static boost::system::result<std::unique_ptr<FramedListener>> open(
      boost::asio::io_context& context, const std::string& address, Accepted accepted);
  /// Stops.
  ~FramedListener();
  FramedListener(const FramedListener&) = delete;
  FramedListener& operator=(const FramedListener&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  void stop();

 private:
  class Impl;
  explicit FramedListener(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // the pending accept holds it too
};

}  // namespace cairn::net
