#include "kv/identity/identity.h"

#include <utility>

#include "kv/command/byte_reader.h"
#include "kv/identity/founding_record.h"
#include "kv/identity/sealed_file.h"

namespace cairn::kv {
namespace {

constexpr SealedFileKind kIdentityFile{
    .name = "identity", .number = 1, .version = 1, .payload_bytes_max = 1u << 20};
constexpr SealedFileKind kPeersFile{
    .name = "peers", .number = 2, .version = 1, .payload_bytes_max = 1u << 20};

constexpr SealedFileKind kClusterFile{
    .name = "cluster", .number = 3, .version = 1, .payload_bytes_max = kClusterRecordBytesMax + 16};

constexpr std::size_t kBootBytes = 16;
constexpr std::size_t kPeerBytes = 32;

std::uint64_t drawn(const Random64& random) {
  const std::uint64_t value = random();
  return value == 0 ? 1 : value;  // 0 means "none" on the wire
}

bool boots_fit(const std::vector<net::BootNonce>& boots) {
  if (boots.empty() || boots.size() > kBootsKept) return false;
  for (std::size_t i = 0; i < boots.size(); ++i) {
    if (boots[i].boot != boots[0].boot + i || boots[i].boot == 0 || boots[i].nonce == 0) {
      return false;
    }
  }
  return true;
}

/// Makes the directory and the names of it and its parents durable: else a power cut could take the
/// whole directory away, and with it the memory of having voted.
Result<void> make_directory(wal::FileSystem& files, const std::string& dir) {
  const auto failed = [&](const boost::system::error_code& why) {
    return Error(Errc::kIo, dir + ": " + why.message());
  };
  if (const auto made = files.create_directories(dir); !made) return failed(made.error());
  for (std::size_t end = dir.size(); end != std::string::npos;) {
    end = end == 0 ? std::string::npos : dir.rfind('/', end - 1);
    std::string parent = ".";
    if (end != std::string::npos) parent = end == 0 ? "/" : dir.substr(0, end);
    const auto synced = files.sync_directory(parent);
    // Where we may not look we cannot have made anything.
    if (!synced && synced.error() != boost::system::errc::permission_denied) {
      return failed(synced.error());
    }
    if (end == 0) break;
  }
  return {};
}

}  // namespace

Result<Identity> Identity::open(wal::FileSystem& files, const std::string& dir, std::uint64_t node,
                                const Random64& random) {
  Identity identity(files, dir, node);
  bool fresh = false;
  if (auto done = identity.load(fresh); !done) return done.error();
  if (fresh) {
    if (auto done = make_directory(files, dir); !done) return done.error();
    identity.incarnation_ = drawn(random);
  }
  std::vector<net::BootNonce> boots = identity.boots_;
  boots.push_back({.boot = fresh ? 1 : boots.back().boot + 1, .nonce = drawn(random)});
  if (boots.size() > kBootsKept) boots.erase(boots.begin());
  if (auto done = identity.write_identity(identity.founding_, boots); !done) return done.error();
  return identity;
}

Result<Identity> Identity::look(wal::FileSystem& files, const std::string& dir) {
  Identity identity(files, dir, 0);
  bool fresh = false;
  if (auto done = identity.load(fresh); !done) return done.error();
  if (fresh) return Error(Errc::kForeign, "identity: there is none: not a data directory");
  return identity;
}

Result<void> Identity::load(bool& fresh) {
  const auto identity = read_sealed(*files_, dir_, kIdentityFile);
  if (!identity) return identity.error();
  const auto peers = read_sealed(*files_, dir_, kPeersFile);
  if (!peers) return peers.error();
  const auto cluster = read_sealed(*files_, dir_, kClusterFile);
  if (!cluster) return cluster.error();
  fresh = !identity->has_value();
  if (fresh) {
    // The first start writes `identity` before anything else can be there.
    if (peers->has_value()) {
      return Error(Errc::kCorrupt, "identity: missing, though the file peers is there");
    }
    return {};
  }
  std::uint64_t node = 0;
  if (!read_identity(**identity, node)) return Error(Errc::kCorrupt, "identity: bad content");
  if (node_ == 0) node_ = node;  // whoever it is
  if (node != node_) {
    return Error(Errc::kForeign, "identity: the directory belongs to node " + std::to_string(node) +
                                     ", not to node " + std::to_string(node_));
  }
  if (peers->has_value() && !read_peers(**peers)) {
    return Error(Errc::kCorrupt, "peers: bad content");
  }
  // Without the founding that follows it, a join was cut off: it begins again.
  if (cluster->has_value() && founded() && !read_cluster(**cluster)) {
    return Error(Errc::kCorrupt, "cluster: bad content");
  }
  return {};
}

bool Identity::read_identity(std::string_view payload, std::uint64_t& node) {
  ByteReader in(payload);
  node = in.number<std::uint64_t>();
  incarnation_ = in.number<std::uint64_t>();
  boots_.resize(in.count(in.number<std::uint32_t>(), kBootBytes));
  for (net::BootNonce& boot : boots_) {
    boot.boot = in.number<std::uint64_t>();
    boot.nonce = in.number<std::uint64_t>();
  }
  const std::string_view record = in.bytes(in.number<std::uint32_t>());
  if (!in.done() || incarnation_ == 0 || !boots_fit(boots_)) return false;
  if (record.empty()) return true;
  auto founding = decode_founding_record(record);
  if (!founding) return false;
  founding_ = std::move(*founding);
  return true;
}

bool Identity::read_peers(std::string_view payload) {
  ByteReader in(payload);
  const auto incarnation = in.number<std::uint64_t>();
  const std::size_t count = in.count(in.number<std::uint32_t>(), kPeerBytes);
  for (std::size_t i = 0; i < count; ++i) {
    const auto node = in.number<std::uint64_t>();
    PeerTriple triple;
    triple.incarnation = in.number<std::uint64_t>();
    triple.boot = in.number<std::uint64_t>();
    triple.nonce = in.number<std::uint64_t>();
    if (triple.incarnation == 0 || !peers_.emplace(node, triple).second) return false;
  }
  // Another incarnation's memory is not ours: somebody has mixed two directories.
  return in.done() && incarnation == incarnation_ && peers_.size() <= kPeersMax;
}

bool Identity::read_cluster(std::string_view payload) {
  ByteReader in(payload);
  const auto incarnation = in.number<std::uint64_t>();
  generation_ = in.number<std::uint32_t>();
  const std::string_view bytes = in.bytes(in.number<std::uint32_t>());
  auto record = decode_cluster_record(bytes);
  // As with the peers: another incarnation's memory is not ours.
  if (!in.done() || incarnation != incarnation_ || !record) return false;
  if (record->cluster_id != founding_.cluster_id) return false;
  cluster_ = std::move(*record);
  return true;
}

Result<void> Identity::record_cluster(const ClusterRecord& record, std::uint32_t generation) {
  if (!valid_cluster_record(record)) return Error(Errc::kBadRequest, "not a valid cluster record");
  if (!founded() || record.cluster_id != founding_.cluster_id) {
    return Error(Errc::kForeign, "the record of another cluster");
  }
  if (record.epoch <= cluster_.epoch) return {};
  return write_cluster(record, generation);
}

Result<void> Identity::record_joining(const net::FoundingRecord& founding,
                                      const ClusterRecord& record, std::uint32_t generation) {
  if (!valid_founding_record(founding) || !valid_cluster_record(record) ||
      founding.cluster_id != record.cluster_id) {
    return Error(Errc::kBadRequest, "not the records of one cluster");
  }
  if (founded()) return Error(Errc::kForeign, "the directory belongs to a cluster already");
  if (auto done = write_cluster(record, generation); !done) return done;
  return write_identity(founding, boots_);
}

Result<void> Identity::write_cluster(const ClusterRecord& record, std::uint32_t generation) {
  const std::string bytes = encode_cluster_record(record);
  std::string payload;
  append_le(incarnation_, payload);
  append_le(generation, payload);
  append_le(static_cast<std::uint32_t>(bytes.size()), payload);
  payload += bytes;
  if (auto done = replace(kClusterFile, payload); !done) return done;
  cluster_ = record;
  generation_ = generation;
  return {};
}

Result<void> Identity::replace(const SealedFileKind& kind, std::string_view payload) {
  if (failed_) return Error(Errc::kIo, "an earlier write of the identity files failed");
  auto done = write_sealed(*files_, dir_, kind, payload);
  failed_ = !done && done.error().code != Errc::kDiskFull;
  return done;
}

Result<void> Identity::write_identity(const net::FoundingRecord& founding,
                                      const std::vector<net::BootNonce>& boots) {
  std::string payload;
  append_le(node_, payload);
  append_le(incarnation_, payload);
  append_le(static_cast<std::uint32_t>(boots.size()), payload);
  for (const net::BootNonce& boot : boots) {
    append_le(boot.boot, payload);
    append_le(boot.nonce, payload);
  }
  const std::string record =
      founding.cluster_id == 0 ? std::string() : encode_founding_record(founding);
  append_le(static_cast<std::uint32_t>(record.size()), payload);
  payload += record;
  if (auto done = replace(kIdentityFile, payload); !done) return done;
  founding_ = founding;
  boots_ = boots;
  return {};
}

Result<void> Identity::write_peers(const std::map<std::uint64_t, PeerTriple>& peers) {
  std::string payload;
  append_le(incarnation_, payload);
  append_le(static_cast<std::uint32_t>(peers.size()), payload);
  for (const auto& [node, triple] : peers) {
    append_le(node, payload);
    append_le(triple.incarnation, payload);
    append_le(triple.boot, payload);
    append_le(triple.nonce, payload);
  }
  if (auto done = replace(kPeersFile, payload); !done) return done;
  peers_ = peers;
  return {};
}

Result<void> Identity::record_founding(const net::FoundingRecord& record) {
  if (!valid_founding_record(record)) {
    return Error(Errc::kBadRequest, "not a valid founding record");
  }
  if (founded()) {
    if (record == founding_) return {};
    return Error(Errc::kForeign, "the directory belongs to another cluster already");
  }
  return write_identity(record, boots_);
}

Result<void> Identity::record_peer(std::uint64_t node, const PeerTriple& triple) {
  if (triple.incarnation == 0) return Error(Errc::kBadRequest, "a peer without an incarnation");
  const auto known = peers_.find(node);
  if (known != peers_.end() && known->second == triple) return {};
  if (known == peers_.end() && peers_.size() == kPeersMax) {
    return Error(Errc::kOverloaded, "peers: too many nodes");
  }
  auto peers = peers_;
  peers[node] = triple;
  return write_peers(peers);
}

}  // namespace cairn::kv
