// Who a data directory is: its node id, incarnation and boots, the cluster it belongs to, and what
// it has learnt about its peers' identities (hazards M5, M6).
//
// Three files. `identity` is rewritten by each start and by the founding, `peers` whenever a peer
// shows a newer boot, `cluster` whenever a newer cluster record is heard of. Whatever these calls
// return is durable.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cairn/kv/error.h"
#include "kv/placement/cluster_record.h"
#include "net/wire.h"
#include "wal/file_system.h"

namespace cairn::kv {

struct SealedFileKind;

/// 64 random bits. In kvd the system's generator; in the simulator the seed's.
using Random64 = std::function<std::uint64_t()>;

inline constexpr std::size_t kBootsKept = 1'000;
inline constexpr std::size_t kPeersMax = 4'096;

/// One start of a node, as a peer has seen it.
struct PeerTriple {
  std::uint64_t incarnation = 0;
  std::uint64_t boot = 0;
  std::uint64_t nonce = 0;
  friend bool operator==(const PeerTriple&, const PeerTriple&) = default;
};

/// One owner, one thread. Its calls touch the disk: made inside an executor task, or before the
/// node serves. A full disk is a refusal that heals (kDiskFull); after another failure of a write
/// (kIo) what the disk holds is not known, and nothing more is written.
class Identity {
 public:
  /// Makes the directory and draws an incarnation if there is none; writes boot number + 1 with a
  /// fresh nonce before it returns. The caller holds the directory's lock, and opens what can fail
  /// for other reasons (ports, WAL) first where it can: each call uses up one of the boots that
  /// peers can look back on. Errors: kCorrupt, kNewerFormat, kIo, kDiskFull (they name the file),
  /// kForeign (another node's directory).
  [[nodiscard]] static Result<Identity> open(wal::FileSystem& files, const std::string& dir,
                                             std::uint64_t node, const Random64& random);

  /// What a directory says of itself; nothing is written, and no boot is used up. kForeign with a
  /// node id of 0: the directory has no identity yet.
  [[nodiscard]] static Result<Identity> look(wal::FileSystem& files, const std::string& dir);

  [[nodiscard]] std::uint64_t node() const { return node_; }
  [[nodiscard]] std::uint64_t incarnation() const { return incarnation_; }
  [[nodiscard]] std::uint64_t boot() const { return boots_.back().boot; }
  [[nodiscard]] std::uint64_t nonce() const { return boots_.back().nonce; }
  /// The last kBootsKept boots, this one included, oldest first.
  [[nodiscard]] const std::vector<net::BootNonce>& boots() const { return boots_; }

  [[nodiscard]] bool founded() const { return founding_.cluster_id != 0; }
  /// cluster_id 0: unfounded.
  [[nodiscard]] const net::FoundingRecord& founding() const { return founding_; }
  /// Once; again with the same record is a no-op, with another one kForeign. The record must be
  /// valid (kBadRequest otherwise).
  [[nodiscard]] Result<void> record_founding(const net::FoundingRecord& record);

  /// The newest cluster record that this directory has seen (epoch 0: none beyond the founding),
  /// and the generation in which its node took part last.
  [[nodiscard]] const ClusterRecord& cluster() const { return cluster_; }
  [[nodiscard]] std::uint32_t generation() const { return generation_; }
  /// Only of the own cluster and a later epoch (kBadRequest, kForeign; older: no-op).
  [[nodiscard]] Result<void> record_cluster(const ClusterRecord& record, std::uint32_t generation);

  /// Both at once: after a crash the directory is founded with this record, or not at all.
  [[nodiscard]] Result<void> record_joining(const net::FoundingRecord& founding,
                                            const ClusterRecord& record, std::uint32_t generation);

  /// Newest triple of each peer. They are looked at by judge().
  [[nodiscard]] const std::map<std::uint64_t, PeerTriple>& peers() const { return peers_; }
  [[nodiscard]] Result<void> record_peer(std::uint64_t node, const PeerTriple& triple);

 private:
  Identity(wal::FileSystem& files, std::string dir, std::uint64_t node)
      : files_(&files), dir_(std::move(dir)), node_(node) {}

  [[nodiscard]] Result<void> load(bool& fresh);
  [[nodiscard]] bool read_identity(std::string_view payload, std::uint64_t& node);
  [[nodiscard]] bool read_peers(std::string_view payload);
  [[nodiscard]] bool read_cluster(std::string_view payload);
  [[nodiscard]] Result<void> write_cluster(const ClusterRecord& record, std::uint32_t generation);
  [[nodiscard]] Result<void> write_identity(const net::FoundingRecord& founding,
                                            const std::vector<net::BootNonce>& boots);
  [[nodiscard]] Result<void> write_peers(const std::map<std::uint64_t, PeerTriple>& peers);
  [[nodiscard]] Result<void> replace(const SealedFileKind& kind, std::string_view payload);

  wal::FileSystem* files_;
  std::string dir_;
  std::uint64_t node_;
  std::uint64_t incarnation_ = 0;
  std::vector<net::BootNonce> boots_;
  net::FoundingRecord founding_;
  std::map<std::uint64_t, PeerTriple> peers_;
  ClusterRecord cluster_;
  std::uint32_t generation_ = 0;
  bool failed_ = false;
};

}  // namespace cairn::kv
