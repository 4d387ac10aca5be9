#include "cairn/kv/client.h"

#include <utility>

#include "kv/client/core.h"
#include "kv/host/one_answer.h"
#include "net/address.h"

namespace cairn::kv {
namespace {

using client::Call;
using client::CallPtr;
using std::chrono::milliseconds;

Error wrong(std::string field, const char* range) {
  return Error(Errc::kConfiguration, std::move(field) + ": must be " + range);
}

CallPtr write_call(Command command, WriteOptions options) {
  auto call = std::make_shared<Call>();
  for (const Operation& op : command.operations) call->bytes += op.key.size() + op.value.size();
  command.condition = {options.if_absent, options.if_revision};
  command.return_previous = options.return_previous;
  command.idempotency_key = std::move(options.idempotency_key);
  call->timeout = options.timeout;
  call->request.body = std::move(command);
  return call;
}

CallPtr put_call(std::string key, std::string value, WriteOptions options) {
  Command command;
  command.operations.push_back({Operation::Kind::kPut, std::move(key), std::move(value)});
  return write_call(std::move(command), std::move(options));
}

CallPtr remove_call(std::string key, WriteOptions options) {
  Command command;
  command.operations.push_back({Operation::Kind::kRemove, std::move(key), {}});
  return write_call(std::move(command), std::move(options));
}

CallPtr batch_call(const WriteBatch& batch, WriteOptions options) {
  Command command;
  command.operations.reserve(batch.operations().size());
  for (const WriteBatch::Operation& op : batch.operations())
    command.operations.push_back(
        {op.remove ? Operation::Kind::kRemove : Operation::Kind::kPut, op.key, op.value});
  return write_call(std::move(command), std::move(options));
}

CallPtr get_call(std::string key, const ReadOptions& options) {
  auto call = std::make_shared<Call>();
  call->bytes = key.size();
  call->timeout = options.timeout;
  call->request.body = door::Get{std::move(key), options.min_revision, options.consistency};
  return call;
}

CallPtr scan_call(ScanOptions options) {
  auto call = std::make_shared<Call>();
  call->timeout = options.read.timeout;
  call->request.body = std::move(options);
  return call;
}

}  // namespace

Result<void> validate(const ClientOptions& o) {
  struct Time {
    const char* field;
    milliseconds value, low, high;
    const char* range;
  };
  constexpr milliseconds kDay = std::chrono::hours{24};
  constexpr milliseconds kTenMinutes = std::chrono::minutes{10};
  const Time times[] = {
      {"timeout", o.timeout, milliseconds{1}, kDay, "from 1 ms to 24 h"},
      {"connect_timeout", o.connect_timeout, milliseconds{1}, kDay, "from 1 ms to 24 h"},
      {"dial_timeout", o.dial_timeout, milliseconds{1}, kTenMinutes, "from 1 ms to 10 min"},
      {"stall_timeout", o.stall_timeout, milliseconds{10}, kTenMinutes, "from 10 ms to 10 min"},
  };
  for (const Time& t : times)
    if (t.value < t.low || t.value > t.high) return wrong(t.field, t.range);
  if (o.connections_per_node < 1 || o.connections_per_node > 64)
    return wrong("connections_per_node", "from 1 to 64");
  if (o.calls_max < 1 || o.calls_max > 10'000'000) return wrong("calls_max", "from 1 to 10^7");
  if (o.bytes_max < (64u << 10) || o.bytes_max > (64ull << 30))
    return wrong("bytes_max", "from 64 KiB to 64 GiB");
  return {};
}

struct Client::Impl {
  Impl(std::vector<std::string> endpoints, const ClientOptions& options)
      : core(std::move(endpoints), options) {
    core.start();
  }
  ~Impl() { core.stop(); }

  template <class T>
  void async(CallPtr call, Callback<T> done) {
    call->done = std::move(done);
    core.submit(std::move(call));
  }

  template <class T>
  [[nodiscard]] Result<T> wait(CallPtr call) {
    if (core.on_thread()) {
      return Error(Errc::kBadRequest,
                   "a plain call on the client's thread would wait for itself: use async_");
    }
    Latch<Result<T>> latch;
    async<T>(std::move(call), [&latch](Result<T> result) { latch.set(std::move(result)); });
    return latch.wait();
  }

  client::Core core;
};

Result<Client> Client::connect(std::vector<std::string> endpoints, ClientOptions options) {
  if (auto valid = validate(options); !valid) return valid.error();
  if (endpoints.empty()) return wrong("endpoints", "at least one host:port");
  for (const std::string& endpoint : endpoints) {
    const auto address = net::parse_host_port(endpoint);
    if (!address || address->host.empty() || address->port == 0)
      return wrong("endpoints", ("host:port, which this is not: " + endpoint).c_str());
  }
  auto impl = std::make_unique<Impl>(std::move(endpoints), options);
  Latch<Result<void>> latch;
  impl->core.await_first_node([&latch](Result<void> first) { latch.set(std::move(first)); });
  if (auto first = latch.wait(); !first) return first.error();
  return Client(std::move(impl));
}

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

Result<PutResult> Client::put(std::string_view key, std::string_view value, WriteOptions options) {
  return impl_->wait<PutResult>(put_call(std::string(key), std::string(value), std::move(options)));
}

Result<RemoveResult> Client::remove(std::string_view key, WriteOptions options) {
  return impl_->wait<RemoveResult>(remove_call(std::string(key), std::move(options)));
}

Result<BatchResult> Client::write(const WriteBatch& batch, WriteOptions options) {
  return impl_->wait<BatchResult>(batch_call(batch, std::move(options)));
}

Result<std::optional<Item>> Client::get(std::string_view key, ReadOptions options) {
  auto read = impl_->wait<ReadResult>(get_call(std::string(key), options));
  if (!read) return read.error();
  return std::move(read->item);
}

Result<ScanResult> Client::scan(ScanOptions options) {
  return impl_->wait<ScanResult>(scan_call(std::move(options)));
}

void Client::async_put(std::string key, std::string value, WriteOptions options,
                       Callback<PutResult> done) {
  impl_->async<PutResult>(put_call(std::move(key), std::move(value), std::move(options)),
                          std::move(done));
}

void Client::async_remove(std::string key, WriteOptions options, Callback<RemoveResult> done) {
  impl_->async<RemoveResult>(remove_call(std::move(key), std::move(options)), std::move(done));
}

void Client::async_write(WriteBatch batch, WriteOptions options, Callback<BatchResult> done) {
  impl_->async<BatchResult>(batch_call(batch, std::move(options)), std::move(done));
}

void Client::async_get(std::string key, ReadOptions options, Callback<ReadResult> done) {
  impl_->async<ReadResult>(get_call(std::move(key), options), std::move(done));
}

void Client::async_scan(ScanOptions options, Callback<ScanResult> done) {
  impl_->async<ScanResult>(scan_call(std::move(options)), std::move(done));
}

ClientStats Client::stats() const {
  if (impl_->core.on_thread()) return {};
  Latch<ClientStats> latch;
  impl_->core.look([&latch](ClientStats stats) { latch.set(stats); });
  return latch.wait();
}

void Client::stop() {
  impl_->core.stop();
}

}  // namespace cairn::kv
