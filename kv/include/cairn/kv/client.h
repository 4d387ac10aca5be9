// A cluster from afar: the calls of <cairn/kv/store.h>, over the native door of its nodes
// (kvd --client, Options::client).
//
//   auto client = cairn::kv::Client::connect({"127.0.0.1:7001", "127.0.0.1:7002"}).value();
//   client.put("greeting", "hello").value();
//   std::string v = client.get("greeting").value()->value;
//   client.async_put("k", "v", {}, [](cairn::kv::Result<cairn::kv::PutResult> r) { ... });
//
// It learns from any node where the others are and who leads, keeps connections to those it needs,
// goes to the leader with writes and linearizable reads, and to a replica of its choice with
// eventual ones. Calls share the connections: any number may be under way, and their answers come
// in any order.
//
// What is repeated after a failure, until the call's time is over: reads; writes that a node said
// it did not propose; and, with ClientOptions::sessions or an idempotency key, writes whose fate is
// unknown, which take effect once however often they are sent. Any other write whose answer is lost
// ends with kOutcomeUnknown (Error::committed tells).
//
// Threads: one of its own. Every function may be called from any thread, several at once, but for
// moving, stop() and destruction, which need the object to oneself and must not happen in a
// callback. Callbacks run on the client's thread: they must not block, and a plain call made there
// fails with kBadRequest. They run inside the call only if it is refused at once (kOverloaded, or
// after stop()).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/kv/error.h"
#include "cairn/kv/store.h"

namespace cairn::kv {

/// Who answers eventual reads. All others go to the leader.
enum class ReadFrom {
  kLeader,      // the newest there is, unless leadership is changing
  kNearest,     // the replica whose answers come soonest
  kRoundRobin,  // all replicas in turn
};

struct ClientOptions {
  ReadFrom read_from = ReadFrom::kNearest;
  /// Writes whose fate is unknown are repeated under a session of each partition written to, with
  /// the number they had, and take effect once. Costs the nodes two small records a write. False:
  /// such writes end with kOutcomeUnknown.
  bool sessions = true;
  /// How long a call waits for its answer unless it says otherwise, 1 ms .. 24 h.
  std::chrono::milliseconds timeout{5000};
  /// How long connect() waits for a first node, 1 ms .. 24 h.
  std::chrono::milliseconds connect_timeout{5000};
  /// For a connection to be made, hello included, 1 ms .. 10 min.
  std::chrono::milliseconds dial_timeout{1000};
  /// A node that has said nothing for so long while it owes answers is asked no more for now; what
  /// may be repeated goes to another, 10 ms .. 10 min.
  std::chrono::milliseconds stall_timeout{1000};
  /// Connections to each node, 1 .. 64.
  std::size_t connections_per_node = 1;
  /// Calls that have not ended, and the bytes of their keys and values; further ones are refused
  /// (kOverloaded). 1 .. 10^7, 64 KiB .. 64 GiB.
  std::size_t calls_max = 65'536;
  std::size_t bytes_max = 256u << 20;
};

/// Ranges; the error's detail names the field.
[[nodiscard]] Result<void> validate(const ClientOptions& options);

/// What a client has done so far.
struct ClientStats {
  std::uint64_t calls = 0;      // ended
  std::uint64_t attempts = 0;   // requests sent
  std::uint64_t retries = 0;    // of them: again, after a failure
  std::uint64_t redirects = 0;  // of them: because a node named another one as the leader
  std::uint64_t unknown = 0;    // writes that ended with kOutcomeUnknown
  std::uint64_t dials = 0;      // connections tried
  std::size_t connections = 0;  // up now
  std::size_t under_way = 0;    // calls that have not ended
};

class Client {
 public:
  /// `endpoints`: "host:port" of native doors, at least one; one that answers is enough. Waits
  /// until one has. Errors: kConfiguration, kTimeout (its detail says what each endpoint said).
  [[nodiscard]] static Result<Client> connect(std::vector<std::string> endpoints,
                                              ClientOptions options = {});
  ~Client();  // stop()
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  /// The options and errors are those of Store. Besides: kOverloaded also means that the client has
  /// too much under way, kNoLeader also that no node could be reached (with committed no).
  /// WriteOptions::timeout 0: ClientOptions::timeout.
  Result<PutResult> put(std::string_view key, std::string_view value, WriteOptions options = {});
  Result<RemoveResult> remove(std::string_view key, WriteOptions options = {});
  /// All keys in one partition: kCrossPartition otherwise.
  Result<BatchResult> write(const WriteBatch& batch, WriteOptions options = {});

  /// Errors of reads, as Store's. ReadOptions::timeout 0: ClientOptions::timeout.
  [[nodiscard]] Result<std::optional<Item>> get(std::string_view key, ReadOptions options = {});
  /// One page: at most ScanOptions::limit items and about 8 MiB; go on with ScanResult::next.
  [[nodiscard]] Result<ScanResult> scan(ScanOptions options);

  // The same, answered by a callback that runs once.
  void async_put(std::string key, std::string value, WriteOptions options,
                 Callback<PutResult> done);
  void async_remove(std::string key, WriteOptions options, Callback<RemoveResult> done);
  void async_write(WriteBatch batch, WriteOptions options, Callback<BatchResult> done);
  void async_get(std::string key, ReadOptions options, Callback<ReadResult> done);
  void async_scan(ScanOptions options, Callback<ScanResult> done);

  [[nodiscard]] ClientStats stats() const;

  /// Ends what is under way with kShuttingDown, or kOutcomeUnknown for writes that were sent;
  /// closes the connections; joins the thread. Again: nothing.
  void stop();

  struct Impl;

 private:
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cairn::kv
