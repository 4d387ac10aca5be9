// One connection: reads requests, starts them, writes the answers in order, and closes politely.
// Callbacks, no coroutine: this is the hot path. Written over a stream type, so that TLS can take
// the socket's place; instantiated in session.cc.
//
// Everything runs on the loop thread. The object lives as long as an operation or a call of the
// backend holds it. `pump()` is the one place where it goes on: each completion changes the state
// and calls it.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "http/door.h"
#include "http/exchanges.h"
#include "http/in_buffer.h"
#include "http/request_reader.h"

namespace cairn::http {

template <class Stream>
class Session final : public Connection,
                      public AnswerSink,
                      public std::enable_shared_from_this<Session<Stream>> {
 public:
  Session(std::shared_ptr<Door> door, Stream stream);
  ~Session() override;

  /// Serves. `refuse`: there are too many connections; says so and closes.
  void start(bool refuse);

  void answer(std::uint64_t id, Response&& response) override;
  void tick(Clock::time_point now) override;
  void wind_down() override;
  void abort() override { close(); }

 private:
  // Going on.
  void pump();
  bool step();
  bool on_event(RequestReader::Event event);
  void on_incomplete();
  bool settle();
  [[nodiscard]] bool room() const;
  [[nodiscard]] bool finished() const;

  // Requests and answers.
  void admit();
  void begin_call(Call&& call);
  void refuse(const Refusal& refusal);
  void send_done();
  void pull();
  void pulled(kv::Result<std::optional<std::string>> piece);
  void send_continue();
  void recharge();

  // The socket.
  void read();
  void on_read(boost::system::error_code ec, std::size_t n);
  void write();
  bool write_now();
  void write_rest();
  void sent();
  void on_write(boost::system::error_code ec, std::size_t n);
  void linger();
  void linger_read();
  void close();

  const std::shared_ptr<Door> door_;
  Stream stream_;
  InBuffer in_;
  RequestReader reader_;
  Exchanges exchanges_;
  std::optional<Call> held_;  // read, but must wait for an earlier one (see conflict())

  // The body of the answer at the front, when it comes piece by piece; its head has been sent.
  std::shared_ptr<kv::BackupStream> streaming_;

  std::string out_;      // answers to be sent
  std::string sending_;  // answers being sent
  std::size_t sent_ = 0;
  std::size_t charged_ = 0;
  std::size_t lingered_ = 0;

  bool pumping_ = false;
  bool reading_ = false;
  bool writing_ = false;
  bool pulling_ = false;
  bool continue_due_ = false;
  bool no_more_ = false;  // no further request will be read
  bool end_of_input_ = false;
  bool said_close_ = false;  // the last answer had "Connection: close"
  bool lingering_ = false;
  bool closed_ = false;

  Clock::time_point request_began_;  // of the one being read
  Clock::time_point idle_since_;
  Clock::time_point write_deadline_;
  Clock::time_point linger_deadline_;
};

using TcpSession = Session<boost::asio::ip::tcp::socket>;
extern template class Session<boost::asio::ip::tcp::socket>;

}  // namespace cairn::http
